//! The same lines in each codec, as librdkafka compressed them, from a real broker, beside librdkafka in the same run: see
//! `kafka/broker.rs` for how to start the broker. The last line is the smallest of ratio / limit.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;

use std::time::Duration;

use kafka::broker::{Broker, Failure};
use kafka::yardstick::Librdkafka;
use kafka::{Took, count, look, median, stream};

const LINES: u64 = 5_000_000;
const ROUNDS: usize = 5;
/// Of each codec: how many times as many records a second as librdkafka, and the aim.
const CODECS: [(&str, f64, f64); 4] =
    [("lz4", 2.0, 4.0), ("snappy", 2.0, 4.0), ("gzip", 1.0, 1.5), ("zstd", 1.0, 1.5)];

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let librdkafka = Librdkafka::build()?;
    println!("{LINES} lines, 2 partitions, Kafka {}; medians of {ROUNDS} rounds", broker.version());
    let mut smallest = f64::MAX;
    for (codec, limit, aim) in CODECS {
        let topic = broker.lines(&librdkafka, codec, LINES)?;
        let mut rounds: [Vec<Took>; 2] = Default::default();
        for _ in 0..ROUNDS {
            let interval = Duration::from_millis(100);
            rounds[0].push(stream(&broker.bootstrap, &topic, interval, LINES, look, count)?);
            rounds[1].push(librdkafka.consume(&broker, &topic, LINES)?);
        }
        let [ours, theirs] = rounds.map(median);
        let times = ours.million_a_second() / theirs.million_a_second();
        println!(
            "{codec:6} ours {:5.2} M records/s, {:4.0} ns CPU; librdkafka {:5.2}, {:4.0} ns; ratio {times:.2} (limit {limit}, aim {aim})",
            ours.million_a_second(),
            ours.cpu_ns(),
            theirs.million_a_second(),
            theirs.cpu_ns()
        );
        smallest = smallest.min(times / limit);
    }
    println!("{smallest:.2}");
    Ok(())
}
