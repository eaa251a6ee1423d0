//! Fetches from one broker, on a thread of its own: asks for what the sink wants of the partitions that the broker leads, and
//! hands over what comes. The next request leaves before anybody has looked at the records of the last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::epochs;
use super::frames::FrameBuffer;
use super::partition::{FetchPartition, Place};
use super::request::{FetchPlan, Planned, rotate};
use super::settle::{Settled, Settler};
use super::shared::FetchShared;
use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::client::cluster::{Target, is_connection};
use crate::kafka::client::connection::Connection;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::negotiation;
use crate::kafka::client::transport::FetchFailure;
use crate::kafka::wire::ApiKey;
use crate::kafka::wire::messages::{FetchResponse, PartitionData};
use crate::kafka::{KafkaError, TopicPartition};

/// A thread that has nothing to fetch for so long ends.
const IDLE: Duration = Duration::from_secs(60);

/// Pauses after answers that came at once and without anything in them, as no broker gives them.
const QUIET: BackoffRange =
    BackoffRange { first: Duration::from_millis(5), longest: Duration::from_millis(500) };

/// The thread's way: until the fetcher is closed, or there is nothing to do any more.
pub(super) fn run(shared: &Arc<FetchShared>, node: i32) {
    let mut worker = Worker {
        shared,
        node,
        own: Vec::new(),
        link: None,
        reconnects: Backoff::new(shared.control.cluster.settings().backoff),
        quiet: Backoff::new(QUIET),
        alone: BTreeSet::new(),
    };
    worker.run();
}

struct Worker<'a> {
    shared: &'a Arc<FetchShared>,
    node: i32,
    /// Those that have waited longest come first.
    own: Vec<FetchPartition>,
    link: Option<Link>,
    reconnects: Backoff,
    quiet: Backoff,
    /// An answer about these together was of no use: they are asked for one at a time, so that the error names one.
    alone: BTreeSet<TopicPartition>,
}

struct Link {
    connection: Connection,
    target: Target,
    /// It has brought an answer already.
    has_fetched: bool,
}

impl Worker<'_> {
    fn run(&mut self) {
        while self.shared.collect(self.node, &mut self.own) {
            self.give_back_strangers();
            if self.own.is_empty() {
                if !self.shared.wait(self.node, Some(now() + IDLE)) && self.shared.retire(self.node) {
                    return;
                }
                continue;
            }
            let (plan, next) = self.plan();
            if plan.partitions.is_empty() {
                self.shared.wait(self.node, next);
            } else if let Err(error) = self.fetch(&plan) {
                self.failed(&plan, &error);
            }
        }
    }

    /// Gives the supervisor what this broker does not lead any more.
    fn give_back_strangers(&mut self) {
        let now = now();
        let strangers: Vec<_> = {
            let view = self.shared.control.cluster.view();
            let is_stranger =
                |partition: &mut FetchPartition| partition.place(&view, now) != Place::At(self.node);
            self.own.extract_where(is_stranger)
        };
        self.shared.give_back(strangers);
    }

    /// What is wanted now; and when to look again, if it is nothing.
    fn plan(&mut self) -> (FetchPlan, Option<Mono>) {
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

    fn fetch(&mut self, plan: &FetchPlan) -> Result<(), KafkaError> {
        self.connect()?;
        let mut plan = plan.clone();
        self.check_epochs(&mut plan)?;
        let Some(link) = self.link.as_mut().filter(|_| !plan.partitions.is_empty()) else { return Ok(()) };
        let cluster = &self.shared.control.cluster;
        let settings = cluster.settings();
        let connection = &mut link.connection;
        let version = connection.version(ApiKey::FETCH)?;
        if version < 3 {
            plan.cut_to(settings.fetch_bytes);
        }
        let patience = settings.request_timeout + settings.fetch_max_wait + connection.throttle();
        let request = plan.request(settings, &cluster.view());
        let sent = now();
        let asked = connection.send(version, &request, Deadline::after(patience))?;
        let length = connection.receive_length(&asked)?;
        let mut frame = self.shared.frames.take(length);
        connection.receive(&asked, frame.bytes_mut())?;
        let frame = Arc::new(frame);
        let body = connection.body(&asked, &frame)?;
        let answer: FetchResponse<'_> = connection.decode(&asked, body)?;
        connection.throttled(answer.throttle_time_ms);
        if !answer.error_code.is_ok() {
            return Err(KafkaError::Broker {
                broker: Arc::clone(connection.broker()),
                request: "Fetch",
                about: None,
                code: answer.error_code,
            });
        }
        link.has_fetched = true;
        self.reconnects.reset();
        // What is not wanted any more must not be handed over.
        if self.shared.collect(self.node, &mut self.own) {
            self.settle(&plan, &answer, &frame, version, now() - sent);
        }
        Ok(())
    }

    /// Makes sure that there is a connection.
    fn connect(&mut self) -> Result<(), KafkaError> {
        if self.link.as_ref().is_some_and(|link| !link.connection.is_expired()) {
            return Ok(());
        }
        self.link = None;
        let cluster = &self.shared.control.cluster;
        let Some(target) = cluster.target(self.node) else {
            // The cluster has forgotten the broker since its partitions were looked at.
            return Err(KafkaError::Stopped);
        };
        let deadline =
            Deadline::after(cluster.settings().connect_timeout + cluster.settings().request_timeout);
        let connection = negotiation::open(cluster, &target, &self.shared.way_out, deadline)?;
        self.link = Some(Link { connection, target, has_fetched: false });
        Ok(())
    }

    /// Checks logs for a truncation, and takes those that cannot be fetched out of the plan.
    fn check_epochs(&mut self, plan: &mut FetchPlan) -> Result<(), KafkaError> {
        let questions = epochs::questions(plan, &mut self.own, &self.shared.control.cluster.view());
        let Some(link) = self.link.as_mut().filter(|_| !questions.is_empty()) else { return Ok(()) };
        let deadline = Deadline::after(self.shared.control.cluster.settings().request_timeout);
        let Some(findings) = epochs::ask(&mut link.connection, &questions, deadline)? else { return Ok(()) };
        let broker = Arc::clone(link.connection.broker());
        let mut settler = Settler::new(self.shared, self.node, &broker);
        let mut given_back = BTreeSet::new();
        for (question, finding) in questions.iter().zip(findings) {
            let Some(partition) = self.own.iter_mut().find(|partition| partition.name == question.name)
            else {
                continue;
            };
            match settler.settle_finding(partition, question, finding) {
                Settled::Checked => continue,
                Settled::Kept => {}
                Settled::GivenBack => _ = given_back.insert(question.name.clone()),
            }
            plan.partitions.retain(|planned| planned.name != question.name);
        }
        self.give_back(&given_back);
        Ok(())
    }

    fn give_back(&mut self, names: &BTreeSet<TopicPartition>) {
        if !names.is_empty() {
            let partitions = self.own.extract_where(|partition| names.contains(&partition.name));
            self.shared.give_back(partitions);
        }
    }

    /// Hands over what has come, and notes what has not.
    fn settle(
        &mut self,
        plan: &FetchPlan,
        answer: &FetchResponse<'_>,
        frame: &Arc<FrameBuffer>,
        version: i16,
        took: Duration,
    ) {
        let Some(link) = &self.link else { return };
        let mut settler = Settler::new(self.shared, self.node, link.connection.broker());
        let planned: HashMap<_, _> = plan
            .partitions
            .iter()
            .map(|planned| ((&*planned.name.topic, planned.name.partition), planned.want))
            .collect();
        let data = answer.responses.iter().flat_map(|topic| {
            topic.partitions.iter().map(|data| ((topic.topic.as_str(), data.partition_index), data))
        });
        let data: HashMap<_, &PartitionData<'_>> = data.collect();
        let (mut served, mut given_back) = (BTreeSet::new(), BTreeSet::new());
        for partition in &mut self.own {
            let topic = Arc::clone(&partition.name.topic);
            let key = (&*topic, partition.name.partition);
            let Some(want) = planned.get(&key) else { continue };
            let Some(data) = data.get(&key) else {
                // An answer that is put off by a quota has nothing in it.
                if answer.throttle_time_ms <= 0 {
                    settler.unanswered(partition, want, "Fetch");
                }
                continue;
            };
            if !data.records.is_empty() || version < 3 {
                served.insert(partition.name.clone());
            }
            let is_first = plan.partitions.first().is_some_and(|first| first.name == partition.name);
            if settler.settle(partition, want, data, frame, is_first) == Settled::GivenBack {
                given_back.insert(partition.name.clone());
            }
        }
        plan.partitions.iter().for_each(|planned| _ = self.alone.remove(&planned.name));
        let is_quiet = settler.has_nothing();
        self.give_back(&given_back);
        rotate(&mut self.own, &|name| served.contains(name));
        self.pace(is_quiet && given_back.is_empty(), plan, took);
    }

    /// Waits a little after an answer that came at once and brought nothing, or as the broker asks.
    fn pace(&mut self, is_quiet: bool, plan: &FetchPlan, took: Duration) {
        let wait = Duration::from_millis(
            u64::try_from(plan.max_wait_ms(self.shared.control.cluster.settings())).unwrap_or(0),
        );
        if is_quiet && took < wait / 2 {
            let pause = self.quiet.pause();
            self.shared.wait(self.node, Some(now() + pause));
        } else {
            self.quiet.reset();
        }
    }

    /// A fetch came to nothing.
    fn failed(&mut self, plan: &FetchPlan, error: &KafkaError) {
        let link = self.link.take();
        if self.shared.way_out.is_closed() {
            return;
        }
        let has_fetched = link.as_ref().is_some_and(|link| link.has_fetched);
        if let Some(link) = link {
            self.shared.control.cluster.lost(&link.target);
        }
        match error {
            // Brokers close what was idle for long, and go down for a moment: connect again, once, at once.
            _ if has_fetched && is_connection(error) => {}
            KafkaError::Protocol { .. } | KafkaError::ResponseTooLarge { .. } => self.is_hostile(plan, error),
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

impl Drop for Worker<'_> {
    /// After a panic, which is the sink's, another thread goes on with the partitions.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let until = now() + self.shared.control.cluster.settings().backoff.longest;
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
