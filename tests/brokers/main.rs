//! The clients of Kafka and ZooKeeper against real servers, all that `.ci/brokers` has started: what the tools of others write
//! is read as it was written, what they read is what ours has written, and trouble that is made to servers loses and doubles
//! nothing. Without `BATCHMILL_BROKERS`, the file that says what runs, nothing is done and one line says so; `.ci/run brokers` sets
//! it. A scenario runs on every cluster that it is for.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "it says which brokers it was run against")]

mod cluster;
mod fake;
mod fake_groups;
mod groups;
mod logs;
mod loss;
mod members;
mod reading;
mod running;
mod runs;
mod secure;
mod tools;
mod transactions;
mod trouble;
mod writing;
mod zookeeper;
mod zookeeper_groups;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use batchmill::{Error, SteppedContext, StreamingContext};
use batchmill_sources::kafka::{self, ConsumerStrategy, EndOffsets, KafkaParams, KafkaRecord, OffsetReset};
use batchmill_tests::{is_the_crates_turn, kafka_error, over_the_crate, over_the_turn, wait_until};
use cluster::Cluster;
use tools::Told;

fn params() -> KafkaParams {
    let params = KafkaParams::new()
        .offset_reset(OffsetReset::Earliest)
        .end_offsets(EndOffsets::Asked)
        .refresh(Duration::from_millis(200))
        .backoff(Duration::from_millis(50), Duration::from_secs(3));
    over_the_turn(params)
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
fn on_every_cluster(name: &str, scenario: impl Fn(&Cluster) + Sync) {
    on_clusters(name, |_| true, scenario);
}

/// Runs a scenario against every cluster that it is for and that can be read, one after the other, and tells of all that failed.
fn on_clusters(name: &str, is_for: impl Fn(&Cluster) -> bool, scenario: impl Fn(&Cluster) + Sync) {
    run_on_clusters(1, name, is_for, scenario);
}

/// As [`on_clusters`], against three at once: for a scenario that waits most of the time and kills no broker.
fn on_three_clusters_at_once(
    name: &str,
    is_for: impl Fn(&Cluster) -> bool,
    scenario: impl Fn(&Cluster) + Sync,
) {
    run_on_clusters(3, name, is_for, scenario);
}

fn run_on_clusters(
    at_once: usize,
    name: &str,
    is_for: impl Fn(&Cluster) -> bool,
    scenario: impl Fn(&Cluster) + Sync,
) {
    let Some(mut clusters) = cluster::running() else {
        return println!("{name}: skipped, BATCHMILL_BROKERS is not set");
    };
    let name = if is_the_crates_turn() { format!("{name} over the kafka crate") } else { name.to_owned() };
    let can_be_read = |cluster: &Cluster| !is_the_crates_turn() || cluster.release() < (4, 0);
    clusters.retain(|cluster| is_for(cluster) && can_be_read(cluster));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let run = || {
        while let Some(cluster) = clusters.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !succeeds(&name, cluster, &scenario) {
                failed.lock().unwrap().push(cluster.name());
            }
        }
    };
    // A turn is that of a thread.
    let is_the_crates_turn = is_the_crates_turn();
    let in_turn = || if is_the_crates_turn { over_the_crate(run) } else { run() };
    std::thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(in_turn))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{name} failed on {}", failed.join(", "));
}

/// Runs a scenario against a cluster, and tells of it.
fn succeeds(name: &str, cluster: &Cluster, scenario: impl Fn(&Cluster)) -> bool {
    let clock = batchmill::SystemClock::new();
    let begin = batchmill::Clock::mono(&clock);
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario(cluster)));
    let result = if ran.is_ok() { "ok" } else { "FAILED" };
    let took = batchmill::Clock::mono(&clock) - begin;
    println!("{name} on {}: {result} in {:.1} s", cluster.name(), took.as_secs_f64());
    ran.is_ok()
}
