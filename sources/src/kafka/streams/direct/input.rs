//! The direct stream as an input of the engine: fixes the offset ranges of a batch at the cut, and hands out what reads
//! them. On the generate thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use batchmill::{
    Batch, BatchContext, BatchTime, Data, InputDStream, InputHandle, Outcome, PlanLimits, PlanSize,
    SourceError,
};

use super::commit::{Commits, Position, metadata};
use super::keeper::{Keeper, Telling, Todo, Work};
use super::strategy::ConsumerStrategy;
use super::topics::Topics;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::{Committed, OffsetAt, Transport};
use crate::kafka::params::{EndOffsets, KafkaParams};
use crate::kafka::streams::begin::{self, Begin, positions};
use crate::kafka::streams::cut::{Candidate, RangePlan, cut};
use crate::kafka::streams::decoder::RecordDecoder;
use crate::kafka::streams::feed::RangeReader;
use crate::kafka::streams::fetching::Fetching;
use crate::kafka::streams::held_back::HeldBack;
use crate::kafka::streams::piece::BadRecords;
use crate::kafka::streams::rates::Rates;
use crate::kafka::streams::read_ahead::{ReadAhead, ReadAheadSettings, Seen};
use crate::kafka::{KafkaError, TopicPartition};

/// Makes the transport when the stream starts.
pub(super) type Connect = Box<dyn FnOnce() -> Result<Arc<dyn Transport>, KafkaError> + Send>;

/// A direct stream.
pub(super) struct DirectInput<T> {
    strategy: ConsumerStrategy,
    params: KafkaParams,
    decoder: Arc<dyn RecordDecoder<T>>,
    commits: Arc<Commits>,
    connect: Option<Connect>,
    running: Option<Running>,
}

/// What a started stream has.
struct Running {
    handle: InputHandle,
    transport: Arc<dyn Transport>,
    read_ahead: Arc<ReadAhead>,
    fetching: Fetching,
    keeper: Keeper,
    todo: Arc<Todo>,
    reader: Arc<RangeReader>,
    /// Where the next batch begins in each.
    next: BTreeMap<TopicPartition, i64>,
    held_back: HeldBack,
    /// No batch with records has been cut yet.
    first: bool,
}

impl<T> DirectInput<T> {
    pub(super) fn new(
        strategy: ConsumerStrategy,
        params: KafkaParams,
        decoder: Arc<dyn RecordDecoder<T>>,
        commits: Arc<Commits>,
        connect: Connect,
    ) -> Self {
        Self { strategy, params, decoder, commits, connect: Some(connect), running: None }
    }

    fn open(&mut self, handle: &InputHandle) -> Result<(), KafkaError> {
        let connect = self.connect.take().expect("the engine starts an input once");
        let transport = connect()?;
        let deadline = Deadline::after(self.params.request_timeout + self.params.connect_timeout);
        let topics = Topics::find(&self.strategy, &*transport, deadline)?;
        let start =
            positions(topics.partitions(), &self.strategy.starting_at, &self.params, &*transport, deadline)?;
        let instance = instance();
        begin::announce(&start.begins, handle);
        let committed = self.commit_unsaid(&*transport, &start.begins, &instance, deadline)?;

        let todo = Arc::new(Todo::default());
        let telling = Telling { todo: Arc::clone(&todo), handle: handle.clone() };
        let budget = usize::try_from(handle.limits().bytes).unwrap_or(usize::MAX);
        let settings = ReadAheadSettings::new(&self.params, budget);
        let read_ahead = Arc::new(ReadAhead::new(settings, Box::new(telling)));
        for begin in &start.begins {
            read_ahead.add(begin.partition.clone(), begin.offset, i64::MAX, begin.leader_epoch);
            read_ahead.set_end(&begin.partition, begin.end);
        }
        let partitions: Vec<TopicPartition> = topics.partitions().cloned().collect();
        let fetching = Fetching::start(&*transport, Arc::clone(&read_ahead), "kafka", &partitions)?;
        let reader = RangeReader {
            transport: Arc::clone(&transport),
            settings,
            bad_records: Arc::new(BadRecords::new(self.params.on_bad_record, Some(handle.clone()))),
            live: Some(Arc::clone(&read_ahead)),
            handle: Some(handle.clone()),
        };
        let work = Work {
            transport: Arc::clone(&transport),
            read_ahead: Arc::clone(&read_ahead),
            commits: Arc::clone(&self.commits),
            topics,
            handle: handle.clone(),
            params: self.params.clone(),
            instance,
            at_start: start.committed,
            committed,
            sent: BTreeMap::new(),
        };
        let keeper = Keeper::start("kafka", Arc::clone(&todo), work)?;
        let begins = start.begins.into_iter();
        self.running = Some(Running {
            handle: handle.clone(),
            transport,
            read_ahead,
            fetching,
            keeper,
            todo,
            reader: Arc::new(reader),
            next: begins.map(|begin| (begin.partition, begin.offset)).collect(),
            held_back: HeldBack::default(),
            first: true,
        });
        Ok(())
    }

    /// Commits the beginnings that [nobody has said](Begin::is_unsaid), unless the program keeps the offsets itself.
    fn commit_unsaid(
        &self,
        transport: &dyn Transport,
        begins: &[Begin],
        instance: &str,
        deadline: Deadline,
    ) -> Result<BTreeMap<TopicPartition, Position>, KafkaError> {
        let Some(group) = &self.commits.group else { return Ok(BTreeMap::new()) };
        if !self.strategy.starting_at.is_empty() {
            return Ok(BTreeMap::new());
        }
        let unsaid = begins.iter().filter(|begin| begin.is_unsaid());
        let positions: BTreeMap<_, _> = unsaid
            .map(|begin| (begin.partition.clone(), Position { offset: begin.offset, leader_epoch: None }))
            .collect();
        let offsets: Vec<_> = positions
            .iter()
            .map(|(partition, position)| {
                let Position { offset, leader_epoch } = *position;
                (partition.clone(), Committed { offset, leader_epoch, metadata: metadata(instance) })
            })
            .collect();
        if !offsets.is_empty() {
            transport.commit(group, &offsets, deadline)?;
        }
        Ok(positions)
    }
}

impl Running {
    /// Takes on the partitions that the keeper has found.
    fn take_found(&mut self) -> Result<(), KafkaError> {
        let found = self.todo.take_found()?;
        if found.is_empty() {
            return Ok(());
        }
        for (partition, from) in found {
            self.read_ahead.add(partition.clone(), from, i64::MAX, None);
            self.next.insert(partition, from);
        }
        let all: Vec<TopicPartition> = self.next.keys().cloned().collect();
        self.fetching.set_partitions(&all);
        Ok(())
    }

    /// Asks the brokers where the partitions end now.
    fn ask_for_ends(&self, deadline: Deadline) -> Result<(), KafkaError> {
        let at: Vec<_> = self.next.keys().map(|p| (p.clone(), OffsetAt::Latest)).collect();
        for (partition, end) in self.transport.offsets(&at, deadline)? {
            // One that cannot be asked now gives what is known of it.
            if let Ok(Some(end)) = end {
                self.read_ahead.set_end(&partition, end.offset);
            }
        }
        Ok(())
    }

    /// What is known of each partition.
    ///
    /// # Errors
    /// Of the first that has failed for good.
    fn look(&mut self) -> Result<Vec<Seen>, KafkaError> {
        let mut all = Vec::with_capacity(self.next.len());
        for partition in self.next.keys() {
            let seen = self.read_ahead.look(partition).ok_or(KafkaError::Stopped)?;
            if let Some(error) = seen.failed {
                return Err(error);
            }
            self.held_back.look(partition, &seen, &self.handle);
            all.push(seen);
        }
        Ok(all)
    }

    fn plan(&mut self, params: &KafkaParams, limits: &PlanLimits) -> Result<RangePlan, KafkaError> {
        self.take_found()?;
        if params.ends == EndOffsets::Asked {
            self.ask_for_ends(Deadline::after(params.request_timeout))?;
        }
        let seen = self.look()?;
        let rates = Rates {
            total: params.initial_rate.filter(|_| self.first),
            per_partition: params.max_rate,
            at_least: params.min_rate,
        };
        let candidates: Vec<Candidate<'_>> = self
            .next
            .iter()
            .zip(&seen)
            .map(|((partition, next), seen)| {
                let (next, end) = (*next, seen.end.unwrap_or(*next));
                Candidate { partition, next, end, seen }
            })
            .collect();
        self.first &= candidates.iter().all(|candidate| candidate.end <= candidate.next);
        let plan = cut(&candidates, &rates, limits.batch_interval, limits.bytes);
        for (next, range) in self.next.values_mut().zip(plan.ranges()) {
            *next = range.until;
        }
        Ok(plan)
    }

    fn completed(&self, time: BatchTime, plan: &RangePlan, outcome: Outcome) {
        for range in plan.ranges() {
            self.read_ahead.drop_until(&range.topic_partition(), range.until);
        }
        if let (Outcome::Failed, Some(lost)) = (outcome, plan.lost()) {
            let detail = format!("batch {time} has failed with {lost}");
            log::error!("batch_lost: {detail}");
            self.handle.source_event("batch_lost", detail);
        }
    }
}

impl<T: Data> InputDStream<T> for DirectInput<T> {
    type Plan = RangePlan;

    fn name(&self) -> String {
        "kafka".to_owned()
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        Ok(self.open(handle)?)
    }

    fn plan(&mut self, _: BatchTime, limits: &PlanLimits) -> Result<RangePlan, SourceError> {
        Ok(self.running.as_mut().expect(STARTED).plan(&self.params, limits)?)
    }

    fn batch(&mut self, plan: &RangePlan, ctx: &BatchContext) -> Result<Batch<T>, SourceError> {
        Ok(plan.batch(&self.running.as_ref().expect(STARTED).reader, &self.decoder, ctx))
    }

    fn size(&self, plan: &RangePlan) -> PlanSize {
        plan.size()
    }

    fn completed(&mut self, time: BatchTime, plan: &RangePlan, outcome: Outcome) -> Result<(), SourceError> {
        self.running.as_ref().expect(STARTED).completed(time, plan, outcome);
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.fetching);
            running.keeper.stop();
            running.transport.close();
            for name in running.transport.threads_left() {
                running.handle.abandon_thread(name);
            }
        }
    }
}

const STARTED: &str = "the engine starts an input before it asks for plans";

/// A name that no other start of a stream has.
fn instance() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The standard library's random keys, without a dependency for it.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
