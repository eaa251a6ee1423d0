//! Records as they were fetched: made on a fetch thread, opened inside the tasks of a batch.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::frames::FrameBuffer;
use crate::kafka::wire::records::{BatchSpan, Limits, Payload, RawRecord, RawRecords, RecordError, open};
use crate::kafka::{KafkaError, TopicPartition};

/// A run of records of one partition. Their bytes stay compressed and unchecked until a task opens them. A clone shares
/// them.
///
/// The blocks of a partition meet without gaps: what one's [`offsets`](Self::offsets) end with, the next begins with.
#[derive(Clone)]
pub(crate) struct FetchedBlock {
    name: TopicPartition,
    frame: Arc<FrameBuffer>,
    /// Where the partition's records lie in the frame. The spans count from its start.
    set: Range<usize>,
    spans: Arc<[BatchSpan]>,
    offsets: Range<i64>,
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
        Self { name, frame, set, spans, offsets }
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
        let records: usize = self.spans.iter().map(|span| span.range.len()).sum();
        records + size_of_val(&*self.spans)
    }

    /// How many records it has, as far as its batches say so without being opened; markers and records that are not asked
    /// for may be among them.
    pub(crate) fn records_hint(&self) -> u64 {
        self.spans.iter().map(|span| u64::from(span.records.unwrap_or(0))).sum()
    }

    /// Opens the batches that may have records with these offsets, one after the other.
    pub(crate) fn open(&self, offsets: Range<i64>, limits: Limits) -> OpenedBlock {
        let offsets = offsets.start.max(self.offsets.start)..offsets.end.min(self.offsets.end);
        OpenedBlock { block: self.clone(), offsets, limits, next: 0 }
    }

    fn set(&self) -> &[u8] {
        &self.frame[self.set.clone()]
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
        let (index, begin) = self.next_span()?;
        let (block, span) = (&self.block, &self.block.spans[index]);
        let opened = match open(block.set(), span, &self.limits) {
            Ok(opened) => opened,
            Err(cause) => return Some(Err(bad(&block.name, span, cause))),
        };
        let bytes = match opened.payload {
            Payload::InPlace(_) => Bytes::InFrame(Arc::clone(&block.frame), block.set.clone()),
            Payload::Inflated(inflated) => Bytes::Own(inflated),
        };
        let bytes = Arc::new(RecordBytes { partition: block.name.clone(), bytes });
        // What a batch has of the one before it was in that.
        let offsets = begin.max(self.offsets.start)..self.offsets.end;
        Some(Ok(OpenedBatch { span: span.clone(), bytes, records: opened.records, offsets }))
    }

    /// The next that may have records that are asked for, and the first offset that can be in it.
    fn next_span(&mut self) -> Option<(usize, i64)> {
        let block = &self.block;
        loop {
            // A batch begins where the one before it ends, or later; what it says itself is not always its first offset.
            let begin = match self.next.checked_sub(1) {
                Some(before) => block.spans[before].next_offset(),
                None => block.offsets.start,
            };
            let index = self.next;
            let span = block.spans.get(index).filter(|_| begin < self.offsets.end)?;
            self.next += 1;
            if span.magic == 2 && span.base_offset >= self.offsets.end {
                return None;
            }
            if span.next_offset() > self.offsets.start {
                return Some((index, begin));
            }
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
    span: BatchSpan,
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
                Err(cause) => return Err(bad(self.bytes.partition(), &self.span, cause)),
            }
        }
    }
}

impl fmt::Debug for OpenedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedBatch").field("span", &self.span).finish_non_exhaustive()
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
fn bad(name: &TopicPartition, span: &BatchSpan, cause: RecordError) -> BadBatch {
    let error = KafkaError::Records { partition: name.clone(), offset: span.base_offset, cause };
    BadBatch { offsets: span.base_offset..span.next_offset(), error }
}
