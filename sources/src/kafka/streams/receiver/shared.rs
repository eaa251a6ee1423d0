//! What the threads of a receiver stream share: the generate thread cuts and completes batches, the members' threads assign
//! and take away, the starter's thread begins what was assigned. One lock, held for a few moves; what is read ahead is
//! changed under it too, so that a partition that comes back is never mixed up with what it was.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{InputHandle, Mono};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::holdings::{Dropped, Holdings, Right};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::streams::begin::Begin;
use crate::kafka::streams::fetching::Fetching;
use crate::kafka::streams::read_ahead::{ReadAhead, Watch};
use crate::kafka::{KafkaError, TopicPartition};

/// Shared by the threads of a stream.
pub(super) struct Shared {
    pub(super) handle: InputHandle,
    pub(super) read_ahead: Arc<ReadAhead>,
    /// How old the oldest batch may become before its members count as stuck.
    longest_batch: Duration,
    state: Mutex<State>,
    /// There is something for the starter.
    changed: Condvar,
    /// Out once the stream ends. Never locked while `state` is.
    fetching: Mutex<Option<Fetching>>,
}

/// What is behind the lock.
pub(super) struct State {
    pub(super) holdings: Holdings,
    /// When the batches with records that are not done were cut, the oldest first.
    pub(super) batches: VecDeque<Mono>,
    /// What the stream cannot go on with.
    pub(super) failed: Option<KafkaError>,
    /// Offsets that a broker says it does not have.
    out_of_range: Vec<(TopicPartition, i64)>,
    stop: bool,
}

/// What the starter is to do.
pub(super) enum Next {
    Begin(Vec<(TopicPartition, Right, usize)>),
    OutOfRange(Vec<(TopicPartition, i64)>),
    /// A deadline is over.
    Time,
    Stop,
}

impl Shared {
    pub(super) fn new(
        handle: InputHandle,
        read_ahead: Arc<ReadAhead>,
        holdings: Holdings,
        longest_batch: Duration,
    ) -> Self {
        let state =
            State { holdings, batches: VecDeque::new(), failed: None, out_of_range: Vec::new(), stop: false };
        Self {
            handle,
            read_ahead,
            longest_batch,
            state: Mutex::new(state),
            changed: Condvar::new(),
            fetching: Mutex::new(None),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn tell(&self, kind: &'static str, detail: String) {
        log::info!("{kind}: {detail}");
        self.handle.source_event(kind, detail);
    }

    /// The fetch threads are at work from now on.
    pub(super) fn fetch_with(&self, fetching: Fetching) {
        *self.fetching.lock() = Some(fetching);
    }

    /// Has the fetch threads fetch what is read ahead now, and nothing else.
    pub(super) fn fetch_what_is_held(&self) {
        let fetching = self.fetching.lock();
        let partitions = self.lock().holdings.read_ahead();
        if let Some(fetching) = &*fetching {
            fetching.set_partitions(&partitions);
        }
    }

    /// Ends the fetch threads, and refuses what the starter may still want.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
        let fetching = self.fetching.lock().take();
        drop(fetching);
    }

    /// The stream cannot go on: the next cut fails with this.
    pub(super) fn fail(&self, error: KafkaError) {
        log::error!("the stream cannot go on: {error}");
        self.lock().failed.get_or_insert(error);
    }

    /// These are a member's from now on.
    pub(super) fn assigned(&self, member: usize, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        let dropped = state.holdings.assigned(member, partitions);
        self.forget(&dropped);
        drop(state);
        self.changed.notify_all();
    }

    /// These are a member's no longer: what no batch holds of them is dropped.
    pub(super) fn take_away(&self, member: usize, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        let dropped = state.holdings.take_away(member, partitions);
        self.forget(&dropped);
        drop(state);
        self.fetch_what_is_held();
    }

    /// Called under the lock.
    fn forget(&self, dropped: &[(TopicPartition, Dropped)]) {
        for (partition, what) in dropped {
            match what {
                Dropped::Nothing => {}
                Dropped::All => self.read_ahead.remove(partition),
                Dropped::From(limit) => self.read_ahead.end_at(partition, *limit),
            }
        }
    }

    /// A partition that was assigned begins here. `false` if it was taken away meanwhile.
    pub(super) fn begin(&self, right: Right, begin: &Begin, commit_first: bool) -> bool {
        let Begin { partition, offset, leader_epoch, end, .. } = begin;
        let mut state = self.lock();
        let is_held = state.holdings.begin(partition, right, *offset, *leader_epoch, commit_first);
        if is_held {
            self.read_ahead.add(partition.clone(), *offset, i64::MAX, *leader_epoch);
            self.read_ahead.set_end(partition, *end);
        }
        is_held
    }

    /// Wakes the starter: what has kept a partition from beginning may be over.
    pub(super) fn wake_starter(&self) {
        self.changed.notify_all();
    }

    /// Whether the oldest batch is young enough.
    pub(super) fn makes_progress(&self) -> bool {
        let oldest = self.lock().batches.front().copied();
        oldest.is_none_or(|cut| now() - cut < self.longest_batch)
    }

    /// Waits until there is something to do. With `not_before` what was assigned waits until then.
    pub(super) fn next(&self, until: Deadline, not_before: Option<Deadline>) -> Next {
        let mut state = self.lock();
        loop {
            if state.stop {
                return Next::Stop;
            }
            if !state.out_of_range.is_empty() {
                return Next::OutOfRange(std::mem::take(&mut state.out_of_range));
            }
            let pause = not_before.filter(|_| state.holdings.has_assigned()).filter(|at| !at.is_over());
            if pause.is_none() {
                let assigned = state.holdings.take_assigned();
                if !assigned.is_empty() {
                    return Next::Begin(assigned);
                }
            }
            if until.is_over() {
                return Next::Time;
            }
            let wait = pause.map_or(until, |pause| pause.min(until));
            self.changed.wait_for(&mut state, wait.left());
        }
    }
}

/// Passes on what the fetch threads find.
pub(super) struct Telling {
    pub(super) shared: std::sync::OnceLock<std::sync::Weak<Shared>>,
}

impl Watch for Arc<Telling> {
    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) -> Option<KafkaError> {
        let shared = self.shared.get()?.upgrade()?;
        shared.lock().out_of_range.push((partition.clone(), wanted));
        shared.changed.notify_all();
        None
    }

    fn tell(&self, kind: &'static str, detail: String) {
        if let Some(shared) = self.shared.get().and_then(std::sync::Weak::upgrade) {
            shared.tell(kind, detail);
        }
    }
}
