//! Where a stream begins, and what is committed for the next one.

use std::sync::mpsc;

use batchmill::{Error, StreamingContext};
use batchmill_sources::fake::kafka::{ApiKey, FakeKafka, Profile};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, KafkaCluster, KafkaError, KafkaParams, OffsetRanges, OffsetReset, OnLostRange,
    TopicPartition,
};
use batchmill_tests::{DEADLINE, releases};

use super::{context, fake, kafka_error, lines, params, record, seen, step_until_error};

/// Runs one batch and commits it; returns what it had.
fn batch_of_group(cluster: &FakeKafka, params: KafkaParams) -> Vec<(i32, i64, String)> {
    let (ssc, _) = context();
    let stream = lines(&ssc, cluster, params);
    let records = stream.map(|record| seen(&record)).collect();
    let committer = stream.committer();
    stream.for_each_batch(move |batch| committer.commit_async(batch.offset_ranges()));
    ssc.start_stepped().unwrap().step_batch().unwrap();
    records.take_all()
}

fn a_group_goes_on_where_it_has_committed() {
    for profile in releases(Profile::all()) {
        let cluster = fake().profile(profile).topic("lines", 1).start().unwrap();
        cluster.produce("lines", 0, ["a", "b"]).unwrap();
        let params = || params().group_id("g");
        assert_eq!(batch_of_group(&cluster, params()), [record(0, 0, "a"), record(0, 1, "b")], "{profile:?}");
        assert_eq!(
            cluster.committed("g", "lines", 0).map(|committed| committed.offset),
            Some(2),
            "{profile:?}"
        );
        cluster.produce("lines", 0, ["c"]).unwrap();
        assert_eq!(batch_of_group(&cluster, params()), [record(0, 2, "c")], "{profile:?}");
    }
}

fn a_beginning_that_nobody_said_is_committed_before_the_first_batch() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (ssc, _) = context();
    let params = params().group_id("g").offset_reset(OffsetReset::Latest);
    lines(&ssc, &cluster, params.clone()).count().collect();
    let test = ssc.start_stepped().unwrap();
    assert_eq!(cluster.committed("g", "lines", 0).map(|committed| committed.offset), Some(2));
    // The program dies here. What came meanwhile is not skipped.
    std::mem::forget(test);
    cluster.produce("lines", 0, ["c"]).unwrap();
    assert_eq!(batch_of_group(&cluster, params), [record(0, 2, "c")]);
}

fn a_beginning_in_place_of_one_that_is_gone_is_committed_too() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a", "b", "c"]).unwrap();
    cluster.commit("g", "lines", 0, 1, None);
    cluster.set_log_start("lines", 0, 2).unwrap();
    let (ssc, _) = context();
    let params = params().group_id("g").on_lost_range(OnLostRange::SkipToLatest);
    lines(&ssc, &cluster, params.clone()).count().collect();
    let test = ssc.start_stepped().unwrap();
    assert_eq!(cluster.committed("g", "lines", 0).map(|committed| committed.offset), Some(3));
    // The program dies here. What came meanwhile is not skipped.
    std::mem::forget(test);
    cluster.produce("lines", 0, ["d"]).unwrap();
    assert_eq!(batch_of_group(&cluster, params), [record(0, 3, "d")]);
}

fn given_offsets_go_before_committed_ones() {
    let cluster = fake().topic("lines", 2).start().unwrap();
    cluster.produce("lines", 0, ["a", "b", "c"]).unwrap();
    cluster.produce("lines", 1, ["d", "e"]).unwrap();
    cluster.commit("g", "lines", 0, 1, None);
    cluster.commit("g", "lines", 1, 1, None);
    let (ssc, _) = context();
    let topics = ConsumerStrategy::subscribe(["lines"]).starting_at([(TopicPartition::new("lines", 0), 2)]);
    let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params().group_id("g"));
    let records = stream.map(|record| seen(&record)).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    assert_eq!(records.take_all(), [record(0, 2, "c"), record(1, 1, "e")]);
}

fn callbacks_hear_how_a_commit_ended() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (ssc, _) = context();
    let stream = lines(&ssc, &cluster, params().group_id("g"));
    let committer = stream.committer();
    let (tell, heard) = mpsc::sync_channel(1);
    stream.for_each_batch(move |batch| {
        let tell = tell.clone();
        committer.commit_async_with(batch.offset_ranges(), move |result| tell.send(result).unwrap())
    });
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    heard.recv_timeout(DEADLINE).unwrap().unwrap();
    assert_eq!(cluster.committed("g", "lines", 0).map(|committed| committed.offset), Some(1));
}

fn a_foreign_commit_for_the_group_is_an_error_that_names_it() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (ssc, _) = context();
    let stream = lines(&ssc, &cluster, params().group_id("g"));
    let committer = stream.committer();
    stream.for_each_batch(move |batch| committer.commit_async(batch.offset_ranges()));
    let mut test = ssc.start_stepped().unwrap();
    cluster.commit("g", "lines", 0, 7, None);
    let error = step_until_error(&mut test);
    assert!(
        matches!(kafka_error(&error), KafkaError::ForeignGroup { group, .. } if &**group == "g"),
        "{error}"
    );
    assert_eq!(
        cluster.committed("g", "lines", 0).map(|committed| committed.offset),
        Some(7),
        "it is left alone"
    );
}

fn offsets_that_the_log_does_not_have_fail_the_start() {
    let cluster = fake().topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, vec!["x"; 10]).unwrap();
    cluster.set_log_start("lines", 0, 4).unwrap();
    let start = |offset: Option<i64>, params: KafkaParams| {
        let (ssc, _) = context();
        let offsets = offset.map(|offset| (TopicPartition::new("lines", 0), offset));
        let topics = ConsumerStrategy::subscribe(["lines"]).starting_at(offsets);
        kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params).count().collect();
        ssc.start_stepped().map(|_| ())
    };
    let error = start(Some(2), params()).unwrap_err();
    assert!(matches!(kafka_error(&error), KafkaError::RangeLost { from: 2, until: 4, .. }), "{error}");
    let error = start(Some(11), params()).unwrap_err();
    assert!(
        matches!(kafka_error(&error), KafkaError::OffsetOutOfRange { wanted: 11, latest: 10, .. }),
        "{error}"
    );
    let error = start(None, params().group_id("g").offset_reset(OffsetReset::Fail)).unwrap_err();
    assert!(matches!(kafka_error(&error), KafkaError::NoOffset { .. }), "{error}");
    start(Some(4), params()).unwrap();
    start(Some(10), params()).unwrap();
}

fn a_misspelt_topic_is_an_error_and_does_not_exist_afterwards() {
    for profile in releases(Profile::all()) {
        let cluster = fake().profile(profile).topic("lines", 1).start().unwrap();
        let (ssc, _) = context();
        let topics = ConsumerStrategy::subscribe(["liens"]);
        kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params()).count().collect();
        let error = ssc.start_stepped().unwrap_err();
        let KafkaError::UnknownTopic { topic, did_you_mean } = kafka_error(&error) else { panic!("{error}") };
        assert_eq!((&**topic, did_you_mean.as_deref()), ("liens", Some("lines")), "{profile:?}");
        assert_eq!(cluster.topics(), ["lines"], "{profile:?}");
    }
}

fn mistakes_are_told_at_the_start_with_their_line() {
    let ssc = StreamingContext::new(std::time::Duration::from_secs(1)).unwrap();
    let wrong = KafkaParams::from([("enable.auto.commit", "true"), ("group.ids", "g")]);
    let stream = kafka::create_direct_stream(&ssc, "localhost", ConsumerStrategy::subscribe(["a b"]), wrong);
    let _ = stream.committer();
    stream.count().collect();
    let Err(Error::Build(errors)) = ssc.start().map(|_| ()) else { panic!("it must not start") };
    let errors = errors.to_string();
    for part in
        ["commit_async", "did you mean group.id", "\"a b\"", "\"localhost\"", "set group.id", "positions.rs"]
    {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
}

fn new_partitions_and_new_topics_are_found_and_read_from_their_beginning() {
    let cluster = fake().topic("log-a", 1).topic("other", 1).start().unwrap();
    cluster.produce("log-a", 0, ["a"]).unwrap();
    let (ssc, recorder) = context();
    let topics = ConsumerStrategy::subscribe_pattern("log-.*");
    let stream = kafka::create_direct_stream(
        &ssc,
        cluster.bootstrap(),
        topics,
        params().offset_reset(OffsetReset::Latest),
    );
    let records = stream.map(|record| format!("{}-{}", record.topic(), record.partition())).collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    assert_eq!(records.take_all(), Vec::<String>::new());

    cluster.add_partitions("log-a", 1).unwrap();
    cluster.create_topic("log-b", 1).unwrap();
    cluster.produce("log-a", 1, ["b"]).unwrap();
    cluster.produce("log-b", 0, ["c"]).unwrap();
    cluster.produce("other", 0, ["d"]).unwrap();
    recorder.wait_for_source("partition_found", 2);
    test.step_batch().unwrap();
    assert_eq!(records.take_all(), ["log-a-1", "log-b-0"]);
}

fn a_cluster_can_be_asked_without_a_stream() {
    let fake = fake().topic("lines", 2).start().unwrap();
    fake.produce("lines", 1, ["a", "b"]).unwrap();
    fake.set_log_start("lines", 1, 1).unwrap();
    let cluster = KafkaCluster::connect(fake.bootstrap(), params()).unwrap();
    let partitions = cluster.partitions("lines").unwrap();
    let ends =
        |offsets: Vec<(TopicPartition, i64)>| offsets.into_iter().map(|(_, at)| at).collect::<Vec<_>>();
    assert_eq!(ends(cluster.earliest_offsets(partitions.clone()).unwrap()), [0, 1]);
    assert_eq!(ends(cluster.latest_offsets(partitions.clone()).unwrap()), [0, 2]);
    assert!(matches!(cluster.partitions("linse"), Err(KafkaError::UnknownTopic { .. })));
    assert!(fake.requests_of(ApiKey::METADATA).len() >= 2);
    let range = batchmill_sources::kafka::OffsetRange::new("lines", 1, 1, 2);
    cluster.commit("g", [range]).unwrap();
    let committed = cluster.committed_offsets("g", partitions).unwrap();
    assert_eq!(committed.into_iter().map(|(_, at)| at).collect::<Vec<_>>(), [None, Some(2)]);
}

batchmill_tests::scenarios! {
    a_group_goes_on_where_it_has_committed;
    a_beginning_that_nobody_said_is_committed_before_the_first_batch;
    a_beginning_in_place_of_one_that_is_gone_is_committed_too;
    given_offsets_go_before_committed_ones;
    callbacks_hear_how_a_commit_ended;
    a_foreign_commit_for_the_group_is_an_error_that_names_it;
    offsets_that_the_log_does_not_have_fail_the_start;
    a_misspelt_topic_is_an_error_and_does_not_exist_afterwards;
    mistakes_are_told_at_the_start_with_their_line needs Nothing;
    new_partitions_and_new_topics_are_found_and_read_from_their_beginning;
    a_cluster_can_be_asked_without_a_stream;
}
