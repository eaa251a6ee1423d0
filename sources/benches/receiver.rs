//! A topic of 64-byte lines from a real broker, received as the only member of a group, beside the direct stream in the same
//! run: see `kafka/broker.rs` for how to start the broker. librdkafka, which fills the topic, needs a C compiler.
//!
//! Both have 100 ms batches and the default budget, and the output counts. What the receiver takes begins with its start, so
//! joining the group is in it; so many lines (9 GB in the broker's log) that this and the last batch, which is whole, are a small
//! part. The last line is ratio / limit.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;

use std::time::Duration;

use kafka::broker::{Broker, Failure};
use kafka::yardstick::Librdkafka;
use kafka::{Took, count, look, median, receive, stream};

const LINES: u64 = 120_000_000;
const ROUNDS: usize = 5;
const INTERVAL: Duration = Duration::from_millis(100);
/// How many times as many records a second as the direct stream.
const LIMIT: f64 = 0.8;

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let topic = broker.lines(&Librdkafka::build()?, "none", LINES)?;
    let mut rounds: [Vec<Took>; 2] = Default::default();
    for round in 0..ROUNDS {
        let group = format!("bench-receiver-{}-{round}", std::process::id());
        rounds[0].push(stream(&broker.bootstrap, &topic, INTERVAL, LINES, look, count)?);
        rounds[1].push(receive(&broker.bootstrap, &topic, group, INTERVAL, LINES, look, count)?);
    }
    println!("{LINES} lines, 2 partitions, Kafka {}; medians of {ROUNDS} rounds", broker.version());
    let [direct, receiver] = rounds.map(median);
    for (name, took) in [("direct", direct), ("receiver", receiver)] {
        println!(
            "{name:8} {:6.2} M records/s, {:4.0} ns CPU a record",
            took.million_a_second(),
            took.cpu_ns()
        );
    }
    let ratio = receiver.million_a_second() / direct.million_a_second();
    println!("receiver / direct {ratio:.2} (limit {LIMIT}, aim 0.95)");
    println!("{:.2}", ratio / LIMIT);
    Ok(())
}
