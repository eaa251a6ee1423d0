//! The client against the fake cluster: what it asks, what it fetches, and what trouble does to both.

mod asking;
mod fetching;
mod profiles;
mod trouble;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::address::Address;
use super::backoff::BackoffRange;
use super::deadline::Deadline;
use super::native::NativeTransport;
use super::settings::ClientSettings;
use super::transport::{FetchFailure, FetchSink, Fetched, Fetcher, Transport, Want};
use crate::fake::kafka::FakeKafka;
use crate::kafka::TopicPartition;
use crate::kafka::wire::records::Limits;

/// So long anything may take before a test has failed.
const WAIT: Duration = Duration::from_secs(30);

fn soon() -> Deadline {
    Deadline::after(WAIT)
}

/// Settings that do not make a test wait.
pub(super) fn settings(kafka: &FakeKafka) -> ClientSettings {
    settings_for(&kafka.bootstrap())
}

fn settings_for(bootstrap: &str) -> ClientSettings {
    let mut settings = ClientSettings::new(Address::parse_list(bootstrap).unwrap());
    settings.backoff = BackoffRange { first: Duration::from_millis(2), longest: Duration::from_millis(50) };
    settings.versions_timeout = Duration::from_millis(200);
    settings.fetch_max_wait = Duration::from_millis(100);
    settings
}

fn client(kafka: &FakeKafka) -> NativeTransport {
    NativeTransport::new(settings(kafka))
}

pub(super) fn partition(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic, number)
}

fn text(number: usize) -> String {
    format!("value {number}")
}

/// A sink that opens what comes at once, and checks that nothing is missing or doubled.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// Of partitions that are wanted.
    pub(super) wants: HashMap<TopicPartition, Want>,
    pub(super) values: HashMap<TopicPartition, Vec<(i64, String)>>,
    pub(super) failures: Vec<(TopicPartition, FetchFailure)>,
    last: HashMap<TopicPartition, Fetched>,
}

impl FetchSink for Collected {
    fn want(&self, partition: &TopicPartition) -> Option<Want> {
        self.state.lock().wants.get(partition).copied()
    }

    fn fetched(&self, partition: &TopicPartition, fetched: Fetched) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(want) = state.wants.get_mut(partition) else { return };
        if want.offset != fetched.offset {
            return;
        }
        let values = state.values.entry(partition.clone()).or_default();
        let mut begin = fetched.offset;
        for block in &fetched.blocks {
            assert_eq!(block.offsets().start, begin, "blocks meet");
            begin = block.offsets().end;
            let mut opened = block.open(block.offsets(), Limits::default());
            while let Some(batch) = opened.next_batch() {
                match batch {
                    Ok(mut batch) => {
                        let bytes = Arc::clone(batch.bytes());
                        while let Some(record) = batch.next_in(bytes.bytes()).unwrap() {
                            let value = record.value.of(bytes.bytes()).unwrap_or_default();
                            values.push((record.offset, String::from_utf8(value.to_vec()).unwrap()));
                        }
                    }
                    Err(bad) => {
                        let (offset, cause) = (bad.offsets.start, bad.error);
                        state.failures.push((partition.clone(), FetchFailure::Corrupt { offset, cause }));
                    }
                }
            }
        }
        want.offset = fetched.next_offset;
        want.leader_epoch = fetched.leader_epoch;
        if let Some(bytes) = fetched.truncated_record {
            want.max_bytes = bytes.max(want.max_bytes * 2);
        }
        state.last.insert(partition.clone(), fetched);
        self.changed.notify_all();
    }

    fn failed(&self, partition: &TopicPartition, failure: FetchFailure) {
        self.state.lock().failures.push((partition.clone(), failure));
        self.changed.notify_all();
    }
}

impl Collected {
    pub(super) fn start(
        client: &dyn Transport,
        wants: &[(TopicPartition, Want)],
    ) -> (Arc<Self>, Box<dyn Fetcher>) {
        let sink = Arc::new(Self::default());
        sink.state.lock().wants.extend(wants.iter().cloned());
        let mut fetcher = client.fetcher(Arc::clone(&sink) as Arc<dyn FetchSink>, "test").unwrap();
        let names: Vec<_> = wants.iter().map(|(name, _)| name.clone()).collect();
        fetcher.set_partitions(&names);
        (sink, fetcher)
    }

    /// Waits until it is so.
    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let deadline = soon();
        let mut state = self.state.lock();
        while !is_so(&state) {
            assert!(
                !deadline.is_over(),
                "{what}: has {:?}, failures {:?}",
                state.values.iter().map(|(name, values)| (name, values.len())).collect::<Vec<_>>(),
                state.failures
            );
            self.changed.wait_for(&mut state, deadline.left());
        }
    }

    /// Waits for so many values of a partition, and checks that they are numbered from 0 on.
    #[track_caller]
    pub(super) fn wait_for_values(&self, name: &TopicPartition, count: usize) {
        self.wait_for("values", |state| state.values.get(name).map_or(0, Vec::len) >= count);
        let state = self.state.lock();
        let values: Vec<_> = state.values[name].iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(values, (0..count).map(text).collect::<Vec<_>>());
    }

    #[track_caller]
    fn wait_for_failure(&self, what: &str, is_it: impl Fn(&TopicPartition, &FetchFailure) -> bool) {
        self.wait_for(what, |state| state.failures.iter().any(|(name, failure)| is_it(name, failure)));
    }
}

pub(super) fn from_start(name: &TopicPartition) -> (TopicPartition, Want) {
    from(name, 0, None)
}

fn from(name: &TopicPartition, offset: i64, leader_epoch: Option<i32>) -> (TopicPartition, Want) {
    (name.clone(), Want { offset, leader_epoch, max_bytes: 1 << 20 })
}

/// Stores so many values, numbered from `first` on.
fn store(kafka: &FakeKafka, topic: &str, partition: i32, first: usize, count: usize) {
    kafka.produce(topic, partition, (first..first + count).map(text)).unwrap();
}
