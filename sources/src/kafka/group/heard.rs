//! A listener for tests, which remembers what it has heard. Of topic `lines`, whose partitions it names by their numbers.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Later, Offsets, RebalanceListener};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;
use crate::kafka::{KafkaError, TopicPartition};

/// So long anything may take before a test has failed.
pub(in crate::kafka) const WAIT: Duration = Duration::from_secs(30);

/// What a member's listener has heard, and says.
#[derive(Default)]
pub(in crate::kafka) struct Heard {
    pub(in crate::kafka) state: Mutex<State>,
    /// Called before the next answer to what is done.
    pub(in crate::kafka) before_done: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    changed: Condvar,
}

#[derive(Debug)]
pub(in crate::kafka) struct State {
    pub(in crate::kafka) held: BTreeSet<i32>,
    /// How many shares have come, those among them that brought nothing.
    pub(in crate::kafka) shares: usize,
    /// All that was called, in order.
    pub(in crate::kafka) calls: Vec<String>,
    /// What is done and was not asked for yet.
    pub(in crate::kafka) done: Vec<(i32, i64)>,
    pub(in crate::kafka) progress: bool,
    pub(in crate::kafka) committed: Vec<(i32, i64, Result<(), KafkaError>)>,
    pub(in crate::kafka) failed: Option<KafkaError>,
}

impl Default for State {
    fn default() -> Self {
        let (held, shares, calls, done, committed) = Default::default();
        Self { held, shares, calls, done, progress: true, committed, failed: None }
    }
}

impl Heard {
    pub(in crate::kafka) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock());
        self.changed.notify_all();
        changed
    }

    /// Waits until it is so.
    #[track_caller]
    pub(in crate::kafka) fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&State) -> Option<T>) -> T {
        let deadline = Deadline::after(WAIT);
        let mut state = self.state.lock();
        loop {
            if let Some(found) = found(&state) {
                return found;
            }
            assert!(!deadline.is_over(), "{what}: {state:?}");
            self.changed.wait_for(&mut state, deadline.left());
        }
    }
}

fn numbers(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|partition| partition.partition).collect()
}

pub(in crate::kafka) fn offset(partition: i32, offset: i64) -> (TopicPartition, Committed) {
    (TopicPartition::new("lines", partition), Committed::at(offset))
}

impl Heard {
    fn gone(&self, how: &str, partitions: &[TopicPartition]) {
        self.change(|state| {
            let numbers = numbers(partitions);
            state.calls.push(format!("{how} {numbers:?}"));
            assert!(numbers.iter().all(|number| state.held.remove(number)), "{:?}", state.calls);
        });
    }
}

impl RebalanceListener for Heard {
    fn assigned(&self, partitions: &[TopicPartition]) {
        self.change(|state| {
            state.shares += 1;
            if partitions.is_empty() {
                return;
            }
            let numbers = numbers(partitions);
            state.calls.push(format!("assigned {numbers:?}"));
            for number in numbers {
                assert!(state.held.insert(number), "{number} is assigned twice: {:?}", state.calls);
            }
        });
    }

    fn done(&self, _: bool) -> Offsets {
        if let Some(before) = self.before_done.lock().take() {
            before();
        }
        let done = self.change(|state| std::mem::take(&mut state.done));
        done.into_iter().map(|(partition, at)| offset(partition, at)).collect()
    }

    fn may_go(&self, _: Later) -> Option<Offsets> {
        Some(self.done(true))
    }

    fn revoked(&self, partitions: &[TopicPartition], _: Later) -> Option<Offsets> {
        let done = self.change(|state| {
            let numbers = numbers(partitions);
            state.calls.push(format!("revoked {numbers:?}"));
            assert!(numbers.iter().all(|number| state.held.remove(number)), "{:?}", state.calls);
            let (given, kept) = state.done.drain(..).partition(|(number, _)| numbers.contains(number));
            state.done = kept;
            given
        });
        let done: Vec<(i32, i64)> = done;
        Some(done.into_iter().map(|(partition, at)| offset(partition, at)).collect())
    }

    fn handed_over(&self, partitions: &[TopicPartition]) {
        self.gone("handed over", partitions);
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.gone("lost", partitions);
    }

    fn committed(&self, offsets: &Offsets, result: &Result<(), KafkaError>) {
        self.change(|state| {
            let one = |(of, at): &(TopicPartition, Committed)| (of.partition, at.offset, result.clone());
            state.committed.extend(offsets.iter().map(one));
        });
    }

    fn makes_progress(&self) -> bool {
        self.state.lock().progress
    }

    fn failed(&self, error: KafkaError) {
        self.change(|state| state.failed = Some(error));
    }

    fn tell(&self, kind: &'static str, detail: String) {
        self.change(|state| state.calls.push(format!("{kind}: {detail}")));
    }
}

/// What a test asks of it.
impl Heard {
    /// Waits until it has these partitions and no others.
    #[track_caller]
    pub(in crate::kafka) fn has(&self, partitions: &[i32]) {
        let partitions: BTreeSet<i32> = partitions.iter().copied().collect();
        let what = format!("to have {partitions:?}");
        self.wait_for(&what, |state| (state.held == partitions).then_some(()));
    }

    pub(in crate::kafka) fn held(&self) -> BTreeSet<i32> {
        self.state.lock().held.clone()
    }

    pub(in crate::kafka) fn calls(&self) -> Vec<String> {
        self.state.lock().calls.clone()
    }

    /// Says that it is done when it is asked.
    pub(in crate::kafka) fn done_until(&self, partition: i32, at: i64) {
        self.change(|state| state.done.push((partition, at)));
    }

    /// Waits for what became of an offset.
    #[track_caller]
    pub(in crate::kafka) fn is_told_of(&self, partition: i32, at: i64) -> Result<(), KafkaError> {
        self.wait_for("an answer to a commit", |state| {
            let found = state.committed.iter().find(|(of, offset, _)| (*of, *offset) == (partition, at));
            found.map(|(_, _, result)| result.clone())
        })
    }

    #[track_caller]
    pub(in crate::kafka) fn fails(&self) -> KafkaError {
        self.wait_for("a failure", |state| state.failed.clone())
    }
}
