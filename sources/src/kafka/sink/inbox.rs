//! [`Inbox`]: where the thread of a broker finds the partitions that have something for it, and where it sleeps.

use std::sync::Arc;

use batchmill::Mono;
use parking_lot::{Condvar, Mutex};

use super::partition::Partition;
use crate::kafka::client::deadline::Deadline;

/// One for each broker that leads a partition.
#[derive(Debug)]
pub(super) struct Inbox {
    node: i32,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    partitions: Vec<Arc<Partition>>,
    is_told: bool,
    is_closed: bool,
}

impl Inbox {
    pub(super) fn new(node: i32) -> Self {
        Self { node, state: Mutex::default(), wake: Condvar::new() }
    }

    /// The number of the broker.
    pub(super) fn node(&self) -> i32 {
        self.node
    }

    /// A partition has something for the broker. The thread does not wake up by that.
    pub(super) fn put(&self, partition: &Arc<Partition>) {
        self.state.lock().partitions.push(Arc::clone(partition));
    }

    /// Something has changed.
    pub(super) fn tell(&self) {
        self.state.lock().is_told = true;
        self.wake.notify_one();
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// What was put in since; `None`: the thread shall end.
    pub(super) fn collect(&self) -> Option<Vec<Arc<Partition>>> {
        let mut state = self.state.lock();
        state.is_told = false;
        (!state.is_closed).then(|| std::mem::take(&mut state.partitions))
    }

    /// Sleeps until something has changed since the last [`collect`](Self::collect), or the moment has come.
    pub(super) fn wait(&self, until: Option<Mono>) {
        let mut state = self.state.lock();
        while !state.is_told && !state.is_closed {
            match until.map(Deadline::at) {
                None => self.wake.wait(&mut state),
                Some(deadline) if deadline.is_over() => return,
                Some(deadline) => {
                    self.wake.wait_for(&mut state, deadline.left());
                }
            }
        }
    }
}
