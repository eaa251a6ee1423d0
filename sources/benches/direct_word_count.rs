//! The words of a topic counted, from the broker's log to the result, with batches of 1 s and of 100 ms, the default
//! budget, and the broker on the same cores: see `kafka/broker.rs` for how to start it. The last line is the smaller rate,
//! in millions of lines of ten words a second.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;

use std::time::Duration;

use batchmill::{DStream, Text};
use batchmill_sources::kafka::text_values;
use kafka::broker::{Broker, Failure, WORDS_A_LINE};
use kafka::yardstick::Librdkafka;
use kafka::{Counter, median, stream};

const LINES: u64 = 10_000_000;
const ROUNDS: usize = 5;
const LIMIT: f64 = 3.0;
const AIM: f64 = 4.5;

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let topic = broker.lines(&Librdkafka::build()?, "none", LINES)?;
    println!("{LINES} lines, 2 partitions, Kafka {}; medians of {ROUNDS} rounds", broker.version());
    let mut smallest = f64::MAX;
    for interval in [Duration::from_secs(1), Duration::from_millis(100)] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(stream(&broker.bootstrap, &topic, interval, LINES, text_values(), count_words)?);
        }
        let took = median(rounds);
        println!(
            "{interval:?} batches: {:.2} M lines/s, {:.0} ns CPU a line (limit {LIMIT}, aim {AIM} M lines/s)",
            took.million_a_second(),
            took.cpu_ns()
        );
        smallest = smallest.min(took.million_a_second());
    }
    println!("{smallest:.2}");
    Ok(())
}

/// Every batch's counts are fetched, as an output would, and their sum says how many lines there were.
fn count_words(lines: DStream<'_, Text>, counter: Counter) {
    let words = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1_u64));
    words.reduce_by_key(|a, b| a + b).for_each_batch(move |counts| {
        let words: u64 = counts.into_vec()?.iter().map(|(_, count)| count).sum();
        counter.add(words / WORDS_A_LINE as u64);
        Ok::<(), batchmill::Error>(())
    });
}
