//! What waits for the machine: answers, offsets to commit, the wish to leave. Filled by any thread, emptied by the driver's.
//! It cannot grow without bound: each request has one answer, and of a partition's offsets the last is kept.

use std::collections::{BTreeMap, VecDeque};

use batchmill::Mono;
use parking_lot::{Condvar, Mutex};

use super::machine::Event;
use crate::kafka::TopicPartition;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::membership::Offsets;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Event>,
    offsets: BTreeMap<TopicPartition, Committed>,
    leave: bool,
    /// The driver shall end whatever the machine says.
    closed: bool,
    /// It has ended.
    ended: bool,
}

impl Inbox {
    /// An answer has come.
    pub(super) fn answer(&self, event: Event) {
        self.state.lock().answers.push_back(event);
        self.changed.notify_all();
    }

    /// Offsets are to be committed.
    pub(super) fn commit(&self, offsets: Offsets) {
        let mut state = self.state.lock();
        if !state.ended {
            state.offsets.extend(offsets);
            self.changed.notify_all();
        }
    }

    /// The membership shall end.
    pub(super) fn leave(&self) {
        self.state.lock().leave = true;
        self.changed.notify_all();
    }

    /// The driver shall end at once.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// The driver has ended.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the driver has ended, or the deadline.
    pub(super) fn wait_for_end(&self, deadline: Deadline) {
        let mut state = self.state.lock();
        while !state.ended && !deadline.is_over() {
            self.changed.wait_for(&mut state, deadline.left());
        }
    }

    /// Waits for what comes next, until `wake`; [`Event::Abandon`] once the inbox is closed.
    pub(super) fn next(&self, wake: Option<Mono>) -> Event {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Event::Abandon;
            }
            if let Some(answer) = state.answers.pop_front() {
                return answer;
            }
            if !state.offsets.is_empty() {
                return Event::Commit(std::mem::take(&mut state.offsets).into_iter().collect());
            }
            if std::mem::take(&mut state.leave) {
                return Event::Leave;
            }
            match wake.map(Deadline::at) {
                Some(wake) if wake.is_over() => return Event::Wake,
                Some(wake) => {
                    self.changed.wait_for(&mut state, wake.left());
                }
                None => self.changed.wait(&mut state),
            }
        }
    }
}
