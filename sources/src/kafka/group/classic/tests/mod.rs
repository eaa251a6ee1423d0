//! Members on the fake cluster: who has which partitions, what is committed, and what trouble does to both.

mod brokers;
mod commits;
mod cooperative;
mod faults;
mod instances;
mod members;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{ClassicGroup, GroupSettings};
use crate::fake::kafka::{ApiKey, ErrorCode, FakeKafka, GroupState, Profile};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::native::NativeTransport;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::membership::Offsets;
use crate::kafka::group::{Assignor, GroupError, Membership, RebalanceListener, Subscription};
use crate::kafka::{KafkaError, KafkaParams, TopicPartition};

const GROUP: &str = "readers";

/// So long anything may take before a test has failed.
const WAIT: Duration = Duration::from_secs(30);

/// What a member's listener has heard, and says.
#[derive(Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    held: BTreeSet<i32>,
    /// All that was called, in order.
    calls: Vec<String>,
    /// What is done and was not asked for yet.
    done: Vec<(i32, i64)>,
    progress: bool,
    committed: Vec<(i32, i64, Result<(), KafkaError>)>,
    failed: Option<KafkaError>,
}

impl Default for State {
    fn default() -> Self {
        let (held, calls, done, committed) = Default::default();
        Self { held, calls, done, progress: true, committed, failed: None }
    }
}

impl Heard {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock());
        self.changed.notify_all();
        changed
    }

    /// Waits until it is so.
    #[track_caller]
    fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&State) -> Option<T>) -> T {
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

fn offset(partition: i32, offset: i64) -> (TopicPartition, Committed) {
    let committed = Committed { offset, leader_epoch: None, metadata: String::new() };
    (TopicPartition::new("lines", partition), committed)
}

impl RebalanceListener for Heard {
    fn assigned(&self, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        self.change(|state| {
            let numbers = numbers(partitions);
            state.calls.push(format!("assigned {numbers:?}"));
            for number in numbers {
                assert!(state.held.insert(number), "{number} is assigned twice: {:?}", state.calls);
            }
        });
    }

    fn done(&self, _: bool) -> Offsets {
        let done = self.change(|state| std::mem::take(&mut state.done));
        done.into_iter().map(|(partition, at)| offset(partition, at)).collect()
    }

    fn revoked(&self, partitions: &[TopicPartition]) -> Offsets {
        let done = self.change(|state| {
            let numbers = numbers(partitions);
            state.calls.push(format!("revoked {numbers:?}"));
            assert!(numbers.iter().all(|number| state.held.remove(number)), "{:?}", state.calls);
            let (given, kept) = state.done.drain(..).partition(|(number, _)| numbers.contains(number));
            state.done = kept;
            given
        });
        let done: Vec<(i32, i64)> = done;
        done.into_iter().map(|(partition, at)| offset(partition, at)).collect()
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.change(|state| {
            let numbers = numbers(partitions);
            state.calls.push(format!("lost {numbers:?}"));
            assert!(numbers.iter().all(|number| state.held.remove(number)), "{:?}", state.calls);
        });
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

/// A member of the group under test.
struct Member {
    heard: Arc<Heard>,
    group: Option<ClassicGroup>,
}

/// Parameters that do not make a test wait.
fn params(kafka: &FakeKafka) -> KafkaParams {
    KafkaParams::from([("bootstrap.servers", kafka.bootstrap().as_str())])
        .group_id(GROUP)
        .heartbeat_interval(Duration::from_millis(20))
        .backoff(Duration::from_millis(2), Duration::from_millis(50))
        .refresh(Duration::from_millis(200))
}

impl Member {
    fn join(kafka: &FakeKafka) -> Self {
        Self::join_as(params(kafka))
    }

    fn join_as(params: KafkaParams) -> Self {
        Self::join_for(params, Subscription::names(["lines"]))
    }

    fn join_for(params: KafkaParams, subscription: Subscription) -> Self {
        let mut settings = params.client_settings("").unwrap();
        settings.versions_timeout = Duration::from_millis(200);
        let transport = NativeTransport::new(settings);
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard) as Arc<dyn RebalanceListener>;
        let settings = GroupSettings::of(&params).unwrap();
        let group = ClassicGroup::join(settings, subscription, transport.for_member(), listener);
        Self { heard, group: Some(group.unwrap()) }
    }

    fn group(&self) -> &ClassicGroup {
        self.group.as_ref().expect("the member is there")
    }

    /// Waits until it has these partitions and no others.
    #[track_caller]
    fn has(&self, partitions: &[i32]) {
        let partitions: BTreeSet<i32> = partitions.iter().copied().collect();
        let what = format!("to have {partitions:?}");
        self.heard.wait_for(&what, |state| (state.held == partitions).then_some(()));
    }

    fn held(&self) -> BTreeSet<i32> {
        self.heard.state.lock().held.clone()
    }

    /// How many it has, once the group is stable and both sides see the same.
    #[track_caller]
    fn settles_with(&self, kafka: &FakeKafka, count: usize) {
        self.heard.wait_for("a share", |state| (state.held.len() == count).then_some(()));
        await_stable(kafka);
    }

    fn done(&self, partition: i32, at: i64) {
        self.heard.change(|state| state.done.push((partition, at)));
    }

    fn commit(&self, partition: i32, at: i64) {
        self.group().commit(vec![offset(partition, at)]);
    }

    #[track_caller]
    fn is_told_of(&self, partition: i32, at: i64) -> Result<(), KafkaError> {
        self.heard.wait_for("an answer to a commit", |state| {
            let found = state.committed.iter().find(|(of, offset, _)| (*of, *offset) == (partition, at));
            found.map(|(_, _, result)| result.clone())
        })
    }

    #[track_caller]
    fn fails(&self) -> KafkaError {
        self.heard.wait_for("a failure", |state| state.failed.clone())
    }

    fn leave(mut self) -> Arc<Heard> {
        let group = self.group.take().expect("it leaves once");
        group.leave(Deadline::after(WAIT));
        Arc::clone(&self.heard)
    }

    /// As if its process were killed.
    fn crash(mut self) {
        drop(self.group.take());
    }

    fn calls(&self) -> Vec<String> {
        self.heard.state.lock().calls.clone()
    }

    #[track_caller]
    fn was_never_without(&self) {
        let calls = self.calls();
        assert!(
            !calls.iter().any(|call| call.starts_with("lost") || call.starts_with("revoked")),
            "{calls:?}"
        );
    }
}

#[track_caller]
fn await_stable(kafka: &FakeKafka) {
    let is_stable = |kafka: &FakeKafka| {
        kafka.group(GROUP).is_some_and(|group| {
            group.state == GroupState::Stable && group.members.iter().all(|member| !member.is_waiting)
        })
    };
    assert!(kafka.wait_until(WAIT, is_stable), "{:?}", kafka.group(GROUP));
}

fn committed(kafka: &FakeKafka, partition: i32) -> Option<i64> {
    kafka.committed(GROUP, "lines", partition).map(|committed| committed.offset)
}
