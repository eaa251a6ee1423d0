//! What the Kafka benches share: a topic that is read from its beginning to its end, and what that took.
#![allow(dead_code, reason = "each bench uses its part")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

pub(crate) mod broker;
#[path = "../../../core/benches/corpus/mod.rs"]
mod corpus;
pub(crate) mod yardstick;

use std::sync::Arc;
use std::time::{Duration, Instant};

use batchmill::{DStream, Data, StreamingContext};
use batchmill_sources::kafka::{
    ConsumerStrategy, KafkaParams, KafkaServers, OffsetReset, RecordDecoder, RecordRef,
    create_direct_stream_with, create_stream_with,
};
use crossbeam_channel as channel;
use parking_lot::Mutex;

/// What reading took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) records: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

impl Took {
    pub(crate) fn million_a_second(self) -> f64 {
        self.records as f64 / self.seconds / 1e6
    }

    pub(crate) fn cpu_ns(self) -> f64 {
        self.cpu_seconds / self.records as f64 * 1e9
    }
}

/// The CPU time of this process: user and system, in seconds. The kernel counts in hundredths.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    // Behind the name, which may have spaces: user and system time are fields 14 and 15 of all.
    let fields: Vec<&str> = stat[stat.rfind(')').expect("the name is in it") + 2..].split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("it is a number");
    (ticks(11) + ticks(12)) / 100.0
}

/// A decoder that keeps nothing of a record but that it was there. It looks at key and value, as any would.
pub(crate) fn look(record: RecordRef<'_>) -> u32 {
    (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u32
}

/// Reads a topic as a stream until `records` have come, and does with every batch what `output` says, which returns how
/// many records it has seen.
pub(crate) fn stream<T: Data>(
    brokers: &str,
    topic: &str,
    interval: Duration,
    records: u64,
    decoder: impl RecordDecoder<T>,
    output: impl for<'c> FnOnce(DStream<'c, T>, Counter),
) -> Result<Took, batchmill::Error> {
    stream_with(KafkaParams::new(), brokers, topic, interval, records, decoder, output)
}

/// As [`stream`], with these parameters.
pub(crate) fn stream_with<T: Data>(
    params: KafkaParams,
    brokers: &str,
    topic: &str,
    interval: Duration,
    records: u64,
    decoder: impl RecordDecoder<T>,
    output: impl for<'c> FnOnce(DStream<'c, T>, Counter),
) -> Result<Took, batchmill::Error> {
    let ssc = StreamingContext::new(interval)?;
    let params = params.offset_reset(OffsetReset::Earliest);
    let topics = ConsumerStrategy::subscribe([topic]);
    let stream = create_direct_stream_with(&ssc, brokers, topics, params, decoder).stream();
    let wait = counted(stream, records, output);
    timed(ssc, records, &wait)
}

/// As [`stream`], but reads as the only member of a group that has committed nothing.
pub(crate) fn receive<T: Data>(
    brokers: &str,
    topic: &str,
    group: String,
    interval: Duration,
    records: u64,
    decoder: impl RecordDecoder<T>,
    output: impl for<'c> FnOnce(DStream<'c, T>, Counter),
) -> Result<Took, batchmill::Error> {
    let ssc = StreamingContext::new(interval)?;
    let params = KafkaParams::new().offset_reset(OffsetReset::Earliest);
    let servers = KafkaServers::brokers(brokers);
    let stream = create_stream_with(&ssc, servers, group, [(topic, 1)], params, decoder);
    let wait = counted(stream, records, output);
    timed(ssc, records, &wait)
}

/// Has the output count, and says when it is done.
fn counted<'c, T: Data>(
    stream: DStream<'c, T>,
    records: u64,
    output: impl FnOnce(DStream<'c, T>, Counter),
) -> channel::Receiver<()> {
    let (done, wait) = channel::bounded(1);
    output(stream, Counter { seen: Arc::default(), of: records, done });
    wait
}

/// What it takes from the start until all records have come.
fn timed(ssc: StreamingContext, records: u64, all: &channel::Receiver<()>) -> Result<Took, batchmill::Error> {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let running = ssc.start()?;
    all.recv_timeout(Duration::from_secs(120)).expect("all records come within two minutes");
    let took = Took { records, seconds: begin.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds() - cpu };
    running.stop()?;
    Ok(took)
}

/// Counts records, and says when all have come.
#[derive(Clone)]
pub(crate) struct Counter {
    seen: Arc<Mutex<u64>>,
    of: u64,
    done: channel::Sender<()>,
}

impl Counter {
    pub(crate) fn add(&self, records: u64) {
        let mut seen = self.seen.lock();
        *seen += records;
        assert!(*seen <= self.of, "no record comes twice");
        if *seen == self.of {
            let _ = self.done.try_send(());
        }
    }
}

/// An output that counts records and does nothing else.
pub(crate) fn count<T: Data>(stream: DStream<'_, T>, counter: Counter) {
    stream.for_each_batch(move |batch| {
        counter.add(batch.len()?);
        Ok::<(), batchmill::Error>(())
    });
}

/// The middle one of what several rounds took, by its rate.
pub(crate) fn median(mut rounds: Vec<Took>) -> Took {
    rounds.sort_by(|a, b| a.million_a_second().total_cmp(&b.million_a_second()));
    rounds[rounds.len() / 2]
}
