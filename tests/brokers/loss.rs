//! Logs from which records go away before they are read: by retention, which is a loss, and by compaction, which is none.

use std::sync::Arc;

use batchmill::{SteppedContext, StreamingContext};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, Gaps, KafkaCluster, KafkaError, KafkaParams, OnLostRange, TopicPartition,
};
use batchmill_tests::{Recorder, wait_until};

use crate::cluster::Cluster;
use crate::running::Batches;
use crate::tools::Told;
use crate::{
    context, has_three_brokers, kafka_error, lines, on_clusters, params, step_until, step_until_error,
};

const READ: usize = 100;
const WRITTEN: usize = 20_000;
/// How many records are left at most: a kilobyte each, in segments of a megabyte, of which two are kept and one is open.
const LEFT: usize = 3_050;

/// A stream that has read the first records of a topic, most of whose others are gone.
struct Overtaken {
    topic: String,
    /// The oldest record there is.
    earliest: i64,
    test: SteppedContext,
    batches: Batches,
    recorder: Arc<Recorder>,
}

fn record(number: usize) -> String {
    format!("{number:05} {}", "x".repeat(994))
}

fn earliest(cluster: &Cluster, topic: &str) -> i64 {
    let asked = KafkaCluster::connect(cluster.bootstrap(), params()).unwrap();
    asked.earliest_offsets([TopicPartition::new(topic, 0)]).unwrap()[0].1
}

fn overtaken(cluster: &Cluster, name: &str, params: KafkaParams) -> Overtaken {
    let topic = cluster.create_topic_with(name, 1, 1, &["segment.bytes=1048576", "retention.bytes=2000000"]);
    cluster.produce(&topic, "none", &lines(READ, record));
    let recorder = Recorder::new();
    // So that the stream reads no more ahead than that.
    let builder = StreamingContext::builder().max_unprocessed_bytes(1 << 20);
    let ssc = builder.listener(recorder.clone()).build().unwrap();
    let topics = ConsumerStrategy::subscribe([topic.as_str()]);
    let batches = Batches::of(&kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params));
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    cluster.produce(&topic, "none", &lines(WRITTEN, |n| record(READ + n)));
    let mut first = 0;
    wait_until("retention", || {
        first = earliest(cluster, &topic);
        first >= (READ + WRITTEN - LEFT) as i64
    });
    Overtaken { topic, earliest: first, test, batches, recorder }
}

/// The offset behind the records that were read without a gap, and those behind the gap. Every record says which it is.
fn around_the_gap(records: &[Told]) -> (i64, &[Told]) {
    assert!(records.iter().all(|told| told.3 == record(told.1 as usize)));
    let gap = (0..).zip(records).find(|(n, told)| told.1 != *n);
    let gap = gap.map_or(records.len(), |(n, _)| n as usize);
    (gap as i64, &records[gap..])
}

fn retention_that_overtakes_the_reader_is_an_error_that_names_the_lost_range() {
    on_clusters("retention, stop", has_three_brokers, |cluster| {
        let Overtaken { topic, earliest: first, mut test, batches, .. } =
            overtaken(cluster, "lost-stop", params());
        let error = step_until_error(&mut test);
        let KafkaError::RangeLost { partition, from, until, earliest } = kafka_error(&error) else {
            panic!("{error}")
        };
        assert_eq!((&*partition.topic, *until, *earliest), (topic.as_str(), first, first));
        assert!((READ as i64..first).contains(from), "{error}");
        assert_eq!(around_the_gap(&batches.checked()), (READ as i64, &[][..]));
    });
}

fn a_reader_that_skips_to_the_earliest_record_reads_all_that_is_left() {
    on_clusters("retention, earliest", has_three_brokers, |cluster| {
        let params = params().on_lost_range(OnLostRange::SkipToEarliest);
        let Overtaken { earliest, mut test, batches, recorder, topic } =
            overtaken(cluster, "lost-earliest", params);
        let left = READ + WRITTEN - earliest as usize;
        step_until("the records that are left", &mut test, || batches.records() >= READ + left);
        recorder.wait_for_source("range_lost", 1);
        let records = batches.checked();
        let (gap, rest) = around_the_gap(&records);
        assert!((READ as i64..earliest).contains(&gap), "{gap}");
        assert_eq!(rest, cluster.read_by_kcat(&topic));
    });
}

fn a_reader_that_skips_to_the_latest_record_reads_what_comes_then() {
    on_clusters("retention, latest", has_three_brokers, |cluster| {
        let params = params().on_lost_range(OnLostRange::SkipToLatest);
        let Overtaken { earliest, mut test, batches, recorder, topic } =
            overtaken(cluster, "lost-latest", params);
        test.step_batch().unwrap();
        recorder.wait_for_source("range_lost", 1);
        let more = lines(READ, |n| record(READ + WRITTEN + n));
        cluster.produce(&topic, "none", &more);
        let before = batches.records();
        step_until("what comes then", &mut test, || batches.records() >= before + READ);
        let records = batches.checked();
        let (gap, rest) = around_the_gap(&records);
        assert!((READ as i64..earliest).contains(&gap), "{gap}");
        let values: Vec<&String> = rest.iter().map(|told| &told.3).collect();
        assert_eq!(values, more.iter().collect::<Vec<_>>());
    });
}

fn a_compacted_topic_has_gaps_and_every_record_that_is_left_is_read_once() {
    on_clusters("compaction", has_three_brokers, |cluster| {
        let settings = ["cleanup.policy=compact", "segment.ms=100", "min.cleanable.dirty.ratio=0.01"];
        let topic = cluster.create_topic_with("compacted", 1, 1, &settings);
        for round in 0..5 {
            cluster.produce_keyed(&topic, &lines(20, |n| format!("key-{n}:{round}")));
        }
        // Segments are compacted once there is a newer one, which begins with a record.
        let mut log = Vec::new();
        wait_until("compaction", || {
            cluster.produce_keyed(&topic, &["later:record".to_owned()]);
            log = cluster.read_by_kcat(&topic);
            log.iter().filter(|told| told.2 != "later").count() == 20
        });
        wait_until("a log that stays as it is meanwhile", || {
            let ssc = context();
            let topics = ConsumerStrategy::subscribe([topic.as_str()]);
            let params = params().max_rate_per_partition(7).gaps(Gaps::Expected);
            let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params);
            let batches = Batches::of(&stream);
            let before = cluster.read_by_kcat(&topic);
            let mut test = ssc.start_stepped().unwrap();
            step_until("the log's end", &mut test, || batches.has_read(&before));
            let read = batches.checked();
            let is_still = cluster.read_by_kcat(&topic) == before;
            assert!(!is_still || read == before, "{read:?} is not {before:?}");
            assert!(before.iter().filter(|told| told.2 != "later").all(|told| told.3 == "4"), "{before:?}");
            is_still
        });
    });
}

batchmill_tests::scenarios! {
    retention_that_overtakes_the_reader_is_an_error_that_names_the_lost_range;
    a_reader_that_skips_to_the_earliest_record_reads_all_that_is_left;
    a_reader_that_skips_to_the_latest_record_reads_what_comes_then;
    a_compacted_topic_has_gaps_and_every_record_that_is_left_is_read_once;
}
