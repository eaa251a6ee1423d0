//! What the threads of a receiver stream share: the generate thread cuts and completes batches, the members' threads assign
//! and take away, the starter's thread begins what was assigned. One lock, held for a few moves; what is read ahead is
//! changed under it too, so that a partition that comes back is never mixed up with what it was.

use std::sync::Arc;
use std::time::Duration;

use batchmill::InputHandle;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::batches::Batches;
use super::giving_up::GivingUp;
use super::holdings::{Dropped, Holdings, Right};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::group::{Membership, Offsets};
use crate::kafka::streams::begin::Begin;
use crate::kafka::streams::fetching::Fetching;
use crate::kafka::streams::read_ahead::{ReadAhead, Watch};
use crate::kafka::{KafkaError, OffsetRange, TopicPartition};

/// Shared by the threads of a stream.
pub(super) struct Shared {
    pub(super) handle: InputHandle,
    pub(super) read_ahead: Arc<ReadAhead>,
    /// How long no batch may come to its end before its members count as stuck.
    longest_batch: Duration,
    /// How long batches are waited for that hold records of partitions which are to be given up.
    pub(super) rebalance_wait: Duration,
    state: Mutex<State>,
    /// There is something for the starter.
    changed: Condvar,
    /// Held from taking what is done until the membership has it, so that of two threads none gives older offsets after the
    /// newer ones of the other. Locked before `state`.
    pub(super) giving: Mutex<()>,
    /// Out once the stream ends. Never locked while `state` is.
    fetching: Mutex<Option<Fetching>>,
}

/// What is behind the lock.
pub(super) struct State {
    pub(super) holdings: Holdings,
    pub(super) batches: Batches,
    /// What the stream cannot go on with.
    pub(super) failed: Option<KafkaError>,
    /// Offsets that a broker says it does not have.
    out_of_range: Vec<(TopicPartition, i64)>,
    /// What is to be given up once batches are done.
    pub(super) giving_up: Vec<GivingUp>,
    stop: bool,
}

/// Partitions that were taken away.
#[derive(Default)]
pub(super) struct Gone {
    pub(super) partitions: Vec<TopicPartition>,
    /// What others read again, as [`Holdings::take_repeats`] says it.
    pub(super) repeats: Option<(Vec<OffsetRange>, u64)>,
}

/// What the starter is to do.
pub(super) enum Next {
    Begin(Vec<(TopicPartition, Right, usize)>),
    OutOfRange(Vec<(TopicPartition, i64)>),
    /// Batches have had the time that partitions were waited with.
    GiveUp,
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
        rebalance_wait: Duration,
    ) -> Self {
        let state = State {
            holdings,
            batches: Batches::default(),
            failed: None,
            out_of_range: Vec::new(),
            giving_up: Vec::new(),
            stop: false,
        };
        Self {
            handle,
            read_ahead,
            longest_batch,
            rebalance_wait,
            state: Mutex::new(state),
            changed: Condvar::new(),
            giving: Mutex::new(()),
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

    /// Tells something of these partitions.
    pub(super) fn tell_partitions(&self, kind: &'static str, partitions: &[TopicPartition]) {
        let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        self.tell(kind, names.join(", "));
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
        let repeats = state.holdings.take_repeats();
        drop(state);
        self.changed.notify_all();
        self.tell_repeats(repeats);
        // Another member may have waited with them.
        self.go_on_giving_up();
    }

    /// These are a member's no longer: what no batch holds of them is dropped.
    pub(super) fn take_away(&self, member: usize, partitions: &[TopicPartition]) {
        // Whoever is giving what is done of them has given it by then.
        let order = self.giving.lock();
        let gone = self.drop_what_is_gone(self.lock(), member, partitions);
        drop(order);
        self.tell_repeats(gone.repeats);
        // Nothing is left to wait for, maybe.
        self.go_on_giving_up();
    }

    /// These are a member's no longer. Called while nobody gives what is done; what is returned is told when that is over.
    pub(super) fn drop_what_is_gone(
        &self,
        mut state: MutexGuard<'_, State>,
        member: usize,
        partitions: &[TopicPartition],
    ) -> Gone {
        let dropped = state.holdings.take_away(member, partitions);
        self.forget(&dropped);
        let repeats = state.holdings.take_repeats();
        drop(state);
        self.fetch_what_is_held();
        Gone { partitions: dropped.into_iter().map(|(partition, _)| partition).collect(), repeats }
    }

    /// These were committed, or could not be.
    pub(super) fn committed(&self, offsets: &Offsets, is_done: bool) {
        let mut state = self.lock();
        state.holdings.committed(offsets, is_done);
        let repeats = state.holdings.take_repeats();
        drop(state);
        self.tell_repeats(repeats);
    }

    pub(super) fn tell_repeats(&self, repeats: Option<(Vec<OffsetRange>, u64)>) {
        let Some((ranges, total)) = repeats else { return };
        let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        let detail = format!(
            "{}: done, but given to others before it was committed, and read again there; {total} offsets so far",
            ranges.join(", ")
        );
        self.tell("commit_skipped", detail);
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
    pub(super) fn begin(&self, right: Right, begin: &Begin) -> bool {
        let Begin { partition, offset, leader_epoch, end, .. } = begin;
        let mut state = self.lock();
        let is_held = state.holdings.begin(partition, right, *offset, *leader_epoch, begin.is_unsaid());
        if is_held {
            self.read_ahead.add(partition.clone(), *offset, i64::MAX, *leader_epoch);
            self.read_ahead.set_end(partition, *end);
        }
        is_held
    }

    /// Gives a member to commit what is done of its partitions (of `only` these, if some are named) and was not given.
    pub(super) fn give(&self, number: usize, only: Option<&[TopicPartition]>, member: &dyn Membership) {
        let _order = self.giving.lock();
        let done = self.lock().holdings.take_done(number, only);
        if !done.is_empty() {
            member.commit(done);
        }
    }

    /// Takes what is done of a member's partitions, for one who commits it himself: what was taken before has been given by
    /// then. With `pause` no batch takes of them any more.
    pub(super) fn take_done(&self, member: usize, pause: bool) -> Offsets {
        let _order = self.giving.lock();
        let mut state = self.lock();
        if pause {
            state.holdings.pause(member, None);
        }
        state.holdings.take_done(member, None)
    }

    /// Wakes the starter: what has kept a partition from beginning may be over.
    pub(super) fn wake_starter(&self) {
        self.changed.notify_all();
    }

    /// Whether batches come to their end.
    pub(super) fn makes_progress(&self) -> bool {
        !self.lock().batches.are_stuck(self.longest_batch, now())
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
            let giving_up = state.giving_up.iter().map(|giving| giving.until).min();
            if giving_up.is_some_and(Deadline::is_over) {
                return Next::GiveUp;
            }
            if until.is_over() {
                return Next::Time;
            }
            let wait = [pause, giving_up].into_iter().flatten().fold(until, Deadline::min);
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
