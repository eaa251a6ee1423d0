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
/// As `open`.
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
    /// The largest offset that a record may have, counted from the first.
    last_offset_delta: i64,
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
            last_offset_delta: span.last_offset - span.base_offset,
            base_timestamp: i64_at(batch, 27),
            appended: span.log_append_time.then_some(span.max_timestamp),
            claimed,
            left: claimed,
        }
    }

    #[inline(always)]
    pub(super) fn next(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<RawRecord>, RecordError> {
        if self.left == 0 || *at >= bytes.len() {
            return self.end(bytes, *at);
        }
        match self.record(bytes, *at) {
            Ok((record, end)) => {
                *at = end;
                self.left -= 1;
                Ok(Some(record))
            }
            Err(misfit) => Err(misfit.into()),
        }
    }

    /// The record at `at`, and where it ends.
    #[inline(always)]
    fn record(&self, bytes: &[u8], at: usize) -> Result<(RawRecord, usize), Misfit> {
        let mut input = Input { bytes, at };
        let length = input.length("a record")?;
        let end = input.at + length;
        // All of a record lies within its own length.
        let mut input = Input { bytes: &bytes[..end], at: input.at };
        input.skip(1, "the attributes of a record")?;
        let timestamp_delta = input.varlong("the timestamp of a record")?;
        let offset_at = input.at;
        let offset_delta = input.varlong("the offset of a record")?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return Err(misfit(offset_at, "the offset of a record"));
        }
        let key = input.nullable("the key of a record")?;
        let value = input.nullable("the value of a record")?;
        let header_count = input.varint("the number of headers")?;
        let headers_at = input.at;
        if header_count != 0 {
            input.at = headers(input.bytes, headers_at, header_count)?;
        }
        if input.at != end {
            return Err(misfit(input.at, "the end of a record"));
        }
        let timestamp = match self.appended {
            Some(appended) => appended,
            None => self.base_timestamp.wrapping_add(timestamp_delta),
        };
        let record = RawRecord {
            offset: self.base_offset + offset_delta,
            timestamp: (timestamp >= 0).then_some(timestamp),
            key,
            value,
            headers: Span::new(headers_at, end - headers_at),
            header_count: header_count as u32,
        };
        Ok((record, end))
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

/// [`RecordError::Malformed`], small and without anything to drop: a result of it stays in registers.
#[derive(Clone, Copy)]
struct Misfit {
    at: usize,
    what: &'static str,
}

#[cold]
fn misfit(at: usize, what: &'static str) -> Misfit {
    Misfit { at, what }
}

impl From<Misfit> for RecordError {
    #[cold]
    fn from(Misfit { at, what }: Misfit) -> Self {
        Self::Malformed { at, what }
    }
}

/// A number of any length at `at`, and where it ends. It takes the place by value, so that an [`Input`] need not lie in
/// memory.
#[inline(never)]
fn long_var(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (place, byte) in bytes.get(at..)?.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7F);
        if place == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * place);
        if *byte < 0x80 {
            return Some((value, at + place + 1));
        }
    }
    None
}

/// A place in a payload. As the reader of messages, but for the one loop that runs for every record.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    #[inline(always)]
    fn varlong(&mut self, what: &'static str) -> Result<i64, Misfit> {
        let raw = self.var(what)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    #[inline(always)]
    fn varint(&mut self, what: &'static str) -> Result<i32, Misfit> {
        let at = self.at;
        i32::try_from(self.varlong(what)?).map_err(|_| misfit(at, what))
    }

    #[inline(always)]
    fn var(&mut self, what: &'static str) -> Result<u64, Misfit> {
        // One byte holds a number below 64, two one below 8192: that is nearly every number of a record.
        match self.bytes.get(self.at..) {
            Some([byte, ..]) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            Some([low, high, ..]) if *high < 0x80 => {
                self.at += 2;
                Ok(u64::from(*low & 0x7F) | u64::from(*high) << 7)
            }
            _ => {
                let (value, at) = long_var(self.bytes, self.at).ok_or_else(|| misfit(self.at, what))?;
                self.at = at;
                Ok(value)
            }
        }
    }

    #[inline(always)]
    fn skip(&mut self, n: usize, what: &'static str) -> Result<(), Misfit> {
        if n > self.bytes.len() - self.at {
            return Err(misfit(self.at, what));
        }
        self.at += n;
        Ok(())
    }

    /// A length of something that must be there, as a whole.
    #[inline(always)]
    fn length(&mut self, what: &'static str) -> Result<usize, Misfit> {
        let at = self.at;
        match usize::try_from(self.varint(what)?) {
            Ok(length) if length <= self.bytes.len() - self.at => Ok(length),
            _ => Err(misfit(at, what)),
        }
    }

    #[inline(always)]
    fn nullable(&mut self, what: &'static str) -> Result<Span, Misfit> {
        let at = self.at;
        match self.varint(what)? {
            -1 => Ok(Span::NULL),
            length => match usize::try_from(length) {
                Ok(length) if length <= self.bytes.len() - self.at => {
                    let span = Span::new(self.at, length);
                    self.at += length;
                    Ok(span)
                }
                _ => Err(misfit(at, what)),
            },
        }
    }
}

/// Goes over so many headers from `at` on, and gives where they end.
#[inline(never)]
fn headers(bytes: &[u8], at: usize, count: i32) -> Result<usize, Misfit> {
    const WHAT: &str = "a header of a record";
    // Each takes two bytes at least.
    if count < 0 || count as usize > (bytes.len() - at) / 2 {
        return Err(misfit(at, "the number of headers"));
    }
    let mut input = Input { bytes, at };
    for _ in 0..count {
        let key = input.length(WHAT)?;
        input.skip(key, WHAT)?;
        input.nullable(WHAT)?;
    }
    Ok(input.at)
}
