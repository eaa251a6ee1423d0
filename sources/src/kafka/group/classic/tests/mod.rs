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

use super::{ClassicGroup, GroupSettings};
use crate::fake::kafka::{ApiKey, ErrorCode, FakeKafka, GroupState, Profile};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::native::NativeTransport;
use crate::kafka::group::heard::{Heard, WAIT, offset};
use crate::kafka::group::{Assignor, GroupError, Membership, RebalanceListener, Subscription};
use crate::kafka::{KafkaError, KafkaParams, TopicPartition};

const GROUP: &str = "readers";

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
        self.heard.has(partitions);
    }

    /// Waits until so many shares have come.
    #[track_caller]
    fn has_shares(&self, count: usize) {
        self.heard.wait_for("shares", |state| (state.shares >= count).then_some(()));
    }

    fn held(&self) -> BTreeSet<i32> {
        self.heard.held()
    }

    /// How many it has, once the group is stable and both sides see the same.
    #[track_caller]
    fn settles_with(&self, kafka: &FakeKafka, count: usize) {
        self.heard.wait_for("a share", |state| (state.held.len() == count).then_some(()));
        await_stable(kafka);
    }

    fn done(&self, partition: i32, at: i64) {
        self.heard.done_until(partition, at);
    }

    fn commit(&self, partition: i32, at: i64) {
        self.group().commit(vec![offset(partition, at)]);
    }

    #[track_caller]
    fn is_told_of(&self, partition: i32, at: i64) -> Result<(), KafkaError> {
        self.heard.is_told_of(partition, at)
    }

    #[track_caller]
    fn fails(&self) -> KafkaError {
        self.heard.fails()
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
        self.heard.calls()
    }

    #[track_caller]
    fn was_never_without(&self) {
        let calls = self.calls();
        let is_loss =
            |call: &String| ["lost", "revoked", "handed over"].iter().any(|how| call.starts_with(how));
        assert!(!calls.iter().any(is_loss), "{calls:?}");
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
