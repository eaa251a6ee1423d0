//! The blocks of a batch's ranges as the engine asks for them: out of what is read ahead, or fetched again where a batch
//! runs again and its blocks are gone. On the job thread, and in tasks that want a partition whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use batchmill::{Data, InputHandle, NextPiece, PieceFeed, SourceError};

use super::decoder::RecordDecoder;
use super::fetching::Fetching;
use super::logs::{logs, not_in_log};
use super::piece::{BadRecords, BlockPiece};
use super::range::Progress;
use super::read_ahead::{Cursor, ReadAhead, ReadAheadSettings, Watch};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Transport;
use crate::kafka::{KafkaError, OffsetRange, TopicPartition};

/// How long a fetch that failed waits for the ends of the log, which its error names.
const ASK_FOR_ENDS: Duration = Duration::from_secs(10);

/// The ranges of one batch.
#[derive(Debug)]
pub(super) struct Ranges {
    pub(super) ranges: Vec<OffsetRange>,
    /// All of them have come and are small: their blocks stay until the batch is done, for all who read it.
    pub(super) keep: bool,
}

impl Ranges {
    fn cursors(&self) -> Vec<Cursor> {
        self.ranges
            .iter()
            .map(|range| Cursor::new(range.topic_partition(), range.from..range.until))
            .collect()
    }
}

/// How ranges are read.
pub(super) struct RangeReader {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) settings: ReadAheadSettings,
    pub(super) bad_records: Arc<BadRecords>,
    /// What a stream reads ahead; a range that begins in there is read from there.
    pub(super) live: Option<Arc<ReadAhead>>,
    pub(super) handle: Option<InputHandle>,
}

impl RangeReader {
    /// Begins to read all ranges anew.
    pub(super) fn open<T: Data>(
        &self,
        ranges: &Ranges,
        decoder: &Arc<dyn RecordDecoder<T>>,
        progress: Option<Arc<Progress>>,
    ) -> Result<Box<dyn PieceFeed<T>>, KafkaError> {
        let (read_ahead, fetching, keep) = match &self.live {
            Some(live) if live.claim(&ranges.ranges, ranges.keep) => (Arc::clone(live), None, ranges.keep),
            _ => {
                let (read_ahead, fetching) = self.fetch(ranges)?;
                (read_ahead, Some(fetching), false)
            }
        };
        Ok(Box::new(Feed {
            cursors: ranges.cursors(),
            read_ahead,
            keep,
            decoder: Arc::clone(decoder),
            bad_records: Arc::clone(&self.bad_records),
            progress,
            stopped: AtomicBool::new(false),
            _fetching: fetching,
        }))
    }

    /// Fetches the ranges, and nothing behind them, on threads of their own.
    fn fetch(&self, ranges: &Ranges) -> Result<(Arc<ReadAhead>, Fetching), KafkaError> {
        let watch = RangeWatch { transport: Arc::clone(&self.transport), handle: self.handle.clone() };
        let read_ahead = Arc::new(ReadAhead::new(self.settings, Box::new(watch)));
        let mut partitions = Vec::new();
        for range in ranges.ranges.iter().filter(|range| !range.is_empty()) {
            let partition = range.topic_partition();
            read_ahead.add(partition.clone(), range.from, range.until, range.leader_epoch);
            partitions.push(partition);
        }
        let fetching =
            Fetching::start(&*self.transport, Arc::clone(&read_ahead), "kafka-range", &partitions)?;
        Ok((read_ahead, fetching))
    }
}

/// The blocks of one run.
struct Feed<T> {
    cursors: Vec<Cursor>,
    read_ahead: Arc<ReadAhead>,
    keep: bool,
    decoder: Arc<dyn RecordDecoder<T>>,
    bad_records: Arc<BadRecords>,
    progress: Option<Arc<Progress>>,
    /// The run wants no more.
    stopped: AtomicBool,
    /// Where the ranges are fetched for this run alone.
    _fetching: Option<Fetching>,
}

impl<T: Data> PieceFeed<T> for Feed<T> {
    fn next(&self, partitions: &[usize]) -> Result<Option<NextPiece<T>>, SourceError> {
        let taken = self.read_ahead.next(&self.cursors, partitions, self.keep, &self.stopped);
        let Some((index, taken)) = taken.map_err(|(_, error)| error)? else { return Ok(None) };
        let (decoder, bad_records) = (Arc::clone(&self.decoder), Arc::clone(&self.bad_records));
        Ok(Some((index, Box::new(BlockPiece::new(taken, decoder, bad_records, self.progress.clone())))))
    }

    fn is_ready(&self) -> bool {
        self.keep
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.read_ahead.wake_readers();
    }
}

/// What is made of an offset that is gone while a fixed range is read: the run fails.
struct RangeWatch {
    transport: Arc<dyn Transport>,
    handle: Option<InputHandle>,
}

impl Watch for RangeWatch {
    /// Asks the log for its ends, so that the error can name what is left. The fetch has failed, so its thread may wait.
    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) -> Option<KafkaError> {
        let deadline = Deadline::after(ASK_FOR_ENDS);
        Some(match logs(std::slice::from_ref(partition), &*self.transport, deadline) {
            Ok(logs) => not_in_log(partition, wanted, logs[0]),
            Err(error) => error,
        })
    }

    fn tell(&self, kind: &'static str, detail: String) {
        log::warn!("{kind}: {detail}");
        if let Some(handle) = &self.handle {
            handle.source_event(kind, detail);
        }
    }
}
