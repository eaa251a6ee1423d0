//! The receiver stream as an input of the engine: a batch takes what has come of the partitions that the group has given
//! to this stream. On the generate thread.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use batchmill::{
    Batch, BatchContext, BatchTime, Data, InputDStream, InputHandle, Outcome, PlanLimits, PlanSize,
    SourceError,
};

use super::holdings::{DoneWhen, Ended, Holdings, Right};
use super::member::Member;
use super::pace::Pace;
use super::shared::{Shared, Telling};
use super::starter::{Members, Starter, commit_done};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::transport::{OffsetAt, TopicError, TopicFilter, Transport};
use crate::kafka::group::{Membership, RebalanceListener};
use crate::kafka::params::{EndOffsets, KafkaParams};
use crate::kafka::streams::cut::{Candidate, RangePlan, cut};
use crate::kafka::streams::decoder::RecordDecoder;
use crate::kafka::streams::feed::RangeReader;
use crate::kafka::streams::fetching::Fetching;
use crate::kafka::streams::held_back::HeldBack;
use crate::kafka::streams::piece::BadRecords;
use crate::kafka::streams::rates::Rates;
use crate::kafka::streams::read_ahead::{ReadAhead, ReadAheadSettings};
use crate::kafka::streams::unknown_topic;
use crate::kafka::{KafkaError, OffsetRange, TopicPartition};

/// How long the last commits and the leave may take when the stream stops.
const LEAVE: Duration = Duration::from_secs(5);

/// The stream's way to its cluster and into its group. Its methods are called once each, in this order.
pub(super) trait Entrance: Send {
    /// A client of the cluster; fails if what is to be read does not exist.
    fn connect(&mut self) -> Result<Arc<dyn Transport>, KafkaError>;

    /// Begins the memberships, each with the listener of its number.
    fn join(
        &mut self,
        listener: &dyn Fn(usize) -> Arc<dyn RebalanceListener>,
    ) -> Result<Vec<Box<dyn Membership>>, KafkaError>;
}

/// Fails if one of these topics does not exist.
pub(super) fn check_topics(
    topics: &BTreeMap<Arc<str>, usize>,
    transport: &dyn Transport,
    deadline: Deadline,
) -> Result<(), KafkaError> {
    let names: Vec<_> = topics.keys().cloned().collect();
    for info in transport.topics(TopicFilter::Names(&names), deadline)? {
        match info.error {
            Some(TopicError::Unknown) => return Err(unknown_topic(&info.name, transport, deadline)),
            Some(TopicError::Broker(code)) => return Err(KafkaError::Topic { topic: info.name, code }),
            None => {}
        }
    }
    Ok(())
}

/// A receiver stream.
pub(super) struct ReceiverInput<T> {
    pub(super) name: String,
    /// None where the context has a mistake, and so does not start.
    pub(super) entrance: Option<Box<dyn Entrance>>,
    pub(super) params: KafkaParams,
    pub(super) done_when: DoneWhen,
    pub(super) commit_every: Duration,
    pub(super) longest_batch: Duration,
    pub(super) decoder: Arc<dyn RecordDecoder<T>>,
    pub(super) running: Option<Running>,
}

/// What a started stream has.
pub(super) struct Running {
    shared: Arc<Shared>,
    transport: Arc<dyn Transport>,
    members: Members,
    reader: Arc<RangeReader>,
    starter: JoinHandle<()>,
    held_back: HeldBack,
    pace: Pace,
    done_when: DoneWhen,
    /// No batch with records has been cut yet.
    first: bool,
}

/// What a batch holds, and under which right it has each range.
pub(super) struct ReceiverPlan {
    plan: RangePlan,
    rights: Vec<Right>,
    /// It counts among the batches whose age is looked at.
    has_records: bool,
    /// There was more, and it took as much of that as it was to take.
    reached: bool,
}

impl<T> ReceiverInput<T> {
    fn open(&mut self, handle: &InputHandle) -> Result<(), KafkaError> {
        let mut entrance = self.entrance.take().expect("a context with a mistake does not start");
        let transport = entrance.connect()?;
        let budget = usize::try_from(handle.limits().bytes).unwrap_or(usize::MAX);
        let settings = ReadAheadSettings::new(&self.params, budget);
        let telling = Arc::new(Telling { shared: OnceLock::new() });
        let read_ahead = Arc::new(ReadAhead::new(settings, Box::new(Arc::clone(&telling))));
        let holdings = Holdings::new(self.done_when);
        let longest = self.longest_batch;
        let wait = self.params.group.rebalance_wait().min(longest / 2).min(self.params.request_timeout);
        let shared = Shared::new(handle.clone(), Arc::clone(&read_ahead), holdings, longest, wait);
        let shared = Arc::new(shared);
        let _ = telling.shared.set(Arc::downgrade(&shared));
        shared.fetch_with(Fetching::start(&*transport, Arc::clone(&read_ahead), "kafka", &[])?);
        let members: Members = Arc::new(entrance.join(&|number| {
            Arc::new(Member { number, shared: Arc::clone(&shared) }) as Arc<dyn RebalanceListener>
        })?);
        let starter = Starter {
            shared: Arc::clone(&shared),
            transport: Arc::clone(&transport),
            members: Arc::clone(&members),
            params: self.params.clone(),
            commit_every: self.commit_every,
        };
        let reader = RangeReader {
            transport: Arc::clone(&transport),
            settings,
            bad_records: Arc::new(BadRecords::new(self.params.on_bad_record, Some(handle.clone()))),
            live: Some(read_ahead),
            handle: Some(handle.clone()),
        };
        self.running = Some(Running {
            shared,
            transport,
            members,
            reader: Arc::new(reader),
            starter: starter.start()?,
            held_back: HeldBack::default(),
            pace: Pace::new(handle.limits().batch_interval, longest),
            done_when: self.done_when,
            first: true,
        });
        Ok(())
    }
}

impl Running {
    /// Asks the brokers where the partitions end now.
    fn ask_for_ends(&self, deadline: Deadline) -> Result<(), KafkaError> {
        let readable = |(partition, _): (&TopicPartition, i64)| (partition.clone(), OffsetAt::Latest);
        let at: Vec<_> = self.shared.lock().holdings.readable().map(readable).collect();
        for (partition, end) in self.transport.offsets(&at, deadline)? {
            // One that cannot be asked now gives what is known of it.
            if let Ok(Some(end)) = end {
                self.shared.read_ahead.set_end(&partition, end.offset);
            }
        }
        Ok(())
    }

    fn plan(&mut self, params: &KafkaParams, limits: &PlanLimits) -> Result<ReceiverPlan, KafkaError> {
        if params.ends == EndOffsets::Asked {
            self.ask_for_ends(Deadline::after(params.request_timeout))?;
        }
        let mut state = self.shared.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let mut found = Vec::new();
        for (partition, next) in state.holdings.readable() {
            let seen = self.shared.read_ahead.look(partition).ok_or(KafkaError::Stopped)?;
            if let Some(error) = seen.failed {
                return Err(error);
            }
            self.held_back.look(partition, &seen, &self.shared.handle);
            found.push((partition.clone(), next, seen));
        }
        let candidates: Vec<Candidate<'_>> = found
            .iter()
            .map(|(partition, next, seen)| {
                let end = match params.ends {
                    EndOffsets::Asked => seen.end.unwrap_or(seen.position),
                    EndOffsets::Fetched => self.pace.takes_until(seen),
                };
                Candidate { partition, next: *next, end, seen }
            })
            .collect();
        let rates = Rates {
            total: params.initial_rate.filter(|_| self.first),
            per_partition: params.max_rate,
            at_least: params.min_rate,
        };
        let plan = cut(&candidates, &rates, limits.batch_interval, limits.bytes);
        let rights = plan.ranges().iter().filter_map(|range| state.holdings.cut(range)).collect();
        let has_records = plan.lost().is_some();
        if has_records {
            self.first = false;
            state.batches.cut(now());
        }
        let reached = |(range, candidate): (&OffsetRange, &Candidate<'_>)| {
            let is_more = candidate.seen.end.is_some_and(|end| candidate.end < end);
            is_more && !range.is_empty() && range.until == candidate.end
        };
        let reached = plan.ranges().iter().zip(&candidates).any(reached);
        Ok(ReceiverPlan { plan, rights, has_records, reached })
    }

    fn completed(&mut self, time: BatchTime, plan: &ReceiverPlan, outcome: Outcome) {
        if let (Outcome::Failed, Some(lost)) = (outcome, plan.plan.lost()) {
            let detail = format!("batch {time} has failed with {lost}");
            log::error!("batch_lost: {detail}");
            self.shared.handle.source_event("batch_lost", detail);
        }
        let (mut skipped, mut repeated_so_far, mut dropped_one) = (Vec::new(), 0, false);
        let mut state = self.shared.lock();
        let took = plan.has_records.then(|| state.batches.end(now())).flatten();
        // How soon a batch has failed says nothing.
        if let (Some(took), Outcome::Succeeded) = (took, outcome) {
            self.pace.done(plan.reached, took);
        }
        for (range, right) in plan.plan.ranges().iter().zip(&plan.rights) {
            // What has failed is passed by the next batch that has not, if the program goes on to one.
            let done = outcome == Outcome::Succeeded;
            let (partition, read_ahead) = (range.topic_partition(), &self.shared.read_ahead);
            match state.holdings.completed(range, *right, done) {
                Ended::Ours => read_ahead.drop_until(&partition, range.until),
                Ended::Others { repeated, last } => {
                    match last {
                        true => {
                            read_ahead.remove(&partition);
                            dropped_one = true;
                        }
                        false => read_ahead.drop_until(&partition, range.until),
                    }
                    if !range.is_empty() {
                        skipped.push(range.to_string());
                        repeated_so_far = repeated;
                    }
                }
            }
        }
        drop(state);
        if dropped_one {
            self.shared.fetch_what_is_held();
            self.shared.wake_starter();
        }
        if self.done_when == DoneWhen::Completed {
            if !skipped.is_empty() {
                let skipped = skipped.join(", ");
                let detail = format!(
                    "{skipped}: given to others before batch {time} was done, and read again there; \
                     {repeated_so_far} offsets so far"
                );
                self.shared.tell("commit_skipped", detail);
            }
            commit_done(&self.shared, &self.members);
            self.shared.go_on_giving_up();
        }
    }

    fn stop(self) {
        leave(&self.members, Deadline::after(LEAVE));
        self.shared.stop();
        self.transport.close();
        for name in self.transport.threads_left() {
            self.shared.handle.abandon_thread(name);
        }
        // A panic in there was logged by the thread's own hook.
        let _ = self.starter.join();
    }
}

/// All members leave, at the same time: each has the whole time until the deadline for its last commit.
pub(super) fn leave(members: &[Box<dyn Membership>], deadline: Deadline) {
    let Some((first, others)) = members.split_first() else { return };
    std::thread::scope(|scope| {
        for member in others {
            let thread = std::thread::Builder::new().name("kafka-receiver-leave".to_owned());
            if let Err(cause) = thread.spawn_scoped(scope, || member.leave(deadline)) {
                log::warn!("a member leaves after the others, for there is no thread for it: {cause}");
                member.leave(deadline);
            }
        }
        first.leave(deadline);
    });
}

impl<T: Data> InputDStream<T> for ReceiverInput<T> {
    type Plan = ReceiverPlan;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        Ok(self.open(handle)?)
    }

    fn plan(&mut self, _: BatchTime, limits: &PlanLimits) -> Result<ReceiverPlan, SourceError> {
        Ok(self.running.as_mut().expect(STARTED).plan(&self.params, limits)?)
    }

    fn batch(&mut self, plan: &ReceiverPlan, ctx: &BatchContext) -> Result<Batch<T>, SourceError> {
        Ok(plan.plan.batch(&self.running.as_ref().expect(STARTED).reader, &self.decoder, ctx))
    }

    fn size(&self, plan: &ReceiverPlan) -> PlanSize {
        plan.plan.size()
    }

    fn completed(
        &mut self,
        time: BatchTime,
        plan: &ReceiverPlan,
        outcome: Outcome,
    ) -> Result<(), SourceError> {
        self.running.as_mut().expect(STARTED).completed(time, plan, outcome);
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

const STARTED: &str = "the engine starts an input before it asks for plans";
