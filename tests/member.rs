//! A member of a consumer group as a process of its own, for those who stop, kill and pause members: the scenarios on real
//! brokers, and `.ci/kill-loop`. It reads by the reliable form of the receiver stream, and prints what happens to it:
//!
//! ```text
//! has 0 2                 its partitions, whenever they change
//! batch 1700000000000     a batch with records, and when its output began, in milliseconds since 1970
//! 2 17 value              a record of that batch: partition, offset, value
//! told commit_skipped: .. another event of the source
//! ```
//!
//! A batch's lines are written before it is committed. It stops in order when its standard input ends. Members of other
//! clients, in `.ci/members`, take the same arguments and print the same.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchmill::{Clock, SourceError, SourceEvent, StreamingContext, StreamingListener, SystemClock};
use batchmill_sources::kafka::{self, KafkaParams, KafkaServers};

const USAGE: &str = "usage: member brokers|zookeeper SERVERS GROUP TOPIC [NAME=VALUE...]";
const BATCH_INTERVAL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, servers, group, topic, settings @ ..] = &arguments[..] else { return fail(USAGE) };
    let servers = match kind.as_str() {
        "brokers" => KafkaServers::brokers(servers),
        "zookeeper" => KafkaServers::zookeeper(servers),
        _ => return fail(USAGE),
    };
    let Some(settings) = settings.iter().map(|setting| setting.split_once('=')).collect::<Option<Vec<_>>>()
    else {
        return fail(USAGE);
    };
    match run(servers, group, topic, settings.into_iter().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

fn run(servers: KafkaServers, group: &str, topic: &str, params: KafkaParams) -> Result<(), batchmill::Error> {
    let builder = StreamingContext::builder().batch_interval(BATCH_INTERVAL);
    let ssc = builder.listener(Arc::new(Owned::default())).build()?;
    let records = kafka::create_reliable_stream(&ssc, servers, group, [(topic, 1)], params);
    let read = records.map(|record| (record.partition(), record.offset(), record.value_text().to_string()));
    let clock = SystemClock::new();
    read.for_each_batch(move |batch| {
        let begun = clock.wall().as_ms();
        let records = batch.collect()?;
        if records.is_empty() {
            return Ok(());
        }
        let mut text = format!("batch {begun}\n");
        for (partition, offset, value) in records {
            writeln!(text, "{partition} {offset} {value}")?;
        }
        Ok::<(), SourceError>(print(&text)?)
    });
    let stop = ssc.stop_handle();
    // It ends with the process, which may end earlier.
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.stop();
    });
    ssc.start()?.await_termination()?;
    Ok(())
}

/// Written as a whole, so that lines of several threads do not mix.
fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn fail(reason: impl Display) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "member: {reason}");
    ExitCode::FAILURE
}

/// The partitions that the member has, printed as they change.
#[derive(Debug, Default)]
struct Owned {
    partitions: Mutex<BTreeSet<i32>>,
}

impl StreamingListener for Owned {
    fn source_event(&self, event: &SourceEvent) {
        let numbers = event.detail.split(", ").filter_map(|name| name.rsplit_once('-')?.1.parse().ok());
        let mut partitions = self.partitions.lock().expect("nobody panics with it");
        match event.kind {
            "partitions_assigned" => partitions.extend(numbers),
            "partitions_revoked" | "partitions_lost" => numbers.for_each(|number: i32| {
                partitions.remove(&number);
            }),
            _ => {
                let _ = print(&format!("told {}: {}\n", event.kind, event.detail));
                return;
            }
        }
        let owned: String = partitions.iter().map(|number| format!(" {number}")).collect();
        // A reader that has gone away has seen enough.
        let _ = print(&format!("has{owned}\n"));
    }
}
