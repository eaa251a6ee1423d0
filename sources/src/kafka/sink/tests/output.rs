//! Outputs of streams and batches.

use batchmill::{BatchContext, BatchTime, Error, StreamingContext};

use super::*;
use crate::fake::kafka::{ApiKey, ErrorCode};
use crate::kafka::{KafkaBatchSink, KafkaError, KafkaSink, KafkaSinkError, KafkaSinkOptions};

fn headers(kafka: &FakeKafka, topic: &str) -> Vec<String> {
    let mut found: Vec<_> = kafka
        .records(topic, 0)
        .unwrap()
        .into_iter()
        .flat_map(|record| record.headers)
        .map(|(key, value)| format!("{key}={}", String::from_utf8(value.unwrap()).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_batch_is_written_when_the_call_returns_and_its_records_are_marked() {
    let kafka = FakeKafka::builder().topic("t", 1).topic("u", 1).start().unwrap();
    let producer = producer(&kafka, quick().linger(Duration::from_secs(3_600)));
    let context = BatchContext::sequential().at(BatchTime::from_ms(5_000));
    let batch = context.batch_of(vec![vec![1_u32, 2], vec![3]]);
    let options = KafkaSinkOptions::new();
    fn make(n: &u32) -> ProducerRecord<'_> {
        ProducerRecord::new().topic(if *n == 3 { "u" } else { "" }).value(n.to_string())
    }
    for _ in 0..2 {
        batch.write_to_kafka(&producer, "t", &options, make).unwrap();
    }
    assert_eq!(values(&kafka, "t", 1), BTreeMap::from([(1, 2), (2, 2)]));
    let marks = ["batchmill-batch=5000/0/0", "batchmill-batch=5000/0/1"];
    assert_eq!(headers(&kafka, "t"), [marks[0], marks[0], marks[1], marks[1]]);
    assert_eq!(headers(&kafka, "u"), ["batchmill-batch=5000/1/0", "batchmill-batch=5000/1/0"]);
    batch.write_to_kafka(&producer, "t", &options.batch_header(false), make).unwrap();
    assert_eq!(headers(&kafka, "t").len(), 4);
}

#[test]
fn tasks_write_at_the_same_time() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 3).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(2_000));
    let ssc = StreamingContext::builder().batch_interval(Duration::from_secs(1)).workers(4).build().unwrap();
    let (queue, numbers) = ssc.queue_stream::<u32>();
    numbers
        .repartition(8)
        .save_to_kafka(&producer, "t", |n| ProducerRecord::new().key(n.to_string()).value(n.to_string()));
    let mut test = ssc.start_stepped().unwrap();
    queue.push(0..20_000);
    test.step_batch().unwrap();
    assert_eq!(values(&kafka, "t", 3), once(0..20_000));
}

#[test]
fn a_batch_that_could_not_be_written_fails_with_the_reason() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    let producer = producer(&kafka, quick());
    let batch = BatchContext::sequential().batch(vec![1_u32, 2], 2);
    let options = KafkaSinkOptions::new();
    fn make(n: &u32) -> ProducerRecord<'_> {
        ProducerRecord::new().partition(*n as i32 - 1).value(n.to_string())
    }
    let error = batch.write_to_kafka(&producer, "missing", &options, make).unwrap_err();
    assert!(error.to_string().contains("the cluster has no topic \"missing\""), "{error}");
    let fault = kafka.on(ApiKey::PRODUCE).partition(1).fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let error = batch.write_to_kafka(&producer, "t", &options, make).unwrap_err();
    let KafkaSinkError::Kafka(KafkaError::Broker { about, code, .. }) = error else { panic!("{error}") };
    assert_eq!((about.as_deref(), code), (Some("t-1"), ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!((values(&kafka, "t", 2), fault.fired()), (once(1..2), 1));
    producer.flush(WAIT).unwrap();
}

#[test]
fn a_stream_is_written_batch_by_batch_and_an_error_fails_the_job() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().set("retries", "0"));
    let ssc = StreamingContext::new(Duration::from_secs(1)).unwrap();
    let (queue, numbers) = ssc.queue_stream::<u32>();
    numbers.save_to_kafka(&producer, "t", |n| ProducerRecord::new().value(n.to_string()));
    let mut test = ssc.start_stepped().unwrap();
    queue.push([1, 2]);
    test.step_batch().unwrap();
    assert_eq!(values(&kafka, "t", 1), once(1..3));
    kafka.on(ApiKey::PRODUCE).fail(ErrorCode::NOT_ENOUGH_REPLICAS);
    queue.push([3]);
    let error = test.step_batch().unwrap_err();
    let Error::Task(task) = &error else { panic!("{error}") };
    assert!(task.cause.is::<KafkaError>(), "{error}");
    assert!(error.to_string().contains("NOT_ENOUGH_REPLICAS"), "{error}");
}
