//! What stays up while a scenario makes trouble: a stream that keeps all it reads, and a producer that writes numbers.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use batchmill::{DStream, RunningContext, StreamingContext};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, KafkaRecord, OffsetRange, OffsetRanges, Producer, ProducerParams, ProducerRecord,
};
use batchmill_tests::{DEADLINE, wait_until};
use crossbeam_channel as channel;

use crate::cluster::Cluster;
use crate::tools::Told;
use crate::{params, seen};

/// The batches of a stream, as they were when they were done.
#[derive(Clone, Default)]
pub(crate) struct Batches(Arc<Mutex<Vec<Done>>>);

struct Done {
    ranges: Vec<OffsetRange>,
    records: Vec<Told>,
}

impl Batches {
    /// Those of this stream from now on.
    pub(crate) fn of(stream: &DStream<'_, KafkaRecord>) -> Self {
        let batches = Self::default();
        let keep = batches.clone();
        stream.map(|record| seen(&record)).for_each_batch(move |batch| {
            let records = batch.collect()?;
            keep.0.lock().unwrap().push(Done { ranges: batch.offset_ranges(), records });
            Ok::<(), batchmill::SourceError>(())
        });
        batches
    }

    /// How many records they have.
    pub(crate) fn records(&self) -> usize {
        self.0.lock().unwrap().iter().map(|done| done.records.len()).sum()
    }

    /// Whether they go up to the end of this log, of one partition.
    pub(crate) fn has_read(&self, log: &[Told]) -> bool {
        let end = log.last().map_or(0, |told| told.1 + 1);
        self.0.lock().unwrap().iter().flat_map(|done| &done.ranges).any(|range| range.until >= end)
    }

    /// All records, by partition and offset. The ranges must follow each other, and every record lie in its batch's.
    pub(crate) fn checked(&self) -> Vec<Told> {
        let batches = self.0.lock().unwrap();
        let mut all = Vec::new();
        let mut ends = std::collections::BTreeMap::new();
        for Done { ranges, records } in &*batches {
            for range in ranges {
                let end = ends.insert(range.partition, range.until);
                assert!(end.is_none_or(|end| end == range.from), "{range} follows {end:?}");
            }
            for record in records {
                let of = |range: &&OffsetRange| range.partition == record.0;
                let range = ranges.iter().find(of).expect("a record has a range");
                assert!((range.from..range.until).contains(&record.1), "{record:?} is not in {range}");
            }
            all.extend(records.iter().cloned());
        }
        all.sort();
        all
    }
}

/// A stream that runs.
pub(crate) struct Reader {
    context: RunningContext,
    batches: Batches,
}

impl Reader {
    /// One of all partitions of a topic, from their beginning.
    pub(crate) fn start(cluster: &Cluster, topic: &str) -> Self {
        let ssc = StreamingContext::new(Duration::from_millis(50)).unwrap();
        let topics = ConsumerStrategy::subscribe([topic]);
        let params = params().end_offsets(Default::default());
        let batches = Batches::of(&kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params));
        Self { context: ssc.start().unwrap(), batches }
    }

    /// Waits until it has read so many records more.
    pub(crate) fn wait_for_more(&self, records: usize) {
        let wanted = self.batches.records() + records;
        self.wait_for(wanted);
    }

    /// Waits until it has read so many records, and stops it. Returns them as [`Batches::checked`] does.
    pub(crate) fn finish(self, records: usize) -> Vec<Told> {
        self.wait_for(records);
        self.context.stop_gracefully(DEADLINE).unwrap();
        self.batches.checked()
    }

    fn wait_for(&self, records: usize) {
        wait_until("records", || {
            let has_ended = self.context.await_termination_timeout(Duration::ZERO);
            assert!(!has_ended.unwrap_or_else(|error| panic!("{error}")), "the stream has ended");
            self.batches.records() >= records
        });
    }
}

/// A producer to which a thread gives the numbers from 0 on, some hundred a second.
pub(crate) struct Feeder {
    written: Arc<AtomicUsize>,
    stop: channel::Sender<()>,
    thread: JoinHandle<()>,
    end: Box<dyn FnOnce()>,
}

impl Feeder {
    pub(crate) fn start(cluster: &Cluster, topic: &str) -> Self {
        // kcat gives up when the only broker comes back and tells of no topic yet.
        if cluster.size() == 1 { Self::ours(cluster, topic) } else { Self::kcat(cluster, topic) }
    }

    fn kcat(cluster: &Cluster, topic: &str) -> Self {
        let mut command = cluster.kcat("-P", topic);
        // -E: brokers that are away are no reason to give up.
        command.args([
            "-E",
            "-q",
            "-X",
            "acks=all",
            "-X",
            "linger.ms=2",
            "-X",
            "reconnect.backoff.max.ms=500",
        ]);
        if cluster.release() >= (0, 11) {
            command.args(["-X", "enable.idempotence=true"]);
        }
        let mut kcat = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = kcat.stdin.take().expect("it is piped");
        let write = move |number| writeln!(input, "{number}").expect("kcat reads");
        Self::write_by(write, move || assert!(kcat.wait().unwrap().success(), "kcat could not write all"))
    }

    fn ours(cluster: &Cluster, topic: &str) -> Self {
        let producer = Producer::connect(cluster.bootstrap(), ProducerParams::new()).unwrap();
        let (sender, topic) = (producer.clone(), topic.to_owned());
        let write =
            move |number: usize| sender.send(ProducerRecord::to(&topic).value(number.to_string())).unwrap();
        Self::write_by(write, move || producer.close(DEADLINE).unwrap())
    }

    /// `end` returns when all is acknowledged; `write` is dropped before.
    fn write_by(mut write: impl FnMut(usize) + Send + 'static, end: impl FnOnce() + 'static) -> Self {
        let (stop, stopped) = channel::bounded::<()>(0);
        let written = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&written);
        let thread = std::thread::spawn(move || {
            let pace = channel::tick(Duration::from_millis(2));
            for number in 0.. {
                channel::select! {
                    recv(pace) -> _ => {}
                    recv(stopped) -> _ => return,
                }
                write(number);
                count.store(number + 1, Ordering::Relaxed);
            }
        });
        Self { written, stop, thread, end: Box::new(end) }
    }

    /// Waits until it has written so many lines more.
    pub(crate) fn wait_for_more(&self, lines: usize) {
        let wanted = self.written.load(Ordering::Relaxed) + lines;
        wait_until("lines", || self.written.load(Ordering::Relaxed) >= wanted);
    }

    /// Ends it. The brokers have acknowledged all numbers below the one that it returns.
    pub(crate) fn finish(self) -> usize {
        drop(self.stop);
        self.thread.join().unwrap();
        (self.end)();
        self.written.load(Ordering::Relaxed)
    }
}
