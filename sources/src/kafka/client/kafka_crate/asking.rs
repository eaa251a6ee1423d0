//! What the crate is asked about topics, offsets and groups. Calls wait for each other: one thread serves them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_rust::client::{CommitOffset, FetchGroupOffset, FetchOffset};
use parking_lot::{Condvar, Mutex};

use super::lane::{Lane, Strays};
use super::session::Session;
use crate::kafka::client::cluster::Cluster;
use crate::kafka::client::control::{Attempt, bad_value, unanswered};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::groups::foreign_group;
use crate::kafka::client::negotiation;
use crate::kafka::client::offsets::{missing, no_leader};
use crate::kafka::client::topics::pick;
use crate::kafka::client::transport::{
    Committed, FoundOffset, FoundOffsetResult, OffsetAt, TopicFilter, TopicInfo,
};
use crate::kafka::client::way_out::WayOut;
use crate::kafka::wire::ApiKey;
use crate::kafka::{KafkaError, TopicPartition};

/// How often offsets are asked for that an answer leaves out.
const ATTEMPTS_UNANSWERED: u32 = 5;

/// Asks the crate, on one thread of its.
#[derive(Debug)]
pub(super) struct Asking {
    cluster: Arc<Cluster>,
    lane: Mutex<Option<Lane>>,
    strays: Strays,
    committing: Arc<Committing>,
}

impl Asking {
    pub(super) fn new(cluster: Arc<Cluster>, strays: Strays) -> Self {
        Self { cluster, lane: Mutex::default(), strays, committing: Arc::default() }
    }

    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Lets the thread end. Whoever asks has been told to come back.
    pub(super) fn close(&self, deadline: Deadline) {
        if let Some(mut lane) = self.lane.try_lock_for(deadline.left()) {
            lane.take();
        }
    }

    /// Asks once. Fails after the deadline, and for as long as another thread asks.
    fn ask<T: Send + 'static>(
        &self,
        request: &'static str,
        (way_out, deadline): (&WayOut, Deadline),
        job: impl FnOnce(&mut Session) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let patience = deadline
            .left()
            .min(self.cluster.settings().connect_timeout + self.cluster.settings().request_timeout);
        let deadline = deadline.min(Deadline::after(patience));
        let asked = {
            let Some(mut lane) = self.lane.try_lock_for(patience) else {
                let broker = Arc::clone(self.cluster.bootstrap());
                return Err(KafkaError::Timeout { broker, request, after: patience });
            };
            let make = || Lane::new(Arc::clone(&self.cluster), "kafka-crate".to_owned(), self.strays.clone());
            let lane = lane.get_or_insert_with(make);
            lane.ask(request, (way_out, deadline), job)
        };
        asked.map_err(|error| self.explained(error, (way_out, deadline)))
    }

    /// What the crate tells little of: a closed connection may be the answer of a broker from 4.0 on, or there is none at all.
    pub(super) fn explained(
        &self,
        error: KafkaError,
        (way_out, deadline): (&WayOut, Deadline),
    ) -> KafkaError {
        if !matches!(error, KafkaError::Closed { .. }) || way_out.is_closed() {
            return error;
        }
        let mut last = None;
        let targets = self.cluster.anybody();
        for target in &targets {
            match negotiation::open(&self.cluster, target, way_out, deadline) {
                Ok(connection) => {
                    let offered = connection.versions.offered(ApiKey::FETCH);
                    let broker = Arc::clone(connection.broker());
                    return match offered {
                        Some((0, _)) => error,
                        offered => KafkaError::UnsupportedVersion { broker, request: "Fetch", offered },
                    };
                }
                Err(cause) => last = Some(cause),
            }
        }
        match last {
            None | Some(KafkaError::Stopped) => error,
            Some(cause) => KafkaError::NoBroker {
                bootstrap: Arc::clone(self.cluster.bootstrap()),
                tried: targets.len(),
                cause: Arc::new(cause),
            },
        }
    }

    /// Asks for topics once, and keeps what is said.
    pub(super) fn topics(
        &self,
        wanted: TopicFilter<'_>,
        way: (&WayOut, Deadline),
    ) -> Result<Vec<TopicInfo>, KafkaError> {
        let mut answer = self.ask("Metadata", way, |session| {
            session.forget();
            session.know()?;
            Ok(session.metadata())
        })?;
        answer.is_all = matches!(wanted, TopicFilter::All);
        answer.topics = pick(answer.topics, wanted);
        Ok(self.cluster.learn(answer))
    }

    /// Looks for offsets, in the order of `at`. What one partition fails with is in its place.
    pub(super) fn offsets(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError> {
        let mut found: Vec<Option<FoundOffsetResult>> = vec![None; at.len()];
        let mut is_first = true;
        let looked = self.cluster.until(deadline, || {
            let round = self.look_for(at, &mut found, (self.cluster.way_out(), deadline), !is_first);
            is_first = false;
            round
        });
        if let Err(KafkaError::Stopped) = looked {
            return Err(KafkaError::Stopped);
        }
        let found = found.into_iter().map(|found| match (found, &looked) {
            (Some(found), _) => found,
            (None, Err(error)) => Err(error.clone()),
            (None, Ok(())) => Err(KafkaError::Stopped),
        });
        Ok(at.iter().map(|(partition, _)| partition.clone()).zip(found).collect())
    }

    /// One attempt at those that have not been found. The crate is asked about whole topics.
    fn look_for(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        found: &mut [Option<FoundOffsetResult>],
        way: (&WayOut, Deadline),
        anew: bool,
    ) -> Result<(), Attempt> {
        let is_open =
            |found: &Option<FoundOffsetResult>| !matches!(found, Some(Ok(_))) && !is_final(found.as_ref());
        let open: Vec<usize> = (0..at.len()).filter(|place| is_open(&found[*place])).collect();
        let wanted: BTreeSet<_> =
            open.iter().map(|place| (Arc::clone(&at[*place].0.topic), at[*place].1)).collect();
        let answers = self.ask("ListOffsets", way, move |session| {
            if anew {
                session.forget();
            }
            session.know()?;
            let mut answers = BTreeMap::new();
            for (topic, place) in wanted {
                let answer = match look_up(session, &topic, place) {
                    // Of this topic. Whatever else it is, it is of the connection.
                    Err(error) if !matches!(error, KafkaError::Broker { .. }) => return Err(error),
                    answer => answer,
                };
                answers.insert((topic, place), answer);
            }
            Ok((session.metadata(), answers))
        })?;
        let (metadata, answers) = answers;
        let names: BTreeSet<_> = open.iter().map(|place| Arc::clone(&at[*place].0.topic)).collect();
        let names: Vec<_> = names.into_iter().collect();
        let topics = pick(metadata.topics, TopicFilter::Names(&names));
        let topics: BTreeMap<_, _> = topics.iter().map(|topic| (&topic.name, topic)).collect();
        let mut again = None;
        for place in open {
            let (name, wanted) = &at[place];
            let result = match missing(name, topics[&name.topic]) {
                Some(error) => Err(error),
                None => match &answers[&(Arc::clone(&name.topic), *wanted)] {
                    Ok(offsets) => self.found(name, *wanted, offsets.get(&name.partition).copied()),
                    Err(error) => Err(error.clone()),
                },
            };
            if let Err(error) = &result {
                if let Attempt::Again(error) = Attempt::from(error.clone()) {
                    again = Some(error);
                }
            }
            found[place] = Some(result);
        }
        again.map_or(Ok(()), |error| Err(Attempt::Again(error)))
    }

    fn found(&self, name: &TopicPartition, wanted: OffsetAt, offset: Option<i64>) -> FoundOffsetResult {
        match offset {
            None => Err(no_leader(name)),
            // A time before the first segment: the crate was asked for the first offset instead.
            Some(offset) if (0..i64::MAX).contains(&offset) => {
                Ok(Some(FoundOffset { offset, timestamp: None, leader_epoch: None }))
            }
            Some(-1) if matches!(wanted, OffsetAt::Time(_)) => Ok(None),
            Some(value) => {
                Err(bad_value(self.cluster.bootstrap(), "ListOffsets", Some(name), "offset", value))
            }
        }
    }

    /// The offsets that a group has committed, in the order of `of`.
    pub(super) fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let broker = self.cluster.bootstrap();
        let mut attempts = 0;
        self.cluster.until(deadline, || {
            attempts += 1;
            let (group, names) = (group.to_owned(), of.to_vec());
            let found = self.ask("OffsetFetch", (self.cluster.way_out(), deadline), move |session| {
                session.know()?;
                session.client.set_retry_max_attempts(1);
                let wanted = names.iter().map(|name| FetchGroupOffset::new(&name.topic, name.partition));
                let wanted: Vec<_> = wanted.collect();
                let found = session.client.fetch_group_offsets(&group, &wanted);
                let found = found.map_err(|error| group_failed(session, error, "OffsetFetch", &group))?;
                let found = found.into_iter().flat_map(|(topic, all)| {
                    let topic: Arc<str> = topic.into();
                    all.into_iter()
                        .map(move |one| (TopicPartition::new(Arc::clone(&topic), one.partition), one.offset))
                });
                let found: BTreeMap<_, _> = found.collect();
                if names.iter().any(|name| !found.contains_key(name)) {
                    // What the crate does not know it leaves out.
                    session.forget();
                }
                Ok(found)
            })?;
            let committed = of.iter().map(|name| {
                let committed = match found.get(name) {
                    // To take it for none would begin at another end of the log. A broker may not know a new topic yet.
                    None => {
                        let error = unanswered(broker, "OffsetFetch", name);
                        return Err(if attempts < ATTEMPTS_UNANSWERED {
                            Attempt::Again(error.into_error())
                        } else {
                            error
                        });
                    }
                    Some(-1) => None,
                    Some(offset) if *offset < 0 => {
                        let (what, about) = ("committed offset", Some(name));
                        return Err(bad_value(broker, "OffsetFetch", about, what, *offset).into());
                    }
                    Some(offset) => Some(Committed::at(*offset)),
                };
                Ok((name.clone(), committed))
            });
            committed.collect()
        })
    }

    /// Commits offsets for a group without members; what else belongs to a commit is left out.
    pub(super) fn commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
        deadline: Deadline,
    ) -> Result<(), KafkaError> {
        self.cluster.until(deadline, || {
            let turn = self.committing.begin(deadline).ok_or_else(|| KafkaError::Timeout {
                broker: Arc::clone(self.cluster.bootstrap()),
                request: "the OffsetCommit before",
                after: self.cluster.settings().request_timeout,
            })?;
            let (group, offsets) = (group.to_owned(), offsets.to_vec());
            let commit = move |session: &mut Session| {
                // Until it is dropped: also when nobody waits any more.
                let _turn = turn;
                session.know()?;
                // With fewer it would ask without a pause, and without an end.
                session.client.set_retry_max_attempts(u32::MAX);
                let offsets = offsets
                    .iter()
                    .map(|(name, committed)| CommitOffset::new(&name.topic, name.partition, committed.offset))
                    .collect::<Vec<_>>();
                let done = session.client.commit_offsets(&group, &offsets);
                done.map_err(|error| group_failed(session, error, "OffsetCommit", &group))
            };
            Ok(self.ask("OffsetCommit", (self.cluster.way_out(), deadline), commit)?)
        })
    }
}

/// What a group's coordinator answers.
fn group_failed(
    session: &Session,
    error: kafka_rust::Error,
    request: &'static str,
    group: &str,
) -> KafkaError {
    let mut error = session.failed(error, request);
    if let KafkaError::Broker { code, about, .. } = &mut error {
        if let Some(foreign) = foreign_group(group, *code) {
            return foreign;
        }
        *about = Some(format!("group {group:?}").into());
    }
    error
}

/// Where the partitions of a topic have a place. Where all segments have something after a time, that is the first offset.
fn look_up(session: &mut Session, topic: &str, place: OffsetAt) -> Result<BTreeMap<i32, i64>, KafkaError> {
    match place {
        OffsetAt::Earliest => session.offsets(topic, FetchOffset::Earliest),
        OffsetAt::Latest => session.offsets(topic, FetchOffset::Latest),
        OffsetAt::Time(ms) => {
            let mut found = session.offsets(topic, FetchOffset::ByTime(ms.max(0)))?;
            if found.values().any(|offset| *offset == -1) {
                let first = session.offsets(topic, FetchOffset::Earliest)?;
                for (partition, offset) in found.iter_mut().filter(|(_, offset)| **offset == -1) {
                    *offset = first.get(partition).copied().unwrap_or(-1);
                }
            }
            Ok(found)
        }
    }
}

fn is_final(found: Option<&FoundOffsetResult>) -> bool {
    match found {
        Some(Err(error)) => matches!(Attempt::from(error.clone()), Attempt::Final(_)),
        _ => false,
    }
}

/// One commit at a time. A call of the crate that was given up may still be carried out; the next commit waits for it, so that
/// an old one never comes after a new one.
#[derive(Debug, Default)]
struct Committing {
    under_way: Mutex<bool>,
    done: Condvar,
}

/// The right to commit, until it is dropped.
struct Turn(Arc<Committing>);

impl Committing {
    fn begin(self: &Arc<Self>, deadline: Deadline) -> Option<Turn> {
        let mut under_way = self.under_way.lock();
        while *under_way {
            if deadline.is_over() {
                return None;
            }
            self.done.wait_for(&mut under_way, deadline.left());
        }
        *under_way = true;
        drop(under_way);
        Some(Turn(Arc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.under_way.lock() = false;
        self.0.done.notify_all();
    }
}
