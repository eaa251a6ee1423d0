//! A topic of 64-byte lines over TLS from a real broker, on one connection, beside librdkafka over TLS in the same run: see
//! `kafka/broker.rs` for how to start the broker. librdkafka needs a C compiler and OpenSSL's headers.
//!
//! Both show a client certificate and verify the broker's. Ours reads as a direct stream with 100 ms batches whose output
//! counts, with ring as the provider of cryptography. The last line is ratio / limit.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod kafka;

use std::sync::Arc;
use std::time::Duration;

use batchmill_sources::kafka::{KafkaParams, Security, SecurityProtocol};
use kafka::broker::{Broker, Failure};
use kafka::yardstick::Librdkafka;
use kafka::{Took, count, look, median, stream, stream_with};

const LINES: u64 = 10_000_000;
const ROUNDS: usize = 5;
/// How many times as many records a second as librdkafka.
const LIMIT: f64 = 2.0;

fn main() -> Result<(), Failure> {
    let broker = Broker::running()?;
    let (listener, certificates) = broker.tls()?;
    let librdkafka = Librdkafka::build_with_tls()?;
    let topic = broker.lines(&librdkafka, "none", LINES)?;
    let security = Security::new(SecurityProtocol::Ssl)
        .provider(Arc::new(rustls::crypto::ring::default_provider()))
        .ca_file(certificates.join("ca.pem"))
        .client_certificate_files(certificates.join("client.pem"), certificates.join("client.key"));
    let params = KafkaParams::new().security(security);
    let interval = Duration::from_millis(100);
    let mut rounds: [Vec<Took>; 3] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(stream_with(params.clone(), &listener, &topic, interval, LINES, look, count)?);
        rounds[1].push(librdkafka.consume_by_tls(&listener, &certificates, &topic, LINES)?);
        rounds[2].push(stream(&broker.bootstrap, &topic, interval, LINES, look, count)?);
    }
    println!("{LINES} lines, 2 partitions, Kafka {}; medians of {ROUNDS} rounds", broker.version());
    let [ours, librdkafka, plain] = rounds.map(median);
    for (name, took) in [("batchmill", ours), ("librdkafka", librdkafka), ("without TLS", plain)] {
        println!(
            "{name:16} {:6.2} M records/s, {:4.0} ns CPU a record",
            took.million_a_second(),
            took.cpu_ns()
        );
    }
    let times = ours.million_a_second() / librdkafka.million_a_second();
    println!("times librdkafka {times:.2} (limit {LIMIT}, aim 4)");
    println!("{:.2}", times / LIMIT);
    Ok(())
}
