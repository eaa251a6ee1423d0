//! Records as they were fetched: made on a fetch thread, opened inside the tasks of a batch.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::frames::FrameBuffer;
use crate::kafka::wire::records::{BatchSpan, Limits, Payload, RawRecord, RawRecords, RecordError, open};
use crate::kafka::{KafkaError, TopicPartition};

/// A run of records of one partition. Where they are this client's own, their bytes stay compressed and unchecked until a task
/// opens them; another client may have read them already. A clone shares them.
///
/// The blocks of a partition meet without gaps: what one's [`offsets`](Self::offsets) end with, the next begins with.
#[derive(Clone)]
pub(crate) struct FetchedBlock {
    name: TopicPartition,
    contents: Contents,
    offsets: Range<i64>,
}

#[derive(Clone)]
enum Contents {
    Batches(Batches),
    Read(ReadRecords),
}

/// Batches as a broker has sent them.
#[derive(Clone)]
struct Batches {
    frame: Arc<FrameBuffer>,
    /// Where the partition's records lie in the frame. The spans count from its start.
    set: Range<usize>,
    spans: Arc<[BatchSpan]>,
}

/// Records that are read already: nothing is left to check or to inflate.
#[derive(Clone)]
struct ReadRecords {
    bytes: Arc<RecordBytes>,
    records: Arc<[RawRecord]>,
}

impl FetchedBlock {
    /// Of batches in the order of their offsets, one at least.
    pub(super) fn new(
        name: TopicPartition,
        frame: Arc<FrameBuffer>,
        set: Range<usize>,
        spans: Arc<[BatchSpan]>,
        offsets: Range<i64>,
    ) -> Self {
        Self { name, contents: Contents::Batches(Batches { frame, set, spans }), offsets }
    }

    /// Of records that were read by somebody else, in the order of their offsets; they lie in `bytes`.
    #[cfg_attr(
        not(feature = "kafka-crate"),
        expect(dead_code, reason = "only the crate `kafka` reads by itself")
    )]
    pub(crate) fn of_read(
        name: TopicPartition,
        bytes: Vec<u8>,
        records: Vec<RawRecord>,
        offsets: Range<i64>,
    ) -> Self {
        let bytes = Arc::new(RecordBytes::own(name.clone(), bytes));
        Self { name, contents: Contents::Read(ReadRecords { bytes, records: records.into() }), offsets }
    }

    /// There is nothing for the program between its last record and `offset`.
    pub(super) fn end_at(&mut self, offset: i64) {
        self.offsets.end = offset;
    }

    /// The partition.
    pub(crate) fn partition(&self) -> &TopicPartition {
        &self.name
    }

    /// From the first offset that can be in it to the one behind the last.
    pub(crate) fn offsets(&self) -> Range<i64> {
        self.offsets.clone()
    }

    /// How many bytes it takes: those of its records, as they were fetched, and what is kept of each batch.
    pub(crate) fn bytes(&self) -> usize {
        match &self.contents {
            Contents::Batches(Batches { spans, .. }) => {
                let records: usize = spans.iter().map(|span| span.range.len()).sum();
                records + size_of_val(&**spans)
            }
            Contents::Read(ReadRecords { bytes, records }) => bytes.bytes().len() + size_of_val(&**records),
        }
    }

    /// Opens the batches that may have records with these offsets, one after the other.
    pub(crate) fn open(&self, offsets: Range<i64>, limits: Limits) -> OpenedBlock {
        let offsets = offsets.start.max(self.offsets.start)..offsets.end.min(self.offsets.end);
        OpenedBlock { block: self.clone(), offsets, limits, next: 0 }
    }
}

impl fmt::Debug for FetchedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedBlock")
            .field("name", &self.name)
            .field("offsets", &self.offsets)
            .finish_non_exhaustive()
    }
}

/// The batches of a block, as they are opened.
#[derive(Debug)]
pub(crate) struct OpenedBlock {
    block: FetchedBlock,
    offsets: Range<i64>,
    limits: Limits,
    next: usize,
}

impl OpenedBlock {
    /// Checks and inflates the next batch; `None` at the end. After an error the batch behind it is the next.
    pub(crate) fn next_batch(&mut self) -> Option<Result<OpenedBatch, BadBatch>> {
        let batches = match &self.block.contents {
            Contents::Batches(batches) => batches,
            Contents::Read(read) => return read.clone().open(&mut self.next, &self.offsets).map(Ok),
        };
        let (index, begin) = next_span(batches, &self.block.offsets, &self.offsets, &mut self.next)?;
        let (name, span) = (&self.block.name, &batches.spans[index]);
        let opened = match open(&batches.frame[batches.set.clone()], span, &self.limits) {
            Ok(opened) => opened,
            Err(cause) => return Some(Err(bad(name, span.base_offset..span.next_offset(), cause))),
        };
        let bytes = match opened.payload {
            Payload::InPlace(_) => Bytes::InFrame(Arc::clone(&batches.frame), batches.set.clone()),
            Payload::Inflated(inflated) => Bytes::Own(inflated),
        };
        let bytes = Arc::new(RecordBytes { partition: name.clone(), bytes });
        // What a batch has of the one before it was in that.
        let offsets = begin.max(self.offsets.start)..self.offsets.end;
        let place = span.base_offset..span.next_offset();
        Some(Ok(OpenedBatch { place, bytes, records: opened.records, offsets }))
    }
}

impl ReadRecords {
    /// All of them as one batch, the first time.
    fn open(self, next: &mut usize, offsets: &Range<i64>) -> Option<OpenedBatch> {
        if std::mem::replace(next, 1) > 0 || offsets.is_empty() {
            return None;
        }
        let Self { bytes, records } = self;
        let records = RawRecords::listed(records, bytes.bytes().len());
        Some(OpenedBatch { place: offsets.clone(), bytes, records, offsets: offsets.clone() })
    }
}

/// The next of the batches with `all` these offsets that may have records with those that are `wanted`, and the first offset that
/// can be in it.
fn next_span(
    batches: &Batches,
    all: &Range<i64>,
    wanted: &Range<i64>,
    next: &mut usize,
) -> Option<(usize, i64)> {
    loop {
        // A batch begins where the one before it ends, or later; what it says itself is not always its first offset.
        let begin = match next.checked_sub(1) {
            Some(before) => batches.spans[before].next_offset(),
            None => all.start,
        };
        let index = *next;
        let span = batches.spans.get(index).filter(|_| begin < wanted.end)?;
        *next += 1;
        if span.magic == 2 && span.base_offset >= wanted.end {
            return None;
        }
        if span.next_offset() > wanted.start {
            return Some((index, begin));
        }
    }
}

/// The bytes that records lie in, and the partition they are from.
pub(crate) struct RecordBytes {
    partition: TopicPartition,
    bytes: Bytes,
}

enum Bytes {
    /// What came, as it came.
    InFrame(Arc<FrameBuffer>, Range<usize>),
    /// What a compressed batch became, or what was copied.
    Own(Vec<u8>),
}

impl RecordBytes {
    /// Bytes of their own.
    pub(crate) fn own(partition: TopicPartition, bytes: Vec<u8>) -> Self {
        Self { partition, bytes: Bytes::Own(bytes) }
    }

    /// The partition.
    pub(crate) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// What the positions in records are about.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::InFrame(frame, set) => &frame[set.clone()],
            Bytes::Own(bytes) => bytes,
        }
    }
}

/// An opened batch.
pub(crate) struct OpenedBatch {
    /// Its offsets, as far as its header can be believed.
    place: Range<i64>,
    bytes: Arc<RecordBytes>,
    records: RawRecords,
    offsets: Range<i64>,
}

impl OpenedBatch {
    /// What its records lie in.
    pub(crate) fn bytes(&self) -> &Arc<RecordBytes> {
        &self.bytes
    }

    /// The next of its records that is asked for, in `bytes`, which are those of [`bytes`](Self::bytes); `None` at the end.
    /// After an error there is none.
    #[inline]
    pub(crate) fn next_in(&mut self, bytes: &[u8]) -> Result<Option<RawRecord>, BadBatch> {
        loop {
            match self.records.next(bytes) {
                Ok(Some(record)) if record.offset < self.offsets.start => {}
                Ok(Some(record)) if record.offset >= self.offsets.end => return Ok(None),
                Ok(record) => return Ok(record),
                Err(cause) => return Err(bad(self.bytes.partition(), self.place.clone(), cause)),
            }
        }
    }
}

impl fmt::Debug for OpenedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedBatch").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A batch that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct BadBatch {
    /// Its offsets, as far as its header can be believed.
    pub(crate) offsets: Range<i64>,
    pub(crate) error: KafkaError,
}

#[cold]
fn bad(name: &TopicPartition, offsets: Range<i64>, cause: RecordError) -> BadBatch {
    let error = KafkaError::Records { partition: name.clone(), offset: offsets.start, cause };
    BadBatch { offsets, error }
}
