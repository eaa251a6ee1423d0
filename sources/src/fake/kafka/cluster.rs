//! [`Shared`]: the cluster as its threads share it, and [`State`]: brokers, topics and groups under one lock. The threads of
//! connections and of the test change it; a condition wakes whoever waits for a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, Mono, SystemClock};
use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use super::faults::Faults;
use super::groups::Group;
use super::profile::Profile;
use super::seen::RequestLog;
use super::topic::{Partition, Topic};
use super::{ApiKey, ErrorCode};
use crate::kafka::wire::Uuid;

/// What all threads of a cluster have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    changed: Condvar,
    /// Where timestamps come from, and the deadlines of groups.
    pub(super) clock: Arc<dyn Clock>,
    /// Where deadlines come from: a fetch does not wait for a test to move its clock.
    time: SystemClock,
    /// Wakes the timer of the groups; none once the cluster is closed.
    timer: Mutex<Option<channel::Sender<()>>>,
}

impl Shared {
    /// `timer` wakes the timer of the groups.
    pub(super) fn new(state: State, clock: Arc<dyn Clock>, timer: channel::Sender<()>) -> Self {
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            clock,
            time: SystemClock::new(),
            timer: Mutex::new(Some(timer)),
        }
    }

    /// Changes something and wakes all who wait for a change.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        state.changes += 1;
        state.publish();
        drop(state);
        self.changed.notify_all();
        result
    }

    /// As [`change`](Self::change), for what may change groups: with the time, up to which what was due in them has
    /// happened.
    pub(super) fn change_groups<R>(&self, change: impl FnOnce(&mut State, Mono) -> R) -> R {
        let now = self.clock.mono();
        let (result, is_due_earlier) = self.change(|state| {
            state.pass_time(now);
            let before = state.next_deadline();
            let result = change(state, now);
            let is_due_earlier =
                state.next_deadline().is_some_and(|next| before.is_none_or(|before| next < before));
            (result, is_due_earlier)
        });
        if let Some(timer) = self.timer.lock().as_ref().filter(|_| is_due_earlier) {
            // One that is full wakes it as well.
            let _ = timer.try_send(());
        }
        result
    }

    /// Lets what is due in groups happen, and tells when something is due next.
    pub(super) fn pass_time(&self) -> Option<Mono> {
        let now = self.clock.mono();
        let mut state = self.state.lock();
        if state.pass_time(now) {
            state.changes += 1;
            self.changed.notify_all();
        }
        state.next_deadline()
    }

    /// Has the timer of the groups end.
    pub(super) fn stop_timer(&self) {
        *self.timer.lock() = None;
    }

    /// Waits until `done`, at most `timeout`: whether it is.
    pub(super) fn wait(&self, timeout: Duration, mut done: impl FnMut(&mut State) -> bool) -> bool {
        self.wait_for(timeout, |state, _| done(state).then_some(())).is_some()
    }

    /// Waits until `look` finds something, at most `timeout`. `look` is called with what is left of the time.
    pub(super) fn wait_for<R>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&mut State, Duration) -> Option<R>,
    ) -> Option<R> {
        let deadline = self.time.mono() + timeout;
        let mut state = self.state.lock();
        loop {
            let left = deadline - self.time.mono();
            if let Some(found) = look(&mut state, left) {
                return Some(found);
            }
            if left.is_zero() {
                return None;
            }
            self.changed.wait_for(&mut state, left);
        }
    }

    /// The time for timestamps, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.wall().as_ms()
    }
}

/// A broker of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) rack: Option<String>,
    /// The address that Metadata tells.
    pub(super) host: String,
    pub(super) port: u16,
    /// The release that it behaves as, where that is not the cluster's.
    pub(super) profile: Option<Profile>,
    pub(super) running: bool,
    /// How often it was started. A connection belongs to one start.
    pub(super) starts: u64,
}

/// The whole cluster.
#[derive(Debug)]
pub(super) struct State {
    pub(super) profile: Profile,
    /// Versions that a test has set, in the place of the profile's.
    pub(super) versions: BTreeMap<ApiKey, (i16, i16)>,
    pub(super) brokers: Vec<Broker>,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) groups: BTreeMap<String, Group>,
    /// Coordinators that were moved, by group.
    pub(super) coordinators: BTreeMap<String, i32>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    #[cfg(feature = "sasl")]
    pub(super) sasl: Option<Arc<super::FakeSasl>>,
    /// Where brokers and topics are registered.
    #[cfg(feature = "zookeeper")]
    pub(super) registry: Option<super::registry::Registry>,
    pub(super) auto_create: bool,
    pub(super) default_partitions: i32,
    /// The longest batch that a producer may send (`message.max.bytes`).
    pub(super) max_message_bytes: usize,
    pub(super) throttle_time_ms: i32,
    pub(super) faults: Faults,
    pub(super) requests: RequestLog,
    pub(super) connections: u64,
    /// How often something was changed.
    pub(super) changes: u64,
    next_producer_id: i64,
    next_topic_id: u64,
}

impl State {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            versions: BTreeMap::new(),
            brokers: Vec::new(),
            topics: BTreeMap::new(),
            groups: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "sasl")]
            sasl: None,
            #[cfg(feature = "zookeeper")]
            registry: None,
            auto_create: true,
            default_partitions: 1,
            max_message_bytes: 1_048_588,
            throttle_time_ms: 0,
            faults: Faults::default(),
            requests: RequestLog::default(),
            connections: 0,
            changes: 0,
            next_producer_id: 1000,
            next_topic_id: 1,
        }
    }

    /// Registers what has changed of brokers and topics, if they are registered at all.
    pub(super) fn publish(&mut self) {
        #[cfg(feature = "zookeeper")]
        if let Some(mut registry) = self.registry.take() {
            registry.publish(self);
            self.registry = Some(registry);
        }
    }

    /// Lets what is due in groups happen: whether anything was.
    fn pass_time(&mut self, now: Mono) -> bool {
        let mut changed = false;
        for group in self.groups.values_mut() {
            changed |= group.pass_time(now);
        }
        changed
    }

    /// When something is due in a group.
    fn next_deadline(&self) -> Option<Mono> {
        self.groups.values().filter_map(Group::next_deadline).min()
    }

    /// The release that a broker behaves as.
    pub(super) fn profile_of(&self, broker: i32) -> Profile {
        self.broker(broker).and_then(|broker| broker.profile).unwrap_or(self.profile)
    }

    /// The versions of a request that a broker answers.
    pub(super) fn served(&self, broker: i32, api: ApiKey) -> Option<(i16, i16)> {
        let of_profile = self.profile_of(broker).versions(api).map(|range| (*range.start(), *range.end()));
        self.versions.get(&api).copied().or(of_profile)
    }

    pub(super) fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.iter().find(|broker| broker.id == id)
    }

    /// Whether this broker still runs since the start that a connection belongs to.
    pub(super) fn runs(&self, id: i32, start: u64) -> bool {
        self.broker(id).is_some_and(|broker| broker.running && broker.starts == start)
    }

    fn is_running(&self, id: i32) -> bool {
        self.broker(id).is_some_and(|broker| broker.running)
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.iter().filter(|broker| broker.running)
    }

    /// The broker that cares for a group: the one it was moved to, else one that its name decides.
    pub(super) fn coordinator(&self, group: &str) -> Option<&Broker> {
        if let Some(moved) = self.coordinators.get(group) {
            return self.broker(*moved).filter(|broker| broker.running);
        }
        let sum =
            group.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let running: Vec<_> = self.running().collect();
        running.get(sum % running.len().max(1)).copied()
    }

    pub(super) fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    pub(super) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// The partition, if this broker leads it.
    ///
    /// # Errors
    /// What the broker answers otherwise.
    pub(super) fn led(
        &mut self,
        broker: i32,
        topic: &str,
        partition: i32,
    ) -> Result<&mut Partition, ErrorCode> {
        let found = self.partition_mut(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if found.leader == broker { Ok(found) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    pub(super) fn create_topic(&mut self, name: &str, partitions: i32) {
        let id = self.new_topic_id();
        self.topics.insert(name.to_owned(), Topic::new(id));
        self.grow_topic(name, partitions);
    }

    /// Adds partitions until there are so many.
    pub(super) fn grow_topic(&mut self, name: &str, partitions: i32) {
        let ids: Vec<i32> = self.brokers.iter().map(|broker| broker.id).collect();
        let Some(topic) = self.topics.get(name) else { return };
        let present = topic.partitions.len();
        let wanted = usize::try_from(partitions).unwrap_or(0);
        let added: Vec<_> = (present..wanted)
            .map(|at| {
                let replicas = (0..ids.len().min(3)).map(|n| ids[(at + n) % ids.len()]).collect::<Vec<_>>();
                let leader = replicas.iter().copied().find(|id| self.is_running(*id));
                Partition::new(replicas, leader)
            })
            .collect();
        if let Some(topic) = self.topics.get_mut(name) {
            topic.partitions.extend(added);
        }
    }

    fn new_topic_id(&mut self) -> Uuid {
        let mut id = *b"fake topic\0\0\0\0\0\0";
        id[8..].copy_from_slice(&self.next_topic_id.to_be_bytes());
        self.next_topic_id += 1;
        Uuid(id)
    }

    pub(super) fn new_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id
    }

    /// Gives each partition whose leader does not run to another of its brokers, or to nobody; one without a leader to
    /// the first of its brokers that runs.
    pub(super) fn elect_leaders(&mut self) {
        let running: Vec<i32> = self.running().map(|broker| broker.id).collect();
        for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            if !running.contains(&partition.leader) {
                let next = partition.replicas.iter().copied().find(|id| running.contains(id));
                match next {
                    Some(next) => partition.elect(next),
                    None => partition.leader = Partition::NO_LEADER,
                }
            }
        }
    }
}
