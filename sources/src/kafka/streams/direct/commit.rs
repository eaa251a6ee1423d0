//! The offsets that a program wants committed: put in from outputs, taken out by the keeper's thread, one commit at a
//! time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::kafka::client::transport::Committed;
use crate::kafka::{KafkaError, OffsetRange, TopicPartition};

/// Commits offsets of a direct stream for its group: Spark's `CanCommitOffsets`. Clone it into the outputs.
///
/// A commit says: everything before these offsets is done. So commit a batch's ranges when its results are safe, in its
/// last output. After a crash the stream begins where the last commit says, and the batches after it come again.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka, prelude::*};
/// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, OffsetReset};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["to be", "or not"])?;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let params = KafkaParams::new().group_id("counters").offset_reset(OffsetReset::Earliest);
/// let topics = ConsumerStrategy::subscribe(["lines"]);
/// let stream =
///     kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params.end_offsets(EndOffsets::Asked));
/// let committer = stream.committer();
/// stream.for_each_batch(move |batch| {
///     // ... write the batch's results, and then:
///     committer.commit_async(batch.offset_ranges())
/// });
/// let mut test = ssc.start_stepped()?;
/// test.step_batch()?;
/// drop(test); // what was asked for is committed before the stream ends
/// assert_eq!(cluster.committed("counters", "lines", 0).map(|committed| committed.offset), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "CanCommitOffsets")]
#[derive(Clone)]
pub struct OffsetCommitter {
    pub(super) commits: Arc<Commits>,
}

impl OffsetCommitter {
    /// Asks for the ends of these ranges to be committed, and returns at once. They are sent when the commit before them
    /// has been answered; of several that wait the newest counts, partition by partition. What waits when the stream
    /// stops is sent then.
    ///
    /// # Errors
    /// [`KafkaError::NoGroup`] without a `group.id`; [`KafkaError::ForeignGroup`] if another program was seen to commit
    /// for the group; [`KafkaError::Stopped`] when the stream has ended.
    #[doc(alias = "commitAsync")]
    pub fn commit_async(&self, ranges: impl IntoIterator<Item = OffsetRange>) -> Result<(), KafkaError> {
        self.commit_async_with(ranges, |_| {})
    }

    /// As [`commit_async`](Self::commit_async), and calls `done` with how it ended, on a thread of the stream's: it must
    /// not block. It is called too when a newer commit of the same partitions has taken the place of this one.
    ///
    /// # Errors
    /// As [`commit_async`](Self::commit_async); then `done` is not called.
    pub fn commit_async_with(
        &self,
        ranges: impl IntoIterator<Item = OffsetRange>,
        done: impl FnOnce(Result<(), KafkaError>) + Send + 'static,
    ) -> Result<(), KafkaError> {
        let offsets = ranges.into_iter().map(|range| {
            let position = Position { offset: range.until, leader_epoch: range.leader_epoch };
            (range.topic_partition(), position)
        });
        self.commits.add(offsets, Box::new(done))
    }
}

impl fmt::Debug for OffsetCommitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffsetCommitter").field("group", &self.commits.group).finish_non_exhaustive()
    }
}

/// A position as it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: i64,
    pub(super) leader_epoch: Option<i32>,
}

type Done = Box<dyn FnOnce(Result<(), KafkaError>) + Send>;

/// What waits to be committed.
pub(super) struct Commits {
    pub(super) group: Option<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<TopicPartition, Position>,
    done: Vec<Done>,
    /// Why nothing is committed any more.
    ended: Option<KafkaError>,
    /// Tells the keeper's thread; set when it runs.
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commits").field("group", &self.group).finish_non_exhaustive()
    }
}

/// What is to be sent with the next commit, and who wants to know.
pub(super) struct Waiting {
    pub(super) offsets: BTreeMap<TopicPartition, Position>,
    done: Vec<Done>,
}

impl Commits {
    pub(super) fn new(group: Option<Arc<str>>) -> Self {
        Self { group, state: Mutex::default() }
    }

    pub(super) fn on_waiting(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.state.lock().wake = Some(Box::new(wake));
    }

    fn add(
        &self,
        offsets: impl Iterator<Item = (TopicPartition, Position)>,
        done: Done,
    ) -> Result<(), KafkaError> {
        if self.group.is_none() {
            return Err(KafkaError::NoGroup);
        }
        let mut state = self.state.lock();
        if let Some(why) = &state.ended {
            return Err(why.clone());
        }
        state.waiting.extend(offsets);
        state.done.push(done);
        if let Some(wake) = &state.wake {
            wake();
        }
        Ok(())
    }

    /// Takes what waits, if anything does.
    pub(super) fn take(&self) -> Option<Waiting> {
        let mut state = self.state.lock();
        if state.done.is_empty() {
            return None;
        }
        let (offsets, done) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.done));
        Some(Waiting { offsets, done })
    }

    /// Refuses everything from now on; what waits is answered with that.
    pub(super) fn end(&self, why: KafkaError) {
        let mut state = self.state.lock();
        state.ended.get_or_insert_with(|| why.clone());
        state.wake = None;
        state.waiting.clear();
        let done = std::mem::take(&mut state.done);
        drop(state);
        done.into_iter().for_each(|done| done(Err(why.clone())));
    }
}

impl Waiting {
    pub(super) fn answer(self, result: &Result<(), KafkaError>) {
        self.done.into_iter().for_each(|done| done(result.clone()));
    }
}

/// The text that goes with every commit, by which a program knows its own.
pub(super) fn metadata(instance: &str) -> String {
    format!("{PREFIX}{instance}")
}

const PREFIX: &str = "batchmill:";

/// Who has committed this; none if it was no stream of this library.
pub(super) fn instance_of(committed: &Committed) -> Option<&str> {
    committed.metadata.strip_prefix(PREFIX)
}
