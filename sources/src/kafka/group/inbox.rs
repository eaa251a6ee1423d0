//! What waits for the thread that decides for a member: answers, offsets to commit, the wish to leave. Filled by any thread,
//! emptied by that one. It cannot grow without bound: what is asked has one answer, and of a partition's offsets the last is
//! kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use batchmill::Mono;
use parking_lot::{Condvar, Mutex};

use super::membership::{Later, Offsets};
use crate::kafka::TopicPartition;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;

/// What waits; an `A` answers what the thread has asked.
#[derive(Debug)]
pub(in crate::kafka) struct Inbox<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
}

/// What the thread does next.
#[derive(Debug)]
pub(in crate::kafka) enum Next<A> {
    /// Take in an answer.
    Answer(A),
    /// Commit these.
    Commit(Offsets),
    /// End the membership in order.
    Leave,
    /// End at once.
    Abandon,
    /// Nothing but time has passed.
    Wake,
}

#[derive(Debug)]
struct State<A> {
    answers: VecDeque<A>,
    offsets: BTreeMap<TopicPartition, Committed>,
    leave: bool,
    /// The thread shall end whatever it does.
    closed: bool,
    /// It has ended.
    ended: bool,
}

impl<A> Default for Inbox<A> {
    fn default() -> Self {
        let state = State {
            answers: VecDeque::new(),
            offsets: BTreeMap::new(),
            leave: false,
            closed: false,
            ended: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<A> Inbox<A> {
    /// An answer has come.
    pub(in crate::kafka) fn answer(&self, answer: A) {
        self.state.lock().answers.push_back(answer);
        self.changed.notify_all();
    }

    /// Offsets are to be committed.
    pub(in crate::kafka) fn commit(&self, offsets: Offsets) {
        let mut state = self.state.lock();
        if !state.ended {
            state.offsets.extend(offsets);
            self.changed.notify_all();
        }
    }

    /// Adds the offsets that wait to others that are committed at once, so that none of them follows: of a partition that is
    /// in both, the one that is further counts.
    pub(in crate::kafka) fn with_waiting(&self, done: Offsets) -> Offsets {
        let mut all = std::mem::take(&mut self.state.lock().offsets);
        for (partition, committed) in done {
            if all.get(&partition).is_none_or(|waiting| waiting.offset < committed.offset) {
                all.insert(partition, committed);
            }
        }
        all.into_iter().collect()
    }

    /// Takes the offsets that wait for these partitions.
    pub(in crate::kafka) fn take(&self, partitions: &[TopicPartition]) -> Offsets {
        let mut state = self.state.lock();
        partitions.iter().filter_map(|partition| state.offsets.remove_entry(partition)).collect()
    }

    /// Where a listener gives later what is done: the offsets that wait go along, and come in as the answer that `of` makes.
    pub(in crate::kafka) fn later(self: &Arc<Self>, of: fn(Offsets) -> A) -> Later
    where
        A: Send + 'static,
    {
        let inbox = Arc::clone(self);
        Box::new(move |done| inbox.answer(of(inbox.with_waiting(done))))
    }

    /// Whether offsets wait.
    #[cfg(all(test, feature = "zookeeper"))]
    pub(in crate::kafka) fn has_offsets(&self) -> bool {
        !self.state.lock().offsets.is_empty()
    }

    /// The membership shall end.
    pub(in crate::kafka) fn leave(&self) {
        self.state.lock().leave = true;
        self.changed.notify_all();
    }

    /// The thread shall end at once.
    pub(in crate::kafka) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// The thread has ended.
    pub(in crate::kafka) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended, or the deadline.
    pub(in crate::kafka) fn wait_for_end(&self, deadline: Deadline) {
        let mut state = self.state.lock();
        while !state.ended && !deadline.is_over() {
            self.changed.wait_for(&mut state, deadline.left());
        }
    }

    /// Waits for what comes next, until `wake`; [`Next::Abandon`] once the inbox is closed.
    pub(in crate::kafka) fn next(&self, wake: Option<Mono>) -> Next<A> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Next::Abandon;
            }
            if let Some(answer) = state.answers.pop_front() {
                return Next::Answer(answer);
            }
            if !state.offsets.is_empty() {
                return Next::Commit(std::mem::take(&mut state.offsets).into_iter().collect());
            }
            if std::mem::take(&mut state.leave) {
                return Next::Leave;
            }
            match wake.map(Deadline::at) {
                Some(wake) if wake.is_over() => return Next::Wake,
                Some(wake) => {
                    self.changed.wait_for(&mut state, wake.left());
                }
                None => self.changed.wait(&mut state),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::group::heard::offset;

    #[test]
    fn what_waits_goes_along_with_what_is_committed_at_once() {
        let inbox = Inbox::<()>::default();
        inbox.commit(vec![offset(0, 5), offset(1, 9), offset(2, 3)]);
        let all = inbox.with_waiting(vec![offset(0, 7), offset(1, 8), offset(3, 1)]);
        assert_eq!(all, [offset(0, 7), offset(1, 9), offset(2, 3), offset(3, 1)]);
        inbox.leave();
        assert!(matches!(inbox.next(None), Next::Leave), "nothing waits any more");
    }
}
