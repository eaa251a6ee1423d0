//! What a batch holds: records as they were written, in ranges that say so.

use std::sync::{Arc, Mutex};

use batchmill_sources::fake::kafka::{Codec, FakeBatch, FakeRecord, Profile};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, Gaps, Isolation, KafkaParams, OffsetRange, OffsetRanges, RecordRef,
    decode_records, text_values,
};

use batchmill_tests::{is_the_crates_turn, releases};

use super::{context, fake, lines, params, record, seen};

fn every_release_gives_the_same_records() {
    for profile in releases(Profile::all()) {
        let cluster = fake().profile(profile).topic("lines", 2).start().unwrap();
        let mut codecs = vec![Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
        codecs.truncate(match profile {
            _ if is_the_crates_turn() => 3,
            old if old < Profile::V2_4 => 4,
            _ => 5,
        });
        let mut expected = Vec::new();
        for (i, codec) in codecs.into_iter().enumerate() {
            for partition in 0..2 {
                let values = [format!("{i}a"), format!("{i}b")];
                let batch = FakeBatch::of(values.iter().map(String::as_str)).codec(codec);
                let offset = cluster.produce_batch("lines", partition, batch).unwrap();
                expected.extend((0..2).map(|n| record(partition, offset + n, &values[n as usize])));
            }
        }
        expected.sort();
        let (ssc, _) = context();
        let records = lines(&ssc, &cluster, params()).map(|record| seen(&record)).collect();
        ssc.start_stepped().unwrap().step_batch().unwrap();
        assert_eq!(records.take_sorted(), expected, "{profile:?}");
    }
}

fn a_record_has_all_that_was_written() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    let written = FakeRecord::new("value").key("key").timestamp(1_234).header("h", "1").header("h", "2");
    cluster.produce("lines", 0, [written, FakeRecord::tombstone("gone").timestamp(1_235)]).unwrap();
    let (ssc, _) = context();
    let records = lines(&ssc, &cluster, params()).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();

    let records = records.take_all();
    let first = &records[0];
    assert_eq!((first.topic(), first.partition(), first.offset()), ("lines", 0, 0));
    assert_eq!((first.key(), first.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(first.timestamp(), Some(1_234));
    let headers: Vec<_> = first.headers().map(|header| (header.key, header.value)).collect();
    assert_eq!(headers, [("h", Some(&b"1"[..])), ("h", Some(&b"2"[..]))]);
    assert_eq!((records[1].key_text().as_str(), records[1].value()), ("gone", None));
    assert_eq!(first.detach(), *first);
}

fn ranges_follow_each_other_and_survive_every_operator() {
    let cluster = fake().topic("lines", 2).start().unwrap();
    cluster.produce("lines", 0, ["a", "b", "c"]).unwrap();
    let (ssc, _) = context();
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&ranges);
    let stream = lines(&ssc, &cluster, params());
    let counts = stream.map(|record| (record.value_text(), 1)).reduce_by_key(|a, b| a + b).filter(|_| false);
    counts.for_each_batch(move |batch| keep.lock().unwrap().push(batch.offset_ranges()));
    let partitions = stream.glom().map(|records| records.len()).collect();
    let mut test = ssc.start_stepped().unwrap();

    test.step_batch().unwrap();
    assert_eq!(partitions.take_all(), [3, 0], "a partition of the topic is one of the batch");
    cluster.produce("lines", 1, ["d"]).unwrap();
    cluster.produce("lines", 0, ["e"]).unwrap();
    test.step_batch().unwrap();
    test.step_batch().unwrap();
    let ranges: Vec<Vec<(i32, i64, i64)>> = ranges
        .lock()
        .unwrap()
        .iter()
        .map(|batch: &Vec<OffsetRange>| batch.iter().map(|r| (r.partition, r.from, r.until)).collect())
        .collect();
    assert_eq!(
        ranges,
        [[(0, 0, 3), (1, 0, 0)], [(0, 3, 4), (1, 0, 1)], [(0, 4, 4), (1, 1, 1)]],
        "a batch without records says so too"
    );
}

fn rates_hold_for_the_first_batch_too() {
    let cluster = fake().topic("lines", 2).start().unwrap();
    for (partition, records) in [(0, 60), (1, 20)] {
        cluster.produce("lines", partition, vec!["x"; records]).unwrap();
    }
    let taken = |params: KafkaParams| {
        let (ssc, _) = context();
        let counts = lines(&ssc, &cluster, params).glom().map(|records| records.len()).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        test.step_batch().unwrap();
        counts.take_all()
    };
    assert_eq!(taken(params()), [60, 20, 0, 0], "without a rate the first batch takes all");
    assert_eq!(taken(params().max_rate_per_partition(15)), [15, 15, 15, 5]);
    assert_eq!(taken(params().initial_rate(40)), [30, 10, 30, 10], "shared out by lag, then no limit");
    assert_eq!(taken(params().initial_rate(40).max_rate_per_partition(20)), [20, 10, 20, 10]);
}

fn decoders_see_borrowed_records() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["to be", "or not to be, that is the question"]).unwrap();
    let (ssc, _) = context();
    let topics = || ConsumerStrategy::subscribe(["lines"]);
    let brokers = cluster.bootstrap();
    let texts =
        kafka::create_direct_stream_with(&ssc, &*brokers, topics(), params(), text_values()).collect();
    let offset = |record: RecordRef<'_>| record.offset();
    let offsets = kafka::create_direct_stream_with(&ssc, &*brokers, topics(), params(), offset).collect();
    let words = decode_records(|record: RecordRef<'_>, out: &mut Vec<String>| {
        out.extend(std::str::from_utf8(record.value().unwrap())?.split(' ').map(str::to_owned));
        Ok(())
    });
    let words = kafka::create_direct_stream_with(&ssc, &*brokers, topics(), params(), words).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    assert_eq!(texts.take_all(), ["to be", "or not to be, that is the question"]);
    assert_eq!(offsets.take_all(), [0, 1]);
    assert_eq!(words.take_all().len(), 10);
}

fn records_of_aborted_transactions_are_not_seen_and_open_ones_hold_back() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    let read = |params: KafkaParams| {
        let (ssc, _) = context();
        let values = lines(&ssc, &cluster, params).map(|record| record.value_text().to_string()).collect();
        ssc.start_stepped().unwrap().step_batch().unwrap();
        values.take_all()
    };
    let mut aborted = cluster.begin_transaction();
    aborted.produce("lines", 0, ["aborted"]).unwrap();
    cluster.produce("lines", 0, ["plain"]).unwrap();
    aborted.abort().unwrap();
    let mut committed = cluster.begin_transaction();
    committed.produce("lines", 0, ["committed"]).unwrap();
    committed.commit().unwrap();
    let mut open = cluster.begin_transaction();
    open.produce("lines", 0, ["open"]).unwrap();
    cluster.produce("lines", 0, ["behind it"]).unwrap();

    assert_eq!(read(params()), ["plain", "committed"]);
    let all = ["aborted", "plain", "committed", "open", "behind it"];
    assert_eq!(read(params().isolation(Isolation::ReadUncommitted)), all);
    open.commit().unwrap();
    assert_eq!(read(params()), ["plain", "committed", "open", "behind it"]);
}

fn a_compacted_topic_has_gaps() {
    for profile in releases([Profile::V0_9, Profile::V0_10, Profile::V4_3]) {
        let cluster = fake().profile(profile).topic("lines", 1).start().unwrap();
        for value in ["1", "2", "3"] {
            cluster
                .produce("lines", 0, [FakeRecord::new(value).key("a"), FakeRecord::new(value).key(value)])
                .unwrap();
        }
        cluster.compact("lines", 0).unwrap();
        let (ssc, _) = context();
        let params = params().gaps(Gaps::Expected);
        let records = lines(&ssc, &cluster, params).map(|record| seen(&record)).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        let kept: Vec<i64> = records.take_all().iter().map(|record| record.1).collect();
        assert_eq!(kept, [1, 3, 4, 5], "{profile:?}");
        cluster.produce("lines", 0, ["after"]).unwrap();
        test.step_batch().unwrap();
        assert_eq!(records.take_all(), [record(0, 6, "after")]);
    }
}

fn a_fixed_range_is_a_batch() {
    let cluster = fake().topic("lines", 2).start().unwrap();
    cluster.produce("lines", 0, ["a", "b", "c", "d"]).unwrap();
    cluster.produce("lines", 1, ["e", "f"]).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let ranges = [
        OffsetRange::new("lines", 1, 0, 2),
        OffsetRange::new("lines", 0, 1, 3),
        OffsetRange::new("lines", 0, 4, 4),
    ];
    let request = kafka::read_range(cluster.bootstrap(), ranges.clone(), params())
        .progress(move |progress| keep.lock().unwrap().push((progress.offsets, progress.of_offsets)));
    let batch = request.batch(&batchmill::BatchContext::sequential()).unwrap();
    assert_eq!(batch.offset_ranges(), ranges);
    for _ in 0..2 {
        let values =
            batch.clone().map(|record| record.value_text().to_string()).collect_partitions().unwrap();
        assert_eq!(values, [vec!["e", "f"], vec!["b", "c"], vec![]]);
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), [(2, 4), (4, 4)], "each run counts anew");
    }
}

batchmill_tests::scenarios! {
    every_release_gives_the_same_records;
    a_record_has_all_that_was_written needs WholeRecords;
    ranges_follow_each_other_and_survive_every_operator;
    rates_hold_for_the_first_batch_too;
    decoders_see_borrowed_records;
    records_of_aborted_transactions_are_not_seen_and_open_ones_hold_back needs Transactions;
    a_compacted_topic_has_gaps;
    a_fixed_range_is_a_batch;
}
