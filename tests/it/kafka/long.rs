//! Ranges that are longer than the budget, and batches that are read more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use batchmill::{ErrorPolicy, StreamingContext};
use batchmill_sources::fake::kafka::{ApiKey, Codec, FakeBatch, FakeKafka, Profile};
use batchmill_sources::kafka::KafkaError;
use batchmill_tests::{DEADLINE, Recorder, assert_no_threads, is_the_crates_turn, releases};

use super::{builder, fake, kafka_error, lines, params};

const BUDGET: usize = 1 << 20;

/// A cluster whose topic has many times the budget: so many records of a kilobyte in each of two partitions.
fn with_backlog(records: i64) -> FakeKafka {
    let cluster = fake().topic("lines", 2).start().unwrap();
    let value = "x".repeat(1_000);
    for partition in 0..2 {
        for _ in 0..records / 100 {
            cluster.produce("lines", partition, vec![value.as_str(); 100]).unwrap();
        }
    }
    cluster
}

fn small(recorder: &Arc<Recorder>, policy: ErrorPolicy) -> StreamingContext {
    let builder = builder().max_unprocessed_bytes(BUDGET).error_policy(policy);
    builder.listener(recorder.clone()).build().unwrap()
}

fn a_backlog_of_many_budgets_is_one_batch() {
    let cluster = with_backlog(10_000);
    let ssc = small(&Recorder::new(), ErrorPolicy::stop());
    let stream = lines(&ssc, &cluster, params());
    let counts = stream.map(|record| (record.partition(), 1)).reduce_by_key(|a, b| a + b).collect();
    // In order, and each of them once.
    let in_order = stream.map_partitions(|records| {
        Some((0..).zip(records).filter(|(n, record)| record.offset() == *n).count())
    });
    let in_order = in_order.collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    assert_eq!(counts.take_sorted(), [(0, 10_000), (1, 10_000)]);
    assert_eq!(in_order.take_all(), [10_000, 10_000]);
}

fn a_batch_that_is_run_again_has_the_same_records() {
    for records in [100, 5_000] {
        let cluster = with_backlog(records);
        let ssc = small(&Recorder::new(), ErrorPolicy::retry(2));
        let failures = AtomicUsize::new(0);
        let sums = lines(&ssc, &cluster, params()).map(move |record| {
            // In the middle of the second partition, so that blocks have been used up by then.
            if record.partition() == 1 && record.offset() == 50 {
                assert!(failures.fetch_add(1, Ordering::Relaxed) >= 2, "not yet");
            }
            record.offset() as u64
        });
        let sums = sums.reduce(|a, b| a + b).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        let n = records as u64;
        assert_eq!(sums.take_all(), [n * (n - 1)], "{records} records");
        cluster.produce("lines", 0, ["one more"]).unwrap();
        test.step_batch().unwrap();
        assert_eq!(sums.take_all(), [n]);
    }
}

fn a_batch_that_is_joined_with_itself_has_its_records_twice() {
    // A small one keeps its blocks, a long one does not.
    for records in [100, 5_000] {
        let cluster = with_backlog(records);
        let ssc = small(&Recorder::new(), ErrorPolicy::stop());
        let offsets = lines(&ssc, &cluster, params()).map(|record| record.offset());
        let counts =
            offsets.transform(|batch| batch.clone().union(batch).map(|n| (n, 1)).reduce_by_key(|a, b| a + b));
        let counts = counts.collect();
        ssc.start_stepped().unwrap().step_batch().unwrap();
        // Two partitions, each twice.
        let expected: Vec<(i64, i32)> = (0..records).map(|offset| (offset, 4)).collect();
        assert_eq!(counts.take_sorted(), expected, "{records} records");
    }
}

fn a_record_that_does_not_fit_makes_the_fetch_grow_up_to_its_limit() {
    for profile in releases([Profile::V0_9, Profile::V0_10, Profile::V4_3]) {
        let big = 5 << 20;
        let cluster = fake().profile(profile).max_message_bytes(big + 1000).topic("lines", 1);
        let cluster = cluster.start().unwrap();
        cluster.produce("lines", 0, ["small"]).unwrap();
        let value = "x".repeat(big);
        cluster.produce_batch("lines", 0, FakeBatch::of([value.as_str()]).codec(Codec::None)).unwrap();
        cluster.produce("lines", 0, ["small"]).unwrap();
        let ssc = small(&Recorder::new(), ErrorPolicy::stop());
        let lengths = lines(&ssc, &cluster, params()).map(|record| record.value().unwrap().len()).collect();
        ssc.start_stepped().unwrap().step_batch().unwrap();
        assert_eq!(lengths.take_all(), [5, big, 5], "{profile:?}");
        if profile == Profile::V0_9 {
            // From Fetch 3 on the broker sends the first batch whatever its size.
            let ssc = small(&Recorder::new(), ErrorPolicy::stop());
            let params = params().max_partition_bytes(1 << 20).max_record_bytes(2 << 20);
            lines(&ssc, &cluster, params).count().collect();
            let error = ssc.start_stepped().unwrap().step_batch().unwrap_err();
            match kafka_error(&error) {
                KafkaError::RecordTooLarge { offset: 1, .. } => {}
                KafkaError::Gap { from: 1, to: 3, .. } if is_the_crates_turn() => {}
                _ => panic!("{error}"),
            }
        }
    }
}

fn a_running_stream_reads_what_comes_and_leaves_no_thread() {
    let cluster = fake().brokers(2).topic("lines", 2).start().unwrap();
    let recorder = Recorder::new();
    let context = builder().batch_interval(std::time::Duration::from_millis(5)).name("kafka-threads");
    let ssc = context.listener(recorder.clone()).build().unwrap();
    let params = params().end_offsets(Default::default());
    let counts = lines(&ssc, &cluster, params).map(|record| record.offset()).collect();
    let running = ssc.start().unwrap();
    let mut came = 0;
    for round in 0..20 {
        cluster.produce("lines", round % 2, vec!["x"; 50]).unwrap();
        while came < (round + 1) * 50 {
            came += counts.take_timeout(DEADLINE).expect("records come").1.len() as i32;
        }
    }
    assert_eq!(came, 1_000);
    let report = running.stop_gracefully(DEADLINE).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_no_threads("kafka-threads");
    assert!(cluster.requests_of(ApiKey::FETCH).len() > 1);
}

batchmill_tests::scenarios! {
    a_backlog_of_many_budgets_is_one_batch;
    a_batch_that_is_run_again_has_the_same_records;
    a_batch_that_is_joined_with_itself_has_its_records_twice;
    a_record_that_does_not_fit_makes_the_fetch_grow_up_to_its_limit;
    a_running_stream_reads_what_comes_and_leaves_no_thread;
}
