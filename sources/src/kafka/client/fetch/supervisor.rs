//! Gives partitions to the threads of the brokers that lead them, and asks the cluster who that is where it is not known.
//! Runs on a thread of its own, so that a partition without a leader holds up only itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::partition::{FetchPartition, Place};
use super::shared::FetchShared;
use super::worker;
use crate::kafka::KafkaError;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::offsets::missing;
use crate::kafka::client::transport::{FetchFailure, TopicFilter, TopicInfo};

/// The thread's way: until the fetcher is closed.
pub(super) fn run(shared: &Arc<FetchShared>) {
    let mut supervisor = Supervisor { shared, asked: None };
    while let Some(idle) = shared.take_idle() {
        let round = supervisor.place(idle);
        let next = supervisor.ask(round);
        shared.wait_as_supervisor(next);
    }
}

struct Supervisor<'a> {
    shared: &'a Arc<FetchShared>,
    /// When the cluster was asked last.
    asked: Option<Mono>,
}

/// What is left of the partitions that no broker's thread has.
#[derive(Default)]
struct Round {
    /// Nobody who leads them is known; the cluster is asked now for them.
    homeless: Vec<FetchPartition>,
    /// They wait.
    waiting: Vec<FetchPartition>,
    /// When the first of those is due.
    next: Option<Mono>,
}

impl Round {
    fn keep_until(&mut self, at: Mono, partition: FetchPartition) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        self.waiting.push(partition);
    }
}

impl Supervisor<'_> {
    /// Gives each partition to whom it belongs, as far as that is known.
    fn place(&self, idle: Vec<FetchPartition>) -> Round {
        let now = now();
        let mut round = Round::default();
        for mut partition in idle {
            let (place, is_stale) = {
                let view = self.shared.cluster().view();
                let known_since = view.known_since(&partition.name.topic);
                (partition.place(&view, now), partition.is_stale(known_since))
            };
            match place {
                Place::Recreated { was, now } => {
                    let failure = FetchFailure::TopicRecreated { was: Some(was), now: Some(now) };
                    self.shared.sink.failed(&partition.name, failure);
                }
                Place::At(node) if !is_stale => match partition.held_until(node, now) {
                    Some(hold) => round.keep_until(hold, partition),
                    None => self.deliver(node, partition),
                },
                _ => match partition.ask_at.filter(|at| *at > now) {
                    Some(at) => round.keep_until(at, partition),
                    None => round.homeless.push(partition),
                },
            }
        }
        round
    }

    fn deliver(&self, node: i32, partition: FetchPartition) {
        if self.shared.deliver(node, partition) {
            return;
        }
        let name = format!("-fetch-{node}");
        if let Err(error) = self.shared.spawn(&name, move |shared| worker::run(shared, node)) {
            log::error!("no thread to fetch from broker {node}: {error}");
            self.shared.dissolve(node, Vec::new(), now() + self.shared.cluster().settings().backoff.longest);
        }
    }

    /// Asks the cluster for what is not known, or not known newly; when to look again.
    fn ask(&mut self, mut round: Round) -> Option<Mono> {
        let settings = self.shared.cluster().settings();
        let moment = now();
        let due = *self.asked.get_or_insert(moment) + settings.metadata_max_age;
        if round.homeless.is_empty() && moment < due {
            self.shared.keep_idle(round.waiting);
            return Some(round.next.map_or(due, |next| next.min(due)));
        }
        // Not more often than that, however many partitions have lost their leader one after the other.
        let earliest = self.asked.filter(|asked| *asked < moment).map(|asked| asked + settings.backoff.first);
        if let Some(earliest) = earliest.filter(|earliest| *earliest > moment) {
            round.waiting.append(&mut round.homeless);
            self.shared.keep_idle(round.waiting);
            return Some(round.next.map_or(earliest, |next| next.min(earliest)));
        }
        let topics = if moment < due { topics_of(&round.homeless) } else { self.shared.wanted_topics() };
        let answer = {
            let way = (&self.shared.way_out, Deadline::after(settings.request_timeout));
            self.shared.client.ask_topics(TopicFilter::Names(&topics), way)
        };
        self.asked = Some(now());
        self.report(&mut round.homeless, &answer);
        round.waiting.append(&mut round.homeless);
        self.shared.keep_idle(round.waiting);
        // What is known now is acted on at once.
        Some(now())
    }

    /// Tells the sink of partitions that the answer does not help.
    fn report(&self, homeless: &mut [FetchPartition], answer: &Result<Vec<TopicInfo>, KafkaError>) {
        let now = now();
        let topics: HashMap<_, _> = match answer {
            Ok(topics) => topics.iter().map(|topic| (&*topic.name, topic)).collect(),
            Err(_) => HashMap::new(),
        };
        for partition in homeless {
            let since = partition.unavailable(now);
            let failure = match answer {
                Err(KafkaError::Stopped) => continue,
                Err(cause) => Some(FetchFailure::NotAvailable { since, cause: cause.clone() }),
                Ok(_) => {
                    topics.get(&*partition.name.topic).and_then(|topic| failure_of(partition, topic, since))
                }
            };
            if let Some(failure) = failure {
                partition.ask_later(now);
                self.shared.sink.failed(&partition.name, failure);
            }
        }
    }
}

fn topics_of(partitions: &[FetchPartition]) -> Vec<Arc<str>> {
    let topics: BTreeSet<_> = partitions.iter().map(|partition| &partition.name.topic).collect();
    topics.into_iter().cloned().collect()
}

/// Why a partition cannot be fetched, after the cluster was asked.
fn failure_of(partition: &FetchPartition, topic: &TopicInfo, since: Duration) -> Option<FetchFailure> {
    let name = &partition.name;
    if let Some(cause) = missing(name, topic) {
        return Some(match cause {
            KafkaError::Broker { code, .. } if code.is_retriable() => {
                FetchFailure::NotAvailable { since, cause }
            }
            _ => FetchFailure::TopicUnknown(cause),
        });
    }
    let has_leader = topic.partition(name.partition).is_some_and(|known| known.leader.is_some());
    (!has_leader).then(|| {
        let cause = KafkaError::NoLeader { partition: name.clone(), since, cause: None };
        FetchFailure::NotAvailable { since, cause }
    })
}
