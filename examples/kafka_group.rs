//! Shows how a consumer group shares out: joins one, and prints which partitions of its topics it has, as other members come
//! and go, and how many messages it got. Start it on several terminals, and end some of them.
//!
//! ```console
//! $ cargo run --release --example fake_kafka -- --port 9092 --topic lines:4     # or a cluster of yours
//! $ cargo run --release --example kafka_group localhost:9092 counters lines     # on two other terminals
//! lines-0 lines-1 lines-2 lines-3
//! lines-0 lines-1
//! ```

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use batchmill::{SourceEvent, StreamingListener};
use batchmill_examples::{Arguments, Failure, Options, UsageError, program, run};
use batchmill_sources::kafka::{self, KafkaParams, KafkaServers};

const USAGE: &str = "kafka_group BROKERS GROUP TOPICS [--batch-ms MS] [--batches N] [--workers N]

Joins the consumer group GROUP, which the Kafka brokers of the list BROKERS (HOST:PORT) coordinate, and writes a line with the
partitions of TOPICS (names with commas between them) that it has whenever they change, and at the end how many messages
it got.
";

/// Keeps what this member has, and writes it whenever it changes.
#[derive(Debug, Default)]
struct Owned {
    partitions: Mutex<BTreeSet<String>>,
}

impl StreamingListener for Owned {
    fn source_event(&self, event: &SourceEvent) {
        let names = event.detail.split(", ").map(str::to_owned);
        let mut partitions = self.partitions.lock().expect("nobody panics with it");
        match event.kind {
            "partitions_assigned" => partitions.extend(names),
            "partitions_revoked" | "partitions_lost" => names.for_each(|name| {
                partitions.remove(&name);
            }),
            _ => return,
        }
        let owned: Vec<&str> = partitions.iter().map(String::as_str).collect();
        let owned = if owned.is_empty() { "nothing".to_owned() } else { owned.join(" ") };
        // A reader that has gone away has seen enough.
        let _ = writeln!(std::io::stdout().lock(), "{owned}");
    }
}

static MESSAGES: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    program(USAGE, member)
}

fn member(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut next = |name: &str| match arguments.positional()? {
        Some(value) => Ok(value.to_string_lossy().into_owned()),
        None => Err(UsageError::new(format!("there is no {name}"))),
    };
    let (brokers, group, topics) = (next("BROKERS")?, next("GROUP")?, next("TOPICS")?);
    arguments.end()?;

    let ssc = options.context_with(Owned::default())?;
    let topics = topics.split(',').map(|topic| (topic, 1));
    let servers = KafkaServers::brokers(brokers);
    let messages = kafka::create_reliable_stream(&ssc, servers, group, topics, KafkaParams::new());
    messages.for_each_batch(|batch| {
        MESSAGES.fetch_add(batch.len()?, Ordering::Relaxed);
        Ok::<(), batchmill::Error>(())
    });
    run(ssc)?;
    let _ = writeln!(std::io::stdout().lock(), "{} messages", MESSAGES.load(Ordering::Relaxed));
    Ok(())
}
