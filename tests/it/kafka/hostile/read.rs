//! What a case is tried with: each gives the offsets it has seen, or the error it came to.

use std::sync::mpsc;
use std::time::Duration;

use batchmill::BatchContext;
use batchmill_sources::fake::kafka::FakeKafka;
use batchmill_sources::kafka::{
    self, KafkaCluster, KafkaError, KafkaParams, OffsetRange, OffsetRanges, Producer, ProducerParams,
    ProducerRecord, TopicPartition,
};
use batchmill_tests::DEADLINE;

use super::RECORDS;
use crate::kafka::{context, kafka_error, lines, step_until_error};

/// Its name, and how it reads.
pub(super) type Reader = (&'static str, fn(&FakeKafka, KafkaParams) -> Result<Vec<i64>, KafkaError>);

pub(super) const RANGE: Reader = ("the range", range);
pub(super) const STREAM: Reader = ("the stream", stream);
pub(super) const RUNNING: Reader = ("the stream that goes on", running);
pub(super) const GROUP: Reader = ("the stream of a group", group);
pub(super) const CLUSTER: Reader = ("the questions", questions);
pub(super) const SINK: Reader = ("the producer", sink);

/// So many batches of a stream are cut at most.
const BATCHES: usize = 20;

fn range(kafka: &FakeKafka, params: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let range = OffsetRange::new("lines", 0, 0, RECORDS);
    let batch = kafka::read_range(kafka.bootstrap(), [range], params).batch(&BatchContext::sequential())?;
    let offsets = batch.map(|record| record.offset()).collect();
    offsets.map_err(|error| kafka_error(&error).clone())
}

fn stream(kafka: &FakeKafka, params: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let (ssc, _) = context();
    let offsets = lines(&ssc, kafka, params).map(|record| record.offset()).collect();
    let mut test = ssc.start_stepped().map_err(|error| kafka_error(&error).clone())?;
    let mut seen = Vec::new();
    for _ in 0..BATCHES {
        test.step_batch().map_err(|error| kafka_error(&error).clone())?;
        seen.extend(offsets.take_all());
        if seen.len() >= RECORDS as usize {
            break;
        }
    }
    Ok(seen)
}

/// Goes on after all has been read, until a batch fails.
fn running(kafka: &FakeKafka, params: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let (ssc, _) = context();
    lines(&ssc, kafka, params).count().collect();
    let mut test = ssc.start_stepped().map_err(|error| kafka_error(&error).clone())?;
    Err(kafka_error(&step_until_error(&mut test)).clone())
}

/// Reads what the group has not read, and commits it. What it has read counts as seen.
fn group(kafka: &FakeKafka, params: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let before = kafka.committed("readers", "lines", 0).map_or(0, |committed| committed.offset);
    let (ssc, _) = context();
    let stream = lines(&ssc, kafka, params.group_id("readers"));
    let (committer, (tell, told)) = (stream.committer(), mpsc::channel());
    let offsets = stream.map(|record| record.offset());
    let seen = offsets.collect();
    offsets.for_each_batch(move |batch| {
        let tell = tell.clone();
        committer.commit_async_with(batch.offset_ranges(), move |result| tell.send(result).unwrap())
    });
    let mut test = ssc.start_stepped().map_err(|error| kafka_error(&error).clone())?;
    test.step_batch().map_err(|error| kafka_error(&error).clone())?;
    told.recv_timeout(DEADLINE).unwrap()?;
    let committed = kafka.committed("readers", "lines", 0).map(|committed| committed.offset);
    assert_eq!(committed, Some(RECORDS), "what was told to be committed is");
    Ok((0..before).chain(seen.take_all()).collect())
}

/// Asks for partitions, both ends, the offset of a time and what a group has committed; commits, and asks again.
fn questions(kafka: &FakeKafka, params: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let cluster = KafkaCluster::connect(kafka.bootstrap(), params)?;
    let lines = TopicPartition::new("lines", 0);
    let partitions = cluster.partitions("lines")?;
    assert_eq!(partitions, std::slice::from_ref(&lines));
    let earliest = cluster.earliest_offsets(partitions.clone())?;
    let latest = cluster.latest_offsets(partitions.clone())?;
    assert_eq!((earliest[0].1, latest[0].1), (0, RECORDS));
    assert_eq!(cluster.offsets_for_time(partitions.clone(), 1)?[0].1, Some(0));
    cluster.commit("askers", [OffsetRange::new("lines", 0, 0, RECORDS)])?;
    assert_eq!(cluster.committed_offsets("askers", partitions)?, [(lines, Some(RECORDS))]);
    Ok((0..RECORDS).collect())
}

/// Writes behind the records that are there; gives the offsets as if only these were there.
fn sink(kafka: &FakeKafka, _: KafkaParams) -> Result<Vec<i64>, KafkaError> {
    let params = ProducerParams::new()
        .linger(Duration::from_millis(1))
        .backoff(Duration::from_millis(5), Duration::from_millis(50))
        .request_timeout(Duration::from_secs(2))
        .delivery_timeout(Duration::from_secs(2))
        .max_wait(Duration::from_secs(2));
    let producer = Producer::connect(kafka.bootstrap(), params)?;
    for n in 0..RECORDS {
        producer.send(ProducerRecord::to("lines").value(format!("new {n}")))?;
    }
    producer.flush(DEADLINE)?;
    let written = kafka.records("lines", 0).unwrap().into_iter().map(|record| record.value.unwrap());
    let numbers =
        written.filter_map(|value| String::from_utf8(value).unwrap().strip_prefix("new ")?.parse().ok());
    Ok(numbers.collect())
}
