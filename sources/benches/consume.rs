//! Millions of records a second from an in-memory broker, in a process of its own, on one connection: 100-byte records as
//! a direct stream with 100 ms batches, the default budget of 64 MiB, and an output that only counts them. Prints the CPU
//! time of this process, all of whose threads are the client's, for each record; the last line is the rate in millions.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;
#[path = "peer/mod.rs"]
mod peer;

use std::io::{BufRead, BufReader};
use std::time::Duration;

use batchmill_sources::fake::kafka::{FakeBatch, FakeKafka};
use kafka::{Took, count, look, median, stream};

const RECORDS: u64 = 4_000_000;
const BYTES: usize = 100;
const PARTITIONS: u16 = 2;
/// A batch of records of 100 kB, as a busy producer makes them.
const A_BATCH: u64 = 1_000;
const ROUNDS: usize = 5;
const LIMIT: f64 = 5.0;
const AIM: f64 = 10.0;
const LIMIT_CPU_NS: f64 = 100.0;
const AIM_CPU_NS: f64 = 60.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    let mut broker = peer::this_program(&["serve"]).stdin(std::process::Stdio::piped()).spawn()?;
    let mut brokers = String::new();
    BufReader::new(broker.stdout.take().expect("it is piped")).read_line(&mut brokers)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(stream(brokers.trim(), "bench", Duration::from_millis(100), RECORDS, look, count)?);
    }
    // The broker ends with its standard input.
    drop(broker.stdin.take());
    broker.wait()?;
    report(rounds);
    Ok(())
}

fn report(rounds: Vec<Took>) {
    let (slowest, fastest) = rounds.iter().fold((f64::MAX, 0.0_f64), |(low, high), took| {
        (low.min(took.million_a_second()), high.max(took.million_a_second()))
    });
    let took = median(rounds);
    println!("{RECORDS} records of {BYTES} bytes, {PARTITIONS} partitions, medians of {ROUNDS} rounds");
    println!("worst and best round, M records/s      {slowest:.2} {fastest:.2}");
    println!(
        "CPU of the client, ns a record          {:.0} (limit {LIMIT_CPU_NS}, aim {AIM_CPU_NS})",
        took.cpu_ns()
    );
    println!("M records/s (100 ms batches, 64 MiB budget; limit {LIMIT}, aim {AIM}):");
    println!("{:.2}", took.million_a_second());
}

/// The broker.
fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = FakeKafka::builder().topic("bench", PARTITIONS).start()?;
    let value = "x".repeat(BYTES);
    for batch in 0..RECORDS / A_BATCH {
        let records = (0..A_BATCH).map(|_| value.as_str());
        let partition = (batch % u64::from(PARTITIONS)) as i32;
        cluster.produce_batch("bench", partition, FakeBatch::of(records))?;
    }
    println!("{}", cluster.bootstrap());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
