//! Trouble while a stream runs: what is lost is named, what is not is read exactly once.

use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, Codec, ErrorCode, FakeBatch, FakeKafka, Profile};
use batchmill_sources::kafka::{KafkaError, KafkaParams, OnBadRecord, OnLostRange, RecordError};

use batchmill_tests::releases;

use super::{context, fake, kafka_error, lines, params, step_until_error};

fn offsets(
    cluster: &FakeKafka,
    params: KafkaParams,
    between: impl FnOnce(&FakeKafka),
) -> (Vec<i64>, Vec<i64>) {
    let (ssc, _) = context();
    let offsets = lines(&ssc, cluster, params).map(|record| record.offset()).collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    let before = offsets.take_all();
    between(cluster);
    test.step_batch().unwrap();
    (before, offsets.take_all())
}

fn a_moved_leader_and_a_broker_that_comes_back_lose_and_double_nothing() {
    for profile in releases([Profile::V0_8, Profile::V0_9, Profile::V2_4, Profile::V4_3]) {
        let cluster = fake().brokers(3).profile(profile).topic("lines", 1).start().unwrap();
        cluster.produce("lines", 0, ["a", "b"]).unwrap();
        let moved = |cluster: &FakeKafka| {
            let leader = cluster.leader("lines", 0).unwrap().unwrap();
            let next = cluster.brokers().into_iter().find(|broker| *broker != leader).unwrap();
            cluster.move_leader("lines", 0, next).unwrap();
            cluster.produce("lines", 0, ["c", "d"]).unwrap();
        };
        assert_eq!(offsets(&cluster, params(), moved), (vec![0, 1], vec![2, 3]), "{profile:?}");
        let restarted = |cluster: &FakeKafka| {
            let leader = cluster.leader("lines", 0).unwrap().unwrap();
            cluster.stop_broker(leader).unwrap();
            cluster.start_broker(leader).unwrap();
            cluster.move_leader("lines", 0, leader).unwrap();
            cluster.produce("lines", 0, ["e"]).unwrap();
        };
        assert_eq!(offsets(&cluster, params(), restarted), (vec![0, 1, 2, 3], vec![4]), "{profile:?}");
    }
}

fn connections_that_break_lose_and_double_nothing() {
    let cluster = fake().topic("lines", 1).check_faults_at_drop().start().unwrap();
    cluster.produce("lines", 0, vec!["x"; 100]).unwrap();
    cluster.on(ApiKey::FETCH).disconnect();
    cluster.on(ApiKey::FETCH).after(1).cut_after(60);
    cluster.on(ApiKey::LIST_OFFSETS).disconnect();
    cluster.on(ApiKey::METADATA).disconnect();
    let more = |cluster: &FakeKafka| {
        cluster.on(ApiKey::FETCH).wrong_correlation();
        cluster.produce("lines", 0, vec!["x"; 50]).unwrap();
    };
    assert_eq!(offsets(&cluster, params(), more), ((0..100).collect(), (100..150).collect()));
}

fn a_broker_that_comes_back_and_knows_of_no_topic_yet_is_asked_again() {
    for profile in releases([Profile::V0_8, Profile::V4_3]) {
        let cluster = fake().profile(profile).topic("lines", 1).start().unwrap();
        cluster.produce("lines", 0, ["a"]).unwrap();
        let restarted = |cluster: &FakeKafka| {
            let broker = cluster.brokers()[0];
            cluster.on(ApiKey::METADATA).times(3).fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            cluster.stop_broker(broker).unwrap();
            cluster.start_broker(broker).unwrap();
            cluster.move_leader("lines", 0, broker).unwrap();
            cluster.produce("lines", 0, ["b"]).unwrap();
        };
        let params = params().backoff(Duration::from_millis(5), Duration::from_secs(30));
        assert_eq!(offsets(&cluster, params, restarted), (vec![0], vec![1]), "{profile:?}");
    }
}

fn retention_that_overtakes_the_reader_names_the_lost_range() {
    let overtaken = |params: KafkaParams| {
        let cluster = fake().topic("lines", 1).start().unwrap();
        cluster.produce("lines", 0, ["a", "b"]).unwrap();
        let (ssc, recorder) = context();
        let offsets = lines(&ssc, &cluster, params).map(|record| record.offset()).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        // The broker is gone while the records come and go, so that no fetch, not even one under way, brings them.
        let broker = cluster.brokers()[0];
        cluster.stop_broker(broker).unwrap();
        cluster.produce("lines", 0, vec!["x"; 8]).unwrap();
        cluster.set_log_start("lines", 0, 5).unwrap();
        cluster.start_broker(broker).unwrap();
        cluster.move_leader("lines", 0, broker).unwrap();
        (cluster, recorder, offsets, test)
    };
    let (_cluster, _, _, mut test) = overtaken(params());
    let error = step_until_error(&mut test);
    let KafkaError::RangeLost { from: 2, until: 5, earliest: 5, .. } = kafka_error(&error) else {
        panic!("{error}")
    };

    let (cluster, recorder, offsets, mut test) =
        overtaken(params().on_lost_range(OnLostRange::SkipToEarliest));
    recorder.wait_for_source("range_lost", 1);
    test.step_batch().unwrap();
    cluster.produce("lines", 0, ["last"]).unwrap();
    test.step_batch().unwrap();
    assert_eq!(offsets.take_all(), [0, 1, 5, 6, 7, 8, 9, 10]);
}

fn a_topic_made_anew_is_an_error() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (ssc, _) = context();
    lines(&ssc, &cluster, params()).count().collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    cluster.recreate_topic("lines").unwrap();
    cluster.produce("lines", 0, ["c", "d", "e"]).unwrap();
    let error = step_until_error(&mut test);
    assert!(
        matches!(kafka_error(&error), KafkaError::TopicRecreated { topic } if &**topic == "lines"),
        "{error}"
    );
}

fn a_topic_that_is_deleted_is_an_error() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (ssc, _) = context();
    lines(&ssc, &cluster, params()).count().collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    cluster.delete_topic("lines").unwrap();
    let error = step_until_error(&mut test);
    assert!(error.to_string().contains("lines"), "{error}");
}

fn an_unclean_election_that_cuts_the_log_is_an_error() {
    let cluster = fake().brokers(2).topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, vec!["x"; 10]).unwrap();
    let (ssc, _) = context();
    lines(&ssc, &cluster, params()).count().collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    cluster.truncate("lines", 0, 6).unwrap();
    cluster.produce("lines", 0, vec!["y"; 10]).unwrap();
    let error = step_until_error(&mut test);
    assert!(matches!(kafka_error(&error), KafkaError::LogTruncated { from: 6, to: 10, .. }), "{error}");
}

fn damaged_records_stop_the_batch_or_are_skipped_and_told_of() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["good"]).unwrap();
    cluster.produce_batch("lines", 0, FakeBatch::of(["bad", "bad"]).codec(Codec::Lz4)).unwrap();
    let run = |params: KafkaParams| {
        // Every answer is damaged alike: in the last batch that it holds.
        let fault = cluster.on(ApiKey::FETCH).always().corrupt_crc();
        let (ssc, recorder) = context();
        let values = lines(&ssc, &cluster, params).map(|record| record.value_text().to_string()).collect();
        let result = ssc.start_stepped().unwrap().step_batch();
        fault.remove();
        (result.map(|_| ()), values.take_all(), recorder)
    };
    let (result, ..) = run(params());
    let error = result.unwrap_err();
    assert!(
        matches!(kafka_error(&error), KafkaError::Records { cause: RecordError::BadCrc { .. }, .. }),
        "{error}"
    );
    let (result, values, recorder) = run(params().on_bad_record(OnBadRecord::Skip));
    result.unwrap();
    assert!(values.len() < 3, "{values:?}");
    recorder.wait_for_source("bad_records_skipped", 1);
}

fn records_of_an_unknown_codec_stop_the_batch_or_are_skipped_alone() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["before"]).unwrap();
    cluster.produce_batch("lines", 0, FakeBatch::of(["a", "b"]).codec(Codec::Unknown(5))).unwrap();
    cluster.produce("lines", 0, ["behind"]).unwrap();
    let run = |params: KafkaParams| {
        let (ssc, recorder) = context();
        let values = lines(&ssc, &cluster, params).map(|record| record.value_text().to_string()).collect();
        let result = ssc.start_stepped().unwrap().step_batch();
        (result.map(|_| ()), values.take_all(), recorder)
    };
    let error = run(params()).0.unwrap_err();
    let KafkaError::Records { offset: 1, cause: RecordError::UnsupportedCodec { codec: 5 }, .. } =
        kafka_error(&error)
    else {
        panic!("{error}")
    };
    let (result, values, recorder) = run(params().on_bad_record(OnBadRecord::Skip));
    result.unwrap();
    assert_eq!(values, ["before", "behind"]);
    recorder.wait_for_source("bad_records_skipped", 1);
}

fn a_partition_that_stays_away_fails_after_its_time_and_holds_up_no_other() {
    let cluster = fake().brokers(2).topic("lines", 2).start().unwrap();
    let away = cluster.leader("lines", 1).unwrap().unwrap();
    if cluster.leader("lines", 0).unwrap() == Some(away) {
        let other = cluster.brokers().into_iter().find(|broker| *broker != away).unwrap();
        cluster.move_leader("lines", 0, other).unwrap();
    }
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (ssc, _) = context();
    let params = params().end_offsets(Default::default()).unavailable_for(Duration::from_millis(300));
    let records = lines(&ssc, &cluster, params).map(|record| record.partition()).collect();
    let mut test = ssc.start_stepped().unwrap();
    cluster.produce("lines", 1, ["b"]).unwrap();
    test.step_batch().unwrap();
    cluster.lose_leader("lines", 1).unwrap();
    cluster.produce("lines", 0, ["c"]).unwrap();
    let mut seen = records.take_all();
    for _ in 0..10_000 {
        if seen.iter().filter(|partition| **partition == 0).count() == 2 {
            break;
        }
        match test.step_batch() {
            Ok(_) => seen.extend(records.take_all()),
            Err(error) => {
                assert!(matches!(kafka_error(&error), KafkaError::NoLeader { .. }), "{error}");
                panic!("partition 0 could be read: {seen:?}");
            }
        }
    }
    assert_eq!(seen.iter().filter(|partition| **partition == 0).count(), 2, "{seen:?}");
}

batchmill_tests::scenarios! {
    a_moved_leader_and_a_broker_that_comes_back_lose_and_double_nothing;
    connections_that_break_lose_and_double_nothing;
    a_broker_that_comes_back_and_knows_of_no_topic_yet_is_asked_again;
    retention_that_overtakes_the_reader_names_the_lost_range;
    a_topic_made_anew_is_an_error needs Epochs;
    a_topic_that_is_deleted_is_an_error;
    an_unclean_election_that_cuts_the_log_is_an_error needs Epochs;
    damaged_records_stop_the_batch_or_are_skipped_and_told_of needs BadBatches;
    records_of_an_unknown_codec_stop_the_batch_or_are_skipped_alone needs BadBatches;
    a_partition_that_stays_away_fails_after_its_time_and_holds_up_no_other;
}
