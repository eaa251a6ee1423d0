//! Asking the leaders of partitions for offsets. Runs on the thread that asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::control::{Asked, Attempt, Control, Use, bad_value, unanswered};
use super::deadline::Deadline;
use super::settings::Isolation;
use super::transport::{FoundOffset, FoundOffsetResult, OffsetAt, TopicError, TopicFilter, TopicInfo};
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};
use crate::kafka::{KafkaError, TopicPartition};

impl Control {
    /// Looks for offsets, in the order of `at`. What one partition fails with is in its place.
    pub(crate) fn offsets(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError> {
        let places = at.iter().map(|(_, place)| *place).collect();
        let mut lookup =
            Lookup { control: self, at, places, found: vec![None; at.len()], stale: BTreeSet::new() };
        // What was not found by then has its own error.
        if let Err(KafkaError::Stopped) = self.cluster.until(deadline, || lookup.round(deadline)) {
            return Err(KafkaError::Stopped);
        }
        let found = lookup.found.into_iter().map(|found| match found {
            Some(Found::Good(offset)) => Ok(offset),
            Some(Found::Bad(error) | Found::NotYet(error)) => Err(error),
            None => Err(KafkaError::Stopped),
        });
        Ok(at.iter().map(|(partition, _)| partition.clone()).zip(found).collect())
    }

    /// An error that a broker has answered for a partition.
    pub(super) fn refused(
        &self,
        broker: &Arc<str>,
        request: &'static str,
        partition: &TopicPartition,
        code: ErrorCode,
    ) -> Attempt {
        let about = Some(partition.to_string().into());
        let error = KafkaError::Broker { broker: Arc::clone(broker), request, about, code };
        if code.is_retriable() { Attempt::Again(error) } else { Attempt::Final(error) }
    }
}

/// Why a partition that was asked for is not there.
pub(crate) fn missing(partition: &TopicPartition, topic: &TopicInfo) -> Option<KafkaError> {
    match topic.error {
        Some(TopicError::Unknown) => {
            let topic = Arc::clone(&partition.topic);
            return Some(KafkaError::UnknownTopic { topic, did_you_mean: None });
        }
        Some(TopicError::Broker(code)) => {
            let about = Some(Arc::clone(&partition.topic));
            let broker = "of the cluster".into();
            return Some(KafkaError::Broker { broker, request: "Metadata", about, code });
        }
        None => {}
    }
    if topic.partition(partition.partition).is_some() {
        return None;
    }
    Some(KafkaError::UnknownPartition { partition: partition.clone(), partitions: topic.partitions.len() })
}

pub(crate) fn no_leader(partition: &TopicPartition) -> KafkaError {
    KafkaError::NoLeader { partition: partition.clone(), since: std::time::Duration::ZERO, cause: None }
}

/// One call for offsets, over all its attempts.
struct Lookup<'a> {
    control: &'a Control,
    at: &'a [(TopicPartition, OffsetAt)],
    /// What is asked for; before 0.10 not always what was wanted.
    places: Vec<OffsetAt>,
    found: Vec<Option<Found>>,
    /// Topics whose leaders are not what is known of them.
    stale: BTreeSet<Arc<str>>,
}

#[derive(Clone)]
enum Found {
    Good(Option<FoundOffset>),
    Bad(KafkaError),
    /// What the last attempt came to; there may be another.
    NotYet(KafkaError),
}

impl Lookup<'_> {
    fn round(&mut self, deadline: Deadline) -> Result<(), Attempt> {
        self.find_leaders(deadline)?;
        self.ask_leaders(deadline)?;
        if self.found.iter().any(Option::is_none) {
            self.ask_leaders(deadline)?;
        }
        let open = self.found.iter().find_map(|found| match found {
            Some(Found::NotYet(error)) => Some(error.clone()),
            _ => None,
        });
        open.map_or(Ok(()), |error| Err(Attempt::Again(error)))
    }

    fn ask_leaders(&mut self, deadline: Deadline) -> Result<(), Attempt> {
        for ((node, _), places) in self.by_leader() {
            if let Err(error) = self.ask(node, &places, deadline) {
                if matches!(error, KafkaError::Stopped) {
                    return Err(error.into());
                }
                // What the deadline has cut short says less than the attempt before it.
                let is_cut = deadline.is_over();
                for place in places {
                    if !is_cut || self.found[place].is_none() {
                        self.failed(place, Attempt::from(error.clone()));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_open(&self, place: usize) -> bool {
        matches!(self.found[place], None | Some(Found::NotYet(_)))
    }

    /// Asks the cluster for leaders that are not known.
    fn find_leaders(&mut self, deadline: Deadline) -> Result<(), Attempt> {
        let mut topics = std::mem::take(&mut self.stale);
        {
            let view = self.control.cluster.view();
            let open = (0..self.at.len()).filter(|place| self.is_open(*place));
            let homeless = open.map(|place| &self.at[place].0).filter(|name| view.leader(name).is_none());
            topics.extend(homeless.map(|name| Arc::clone(&name.topic)));
        }
        if topics.is_empty() {
            return Ok(());
        }
        let topics: Vec<_> = topics.into_iter().collect();
        let way = (self.control.cluster.way_out(), deadline);
        let found = self.control.ask_topics(TopicFilter::Names(&topics), way).map_err(|error| {
            for found in self.found.iter_mut().filter(|found| found.is_none()) {
                *found = Some(Found::NotYet(error.clone()));
            }
            Attempt::from(error)
        })?;
        let found: HashMap<_, _> = found.iter().map(|topic| (&topic.name, topic)).collect();
        for place in 0..self.at.len() {
            let name = &self.at[place].0;
            let error = found.get(&name.topic).and_then(|topic| missing(name, topic));
            if let Some(error) = error.filter(|_| self.is_open(place)) {
                self.failed(place, Attempt::from(error));
            }
        }
        Ok(())
    }

    /// The places that are open, by leader. One that asks for a partition again goes into another request, for brokers
    /// refuse a request that has a partition twice.
    fn by_leader(&mut self) -> BTreeMap<(i32, usize), Vec<usize>> {
        let mut by_leader: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut seen: HashMap<&TopicPartition, usize> = HashMap::new();
        let mut homeless = Vec::new();
        for place in (0..self.at.len()).filter(|place| self.is_open(*place)) {
            let name = &self.at[place].0;
            match self.control.cluster.view().leader(name) {
                Some(node) => {
                    let times = seen.entry(name).or_default();
                    by_leader.entry((node, *times)).or_default().push(place);
                    *times += 1;
                }
                None => homeless.push(place),
            }
        }
        for place in homeless {
            self.failed(place, Attempt::Again(no_leader(&self.at[place].0)));
        }
        by_leader
    }

    fn ask(&mut self, node: i32, places: &[usize], deadline: Deadline) -> Result<(), KafkaError> {
        let Some(target) = self.control.cluster.target(node) else {
            // The cluster has forgotten the broker since its leaders were looked at.
            places
                .iter()
                .for_each(|place| self.failed(*place, Attempt::Again(no_leader(&self.at[*place].0))));
            return Ok(());
        };
        let way = (self.control.cluster.way_out(), deadline);
        let answer = self.control.ask(&target, Use::Control, |_, _| self.request(places), way)?;
        self.read(places, &answer);
        Ok(())
    }

    fn request(&self, places: &[usize]) -> ListOffsetsRequest {
        let view = self.control.cluster.view();
        let epoch = |name| {
            let info = if view.has_epochs() { view.partition(name) } else { None };
            info.and_then(|info| info.leader_epoch).unwrap_or(-1)
        };
        let mut topics: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for place in places {
            let name = &self.at[*place].0;
            topics.entry(&name.topic).or_default().push(ListOffsetsPartition {
                partition_index: name.partition,
                current_leader_epoch: epoch(name),
                timestamp: match self.places[*place] {
                    OffsetAt::Earliest => ListOffsetsRequest::EARLIEST,
                    OffsetAt::Latest => ListOffsetsRequest::LATEST,
                    OffsetAt::Time(ms) => ms.max(0),
                },
                max_num_offsets: 1,
            });
        }
        let topic = |(name, partitions): (&str, _)| ListOffsetsTopic { name: name.to_owned(), partitions };
        ListOffsetsRequest {
            replica_id: -1,
            isolation_level: isolation_level(self.control.cluster.settings().isolation),
            topics: topics.into_iter().map(topic).collect(),
        }
    }

    fn read(&mut self, places: &[usize], asked: &Asked<ListOffsetsResponse>) {
        let mut found = HashMap::new();
        for topic in &asked.answer.topics {
            for partition in &topic.partitions {
                found.insert((topic.name.as_str(), partition.partition_index), partition);
            }
        }
        for place in places {
            let name = &self.at[*place].0;
            match found.get(&(&*name.topic, name.partition)) {
                Some(partition) if partition.error_code == ErrorCode::NONE => {
                    let offset = offset(partition, asked.version);
                    let is_end = matches!(self.places[*place], OffsetAt::Earliest | OffsetAt::Latest);
                    if offset.is_none() && asked.version == 0 && self.places[*place] != OffsetAt::Earliest {
                        // All segments have something after the time.
                        self.places[*place] = OffsetAt::Earliest;
                        self.found[*place] = None;
                    } else if is_end && offset.is_none_or(|found| found.offset == i64::MAX) {
                        // Every log has a start and an end, and room behind it.
                        let (about, value) =
                            (Some(name), offset.map_or(partition.offset, |found| found.offset));
                        let error = bad_value(&asked.broker, "ListOffsets", about, "offset", value);
                        self.found[*place] = Some(Found::Bad(error));
                    } else {
                        self.found[*place] = Some(Found::Good(offset));
                    }
                }
                Some(partition) => {
                    let code = partition.error_code;
                    let attempt = self.control.refused(&asked.broker, "ListOffsets", name, code);
                    self.failed(*place, attempt);
                }
                None => self.failed(*place, unanswered(&asked.broker, "ListOffsets", name)),
            }
        }
    }

    fn failed(&mut self, place: usize, attempt: Attempt) {
        self.found[place] = Some(match attempt {
            Attempt::Final(error) => Found::Bad(error),
            Attempt::Again(error) => {
                self.stale.insert(Arc::clone(&self.at[place].0.topic));
                Found::NotYet(error)
            }
        });
    }
}

/// As requests say it.
pub(crate) fn isolation_level(isolation: Isolation) -> i8 {
    match isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    }
}

fn offset(partition: &ListOffsetsPartitionResponse, version: i16) -> Option<FoundOffset> {
    let offset = if version == 0 { partition.old_style_offsets.first().copied()? } else { partition.offset };
    (offset >= 0).then_some(FoundOffset {
        offset,
        timestamp: Some(partition.timestamp).filter(|timestamp| version > 0 && *timestamp >= 0),
        leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
    })
}
