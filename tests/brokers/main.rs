//! The Kafka client against real brokers, each cluster that `.ci/brokers` has started: what the tools of others write is read
//! as it was written, what they read is what ours has written, and trouble that is made to brokers loses and doubles nothing.
//! Without `BATCHMILL_BROKERS`, the file that says what runs, nothing is done and one line says so; `.ci/run brokers` sets
//! it. A scenario runs on every cluster that it is for.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "it says which brokers it was run against")]

mod cluster;
mod fake;
mod fake_groups;
mod logs;
mod loss;
mod reading;
mod running;
mod secure;
mod tools;
mod transactions;
mod trouble;
mod writing;

use std::time::Duration;

use batchmill::{Error, SteppedContext, StreamingContext};
use batchmill_sources::kafka::{self, ConsumerStrategy, EndOffsets, KafkaParams, KafkaRecord, OffsetReset};
use batchmill_tests::{kafka_error, wait_until};
use cluster::Cluster;
use tools::Told;

fn params() -> KafkaParams {
    KafkaParams::new()
        .offset_reset(OffsetReset::Earliest)
        .end_offsets(EndOffsets::Asked)
        .refresh(Duration::from_millis(200))
        .backoff(Duration::from_millis(50), Duration::from_secs(3))
}

fn context() -> StreamingContext {
    StreamingContext::new(Duration::from_secs(1)).unwrap()
}

/// What a client tells of a record.
fn seen(record: &KafkaRecord) -> Told {
    (record.partition(), record.offset(), record.key_text().to_string(), record.value_text().to_string())
}

/// The records of a topic that one batch of ours reads, by partition and offset.
fn read(cluster: &Cluster, topic: &str, params: KafkaParams) -> Vec<Told> {
    let ssc = context();
    let topics = ConsumerStrategy::subscribe([topic]);
    let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params);
    let records = stream.map(|record| seen(&record)).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    records.take_sorted()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(line).collect()
}

/// The values of records, sorted.
fn values(records: &[Told]) -> Vec<String> {
    let mut values: Vec<String> = records.iter().map(|told| told.3.clone()).collect();
    values.sort();
    values
}

/// Steps until `holds` after a batch.
fn step_until(what: &str, test: &mut SteppedContext, mut holds: impl FnMut() -> bool) {
    wait_until(what, || {
        test.step_batch().unwrap();
        holds()
    });
}

/// Steps until a batch fails.
fn step_until_error(test: &mut SteppedContext) -> Error {
    let mut failed = None;
    wait_until("an error", || {
        failed = test.step_batch().err();
        failed.is_some()
    });
    failed.expect("it was waited for")
}

/// Those whose brokers can die or lead in turn.
fn has_three_brokers(cluster: &Cluster) -> bool {
    cluster.size() == 3
}

/// Runs a scenario against every cluster.
fn on_every_cluster(name: &str, scenario: impl Fn(&Cluster)) {
    on_clusters(name, |_| true, scenario);
}

/// Runs a scenario against every cluster that it is for, and tells of all that failed.
fn on_clusters(name: &str, is_for: impl Fn(&Cluster) -> bool, scenario: impl Fn(&Cluster)) {
    let Some(clusters) = cluster::running() else {
        return println!("{name}: skipped, BATCHMILL_BROKERS is not set");
    };
    let clock = batchmill::SystemClock::new();
    let mut failed = Vec::new();
    for cluster in clusters.iter().filter(|cluster| is_for(cluster)) {
        let begin = batchmill::Clock::mono(&clock);
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario(cluster)));
        let result = if ran.is_ok() { "ok" } else { "FAILED" };
        let took = batchmill::Clock::mono(&clock) - begin;
        println!("{name} on {}: {result} in {:.1} s", cluster.name(), took.as_secs_f64());
        if ran.is_err() {
            failed.push(cluster.name());
        }
    }
    assert!(failed.is_empty(), "{name} failed on {}", failed.join(", "));
}
