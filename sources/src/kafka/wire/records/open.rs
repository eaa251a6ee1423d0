//! Opens a batch: compares its checksum, inflates it, and finds its records as positions in what that gives. In tasks.

use std::ops::Range;
use std::sync::Arc;

use super::walk::BatchSpan;
use super::{Codec, Limits, RecordError, batch, message_set};
use crate::kafka::wire::compression::inflate;

/// Where the records of an opened batch lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the record set, as they came.
    InPlace(Range<usize>),
    /// In bytes of their own.
    Inflated(Vec<u8>),
}

/// A batch whose checksum is right, and whose records can be read.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    /// Where its records lie.
    pub payload: Payload,
    /// Reads them; it is given the bytes of the payload with every step.
    pub records: RawRecords,
}

/// A part of a payload, or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Null, not empty.
    pub const NULL: Self = Self { start: 0, len: u32::MAX };

    /// `len` bytes from `start` on. A payload has less than 2 GiB.
    pub const fn new(start: usize, len: usize) -> Self {
        Self { start: start as u32, len: len as u32 }
    }

    /// The part of these bytes; none if it is null.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        if self.len == u32::MAX {
            return None;
        }
        let start = self.start as usize;
        bytes.get(start..start + self.len as usize)
    }
}

/// A record, as positions in its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time in milliseconds since the epoch, if it has one.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Span,
    /// Its value.
    pub value: Span,
    /// Its headers, one after another: a key and a value each, with varints of their lengths before them.
    pub headers: Span,
    /// How many headers it has.
    pub header_count: u32,
}

/// Reads the records of a payload one after another. It holds no bytes, so that it can be kept beside them.
#[derive(Clone, Debug)]
pub struct RawRecords {
    form: Form,
    at: usize,
    end: usize,
}

#[derive(Clone, Debug)]
enum Form {
    Batch(batch::Records),
    Messages(message_set::Messages),
    /// Found by somebody else. `at` counts them.
    Listed(Arc<[RawRecord]>),
}

impl RawRecords {
    pub(super) fn batch(records: batch::Records, payload: Range<usize>) -> Self {
        Self { form: Form::Batch(records), at: payload.start, end: payload.end }
    }

    pub(super) fn messages(messages: message_set::Messages, payload: Range<usize>) -> Self {
        Self { form: Form::Messages(messages), at: payload.start, end: payload.end }
    }

    /// Records that somebody else has found, in a payload of so many bytes.
    pub fn listed(records: Arc<[RawRecord]>, payload: usize) -> Self {
        Self { form: Form::Listed(records), at: 0, end: payload }
    }

    /// The next record; `None` at the end. `bytes` are those of the payload, or for one in place those of the record set,
    /// the same with every call.
    ///
    /// # Errors
    /// When the bytes are no records; then there is no next one.
    #[inline]
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<RawRecord>, RecordError> {
        let Some(bytes) = bytes.get(..self.end) else {
            return Err(RecordError::Malformed { at: self.end, what: "the payload" });
        };
        let step = match &mut self.form {
            Form::Batch(records) => records.next(bytes, &mut self.at),
            Form::Messages(messages) => messages.next(bytes, &mut self.at),
            Form::Listed(records) => {
                let record = records.get(self.at).copied();
                self.at += usize::from(record.is_some());
                Ok(record)
            }
        };
        if step.is_err() {
            // Where the next one would begin is not known any more.
            self.form = Form::Messages(message_set::Messages::default());
            self.at = self.end;
        }
        step
    }
}

/// Opens the batch that `span` describes in `set`.
///
/// # Errors
/// A wrong checksum, a codec that is not known, bytes that cannot be inflated or become too many.
pub fn open(set: &[u8], span: &BatchSpan, limits: &Limits) -> Result<OpenBatch, RecordError> {
    let Some(bytes) = set.get(span.range.clone()) else {
        return Err(RecordError::Malformed { at: span.range.start, what: "the batch" });
    };
    if span.magic < 2 {
        return message_set::open(bytes, span, limits);
    }
    let compressed = batch::check(bytes)?;
    let records = batch::Records::new(bytes, span);
    let (payload, range) = match span.codec {
        Codec::None => {
            let start = span.range.start + (bytes.len() - compressed.len());
            (Payload::InPlace(start..span.range.end), start..span.range.end)
        }
        codec => {
            let mut inflated = Vec::new();
            inflate(codec, compressed, limits.of(compressed.len()), &mut inflated)?;
            let range = 0..inflated.len();
            (Payload::Inflated(inflated), range)
        }
    };
    Ok(OpenBatch { payload, records: RawRecords::batch(records, range) })
}
