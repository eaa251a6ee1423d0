//! Message sets, magic 0 and 1: what brokers before 0.11 store, and newer ones give to older requests. The layout is that
//! of `LegacyRecord`; a compressed set is the value of one message, its wrapper.

use std::ops::Range;

use super::open::{OpenBatch, Payload, RawRecord, RawRecords, Span};
use super::walk::{BEFORE_LENGTH, BatchSpan};
use super::{Codec, Limits, MAGIC_AT, RecordError, i32_at, i64_at, u32_at};
use crate::kafka::wire::compression::{inflate, lz4_with_old_header};

const ATTRIBUTES_AT: usize = 17;

/// Plain messages, one after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    /// What is added to the offsets: those in a compressed set of magic 1 count from its start.
    shift: i64,
    /// The time of the append, if the wrapper has it for all.
    appended: Option<i64>,
}

/// A message, and where it ends.
struct Message {
    offset: i64,
    magic: u8,
    codec: Codec,
    timestamp: i64,
    log_append_time: bool,
    key: Span,
    value: Span,
    end: usize,
}

/// Opens plain messages, or the message set in a wrapper.
pub(super) fn open(bytes: &[u8], span: &BatchSpan, limits: &Limits) -> Result<OpenBatch, RecordError> {
    if span.codec == Codec::None {
        // Places are those in the record set, whose part `bytes` is.
        check_all(bytes)?;
        let range = span.range.clone();
        let records = RawRecords::messages(Messages::default(), range.clone());
        return Ok(OpenBatch { payload: Payload::InPlace(range), records });
    }
    let wrapper = message(bytes, 0)?;
    let compressed = wrapper.value.of(bytes).unwrap_or_default();
    let mut inflated = Vec::new();
    let most = limits.of(compressed.len());
    match (wrapper.codec, wrapper.magic) {
        (Codec::Zstd, _) => return Err(RecordError::UnsupportedCodec { codec: 4 }),
        (Codec::Lz4, 0) => {
            let mended = lz4_with_old_header(compressed)?;
            inflate(Codec::Lz4, &mended, most, &mut inflated)?;
        }
        (codec, _) => inflate(codec, compressed, most, &mut inflated)?,
    }
    let last = check_all(&inflated)?;
    let shift = match (wrapper.magic, last) {
        (1, Some(last)) => wrapper.offset.wrapping_sub(last),
        _ => 0,
    };
    let appended = wrapper.log_append_time.then_some(wrapper.timestamp);
    let range = 0..inflated.len();
    let records = RawRecords::messages(Messages { shift, appended }, range);
    Ok(OpenBatch { payload: Payload::Inflated(inflated), records })
}

/// Compares the checksums of plain messages; gives the offset of the last.
fn check_all(set: &[u8]) -> Result<Option<i64>, RecordError> {
    let (mut at, mut last) = (0, None);
    while at < set.len() {
        let message = message(set, at)?;
        if message.codec != Codec::None {
            return Err(RecordError::Nested);
        }
        last = Some(message.offset);
        at = message.end;
    }
    Ok(last)
}

/// Reads the message at `at` and compares its checksum.
fn message(set: &[u8], at: usize) -> Result<Message, RecordError> {
    let message = layout(set, at)?;
    let (stored, computed) =
        (u32_at(set, at + BEFORE_LENGTH), crc32fast::hash(&set[at + MAGIC_AT..message.end]));
    if stored != computed {
        return Err(RecordError::BadCrc { stored, computed });
    }
    Ok(message)
}

/// Reads the message at `at`.
fn layout(set: &[u8], at: usize) -> Result<Message, RecordError> {
    const WHAT: &str = "a message";
    let short = RecordError::Malformed { at, what: WHAT };
    if set.len() - at <= ATTRIBUTES_AT {
        return Err(short);
    }
    let length = usize::try_from(i32_at(set, at + 8)).ok();
    let end = length.and_then(|length| length.checked_add(at + BEFORE_LENGTH));
    let Some(end) = end.filter(|end| *end <= set.len()) else { return Err(short) };
    let magic = set[at + MAGIC_AT];
    let (key_at, timestamp) = match magic {
        0 => (at + 18, -1),
        1 if end - at >= 26 => (at + 26, i64_at(set, at + 18)),
        1 => return Err(short),
        magic => return Err(RecordError::UnknownMagic { at, magic: magic as i8 }),
    };
    let attributes = i16::from(set[at + ATTRIBUTES_AT]);
    let key = nullable(set, key_at..end)?;
    let value = nullable(set, key.1..end)?;
    if value.1 != end {
        return Err(RecordError::Malformed { at: value.1, what: "the end of a message" });
    }
    Ok(Message {
        offset: i64_at(set, at),
        magic,
        codec: Codec::from_attributes(attributes),
        timestamp,
        log_append_time: magic == 1 && attributes & 8 != 0,
        key: key.0,
        value: value.0,
        end,
    })
}

/// Bytes with their length before them, and where they end.
fn nullable(set: &[u8], within: Range<usize>) -> Result<(Span, usize), RecordError> {
    let malformed = RecordError::Malformed { at: within.start, what: "a key or value of a message" };
    if within.len() < 4 {
        return Err(malformed);
    }
    let start = within.start + 4;
    match i32_at(set, within.start) {
        -1 => Ok((Span::NULL, start)),
        length => match usize::try_from(length) {
            Ok(length) if length <= within.end - start => Ok((Span::new(start, length), start + length)),
            _ => Err(malformed),
        },
    }
}

impl Messages {
    pub(super) fn next(&self, bytes: &[u8], at: &mut usize) -> Result<Option<RawRecord>, RecordError> {
        if *at >= bytes.len() {
            return Ok(None);
        }
        // Its checksum was compared when the batch was opened.
        let message = layout(bytes, *at)?;
        *at = message.end;
        let timestamp = self.appended.unwrap_or(message.timestamp);
        Ok(Some(RawRecord {
            offset: message.offset.wrapping_add(self.shift),
            timestamp: (timestamp >= 0).then_some(timestamp),
            key: message.key,
            value: message.value,
            headers: Span::new(message.end, 0),
            header_count: 0,
        }))
    }
}
