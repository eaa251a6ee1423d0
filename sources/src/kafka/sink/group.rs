//! [`Group`]: records that are waited for together, such as those of an output. Batches of records tell it when they are done;
//! whoever has sent the records waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::kafka::KafkaError;
use crate::kafka::client::deadline::Deadline;

/// Counts batches that hold records of its own.
#[derive(Debug, Default)]
pub(super) struct Group {
    state: Mutex<State>,
    changed: Condvar,
    has_failed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that are not done.
    pending: usize,
    /// The first error.
    error: Option<KafkaError>,
}

impl Group {
    /// A batch got the first of these records.
    fn began(&self) {
        self.state.lock().pending += 1;
    }

    /// A batch that has some of them is done, or given up.
    fn ended(&self, error: Option<&KafkaError>) {
        let mut state = self.state.lock();
        state.pending -= 1;
        if let Some(error) = error {
            state.error.get_or_insert_with(|| error.clone());
            self.has_failed.store(true, Ordering::Release);
        }
        if state.pending == 0 {
            self.changed.notify_all();
        }
    }

    /// The first error so far.
    pub(super) fn error(&self) -> Option<KafkaError> {
        if !self.has_failed.load(Ordering::Acquire) {
            return None;
        }
        self.state.lock().error.clone()
    }

    /// Waits until no batch is pending, or the deadline: how many are still.
    pub(super) fn wait(&self, deadline: Option<Deadline>) -> usize {
        let mut state = self.state.lock();
        while state.pending > 0 {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) if deadline.is_over() => break,
                Some(deadline) => {
                    self.changed.wait_for(&mut state, deadline.left());
                }
            }
        }
        state.pending
    }
}

/// Whose records a batch holds. Few at a time, and mostly one.
#[derive(Debug, Default)]
pub(super) struct Members {
    groups: Vec<Arc<Group>>,
}

impl Members {
    /// A record of this group is in the batch. To be called before anybody can wait for it.
    #[inline]
    pub(super) fn add(&mut self, group: &Arc<Group>) {
        let is_known = |known: &Arc<Group>| Arc::ptr_eq(known, group);
        // The last comer is the next one, too.
        if self.groups.last().is_some_and(is_known) || self.groups.iter().any(is_known) {
            return;
        }
        group.began();
        self.groups.push(Arc::clone(group));
    }

    /// The same groups for another batch, that has some of the records.
    pub(super) fn share(&self) -> Self {
        self.groups.iter().for_each(|group| group.began());
        Self { groups: self.groups.clone() }
    }

    /// The batch is done, or given up.
    pub(super) fn end(&mut self, error: Option<&KafkaError>) {
        self.groups.drain(..).for_each(|group| group.ended(error));
    }
}

impl Drop for Members {
    /// A batch that nobody has ended was lost with its thread.
    fn drop(&mut self) {
        self.end(Some(&KafkaError::Stopped));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_done_when_all_its_batches_are() {
        let (group, other) = (Arc::new(Group::default()), Arc::new(Group::default()));
        let (mut first, mut second) = (Members::default(), Members::default());
        for _ in 0..3 {
            first.add(&group);
            first.add(&other);
            second.add(&group);
        }
        let now = || Some(Deadline::after(std::time::Duration::ZERO));
        assert_eq!((group.wait(now()), other.wait(now())), (2, 1));
        first.end(None);
        assert_eq!((group.wait(now()), other.wait(None)), (1, 0));
        second.end(Some(&KafkaError::Stopped));
        assert_eq!(group.wait(None), 0);
        assert!(matches!(group.error(), Some(KafkaError::Stopped)) && other.error().is_none());
    }

    #[test]
    fn a_batch_that_is_lost_fails_its_groups() {
        let group = Arc::new(Group::default());
        let mut lost = Members::default();
        lost.add(&group);
        let half = lost.share();
        drop(lost);
        drop(half);
        assert_eq!(group.wait(None), 0);
        assert!(group.error().is_some());
    }
}
