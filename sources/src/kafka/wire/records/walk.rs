//! Finds the batches of a record set by their headers: no checksum, nothing inflated. On the fetch thread.
//!
//! Layouts: Kafka's protocol guide, "Record Batch" (magic 2) and "Message sets" (magic 0, 1).

use std::ops::Range;

use super::{Codec, MAGIC_AT, RecordError, i16_at, i32_at, i64_at};

/// What a length does not count: the offset and the length itself.
pub(super) const BEFORE_LENGTH: usize = 12;

/// The header of a record batch; records follow.
pub(super) const BATCH_HEADER: usize = 61;

/// A run of plain messages ends after so many bytes, so that a large set can be opened in several tasks.
const RUN_BYTES: usize = 256 << 10;

const IS_LOG_APPEND_TIME: i16 = 8;
const IS_TRANSACTIONAL: i16 = 16;
const IS_CONTROL: i16 = 32;

/// A batch, or a run of plain messages of the old formats, as its header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSpan {
    /// Where in the record set it lies.
    pub range: Range<usize>,
    /// Its format: 0, 1 or 2.
    pub magic: u8,
    /// The offset of its first record. A compressed message set tells only that of its last, which then stands here too.
    pub base_offset: i64,
    /// The offset of its last record, or what a compacted batch had there.
    pub last_offset: i64,
    /// How it is compressed.
    pub codec: Codec,
    /// The epoch of the leader that appended it; -1 before magic 2.
    pub leader_epoch: i32,
    /// It holds a marker of the broker's and no records.
    pub is_control: bool,
    /// It belongs to a transaction.
    pub is_transactional: bool,
    /// The producer; -1 for none.
    pub producer_id: i64,
    /// The producer's epoch; -1 for none.
    pub producer_epoch: i16,
    /// The number of its first record among the producer's; -1 for none.
    pub base_sequence: i32,
    /// The largest timestamp in it; -1 if it is not known.
    pub max_timestamp: i64,
    /// Its timestamps are that of the append.
    pub log_append_time: bool,
    /// How many records it has, as far as the header tells.
    pub records: Option<u32>,
}

impl BatchSpan {
    /// The offset behind it.
    pub fn next_offset(&self) -> i64 {
        self.last_offset.saturating_add(1)
    }
}

/// Walks over the batches of a record set. It ends at the first that is not there as a whole: brokers cut a set where it
/// reaches the size asked for.
#[derive(Clone, Debug)]
pub struct BatchWalk<'a> {
    set: &'a [u8],
    at: usize,
    partial: Option<usize>,
    failed: bool,
}

impl<'a> BatchWalk<'a> {
    /// At the start of `set`.
    pub fn new(set: &'a [u8]) -> Self {
        Self { set, at: 0, partial: None, failed: false }
    }

    /// After the end: how many bytes the batch has that was cut off, if one was; 0 if not even its length is there.
    pub fn partial(&self) -> Option<usize> {
        self.partial
    }

    /// How many bytes the batch at `at` has; `None` if it is not there as a whole.
    fn length(&mut self, at: usize) -> Result<Option<usize>, RecordError> {
        let left = self.set.len() - at;
        if left < BEFORE_LENGTH {
            self.partial = (left > 0).then_some(0);
            return Ok(None);
        }
        let length = i32_at(self.set, at + 8);
        // The smallest of all formats: a message of magic 0 with neither key nor value.
        let Some(length) = usize::try_from(length).ok().filter(|length| *length >= 14) else {
            return Err(RecordError::BadLength { at, length: length.into() });
        };
        let length = length + BEFORE_LENGTH;
        if length > left {
            self.partial = Some(length);
            return Ok(None);
        }
        Ok(Some(length))
    }

    fn step(&mut self) -> Result<Option<BatchSpan>, RecordError> {
        let at = self.at;
        let Some(length) = self.length(at)? else { return Ok(None) };
        let span = match self.set[at + MAGIC_AT] as i8 {
            2 => batch(self.set, at, length)?,
            magic @ (0 | 1) => self.messages(at, length, magic as u8)?,
            magic => return Err(RecordError::UnknownMagic { at, magic }),
        };
        self.at = span.range.end;
        Ok(Some(span))
    }

    /// A compressed message, or plain ones of one format that follow each other.
    fn messages(&mut self, at: usize, length: usize, magic: u8) -> Result<BatchSpan, RecordError> {
        let mut span = message(self.set, at, length, magic)?;
        while span.codec == Codec::None && span.range.len() < RUN_BYTES {
            let next = span.range.end;
            // What is wrong behind the run is met again, and told, by the step after this one.
            let Ok(Some(length)) = self.length(next) else { break };
            if self.set[next + MAGIC_AT] != magic {
                break;
            }
            let Ok(following) = message(self.set, next, length, magic) else { break };
            if following.codec != Codec::None || following.last_offset <= span.last_offset {
                break;
            }
            span.range.end = following.range.end;
            span.last_offset = following.last_offset;
            span.max_timestamp = span.max_timestamp.max(following.max_timestamp);
            span.records = span.records.map(|records| records + 1);
        }
        // Whether the set was cut off is seen at its end, not while looking ahead.
        self.partial = None;
        Ok(span)
    }
}

impl Iterator for BatchWalk<'_> {
    type Item = Result<BatchSpan, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}

fn batch(set: &[u8], at: usize, length: usize) -> Result<BatchSpan, RecordError> {
    let last_offset_delta = if length < BATCH_HEADER { -1 } else { i32_at(set, at + 23) };
    let records = if length < BATCH_HEADER { -1 } else { i32_at(set, at + 57) };
    let base_offset = i64_at(set, at);
    let (Ok(records), true) = (u32::try_from(records), last_offset_delta >= 0 && base_offset >= 0) else {
        return Err(RecordError::BadLength { at, length: length as i64 });
    };
    let attributes = i16_at(set, at + 21);
    Ok(BatchSpan {
        range: at..at + length,
        magic: 2,
        base_offset,
        last_offset: base_offset.saturating_add(last_offset_delta.into()),
        codec: Codec::from_attributes(attributes),
        leader_epoch: i32_at(set, at + 12),
        is_control: attributes & IS_CONTROL != 0,
        is_transactional: attributes & IS_TRANSACTIONAL != 0,
        producer_id: i64_at(set, at + 43),
        producer_epoch: i16_at(set, at + 51),
        base_sequence: i32_at(set, at + 53),
        max_timestamp: i64_at(set, at + 35),
        log_append_time: attributes & IS_LOG_APPEND_TIME != 0,
        records: Some(records),
    })
}

fn message(set: &[u8], at: usize, length: usize, magic: u8) -> Result<BatchSpan, RecordError> {
    let smallest = if magic == 0 { 26 } else { 34 };
    let offset = i64_at(set, at);
    if length < smallest || offset < 0 {
        return Err(RecordError::BadLength { at, length: length as i64 });
    }
    let attributes = i16::from(set[at + 17]);
    let codec = Codec::from_attributes(attributes);
    Ok(BatchSpan {
        range: at..at + length,
        magic,
        base_offset: offset,
        last_offset: offset,
        codec,
        leader_epoch: -1,
        is_control: false,
        is_transactional: false,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        max_timestamp: if magic == 0 { -1 } else { i64_at(set, at + 18) },
        log_append_time: attributes & IS_LOG_APPEND_TIME != 0,
        records: (codec == Codec::None).then_some(1),
    })
}
