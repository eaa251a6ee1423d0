//! A topic of 64-byte lines from a real broker, on one connection, beside librdkafka and Kafka's own consumer in the same
//! run: see `kafka/broker.rs` for how to start the broker. librdkafka needs a C compiler, the other one a JDK.
//!
//! Ours reads as a direct stream with 100 ms batches whose output counts. The last line is the smallest of ratio / limit.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;

use std::time::Duration;

use kafka::broker::{Broker, Failure};
use kafka::yardstick::{Java, Librdkafka};
use kafka::{Took, count, look, median, stream};

const LINES: u64 = 10_000_000;
const ROUNDS: usize = 5;
/// How many times as many records a second as librdkafka; as Java.
const LIMITS: [f64; 2] = [4.0, 2.0];
/// How many times our CPU a record Java takes.
const LIMIT_JAVA_CPU: f64 = 2.0;

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let (librdkafka, java) = (Librdkafka::build()?, Java::build(&broker)?);
    let topic = broker.lines(&librdkafka, "none", LINES)?;
    let mut rounds: [Vec<Took>; 3] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(stream(&broker.bootstrap, &topic, Duration::from_millis(100), LINES, look, count)?);
        rounds[1].push(librdkafka.consume(&broker, &topic, LINES)?);
        rounds[2].push(java.consume(&broker, &topic, LINES)?);
    }
    println!("{LINES} lines, 2 partitions, Kafka {}; medians of {ROUNDS} rounds", broker.version());
    let [ours, librdkafka, java] = rounds.map(median);
    for (name, took) in [("batchmill", ours), ("librdkafka", librdkafka), ("Java, warm half", java)] {
        println!(
            "{name:16} {:6.2} M records/s, {:4.0} ns CPU a record",
            took.million_a_second(),
            took.cpu_ns()
        );
    }
    let times = [librdkafka, java].map(|other| ours.million_a_second() / other.million_a_second());
    let java_cpu = java.cpu_ns() / ours.cpu_ns();
    println!("aim: 10 M records/s, 60 ns");
    println!(
        "times librdkafka {:.2} (limit {}), times Java {:.2} (limit {})",
        times[0], LIMITS[0], times[1], LIMITS[1]
    );
    println!("Java's CPU a record {java_cpu:.2} times ours (limit {LIMIT_JAVA_CPU})");
    let smallest = (times[0] / LIMITS[0]).min(times[1] / LIMITS[1]).min(java_cpu / LIMIT_JAVA_CPU);
    println!("{smallest:.2}");
    Ok(())
}
