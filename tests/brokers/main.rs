//! The Kafka sources against real brokers, each of those that `.ci/brokers` has started: what kcat wrote is read as it was
//! written, by every release. Without `BATCHMILL_BROKERS`, the file that says what runs, nothing is done and one line says
//! so; `.ci/run brokers` sets it.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "it says which brokers it was run against")]

mod broker;

use std::collections::BTreeSet;
use std::time::Duration;

use batchmill::{SteppedContext, StreamingContext};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, EndOffsets, KafkaCluster, KafkaError, KafkaParams, OffsetRanges, OffsetReset,
};
use broker::Broker;

fn params() -> KafkaParams {
    KafkaParams::new()
        .offset_reset(OffsetReset::Earliest)
        .end_offsets(EndOffsets::Asked)
        .refresh(Duration::from_millis(200))
}

fn context() -> StreamingContext {
    StreamingContext::new(Duration::from_secs(1)).unwrap()
}

/// The values of one batch of a topic, in order of their text.
fn values(broker: &Broker, topic: &str, params: KafkaParams) -> Vec<String> {
    let ssc = context();
    let topics = ConsumerStrategy::subscribe([topic]);
    let stream = kafka::create_direct_stream(&ssc, broker.bootstrap(), topics, params);
    let values = stream.map(|record| record.value_text().to_string()).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    values.take_sorted()
}

/// Runs a scenario against every broker, and tells of all that failed.
fn on_every_broker(name: &str, scenario: impl Fn(&Broker) + std::panic::RefUnwindSafe) {
    let Some(brokers) = broker::running() else {
        return println!("{name}: skipped, BATCHMILL_BROKERS is not set");
    };
    let mut failed = Vec::new();
    for broker in brokers {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario(&broker)));
        println!("{name} on {}: {}", broker.version(), if ran.is_ok() { "ok" } else { "FAILED" });
        if ran.is_err() {
            failed.push(broker.version().to_owned());
        }
    }
    assert!(failed.is_empty(), "{name} failed on {}", failed.join(", "));
}

#[test]
fn every_codec_of_a_real_producer_is_read() {
    on_every_broker("codecs", |broker| {
        let topic = broker.create_topic("codecs", 2);
        let mut expected = Vec::new();
        for codec in broker.codecs() {
            let lines: Vec<String> =
                (0..500).map(|n| format!("{codec} line {n:03} with some words")).collect();
            broker.produce(&topic, codec, &lines);
            expected.extend(lines);
        }
        expected.sort();
        assert_eq!(values(broker, &topic, params()), expected);
    });
}

#[test]
fn a_record_of_five_megabytes_is_read() {
    on_every_broker("five megabytes", |broker| {
        let topic = broker.create_topic("large", 1);
        let large = "x".repeat(5_000_000);
        broker.produce(&topic, "none", &["before".to_owned(), large.clone(), "after".to_owned()]);
        let read = values(broker, &topic, params());
        assert_eq!(read.iter().map(String::len).collect::<Vec<_>>(), [5, 6, large.len()]);
    });
}

#[test]
fn a_misspelt_topic_is_an_error_and_does_not_exist_afterwards() {
    on_every_broker("misspelt topic", |broker| {
        let topic = broker.create_topic("spelling", 1);
        let misspelt = topic.replace("spelling", "speling");
        let ssc = context();
        let topics = ConsumerStrategy::subscribe([misspelt.as_str()]);
        kafka::create_direct_stream(&ssc, broker.bootstrap(), topics, params()).count().collect();
        let error = ssc.start_stepped().unwrap_err();
        let batchmill::Error::Source { cause, .. } = &error else { panic!("{error}") };
        let Some(KafkaError::UnknownTopic { did_you_mean, .. }) = cause.downcast_ref() else {
            panic!("{error}")
        };
        assert_eq!(did_you_mean.as_deref(), Some(topic.as_str()));
        let cluster = KafkaCluster::connect(broker.bootstrap(), params()).unwrap();
        let all: BTreeSet<String> = cluster.topics().unwrap().iter().map(ToString::to_string).collect();
        assert!(all.contains(&topic) && !all.contains(&misspelt), "{all:?}");
    });
}

#[test]
fn a_group_goes_on_where_it_has_committed() {
    on_every_broker("commit and resume", |broker| {
        let topic = broker.create_topic("commits", 1);
        let run = || {
            let ssc = context();
            let topics = ConsumerStrategy::subscribe([topic.as_str()]);
            let stream = kafka::create_direct_stream(
                &ssc,
                broker.bootstrap(),
                topics,
                params().group_id(topic.as_str()),
            );
            let values = stream.map(|record| record.value_text().to_string()).collect();
            let committer = stream.committer();
            stream.for_each_batch(move |batch| committer.commit_async(batch.offset_ranges()));
            ssc.start_stepped().unwrap().step_batch().unwrap();
            values.take_all()
        };
        broker.produce(&topic, "none", &["a".to_owned(), "b".to_owned()]);
        assert_eq!(run(), ["a", "b"]);
        broker.produce(&topic, "none", &["c".to_owned()]);
        assert_eq!(run(), ["c"]);
        assert_eq!(run(), Vec::<String>::new());
    });
}

#[test]
fn a_topic_that_grows_is_read_from_the_beginning_of_its_new_partition() {
    on_every_broker("a partition more", |broker| {
        let topic = broker.create_topic("grows", 1);
        let ssc = context();
        let topics = ConsumerStrategy::subscribe([topic.as_str()]);
        let stream = kafka::create_direct_stream(&ssc, broker.bootstrap(), topics, params());
        let partitions = stream.map(|record| record.partition()).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        broker.grow_topic(&topic, 2);
        broker.produce_to(&topic, 1, &["new".to_owned()]);
        let came = step_until(&mut test, || partitions.take_all());
        assert_eq!(came, [1]);
    });
}

/// Steps until a batch has records. A new partition is found by a thread that looks for it, so it takes some batches.
fn step_until(test: &mut SteppedContext, taken: impl Fn() -> Vec<i32>) -> Vec<i32> {
    let clock = batchmill::SystemClock::new();
    let begin = batchmill::Clock::mono(&clock);
    while batchmill::Clock::mono(&clock) - begin < batchmill_tests::DEADLINE {
        test.step_batch().unwrap();
        let came = taken();
        if !came.is_empty() {
            return came;
        }
        std::thread::yield_now();
    }
    panic!("no batch had records");
}
