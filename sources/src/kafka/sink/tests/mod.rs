//! The producer against the fake cluster.

mod kinds;
mod numbers;
mod output;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Producer, ProducerParams, ProducerRecord};
use crate::fake::kafka::{ErrorCode, FakeKafka, Seen};

/// So long anything may take before a test has failed.
const WAIT: Duration = Duration::from_secs(30);

/// Parameters that do not make a test wait.
fn quick() -> ProducerParams {
    ProducerParams::new()
        .linger(Duration::from_millis(1))
        .backoff(Duration::from_millis(2), Duration::from_millis(50))
        .request_timeout(Duration::from_secs(5))
}

fn producer(kafka: &FakeKafka, params: ProducerParams) -> Producer {
    Producer::connect(kafka.bootstrap(), params).unwrap()
}

/// Sends numbered records, each with its number as key and value.
fn send(producer: &Producer, topic: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let text = number.to_string();
        producer.send(ProducerRecord::to(topic).key(&text).value(&text)).unwrap();
    }
}

/// The values in all partitions, each with how often it is there.
fn values(kafka: &FakeKafka, topic: &str, partitions: i32) -> BTreeMap<u32, usize> {
    let mut found = BTreeMap::new();
    for partition in 0..partitions {
        for record in kafka.records(topic, partition).unwrap() {
            let value = String::from_utf8(record.value.unwrap()).unwrap();
            *found.entry(value.parse().unwrap()).or_default() += 1;
        }
    }
    found
}

/// Each of these once.
fn once(numbers: std::ops::Range<u32>) -> BTreeMap<u32, usize> {
    numbers.map(|number| (number, 1)).collect()
}

/// Puts this code into an answer about one partition of the topic "t".
fn appended_but(code: ErrorCode) -> impl Fn(&Seen, Vec<u8>) -> Vec<u8> + Send + Sync {
    move |_, mut answer| {
        // Behind the correlation id, the count and the name of topics, the count and the number of partitions.
        let at = 4 + 4 + 3 + 4 + 4;
        answer[at..at + 2].copy_from_slice(&code.0.to_be_bytes());
        answer
    }
}
