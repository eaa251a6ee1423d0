//! The partitions that the thread of one broker fetches: which of them are wanted now, and what becomes of each after an
//! answer or a failure. It knows nothing of how the broker is asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::partition::{FetchPartition, Place};
use super::request::{FetchPlan, Planned, rotate};
use super::settle::{Settled, Settler};
use super::shared::FetchShared;
use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::client::cluster::is_connection;
use crate::kafka::client::deadline::now;
use crate::kafka::client::transport::{FetchFailure, Want};
use crate::kafka::{KafkaError, TopicPartition};

/// Pauses after answers that came at once and without anything in them, as no broker gives them.
const QUIET: BackoffRange =
    BackoffRange { first: Duration::from_millis(5), longest: Duration::from_millis(500) };

/// What a thread has on its desk.
pub(in crate::kafka::client) struct Desk<'a> {
    pub(in crate::kafka::client) shared: &'a Arc<FetchShared>,
    pub(in crate::kafka::client) node: i32,
    /// Those that have waited longest come first.
    pub(super) own: Vec<FetchPartition>,
    reconnects: Backoff,
    quiet: Backoff,
    /// An answer about these together was of no use: they are asked for one at a time, so that the error names one.
    alone: BTreeSet<TopicPartition>,
}

/// What an answer came to for one partition.
pub(in crate::kafka::client) struct Served {
    pub(in crate::kafka::client) settled: Settled,
    /// It had its turn: others come first the next time.
    pub(in crate::kafka::client) had_its_turn: bool,
}

impl<'a> Desk<'a> {
    pub(super) fn new(shared: &'a Arc<FetchShared>, node: i32) -> Self {
        Self {
            shared,
            node,
            own: Vec::new(),
            reconnects: Backoff::new(shared.cluster().settings().backoff),
            quiet: Backoff::new(QUIET),
            alone: BTreeSet::new(),
        }
    }

    /// Takes what has arrived, and drops what is not wanted any more. `false`: the fetcher is closed.
    pub(super) fn collect(&mut self) -> bool {
        self.shared.collect(self.node, &mut self.own)
    }

    /// Gives the supervisor what this broker does not lead any more.
    pub(super) fn give_back_strangers(&mut self) {
        let now = now();
        let strangers: Vec<_> = {
            let view = self.shared.cluster().view();
            let is_stranger =
                |partition: &mut FetchPartition| partition.place(&view, now) != Place::At(self.node);
            self.own.extract_where(is_stranger)
        };
        self.shared.give_back(strangers);
    }

    /// What is wanted now; and when to look again, if it is nothing.
    pub(super) fn plan(&mut self) -> (FetchPlan, Option<Mono>) {
        let now = now();
        let mut plan = FetchPlan::default();
        let mut next: Option<Mono> = None;
        self.alone.retain(|name| self.own.iter().any(|partition| partition.name == *name));
        for partition in &self.own {
            let Some(want) = self.shared.sink.want(&partition.name) else {
                plan.leaves_out = true;
                continue;
            };
            match partition.paused_until(want.offset, now) {
                Some(until) => next = Some(next.map_or(until, |next| next.min(until))),
                None => plan.partitions.push(Planned { name: partition.name.clone(), want }),
            }
        }
        if let Some(place) = plan.partitions.iter().position(|planned| self.alone.contains(&planned.name)) {
            plan.partitions = vec![plan.partitions.swap_remove(place)];
            plan.leaves_out = true;
        }
        (plan, next)
    }

    pub(super) fn give_back(&mut self, names: &BTreeSet<TopicPartition>) {
        if !names.is_empty() {
            let partitions = self.own.extract_where(|partition| names.contains(&partition.name));
            self.shared.give_back(partitions);
        }
    }

    /// An answer has come after so long: settles each partition of the plan by what `serve` makes of it, which is told
    /// whether the partition is the first of the plan. `None` says that the answer has nothing of it.
    pub(in crate::kafka::client) fn settle(
        &mut self,
        plan: &FetchPlan,
        broker: &Arc<str>,
        took: Duration,
        mut serve: impl FnMut(&mut Settler<'_>, &mut FetchPartition, &Want, bool) -> Option<Served>,
    ) {
        self.reconnects.reset();
        // What is not wanted any more must not be handed over.
        if !self.collect() {
            return;
        }
        let mut settler = Settler::new(self.shared, self.node, broker);
        let planned: HashMap<_, _> =
            plan.partitions.iter().map(|planned| (&planned.name, planned.want)).collect();
        let (mut had_their_turn, mut given_back) = (BTreeSet::new(), BTreeSet::new());
        for partition in &mut self.own {
            let Some(want) = planned.get(&partition.name) else { continue };
            let is_first = plan.partitions.first().is_some_and(|first| first.name == partition.name);
            let Some(served) = serve(&mut settler, partition, want, is_first) else { continue };
            if served.had_its_turn {
                had_their_turn.insert(partition.name.clone());
            }
            if served.settled == Settled::GivenBack {
                given_back.insert(partition.name.clone());
            }
        }
        plan.partitions.iter().for_each(|planned| _ = self.alone.remove(&planned.name));
        let is_quiet = settler.has_nothing();
        self.give_back(&given_back);
        rotate(&mut self.own, &|name| had_their_turn.contains(name));
        self.pace(is_quiet && given_back.is_empty(), plan, took);
    }

    /// Waits a little after an answer that came at once and brought nothing, or as the broker asks.
    fn pace(&mut self, is_quiet: bool, plan: &FetchPlan, took: Duration) {
        let wait = Duration::from_millis(
            u64::try_from(plan.max_wait_ms(self.shared.cluster().settings())).unwrap_or(0),
        );
        if is_quiet && took < wait / 2 {
            let pause = self.quiet.pause();
            self.shared.wait(self.node, Some(now() + pause));
        } else {
            self.quiet.reset();
        }
    }

    /// A fetch came to nothing, on a connection that had brought an answer before, or none.
    pub(super) fn failed(&mut self, plan: &FetchPlan, has_fetched: bool, error: &KafkaError) {
        match error {
            // Brokers close what was idle for long, and go down for a moment: connect again, once, at once.
            _ if has_fetched && is_connection(error) => {}
            KafkaError::Protocol { .. }
            | KafkaError::ResponseTooLarge { .. }
            | KafkaError::KafkaCrate { .. } => {
                self.is_hostile(plan, error);
            }
            _ => self.broker_failed(error),
        }
    }

    /// The answer is of no use. The next ones are about one partition each, until it is known which one it was.
    fn is_hostile(&mut self, plan: &FetchPlan, error: &KafkaError) {
        let [planned] = &plan.partitions[..] else {
            self.alone.extend(plan.partitions.iter().map(|planned| planned.name.clone()));
            return;
        };
        self.alone.remove(&planned.name);
        let mut error = error.clone();
        if let KafkaError::ResponseTooLarge { partition, .. } = &mut error {
            *partition = Some(planned.name.clone());
        }
        if let Some(partition) = self.own.iter_mut().find(|partition| partition.name == planned.name) {
            partition.pause(planned.want.offset, now());
        }
        self.shared.sink.failed(&planned.name, FetchFailure::Hostile(error));
    }

    /// The broker cannot be fetched from: the supervisor finds out who leads its partitions now.
    fn broker_failed(&mut self, error: &KafkaError) {
        let now = now();
        let until = now + self.reconnects.pause();
        let mut partitions = std::mem::take(&mut self.own);
        for partition in &mut partitions {
            let since = partition.unavailable(now);
            partition.leader_is_wrong(now);
            partition.hold(self.node, until);
            // The leader is there, as far as is known, if only the follower is not.
            if !partition.back_to_leader() && !matches!(error, KafkaError::Stopped) {
                let failure = match error {
                    KafkaError::WrongAnswer { .. } | KafkaError::NotKafka { .. } => {
                        FetchFailure::Hostile(error.clone())
                    }
                    KafkaError::UnsupportedVersion { .. } | KafkaError::Request { .. } => {
                        FetchFailure::Refused(error.clone())
                    }
                    KafkaError::Security { cause, .. } if !cause.is_passing() => {
                        FetchFailure::Refused(error.clone())
                    }
                    _ => FetchFailure::NotAvailable { since, cause: error.clone() },
                };
                self.shared.sink.failed(&partition.name, failure);
            }
        }
        self.shared.give_back(partitions);
    }
}

impl Drop for Desk<'_> {
    /// After a panic, which is the sink's, another thread goes on with the partitions.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let until = now() + self.shared.cluster().settings().backoff.longest;
            self.shared.dissolve(self.node, std::mem::take(&mut self.own), until);
        }
    }
}

/// Taking out of a vector what fits, in its order.
trait ExtractWhere<T> {
    fn extract_where(&mut self, is_taken: impl FnMut(&mut T) -> bool) -> Vec<T>;
}

impl<T> ExtractWhere<T> for Vec<T> {
    fn extract_where(&mut self, mut is_taken: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        let mut kept = Vec::with_capacity(self.len());
        for mut item in self.drain(..) {
            if is_taken(&mut item) { taken.push(item) } else { kept.push(item) }
        }
        *self = kept;
        taken
    }
}
