//! What kcat wrote is read as it was written, by every release; where a stream begins and goes on.

use std::collections::BTreeSet;

use batchmill_sources::kafka::{self, ConsumerStrategy, KafkaCluster, KafkaError, OffsetRanges};

use crate::{context, kafka_error, lines, on_every_cluster, params, read, step_until, values};

fn every_codec_of_a_real_producer_is_read() {
    on_every_cluster("codecs", |cluster| {
        let topic = cluster.create_topic("codecs", 2);
        let mut expected = Vec::new();
        for codec in cluster.codecs() {
            let lines = lines(500, |n| format!("{codec} line {n:03} with some words"));
            cluster.produce(&topic, codec, &lines);
            expected.extend(lines);
        }
        expected.sort();
        let read = read(cluster, &topic, params());
        assert_eq!(values(&read), expected);
        assert_eq!(read, cluster.read_by_kcat(&topic));
    });
}

fn a_record_of_five_megabytes_is_read() {
    on_every_cluster("five megabytes", |cluster| {
        let topic = cluster.create_topic("large", 1);
        let large = "x".repeat(5_000_000);
        cluster.produce(&topic, "none", &["before".to_owned(), large.clone(), "after".to_owned()]);
        let lengths: Vec<usize> = read(cluster, &topic, params()).iter().map(|told| told.3.len()).collect();
        assert_eq!(lengths, [6, large.len(), 5]);
    });
}

fn a_misspelt_topic_is_an_error_and_does_not_exist_afterwards() {
    on_every_cluster("misspelt topic", |cluster| {
        let topic = cluster.create_topic("spelling", 1);
        let misspelt = topic.replace("spelling", "speling");
        let ssc = context();
        let topics = ConsumerStrategy::subscribe([misspelt.as_str()]);
        kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params()).count().collect();
        let error = ssc.start_stepped().unwrap_err();
        let KafkaError::UnknownTopic { did_you_mean, .. } = kafka_error(&error) else { panic!("{error}") };
        assert_eq!(did_you_mean.as_deref(), Some(topic.as_str()));
        let asked = KafkaCluster::connect(cluster.bootstrap(), params()).unwrap();
        let all: BTreeSet<String> = asked.topics().unwrap().iter().map(ToString::to_string).collect();
        assert!(all.contains(&topic) && !all.contains(&misspelt), "{all:?}");
    });
}

fn a_group_goes_on_where_it_has_committed() {
    on_every_cluster("commit and resume", |cluster| {
        let topic = cluster.create_topic("commits", 1);
        let run = || {
            let ssc = context();
            let topics = ConsumerStrategy::subscribe([topic.as_str()]);
            let params = params().group_id(topic.as_str());
            let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params);
            let values = stream.map(|record| record.value_text().to_string()).collect();
            let committer = stream.committer();
            stream.for_each_batch(move |batch| committer.commit_async(batch.offset_ranges()));
            ssc.start_stepped().unwrap().step_batch().unwrap();
            values.take_all()
        };
        cluster.produce(&topic, "none", &["a".to_owned(), "b".to_owned()]);
        assert_eq!(run(), ["a", "b"]);
        cluster.produce(&topic, "none", &["c".to_owned()]);
        assert_eq!(run(), ["c"]);
        assert_eq!(run(), Vec::<String>::new());
    });
}

fn a_topic_that_grows_is_read_from_the_beginning_of_its_new_partition() {
    on_every_cluster("a partition more", |cluster| {
        let topic = cluster.create_topic("grows", 1);
        let ssc = context();
        let topics = ConsumerStrategy::subscribe([topic.as_str()]);
        let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params());
        let partitions = stream.map(|record| record.partition()).collect();
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        cluster.grow_topic(&topic, 2);
        cluster.produce_to(&topic, 1, &["new".to_owned()]);
        // A new partition is found by a thread that looks for it, so it takes some batches.
        let mut came = Vec::new();
        step_until("the new record", &mut test, || {
            came = partitions.take_all();
            !came.is_empty()
        });
        assert_eq!(came, [1]);
    });
}

batchmill_tests::scenarios! {
    every_codec_of_a_real_producer_is_read;
    a_record_of_five_megabytes_is_read;
    a_misspelt_topic_is_an_error_and_does_not_exist_afterwards;
    a_group_goes_on_where_it_has_committed;
    a_topic_that_grows_is_read_from_the_beginning_of_its_new_partition;
}
