//! A Kafka cluster that keeps its records in memory, to try a program against: `FakeKafka`, which tests start in their own
//! process, as a process of its own. kcat and other clients talk to it.
//!
//! ```console
//! $ cargo run --release --example fake_kafka -- --topic lines:2
//! 127.0.0.1:42195
//! $ echo hello | kcat -b 127.0.0.1:42195 -P -t lines
//! $ kcat -b 127.0.0.1:42195 -C -t lines -e
//! ```

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

use batchmill_examples::{Arguments, Failure, UsageError, program};
use batchmill_sources::fake::kafka::{FakeKafka, Profile};

const USAGE: &str =
    "fake_kafka [--port P] [--brokers N] [--profile RELEASE] [--auto-create yes|no] [--topic NAME:PARTITIONS]...

Starts N brokers (default 1) on 127.0.0.1, from port P on (default: free ports), that behave as a release of Kafka: 0.8,
0.9, 0.10, 0.11, 1.1, 2.4, 2.8, 3.9, 4.1 or 4.3 (default). Asking for a topic creates it (default yes). Writes the
addresses of the brokers and runs until Ctrl-C.
";

fn main() -> ExitCode {
    program(USAGE, serve)
}

fn serve(mut arguments: Arguments) -> Result<(), Failure> {
    let mut builder = FakeKafka::builder().max_message_bytes(100 << 20);
    if let Some(port) = arguments.number("--port", "a port", 1..=65535)? {
        builder = builder.port(u16::try_from(port).unwrap_or(u16::MAX));
    }
    if let Some(brokers) = arguments.number("--brokers", "a number", 1..=100)? {
        builder = builder.brokers(u16::try_from(brokers).unwrap_or(u16::MAX));
    }
    if let Some(profile) = arguments.option("--profile")? {
        let profile: Profile = profile
            .to_string_lossy()
            .parse()
            .map_err(|error| UsageError::new(format!("--profile: {error}")))?;
        builder = builder.profile(profile);
    }
    if let Some(create) = arguments.option("--auto-create")? {
        builder = builder.auto_create(yes_or_no("--auto-create", &create.to_string_lossy())?);
    }
    while let Some(topic) = arguments.option("--topic")? {
        let topic = topic.to_string_lossy();
        let (name, partitions) = topic_of(&topic)?;
        builder = builder.topic(name, partitions);
    }
    arguments.end()?;

    let kafka =
        builder.start().map_err(|error| Failure::Other(format!("no cluster on loopback: {error}")))?;
    let (interrupted, interruption) = sync_channel(1);
    ctrlc::set_handler(move || {
        let _ = interrupted.try_send(());
    })
    .map_err(|error| Failure::Other(format!("no way to see Ctrl-C: {error}")))?;
    // Nobody who reads it is no reason to stop.
    let _ = writeln!(std::io::stdout().lock(), "{}", kafka.bootstrap());
    // The handler lives as long as the process.
    let _ = interruption.recv();
    Ok(())
}

fn yes_or_no(name: &str, text: &str) -> Result<bool, UsageError> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(UsageError::new(format!("{name} is yes or no, not {text:?}"))),
    }
}

fn topic_of(text: &str) -> Result<(&str, u16), UsageError> {
    let topic = text.rsplit_once(':').and_then(|(name, partitions)| Some((name, partitions.parse().ok()?)));
    match topic {
        Some((name, partitions @ 1..)) if !name.is_empty() => Ok((name, partitions)),
        _ => Err(UsageError::new(format!("--topic needs NAME:PARTITIONS, not {text:?}"))),
    }
}
