//! Record batches, magic 2: from Kafka 0.11 on. The layout is that of `DefaultRecordBatch` and `DefaultRecord`.

use super::open::{RawRecord, Span};
use super::walk::{BATCH_HEADER, BatchSpan};
use super::{RecordError, i16_at, i64_at, u32_at};

/// Compares the checksum, which covers all from the attributes on, and gives the records, compressed or not.
pub(super) fn check(batch: &[u8]) -> Result<&[u8], RecordError> {
    if batch.len() < BATCH_HEADER {
        return Err(RecordError::BadLength { at: 0, length: batch.len() as i64 });
    }
    let (stored, computed) = (u32_at(batch, 17), crc32c::crc32c(&batch[21..]));
    if stored != computed {
        return Err(RecordError::BadCrc { stored, computed });
    }
    Ok(&batch[BATCH_HEADER..])
}

/// What a control batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// The producer's transaction was given up.
    Abort,
    /// The producer's transaction was committed.
    Commit,
    /// Something else, for brokers.
    Other(i16),
}

/// Reads the marker of a control batch, which is small.
///
/// # Errors
/// As [`open`](super::open).
pub fn control_kind(set: &[u8], span: &BatchSpan) -> Result<ControlKind, RecordError> {
    let limits = super::Limits { max_bytes: 64 * 1024, max_ratio: 1000 };
    let mut opened = super::open(set, span, &limits)?;
    let inflated = match &opened.payload {
        super::Payload::InPlace(_) => set,
        super::Payload::Inflated(bytes) => bytes,
    };
    let record = opened.records.next(inflated)?;
    // The key is a version and a kind, 16 bits each.
    match record.and_then(|record| record.key.of(inflated)) {
        Some(key) if key.len() >= 4 => Ok(match i16_at(key, 2) {
            0 => ControlKind::Abort,
            1 => ControlKind::Commit,
            other => ControlKind::Other(other),
        }),
        _ => Err(RecordError::Malformed { at: span.range.start, what: "the control record" }),
    }
}

/// The records of one batch.
#[derive(Clone, Debug)]
pub(super) struct Records {
    base_offset: i64,
    base_timestamp: i64,
    /// The time of the append, if that is the time of all records.
    appended: Option<i64>,
    claimed: u32,
    left: u32,
}

impl Records {
    pub(super) fn new(batch: &[u8], span: &BatchSpan) -> Self {
        let claimed = span.records.unwrap_or(0);
        Self {
            base_offset: span.base_offset,
            base_timestamp: i64_at(batch, 27),
            appended: span.log_append_time.then_some(span.max_timestamp),
            claimed,
            left: claimed,
        }
    }

    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<RawRecord>, RecordError> {
        if self.left == 0 || *at >= bytes.len() {
            return self.end(bytes, *at);
        }
        let mut input = Input { bytes, at: *at };
        let length = input.length("a record")?;
        let end = input.at + length;
        // All of a record lies within its own length.
        let mut input = Input { bytes: &bytes[..end], at: input.at };
        input.skip(1, "the attributes of a record")?;
        let timestamp_delta = input.varlong("the timestamp of a record")?;
        let offset_delta = input.varint("the offset of a record")?;
        let key = input.nullable("the key of a record")?;
        let value = input.nullable("the value of a record")?;
        let header_count = input.varint("the number of headers")?;
        let headers_at = input.at;
        if header_count != 0 {
            input.headers(header_count)?;
        }
        if input.at != end {
            return Err(RecordError::Malformed { at: input.at, what: "the end of a record" });
        }
        *at = end;
        self.left -= 1;
        let timestamp = match self.appended {
            Some(appended) => appended,
            None => self.base_timestamp.wrapping_add(timestamp_delta),
        };
        Ok(Some(RawRecord {
            offset: self.base_offset.wrapping_add(offset_delta.into()),
            timestamp: (timestamp >= 0).then_some(timestamp),
            key,
            value,
            headers: Span::new(headers_at, end - headers_at),
            header_count: header_count as u32,
        }))
    }

    #[cold]
    fn end(&self, bytes: &[u8], at: usize) -> Result<Option<RawRecord>, RecordError> {
        if self.left > 0 {
            return Err(RecordError::WrongCount { claimed: self.claimed, found: self.claimed - self.left });
        }
        if at < bytes.len() {
            return Err(RecordError::Malformed { at, what: "what follows the last record" });
        }
        Ok(None)
    }
}

/// A place in a payload. As the reader of messages, but for the one loop that runs for every record.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    #[inline(always)]
    fn varlong(&mut self, what: &'static str) -> Result<i64, RecordError> {
        let raw = self.var(what)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    #[inline(always)]
    fn varint(&mut self, what: &'static str) -> Result<i32, RecordError> {
        let at = self.at;
        i32::try_from(self.varlong(what)?).map_err(|_| RecordError::Malformed { at, what })
    }

    #[inline(always)]
    fn var(&mut self, what: &'static str) -> Result<u64, RecordError> {
        match self.bytes.get(self.at) {
            // Most numbers of a record are below 64.
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_var(what),
        }
    }

    fn long_var(&mut self, what: &'static str) -> Result<u64, RecordError> {
        let start = self.at;
        let mut value = 0_u64;
        for place in 0..10 {
            let Some(byte) = self.bytes.get(self.at) else { break };
            self.at += 1;
            let bits = u64::from(byte & 0x7F);
            if place == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * place);
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err(RecordError::Malformed { at: start, what })
    }

    #[inline(always)]
    fn skip(&mut self, n: usize, what: &'static str) -> Result<(), RecordError> {
        if n > self.bytes.len() - self.at {
            return Err(RecordError::Malformed { at: self.at, what });
        }
        self.at += n;
        Ok(())
    }

    /// A length of something that must be there, as a whole.
    #[inline(always)]
    fn length(&mut self, what: &'static str) -> Result<usize, RecordError> {
        let at = self.at;
        match usize::try_from(self.varint(what)?) {
            Ok(length) if length <= self.bytes.len() - self.at => Ok(length),
            _ => Err(RecordError::Malformed { at, what }),
        }
    }

    #[inline(always)]
    fn nullable(&mut self, what: &'static str) -> Result<Span, RecordError> {
        let at = self.at;
        match self.varint(what)? {
            -1 => Ok(Span::NULL),
            length => match usize::try_from(length) {
                Ok(length) if length <= self.bytes.len() - self.at => {
                    let span = Span::new(self.at, length);
                    self.at += length;
                    Ok(span)
                }
                _ => Err(RecordError::Malformed { at, what }),
            },
        }
    }

    fn headers(&mut self, count: i32) -> Result<(), RecordError> {
        const WHAT: &str = "a header of a record";
        // Each takes two bytes at least.
        if count < 0 || count as usize > (self.bytes.len() - self.at) / 2 {
            return Err(RecordError::Malformed { at: self.at, what: "the number of headers" });
        }
        for _ in 0..count {
            let key = self.length(WHAT)?;
            self.skip(key, WHAT)?;
            self.nullable(WHAT)?;
        }
        Ok(())
    }
}
