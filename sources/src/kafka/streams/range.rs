//! Fixed ranges of offsets as a batch: [`read_range`], Spark's `KafkaUtils.createRDD`. Called by a program, outside of a
//! stream or within one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batchmill::{Batch, BatchContext, Data};

use super::decoder::{RecordDecoder, whole_records};
use super::feed::{RangeReader, Ranges};
use super::logs::{logs, not_in_log};
use super::piece::BadRecords;
use super::read_ahead::ReadAheadSettings;
use crate::kafka::client::connect;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Transport;
use crate::kafka::offset_range::BatchRanges;
use crate::kafka::{KafkaError, KafkaParams, KafkaRecord, OffsetRange, TopicPartition};

/// How much of the ranges is in memory at the same time.
const BUDGET_BYTES: usize = 64 << 20;

/// What an offset weighs before anything has come.
const OFFSET_BYTES: u64 = 100;

/// How far the reading of ranges has come: told whenever a block of a few hundred kilobytes has been read. Each action on
/// the batch reads the ranges anew, and counts from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeProgress {
    /// The partition of the block.
    pub partition: TopicPartition,
    /// How many offsets of all ranges have been read.
    pub offsets: u64,
    /// How many offsets all ranges have.
    pub of_offsets: u64,
    /// How many bytes have been read, as the brokers store them.
    pub bytes: u64,
}

type Tell = Arc<dyn Fn(&RangeProgress) + Send + Sync>;

/// Ranges of offsets that shall be read, and how; made by [`read_range`].
#[must_use]
pub struct RangeRequest {
    brokers: String,
    ranges: Vec<OffsetRange>,
    params: KafkaParams,
    progress: Option<Tell>,
}

/// Reads fixed ranges of offsets as one batch: Spark's `createRDD`. One range is one partition of the batch, in the order
/// given.
///
/// It says what to read; [`RangeRequest::batch`] connects and makes the batch.
///
/// ```
/// use batchmill::BatchContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{KafkaParams, OffsetRange};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["a", "b", "c", "d"])?;
///
/// let ranges = [OffsetRange::new("lines", 0, 1, 3)];
/// let request = kafka::read_range(cluster.bootstrap(), ranges, KafkaParams::new())
///     .progress(|progress| println!("{} of {} offsets", progress.offsets, progress.of_offsets));
/// let records = request.batch(&BatchContext::sequential())?;
/// assert_eq!(records.map(|record| record.value_text()).collect()?, ["b", "c"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "createRDD")]
pub fn read_range(
    brokers: impl Into<String>,
    ranges: impl IntoIterator<Item = OffsetRange>,
    params: KafkaParams,
) -> RangeRequest {
    let ranges = ranges.into_iter().collect();
    RangeRequest { brokers: brokers.into(), ranges, params, progress: None }
}

impl RangeRequest {
    /// Calls `tell` as reading goes on, in the tasks, from several threads at once; so that a program can draw a bar.
    pub fn progress(mut self, tell: impl Fn(&RangeProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }

    /// Connects, checks that the ranges are there, and makes the batch. Records are read when an action on it asks for
    /// them, each time anew. The connections last as long as the batch.
    ///
    /// # Errors
    /// Brokers that do not answer within the timeouts of the parameters; a topic that does not exist; a range that is not
    /// in the log ([`KafkaError::RangeLost`], [`KafkaError::OffsetOutOfRange`]); wrong parameters.
    pub fn batch(self, context: &BatchContext) -> Result<Batch<KafkaRecord>, KafkaError> {
        self.batch_with(context, whole_records())
    }

    /// As [`batch`](Self::batch), with what `decoder` makes of each record.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub fn batch_with<T: Data>(
        self,
        context: &BatchContext,
        decoder: impl RecordDecoder<T>,
    ) -> Result<Batch<T>, KafkaError> {
        let Self { brokers, ranges, params, progress } = self;
        params.check().map_err(KafkaError::Parameter)?;
        let settings = params.client_settings(&brokers).map_err(KafkaError::Parameter)?;
        let transport = connect(settings);
        let deadline = Deadline::after(params.connect_timeout + params.request_timeout);
        check(&ranges, &*transport, deadline)?;

        let weights = ranges.iter().map(|range| range.offsets().saturating_mul(OFFSET_BYTES)).collect();
        let context = context.with_note(Arc::new(BatchRanges(ranges.clone())));
        let of_offsets = ranges.iter().map(OffsetRange::offsets).sum();
        let reader = RangeReader {
            transport,
            settings: ReadAheadSettings::new(&params, BUDGET_BYTES),
            bad_records: Arc::new(BadRecords::new(params.on_bad_record, None)),
            live: None,
            handle: None,
        };
        let ranges = Ranges { ranges, keep: false };
        let decoder: Arc<dyn RecordDecoder<T>> = Arc::new(decoder);
        let open = move || {
            let progress =
                progress.as_ref().map(|tell| Arc::new(Progress::new(Arc::clone(tell), of_offsets)));
            Ok(reader.open(&ranges, &decoder, progress)?)
        };
        Ok(context.read_pieces(weights, open))
    }
}

impl fmt::Debug for RangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeRequest")
            .field("brokers", &self.brokers)
            .field("ranges", &self.ranges)
            .finish_non_exhaustive()
    }
}

/// Looks whether the logs have the ranges.
fn check(ranges: &[OffsetRange], transport: &dyn Transport, deadline: Deadline) -> Result<(), KafkaError> {
    if let Some(range) = ranges.iter().find(|range| range.from < 0 || range.until < range.from) {
        return Err(KafkaError::Parameter(format!("{range} is no range of offsets")));
    }
    let partitions: Vec<TopicPartition> = ranges.iter().map(OffsetRange::topic_partition).collect();
    for (range, log) in ranges.iter().zip(logs(&partitions, transport, deadline)?) {
        for end in [range.from, range.until] {
            if !range.is_empty() && !log.contains(end) {
                return Err(not_in_log(&range.topic_partition(), end, log));
            }
        }
    }
    Ok(())
}

/// How far one run has come.
pub(super) struct Progress {
    tell: Tell,
    offsets: AtomicU64,
    of_offsets: u64,
    bytes: AtomicU64,
}

impl Progress {
    fn new(tell: Tell, of_offsets: u64) -> Self {
        Self { tell, offsets: AtomicU64::new(0), of_offsets, bytes: AtomicU64::new(0) }
    }

    /// A block has been read.
    pub(super) fn add(&self, partition: &TopicPartition, offsets: u64, bytes: u64) {
        let so_far = |total: &AtomicU64, more| total.fetch_add(more, Ordering::Relaxed) + more;
        (self.tell)(&RangeProgress {
            partition: partition.clone(),
            offsets: so_far(&self.offsets, offsets),
            of_offsets: self.of_offsets,
            bytes: so_far(&self.bytes, bytes),
        });
    }
}
