//! Offsets that are kept for a group, asked of and told to its coordinator, on a connection of their own. Runs on the thread
//! that asks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::address::Address;
use super::cluster::Target;
use super::control::{Asked, Attempt, Control, Throttled, Use, bad_value, unanswered};
use super::deadline::Deadline;
use super::transport::Committed;
use super::way_out::WayOut;
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, Message, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchRequestTopic, OffsetFetchResponse, Request,
};
use crate::kafka::{KafkaError, TopicPartition};

impl Control {
    /// The offsets that a group has committed, in the order of `of`.
    pub(crate) fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for name in of {
            topics.entry(&name.topic).or_default().push(name.partition);
        }
        let topic = |(name, indexes): (&&str, &Vec<i32>)| OffsetFetchRequestTopic {
            name: (*name).to_owned(),
            partition_indexes: indexes.clone(),
        };
        let request = || OffsetFetchRequest {
            group_id: group.to_owned(),
            topics: Some(topics.iter().map(topic).collect()),
        };
        self.cluster.until(deadline, || {
            let asked: Asked<OffsetFetchResponse> = self.ask_coordinator(group, request, deadline)?;
            self.check(group, "OffsetFetch", &asked.broker, asked.answer.error_code, None)?;
            let found = self.read_committed(group, &asked)?;
            let committed = of.iter().map(|name| match found.get(name) {
                Some(committed) => Ok((name.clone(), committed.clone())),
                // To take it for none would begin at another end of the log.
                None => Err(unanswered(&asked.broker, "OffsetFetch", name)),
            });
            committed.collect()
        })
    }

    fn read_committed(
        &self,
        group: &str,
        asked: &Asked<OffsetFetchResponse>,
    ) -> Result<HashMap<TopicPartition, Option<Committed>>, Attempt> {
        let mut found = HashMap::new();
        for topic in &asked.answer.topics {
            let topic_name: Arc<str> = topic.name.as_str().into();
            for partition in &topic.partitions {
                let name = TopicPartition::new(Arc::clone(&topic_name), partition.partition_index);
                // Old brokers say so of a partition for which nothing is kept.
                if partition.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                    found.insert(name, None);
                    continue;
                }
                self.check(group, "OffsetFetch", &asked.broker, partition.error_code, Some(&name))?;
                let committed = match partition.committed_offset {
                    -1 => None,
                    offset if offset < 0 => {
                        let (what, about) = ("committed offset", Some(&name));
                        return Err(bad_value(&asked.broker, "OffsetFetch", about, what, offset).into());
                    }
                    offset => Some(Committed {
                        offset,
                        leader_epoch: Some(partition.committed_leader_epoch).filter(|epoch| *epoch >= 0),
                        metadata: partition.metadata.clone().unwrap_or_default(),
                    }),
                };
                found.insert(name, committed);
            }
        }
        Ok(found)
    }

    /// Commits offsets for a group without members.
    pub(crate) fn commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
        deadline: Deadline,
    ) -> Result<(), KafkaError> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.cluster.until(deadline, || {
            let request = || commit_request(group, &Committer::default(), offsets);
            let asked: Asked<OffsetCommitResponse> = self.ask_coordinator(group, request, deadline)?;
            let mut answered = HashSet::new();
            for topic in &asked.answer.topics {
                for partition in &topic.partitions {
                    let name = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                    self.check(group, "OffsetCommit", &asked.broker, partition.error_code, Some(&name))?;
                    answered.insert(name);
                }
            }
            match offsets.iter().find(|(name, _)| !answered.contains(name)) {
                Some((name, _)) => Err(unanswered(&asked.broker, "OffsetCommit", name)),
                None => Ok(()),
            }
        })
    }

    /// Asks the coordinator of a group.
    fn ask_coordinator<Q, A>(
        &self,
        group: &str,
        request: impl Fn() -> Q,
        deadline: Deadline,
    ) -> Result<Asked<A>, Attempt>
    where
        Q: for<'a> Request<'a, Response = A>,
        A: for<'a> Message<'a> + Throttled,
    {
        let way = (self.cluster.way_out(), deadline);
        let target = self.coordinator(group, way)?;
        self.ask(&target, Use::Coordinator, |_, _| request(), way).map_err(|error| {
            self.coordinators.lock().remove(group);
            error.into()
        })
    }

    /// The coordinator of a group, which is looked for where it is not known.
    pub(crate) fn coordinator(&self, group: &str, way: (&WayOut, Deadline)) -> Result<Target, Attempt> {
        let known = self.coordinators.lock().get(group).cloned();
        known.map_or_else(|| self.find_coordinator(group, way), Ok)
    }

    /// Asks who the coordinator of a group is, whoever it was.
    pub(crate) fn find_coordinator(&self, group: &str, way: (&WayOut, Deadline)) -> Result<Target, Attempt> {
        self.coordinators.lock().remove(group);
        let request =
            || FindCoordinatorRequest { key: group.to_owned(), key_type: FindCoordinatorRequest::GROUP };
        let asked: Asked<FindCoordinatorResponse> = self.ask_anybody(|_, _| request(), way)?;
        let answer = &asked.answer;
        self.check(group, "FindCoordinator", &asked.broker, answer.error_code, None)?;
        let Some(port) = u16::try_from(answer.port).ok().filter(|port| *port > 0) else {
            let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            return Err(self.refused_group(group, "FindCoordinator", &asked.broker, code, None));
        };
        let target = Target { address: Address::new(answer.host.as_str(), port), node: Some(answer.node_id) };
        self.coordinators.lock().insert(group.to_owned(), target.clone());
        Ok(target)
    }

    /// What a broker's answer about a group means.
    fn check(
        &self,
        group: &str,
        request: &'static str,
        broker: &Arc<str>,
        code: ErrorCode,
        about: Option<&TopicPartition>,
    ) -> Result<(), Attempt> {
        if code.is_ok() { Ok(()) } else { Err(self.refused_group(group, request, broker, code, about)) }
    }

    fn refused_group(
        &self,
        group: &str,
        request: &'static str,
        broker: &Arc<str>,
        code: ErrorCode,
        about: Option<&TopicPartition>,
    ) -> Attempt {
        if let Some(foreign) = foreign_group(group, code) {
            return Attempt::Final(foreign);
        }
        if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
            self.coordinators.lock().remove(group);
        }
        let about = match about {
            Some(name) => format!("{name} of group {group:?}"),
            None => format!("group {group:?}"),
        };
        KafkaError::Broker { broker: Arc::clone(broker), request, about: Some(about.into()), code }.into()
    }
}

/// What an answer says that only a group with members gives to somebody who is none.
pub(super) fn foreign_group(group: &str, code: ErrorCode) -> Option<KafkaError> {
    let codes =
        [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION, ErrorCode::REBALANCE_IN_PROGRESS];
    let owner = || "members of the group".to_owned();
    codes.contains(&code).then(|| KafkaError::ForeignGroup { group: group.into(), owner: owner() })
}

/// Under which right offsets are committed.
#[derive(Clone, Debug)]
pub(crate) struct Committer {
    pub(crate) member: String,
    pub(crate) generation: i32,
    pub(crate) instance: Option<String>,
}

impl Default for Committer {
    /// Somebody who is no member, for a group that has none.
    fn default() -> Self {
        Self { member: String::new(), generation: -1, instance: None }
    }
}

/// The request by which offsets are committed. Versions before 7 leave the instance out.
pub(crate) fn commit_request(
    group: &str,
    by: &Committer,
    offsets: &[(TopicPartition, Committed)],
) -> OffsetCommitRequest {
    let mut topics: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, committed) in offsets {
        topics.entry(&name.topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: name.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch.unwrap_or(-1),
            commit_timestamp: -1,
            committed_metadata: Some(committed.metadata.clone()),
        });
    }
    let topic =
        |(name, partitions): (&str, _)| OffsetCommitRequestTopic { name: name.to_owned(), partitions };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: by.generation,
        member_id: by.member.clone(),
        group_instance_id: by.instance.clone(),
        retention_time_ms: -1,
        topics: topics.into_iter().map(topic).collect(),
    }
}
