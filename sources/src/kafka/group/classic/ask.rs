//! What a member asks of its coordinator and of the cluster, and what the answers are to the machine. Runs on the workers of
//! a membership, each of which waits for one answer at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::GroupSettings;
use super::machine::{CommitAnswer, Event, Joined, JoinedMember, Seen, Trouble, Wanted};
use crate::kafka::client::connection::Connection;
use crate::kafka::client::control::{Asked, Control, Throttled, Use};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::groups::{Committer, commit_request};
use crate::kafka::client::transport::{TopicError, TopicFilter, TopicInfo};
use crate::kafka::client::way_out::WayOut;
use crate::kafka::group::GroupParams;
use crate::kafka::group::membership::Offsets;
use crate::kafka::wire::ApiKey;
use crate::kafka::wire::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, Message, OffsetCommitResponse, SyncGroupRequest,
    SyncGroupRequestAssignment, SyncGroupResponse,
};
use crate::kafka::{ErrorCode, KafkaError, TopicPartition};

/// How much longer than a rebalance may take its requests are waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Asks for one member.
#[derive(Debug)]
pub(super) struct Asker {
    group: String,
    params: GroupParams,
    control: Arc<Control>,
    way_out: WayOut,
    /// The session that the member has asked for.
    session: Mutex<Duration>,
}

impl Asker {
    pub(super) fn new(settings: &GroupSettings, control: Arc<Control>, way_out: WayOut) -> Self {
        let session = Mutex::new(settings.params.session(1));
        let (group, params) = (settings.group.to_string(), settings.params.clone());
        Self { group, params, control, way_out, session }
    }

    /// Asks for topics.
    pub(super) fn look_up(&self, wanted: Wanted) -> Event {
        let way = (&self.way_out, Deadline::after(self.request_timeout()));
        let is_all = matches!(wanted, Wanted::All);
        let found = match wanted {
            Wanted::All => self.control.ask_topics(TopicFilter::All, way),
            Wanted::Names(names) => {
                let names: Vec<_> = names.into_iter().collect();
                self.control.ask_topics(TopicFilter::Names(&names), way)
            }
        };
        Event::LookedUp(found.map(|topics| seen(topics, is_all)))
    }

    /// Asks who coordinates the group.
    pub(super) fn find_coordinator(&self) -> Event {
        let way = (&self.way_out, Deadline::after(self.request_timeout()));
        let found = self.control.find_coordinator(&self.group, way);
        Event::Found(found.map(drop).map_err(|attempt| trouble(attempt.into_error())))
    }

    /// Asks to be a member; waits for the others as long as they have time to join.
    pub(super) fn join(&self, member: String, protocols: &[(&'static str, Vec<u8>)]) -> Event {
        let joined = self.ask(
            Use::Member,
            (ApiKey::JOIN_GROUP, self.rebalance_patience()),
            |connection, version, deadline| {
                let session = self.params.session(version);
                let request = JoinGroupRequest {
                    group_id: self.group.clone(),
                    session_timeout_ms: milliseconds(session),
                    rebalance_timeout_ms: milliseconds(self.params.max_poll),
                    member_id: member.clone(),
                    group_instance_id: self.params.instance_id.clone(),
                    protocol_type: "consumer".to_owned(),
                    protocols: protocols
                        .iter()
                        .map(|(name, metadata)| JoinGroupRequestProtocol {
                            name: (*name).to_owned(),
                            metadata,
                        })
                        .collect(),
                };
                let answer = connection.call_with(version, &request, deadline, |version, body| {
                    JoinGroupResponse::decode(version, body).map(|answer| JoinAnswer::of(&answer))
                })?;
                Ok(JoinAnswer {
                    session,
                    keeps_name: request.group_instance_id.is_some() && version >= 5,
                    ..answer
                })
            },
        );
        Event::Joined(joined.and_then(|Asked { answer, broker, .. }| {
            refused(&broker, answer.error_code, &answer.joined.member)?;
            *self.session.lock() = answer.session;
            let (session, keeps_name) = (answer.session, answer.keeps_name);
            Ok(Joined { server: broker, session, keeps_name, ..answer.joined })
        }))
    }

    /// Asks for the share; waits for the leader as long as it has time.
    pub(super) fn sync(&self, member: String, generation: i32, shares: &[(String, Vec<u8>)]) -> Event {
        let synced = self.ask(
            Use::Member,
            (ApiKey::SYNC_GROUP, self.rebalance_patience()),
            |connection, version, deadline| {
                let request = SyncGroupRequest {
                    group_id: self.group.clone(),
                    generation_id: generation,
                    member_id: member.clone(),
                    group_instance_id: self.params.instance_id.clone(),
                    assignments: shares
                        .iter()
                        .map(|(member, assignment)| SyncGroupRequestAssignment {
                            member_id: member.clone(),
                            assignment,
                        })
                        .collect(),
                };
                connection.call_with(version, &request, deadline, |version, body| {
                    SyncGroupResponse::decode(version, body).map(|answer| SyncAnswer {
                        throttle_time_ms: answer.throttle_time_ms,
                        error_code: answer.error_code,
                        share: answer.assignment.to_vec(),
                    })
                })
            },
        );
        Event::Synced(synced.and_then(|Asked { answer, broker, .. }| {
            refused(&broker, answer.error_code, "").map(|()| answer.share)
        }))
    }

    /// Gives a sign of life. It is not waited for until the session is over, so that another connection can be tried.
    pub(super) fn heartbeat(&self, member: String, generation: i32) -> Event {
        let patience = (*self.session.lock() / 3).min(self.request_timeout());
        let answered =
            self.ask(Use::Member, (ApiKey::HEARTBEAT, patience), |connection, version, deadline| {
                let request = HeartbeatRequest {
                    group_id: self.group.clone(),
                    generation_id: generation,
                    member_id: member.clone(),
                    group_instance_id: self.params.instance_id.clone(),
                };
                connection.call::<_, HeartbeatResponse>(version, &request, deadline)
            });
        Event::Heartbeat(
            answered.and_then(|Asked { answer, broker, .. }| refused(&broker, answer.error_code, "")),
        )
    }

    /// Commits offsets as a member.
    pub(super) fn commit(&self, member: String, generation: i32, offsets: &Offsets) -> Event {
        let by = Committer { member, generation, instance: self.params.instance_id.clone() };
        let key = (ApiKey::OFFSET_COMMIT, self.request_timeout());
        let answered = self.ask(Use::Coordinator, key, |connection, version, deadline| {
            let request = commit_request(&self.group, &by, offsets);
            connection.call::<_, OffsetCommitResponse>(version, &request, deadline)
        });
        Event::Committed(answered.map(|Asked { answer, broker, .. }| {
            let mut codes = BTreeMap::new();
            for topic in answer.topics {
                let name: Arc<str> = topic.name.into();
                for partition in topic.partitions {
                    let of = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                    codes.insert(of, partition.error_code);
                }
            }
            CommitAnswer { server: broker, codes }
        }))
    }

    /// Tells the group that the member goes.
    pub(super) fn leave(&self, member: String) -> Event {
        let key = (ApiKey::LEAVE_GROUP, self.request_timeout());
        let left = self.ask(Use::Coordinator, key, |connection, version, deadline| {
            let (group_id, group_instance_id) = (self.group.clone(), None);
            let request = if version < 3 {
                LeaveGroupRequest { group_id, member_id: member.clone(), members: Vec::new() }
            } else {
                let identity = MemberIdentity { member_id: member.clone(), group_instance_id };
                LeaveGroupRequest { group_id, member_id: String::new(), members: vec![identity] }
            };
            connection.call::<_, LeaveGroupResponse>(version, &request, deadline)
        });
        if let Err(trouble) = left.and_then(|asked| refused(&asked.broker, asked.answer.error_code, "")) {
            log::info!("member {member} of group {:?} has gone without a word: {trouble}", self.group);
        }
        Event::Left
    }

    fn ask<A: Throttled>(
        &self,
        usage: Use,
        (key, patience): (ApiKey, Duration),
        exchange: impl Fn(&mut Connection, i16, Deadline) -> Result<A, KafkaError>,
    ) -> Result<Asked<A>, Trouble> {
        // The time to connect comes on top.
        let deadline = Deadline::after(patience + self.control.cluster.settings().connect_timeout);
        let way = (&self.way_out, deadline);
        let target = self.control.coordinator(&self.group, way);
        let target = target.map_err(|attempt| trouble(attempt.into_error()))?;
        self.control.ask_by(&target, usage, (key, patience), exchange, way).map_err(trouble)
    }

    fn request_timeout(&self) -> Duration {
        self.control.cluster.settings().request_timeout
    }

    fn rebalance_patience(&self) -> Duration {
        self.params.max_poll.max(*self.session.lock()) + GRACE
    }
}

/// What JoinGroup is answered with, apart from the frame.
#[derive(Debug)]
struct JoinAnswer {
    throttle_time_ms: i32,
    error_code: ErrorCode,
    session: Duration,
    keeps_name: bool,
    joined: Joined,
}

impl JoinAnswer {
    fn of(answer: &JoinGroupResponse<'_>) -> Self {
        let members = answer.members.iter().map(|member| JoinedMember {
            id: member.member_id.clone(),
            instance: member.group_instance_id.clone(),
            said: member.metadata.to_vec(),
        });
        let joined = Joined {
            server: "".into(),
            member: answer.member_id.clone(),
            generation: answer.generation_id,
            protocol: answer.protocol_name.clone(),
            leader: answer.leader.clone(),
            members: members.collect(),
            keeps_name: false,
            session: Duration::ZERO,
        };
        let (throttle_time_ms, error_code) = (answer.throttle_time_ms, answer.error_code);
        Self { throttle_time_ms, error_code, session: Duration::ZERO, keeps_name: false, joined }
    }
}

/// What SyncGroup is answered with, apart from the frame.
#[derive(Debug)]
struct SyncAnswer {
    throttle_time_ms: i32,
    error_code: ErrorCode,
    share: Vec<u8>,
}

impl Throttled for JoinAnswer {
    fn throttle_time_ms(&self) -> i32 {
        self.throttle_time_ms
    }
}

impl Throttled for SyncAnswer {
    fn throttle_time_ms(&self) -> i32 {
        self.throttle_time_ms
    }
}

/// What was found of topics. Among all of them nobody means the cluster's own, but some may be named.
fn seen(topics: Vec<TopicInfo>, is_all: bool) -> Vec<(Arc<str>, Seen)> {
    let seen = |topic: &TopicInfo| match topic.error {
        Some(TopicError::Unknown) => Seen::Gone,
        Some(TopicError::Broker(_)) => Seen::Unsure,
        None => Seen::Partitions(i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)),
    };
    let ours = topics.into_iter().filter(|topic| !(is_all && topic.internal));
    ours.map(|topic| (Arc::clone(&topic.name), seen(&topic))).collect()
}

fn refused(server: &Arc<str>, code: ErrorCode, member: &str) -> Result<(), Trouble> {
    if code.is_ok() {
        return Ok(());
    }
    Err(Trouble::Refused { server: Arc::clone(server), code, member: member.to_owned() })
}

/// A broker's refusal on the way to the coordinator counts as that of the coordinator.
fn trouble(error: KafkaError) -> Trouble {
    match error {
        KafkaError::Broker { broker, code, .. } => {
            Trouble::Refused { server: broker, code, member: String::new() }
        }
        error => Trouble::Unanswered(error),
    }
}

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_of_the_clusters_own_is_meant_where_it_is_named() {
        let name: Arc<str> = "__consumer_offsets".into();
        let own = TopicInfo {
            name: Arc::clone(&name),
            id: None,
            internal: true,
            partitions: Vec::new(),
            error: None,
        };
        assert_eq!(seen(vec![own.clone()], false), [(name, Seen::Partitions(0))]);
        assert_eq!(seen(vec![own], true), []);
    }
}
