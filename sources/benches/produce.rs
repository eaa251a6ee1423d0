//! 100-byte records written to a real broker from one thread, until all are acknowledged by all, beside librdkafka with the
//! same acks, idempotence, batch bytes and linger: see `kafka/broker.rs` for how to start the broker. The last line is
//! the ratio of the rates.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod kafka;

use std::time::{Duration, Instant};

use batchmill_sources::kafka::{Producer, ProducerParams, ProducerRecord};
use kafka::broker::{Broker, Failure};
use kafka::yardstick::Librdkafka;
use kafka::{Took, cpu_seconds, median};

const RECORDS: u64 = 2_000_000;
const BYTES: usize = 100;
const BATCH_BYTES: usize = 1_000_000;
const LINGER: Duration = Duration::from_millis(5);
const ROUNDS: usize = 5;
const LIMIT: f64 = 1.0;
const AIM: f64 = 3.0;

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let librdkafka = Librdkafka::build()?;
    let mut rounds: [Vec<Took>; 2] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(into_new_topic(&broker, |topic| ours(&broker, topic))?);
        rounds[1].push(into_new_topic(&broker, |topic| {
            librdkafka.produce(&broker, topic, RECORDS, BYTES, BATCH_BYTES, LINGER.as_millis())
        })?);
    }
    println!(
        "{RECORDS} records of {BYTES} bytes, 2 partitions, Kafka {}; medians of {ROUNDS} rounds",
        broker.version()
    );
    let [ours, theirs] = rounds.map(median);
    for (name, took) in [("batchmill", ours), ("librdkafka", theirs)] {
        println!(
            "{name:10} {:5.2} M records/s, {:4.0} ns CPU a record",
            took.million_a_second(),
            took.cpu_ns()
        );
    }
    println!("ratio (limit {LIMIT}, aim {AIM}):");
    println!("{:.2}", ours.million_a_second() / theirs.million_a_second());
    Ok(())
}

/// Each round has a log of its own, and all records must be in it.
fn into_new_topic(
    broker: &Broker,
    write: impl FnOnce(&str) -> Result<Took, Failure>,
) -> Result<Took, Failure> {
    const TOPIC: &str = "bench-produce";
    if broker.records(TOPIC)?.is_some() {
        broker.delete(TOPIC)?;
    }
    broker.create(TOPIC)?;
    let took = write(TOPIC)?;
    assert_eq!(broker.records(TOPIC)?, Some(RECORDS), "every record is there, once");
    broker.delete(TOPIC)?;
    Ok(took)
}

fn ours(broker: &Broker, topic: &str) -> Result<Took, Failure> {
    let params = ProducerParams::new().batch_bytes(BATCH_BYTES).linger(LINGER);
    let producer = Producer::connect(&broker.bootstrap, params)?;
    let value = "x".repeat(BYTES);
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    for n in 0..RECORDS {
        producer.send(ProducerRecord::to(topic).partition((n % 2) as i32).value(value.as_bytes()))?;
    }
    producer.flush(Duration::from_secs(120))?;
    Ok(Took { records: RECORDS, seconds: begin.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds() - cpu })
}
