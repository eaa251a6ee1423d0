//! What has been fetched and no task has read yet: blocks of each partition between the fetch threads, which put them in,
//! and the readers of batches, which take them out. One lock, held for a few moves.
//!
//! The engine owns the ranges of batches; this owns how far has been fetched. Its budget bounds the memory, not a batch:
//! each partition has an equal share, in which what it holds and what is asked for next must fit. A block counts until
//! the task that read it is done.

mod partition;
mod sink;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub(super) use self::partition::{Cursor, Seen};
use self::partition::{Partition, Step, Trouble};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::fetch::block::FetchedBlock;
use crate::kafka::{Isolation, KafkaError, KafkaParams, OffsetRange, TopicPartition};

/// How it is read ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadAheadSettings {
    /// Bytes of all partitions together.
    pub(super) budget: usize,
    /// The most a fetch asks of a partition.
    pub(super) partition_bytes: usize,
    /// The most it grows to for a batch of records that does not fit.
    pub(super) record_bytes: usize,
    pub(super) isolation: Isolation,
    /// How long a reader waits for a partition that cannot be fetched.
    pub(super) unavailable_for: Duration,
}

impl ReadAheadSettings {
    pub(super) fn new(params: &KafkaParams, budget: usize) -> Self {
        Self {
            budget,
            partition_bytes: params.max_partition_bytes,
            record_bytes: params.max_record_bytes.max(params.max_partition_bytes),
            isolation: params.isolation,
            unavailable_for: params.unavailable_for,
        }
    }
}

/// Who hears of what a fetch thread cannot decide. Called without a lock, on a fetch thread.
pub(super) trait Watch: Send + Sync {
    /// The offset is not in the log. With an error the partition has failed; without one nothing of it is fetched until it
    /// is [moved](ReadAhead::move_to) or [failed](ReadAhead::fail).
    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) -> Option<KafkaError>;

    /// Something a program may want to hear.
    fn tell(&self, kind: &'static str, detail: String);
}

/// The blocks of several partitions, on their way.
pub(super) struct ReadAhead {
    settings: ReadAheadSettings,
    watch: Box<dyn Watch>,
    state: Mutex<State>,
    /// Something came, failed or ended.
    changed: Condvar,
}

/// Tells the fetch threads that there is room again.
type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    partitions: BTreeMap<TopicPartition, Partition>,
    wake: Option<Wake>,
    closed: bool,
}

/// A block for a task. Its room in the budget is given back when this is dropped.
pub(super) struct Taken {
    pub(super) block: FetchedBlock,
    /// What of the block belongs to the reader's range.
    pub(super) offsets: Range<i64>,
    room: Option<(Arc<ReadAhead>, TopicPartition)>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((of, partition)) = self.room.take() {
            of.give_back(&partition, self.block.bytes());
        }
    }
}

/// Why a reader gets nothing: which of its cursors failed, and how.
pub(super) type ReadFailure = (Option<usize>, KafkaError);

impl ReadAhead {
    pub(super) fn new(settings: ReadAheadSettings, watch: Box<dyn Watch>) -> Self {
        Self { settings, watch, state: Mutex::default(), changed: Condvar::new() }
    }

    /// How the fetch threads are told that there is room again.
    pub(super) fn on_room(&self, wake: Wake) {
        self.state.lock().wake = Some(wake);
    }

    /// Begins to read a partition ahead, from an offset up to, not including, a limit.
    pub(super) fn add(&self, partition: TopicPartition, from: i64, limit: i64, leader_epoch: Option<i32>) {
        self.state.lock().partitions.insert(partition, Partition::new(from, limit, leader_epoch));
    }

    /// Ends the reading ahead of a partition at an offset: what lies behind it is dropped, what lies before it stays, and still
    /// comes, for the batches that have it.
    pub(super) fn end_at(&self, partition: &TopicPartition, limit: i64) {
        self.change(partition, |partition| partition.end_at(limit));
    }

    /// Forgets a partition. No reader may be left that reads it from here.
    pub(super) fn remove(&self, partition: &TopicPartition) {
        let removed = self.state.lock().partitions.remove(partition);
        // Its blocks go without the lock.
        drop(removed);
    }

    /// Ends everything: nothing is fetched any more, and who waits gets [`KafkaError::Stopped`].
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.wake = None;
        let partitions = std::mem::take(&mut state.partitions);
        drop(state);
        drop(partitions);
        self.changed.notify_all();
    }

    /// What is known of a partition; `None` if it is not read.
    pub(super) fn look(&self, partition: &TopicPartition) -> Option<Seen> {
        let state = self.state.lock();
        let (share, _) = self.sizes(state.partitions.len());
        state.partitions.get(partition).map(|partition| partition.seen(share))
    }

    /// Keeps an end that was asked for. A fetch that was answered before the question does not undo it.
    pub(super) fn set_end(&self, partition: &TopicPartition, end: i64) {
        self.change(partition, |partition| partition.see_end(end));
    }

    /// Goes on at another offset: what lies between is gone.
    pub(super) fn move_to(&self, partition: &TopicPartition, offset: i64) {
        self.change_and_wake(partition, |partition| partition.move_to(offset));
    }

    /// Asks again for an offset that was said not to be in the log, but is. If it cannot be fetched for too long, the error is
    /// what a reader is told.
    pub(super) fn doubt(&self, partition: &TopicPartition, error: KafkaError) {
        let trouble = Trouble::new(now(), error);
        self.change_and_wake(partition, |partition| partition.doubt(trouble));
    }

    /// Fails a partition for good: who waits for it, and the next batch, get the error.
    pub(super) fn fail(&self, partition: &TopicPartition, error: KafkaError) {
        self.change(partition, |partition| partition.fail(error));
    }

    /// Whether these ranges can be read from here. With `keep` any number of readers may; without, a reader takes the
    /// blocks away, so the first that asks gets all of them for its own, and nobody else does.
    pub(super) fn claim(&self, ranges: &[OffsetRange], keep: bool) -> bool {
        let mut state = self.state.lock();
        let wanted = || ranges.iter().filter(|range| !range.is_empty()).map(|r| (r.topic_partition(), r));
        let held = wanted()
            .all(|(name, range)| state.partitions.get(&name).is_some_and(|known| known.holds(range.from)));
        if held && !keep {
            for (name, range) in wanted() {
                if let Some(known) = state.partitions.get_mut(&name) {
                    known.claim(range.until);
                }
            }
        }
        held
    }

    /// Drops what lies below `until`, for its batch is done. What of it has not come yet is not fetched any more.
    pub(super) fn drop_until(&self, partition: &TopicPartition, until: i64) {
        self.change_and_wake(partition, |partition| partition.drop_until(until));
    }

    /// Waits for the next block of one of the cursors that are `wanted`, by their numbers, and takes it. `None` when all of
    /// them are at their end. What ends the wait else is the failure of one of them, [`close`](Self::close), or that
    /// `stopped` is set and the readers are [woken](Self::wake_readers).
    ///
    /// With `keep` the blocks stay here for other readers, until [`drop_until`](Self::drop_until).
    pub(super) fn next(
        self: &Arc<Self>,
        cursors: &[Cursor],
        wanted: &[usize],
        keep: bool,
        stopped: &AtomicBool,
    ) -> Result<Option<(usize, Taken)>, ReadFailure> {
        let mut state = self.state.lock();
        loop {
            if state.closed || stopped.load(Ordering::Relaxed) {
                return Err((None, KafkaError::Stopped));
            }
            match state.try_next(cursors, wanted, keep)? {
                Found::Block { index, block, offsets, moved_out } => {
                    let room = moved_out.then(|| (Arc::clone(self), cursors[index].partition.clone()));
                    return Ok(Some((index, Taken { block, offsets, room })));
                }
                Found::End => return Ok(None),
                Found::Nothing { trouble: None } => self.changed.wait(&mut state),
                Found::Nothing { trouble: Some((trouble, index)) } => {
                    let give_up = trouble.begun + self.settings.unavailable_for;
                    let left = Deadline::at(give_up).left();
                    if left.is_zero() {
                        return Err((Some(index), trouble.into_error(&cursors[index].partition)));
                    }
                    self.changed.wait_for(&mut state, left);
                }
            }
        }
    }

    /// Has readers look whether they are stopped.
    pub(super) fn wake_readers(&self) {
        // Under the lock, so that none is between its look and its wait.
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    fn give_back(&self, partition: &TopicPartition, bytes: usize) {
        self.change_and_wake(partition, |partition| partition.give_back(bytes));
    }

    /// Changes a partition, and tells the readers that may wait for that.
    fn change<R>(&self, partition: &TopicPartition, change: impl FnOnce(&mut Partition) -> R) -> Option<R> {
        let changed = self.state.lock().partitions.get_mut(partition).map(change);
        self.changed.notify_all();
        changed
    }

    /// Changes a partition so that more may be fetched, and tells the fetch threads.
    fn change_and_wake(&self, partition: &TopicPartition, change: impl FnOnce(&mut Partition)) {
        self.change(partition, change);
        let wake = self.state.lock().wake.clone();
        if let Some(wake) = wake {
            wake();
        }
    }
}

/// What a look for blocks found.
enum Found {
    Block {
        index: usize,
        block: FetchedBlock,
        offsets: Range<i64>,
        /// It is no longer here.
        moved_out: bool,
    },
    End,
    Nothing {
        /// Since when the partition of a cursor cannot be fetched: the one for the longest time.
        trouble: Option<(Trouble, usize)>,
    },
}

impl State {
    fn try_next(&mut self, cursors: &[Cursor], wanted: &[usize], keep: bool) -> Result<Found, ReadFailure> {
        let (mut ended, mut trouble, mut failed) = (true, None::<(Trouble, usize)>, None);
        for &index in wanted {
            let cursor = &cursors[index];
            let Some(partition) = self.partitions.get_mut(&cursor.partition) else {
                return Err((Some(index), KafkaError::Stopped));
            };
            match partition.step(cursor, keep) {
                Step::Block { block, offsets, moved_out } => {
                    return Ok(Found::Block { index, block, offsets, moved_out });
                }
                Step::End => continue,
                Step::Failed(error) => failed = failed.or(Some((Some(index), error))),
                Step::Trouble(found)
                    if trouble.as_ref().is_none_or(|(longest, _)| found.begun < longest.begun) =>
                {
                    trouble = Some((found, index));
                }
                Step::Trouble(_) | Step::Nothing => {}
            }
            ended = false;
        }
        match failed {
            // What others have is handed out first, so that a failure does not depend on who was quicker.
            Some(failed) => Err(failed),
            None if ended => Ok(Found::End),
            None => Ok(Found::Nothing { trouble }),
        }
    }
}
