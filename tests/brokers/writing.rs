//! What our sink writes is read alike by ours and by others, and what others write is read by ours.

use std::time::Duration;

use batchmill_sources::kafka::{Compression, Idempotence, Producer, ProducerParams, ProducerRecord};
use batchmill_sources::prelude::*;

use crate::cluster::Cluster;
use crate::tools::{Told, told};
use crate::{context, lines, on_clusters, on_every_cluster, params, read, values};

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Writes lines as one batch of a stream; the first word of a line is its key.
fn save(cluster: &Cluster, topic: &str, compression: Compression, lines: &[String]) {
    let mut params = ProducerParams::new().compression(compression).batch_bytes(4_000);
    if cluster.release() < (0, 10) {
        // They do not answer the question for their version, which takes a second for each broker.
        params = params.broker_version(cluster.version());
    }
    let producer = Producer::connect(cluster.bootstrap(), params).unwrap();
    let ssc = context();
    let (queue, records) = ssc.queue_stream::<String>();
    records.repartition(2).save_to_kafka(&producer, topic, |line| {
        let key = line.split(' ').next().expect("a line has a word");
        ProducerRecord::new().key(key).value(line.as_str())
    });
    let mut test = ssc.start_stepped().unwrap();
    queue.push(lines.to_vec());
    test.step_batch().unwrap();
    producer.close(Duration::from_secs(10)).unwrap();
}

fn placed(records: &[Told]) -> Vec<(&str, i32)> {
    let mut placed: Vec<_> = records.iter().map(|told| (told.2.as_str(), told.0)).collect();
    placed.sort_unstable();
    placed.dedup();
    placed
}

#[test]
fn every_codec_of_the_sink_is_read_by_ours_and_by_kcat() {
    on_every_cluster("sink", |cluster| {
        let topic = cluster.create_topic("sink", 3);
        let mut expected = Vec::new();
        for codec in CODECS {
            let lines = lines(500, |n| format!("{} {codec:?} {n:03} with some words", n % 17));
            save(cluster, &topic, codec, &lines);
            expected.extend(lines);
        }
        expected.sort();
        let read = read(cluster, &topic, params());
        assert_eq!(values(&read), expected);
        assert_eq!(read, cluster.read_by_kcat(&topic));
        let marked = cluster.read_headers_by_kcat(&topic);
        let has_marks = cluster.release() >= (0, 11);
        assert!(
            marked.iter().all(|told| told.2.starts_with("batchmill-batch=") == has_marks),
            "{:?}",
            marked[0]
        );
    });
}

#[test]
fn a_key_goes_to_the_partition_that_other_producers_choose() {
    on_every_cluster("partitioner", |cluster| {
        let (ours, theirs) = (cluster.create_topic("ours", 5), cluster.create_topic("theirs", 5));
        let keys = lines(200, |n| format!("key-{n}"));
        save(cluster, &ours, Compression::None, &keys);
        let keyed: Vec<String> = keys.iter().map(|key| format!("{key}:{key}")).collect();
        cluster.produce_keyed(&theirs, &keyed);
        let (ours, theirs) = (read(cluster, &ours, params()), read(cluster, &theirs, params()));
        assert_eq!(placed(&ours).len(), 200);
        assert_eq!(placed(&ours), placed(&theirs));
    });
}

#[test]
fn confluent_kafka_and_ours_read_what_the_other_has_written() {
    let can = |cluster: &Cluster| cluster.release() >= (0, 10);
    on_clusters("confluent-kafka", can, |cluster| {
        let topic = cluster.create_topic("confluent", 2);
        let mut expected = Vec::new();
        for codec in cluster.codecs() {
            let lines = lines(300, |n| format!("{codec} {n:03} of confluent-kafka"));
            let headers = if cluster.release() >= (0, 11) { &["headers"][..] } else { &[] };
            cluster.confluent(&[&["produce", &topic, codec], headers].concat(), &lines);
            expected.extend(lines);
        }
        for codec in CODECS {
            let lines = lines(300, |n| format!("{codec:?} {n:03} of the sink"));
            save(cluster, &topic, codec, &lines);
            expected.extend(lines);
        }
        expected.sort();
        let read = read(cluster, &topic, params());
        assert_eq!(values(&read), expected);
        let count = expected.len().to_string();
        assert_eq!(read, told(&cluster.confluent(&["consume", &topic, &count], &[])));
    });
}

#[test]
fn the_lz4_frames_of_old_java_producers_are_read() {
    on_clusters(
        "lz4 of Java",
        |cluster| cluster.release() < (0, 10),
        |cluster| {
            let topic = cluster.create_topic("java", 1);
            let lines = lines(2_000, |n| format!("line {n:04} with some words"));
            cluster.produce_by_java(&topic, "lz4", &lines);
            let read = read(cluster, &topic, params());
            assert_eq!(values(&read), lines);
            assert_eq!(read, cluster.read_by_kcat(&topic));
        },
    );
}

#[test]
fn a_topic_in_an_old_format_is_refused_with_the_reason_and_written_without_numbers() {
    let keeps_old_formats = |cluster: &Cluster| (0, 11) <= cluster.release() && cluster.release() < (3, 0);
    on_clusters("old format", keeps_old_formats, |cluster| {
        let topic = cluster.create_topic_with("old-format", 1, 1, &["message.format.version=0.10.2"]);
        let lines = lines(500, |n| format!("line {n:03}"));
        let write = |idempotence| {
            let params = ProducerParams::new().idempotence(idempotence);
            let producer = Producer::connect(cluster.bootstrap(), params).unwrap();
            for line in &lines {
                producer.send(ProducerRecord::to(&topic).value(line.as_str()))?;
            }
            producer.flush(Duration::from_secs(30))
        };
        let refused = write(Idempotence::Auto).unwrap_err().to_string();
        assert!(refused.contains(&topic) && refused.contains("message.format.version"), "{refused}");
        write(Idempotence::Off).unwrap();
        let read = read(cluster, &topic, params());
        assert_eq!(values(&read), lines);
        assert_eq!(read, cluster.read_by_kcat(&topic));
    });
}
