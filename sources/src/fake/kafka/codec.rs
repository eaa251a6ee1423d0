//! Records as the fake needs them: owned values out of batches, and log entries out of values. Called by whoever stores,
//! converts or reads records; the bytes themselves are the business of [`wire::records`](crate::kafka::wire::records).

use std::ops::RangeInclusive;

use crate::kafka::wire::records::{
    BatchBuilder, BatchFlags, BatchSpan, BatchWalk, Codec, Limits, NewRecord, Payload, RecordError, Span,
    message_set, open,
};
use crate::kafka::wire::{Reader, WireError};

/// The headers of a record, in their order.
pub(super) type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A record by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Headers,
}

/// How records become entries of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    pub(super) magic: u8,
    pub(super) codec: Codec,
    /// For format 2. The base offset is that of the first record.
    pub(super) flags: BatchFlags,
}

/// An entry of a log: a batch of format 2, a plain message, or a message that holds compressed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) magic: u8,
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) max_timestamp: i64,
}

/// What the headers of a set say. A batch that is cut off at its end is an error.
pub(super) fn walk(set: &[u8]) -> Result<Vec<BatchSpan>, RecordError> {
    let mut walk = BatchWalk::new(set);
    let spans = walk.by_ref().collect::<Result<Vec<_>, _>>()?;
    match walk.partial() {
        None => Ok(spans),
        Some(length) => Err(RecordError::BadLength { at: set.len(), length: length as i64 }),
    }
}

/// Opens a batch and reads all of it without keeping it: how many records it has.
///
/// # Errors
/// When it is not as it should be, its checksum included.
pub(super) fn verify(set: &[u8], span: &BatchSpan) -> Result<u32, RecordError> {
    let mut opened = open(set, span, &Limits::default())?;
    let bytes = bytes_of(set, &opened.payload);
    let mut count = 0;
    while opened.records.next(bytes)?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// The records of a batch.
///
/// # Errors
/// As of [`verify`].
pub(super) fn decode(set: &[u8], span: &BatchSpan) -> Result<Vec<Record>, RecordError> {
    let mut opened = open(set, span, &Limits::default())?;
    let bytes = bytes_of(set, &opened.payload);
    let mut records = Vec::new();
    while let Some(raw) = opened.records.next(bytes)? {
        let part = |span: Span| span.of(bytes).map(<[u8]>::to_vec);
        let headers = headers(raw.headers.of(bytes).unwrap_or_default(), raw.header_count);
        let malformed = RecordError::Malformed { at: span.range.start, what: "a header" };
        records.push(Record {
            offset: raw.offset,
            timestamp: raw.timestamp,
            key: part(raw.key),
            value: part(raw.value),
            headers: headers.map_err(|_| malformed)?,
        });
    }
    Ok(records)
}

fn bytes_of<'a>(set: &'a [u8], payload: &'a Payload) -> &'a [u8] {
    match payload {
        Payload::InPlace(_) => set,
        Payload::Inflated(bytes) => bytes,
    }
}

fn headers(bytes: &[u8], count: u32) -> Result<Headers, WireError> {
    let mut input = Reader::new(bytes);
    let mut sized = || match usize::try_from(input.varint()?) {
        Ok(length) => input.take(length).map(|bytes| Some(bytes.to_vec())),
        Err(_) => Ok(None),
    };
    let mut headers = Vec::new();
    for _ in 0..count {
        let key = sized()?.unwrap_or_default();
        headers.push((String::from_utf8_lossy(&key).into_owned(), sized()?));
    }
    Ok(headers)
}

/// Makes entries of records, whose offsets ascend: one of them, but of plain messages one for each.
///
/// # Errors
/// When the format cannot hold them, in words.
pub(super) fn encode(records: &[Record], form: &Form) -> Result<Vec<Batch>, String> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Vec::new()) };
    if form.magic == 2 {
        return batch(records, first.offset..=last.offset, form).map(|batch| vec![batch]);
    }
    if form.codec == Codec::Zstd {
        return Err(format!("format {} knows no zstd", form.magic));
    }
    if form.codec != Codec::None {
        return message(records, first.offset, last.offset, form).map(|message| vec![message]);
    }
    records.chunks(1).map(|one| message(one, one[0].offset, one[0].offset, form)).collect()
}

/// A batch of format 2 that has these offsets.
///
/// # Errors
/// When they are too far apart, in words.
pub(super) fn batch(records: &[Record], offsets: RangeInclusive<i64>, form: &Form) -> Result<Batch, String> {
    let (base_offset, last_offset) = offsets.into_inner();
    let delta =
        |offset: i64| i32::try_from(offset - base_offset).map_err(|_| "the offsets are too far apart");
    let mut builder = BatchBuilder::new();
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        builder.push_at(delta(record.offset)?, &NewRecord { headers: &headers, ..new_record(record) });
    }
    builder.last_offset_delta(delta(last_offset)?);
    let bytes = builder.build(form.codec, &BatchFlags { base_offset, ..form.flags });
    Ok(Batch { bytes, magic: 2, base_offset, last_offset, max_timestamp: max_timestamp(records) })
}

fn message(records: &[Record], base_offset: i64, last_offset: i64, form: &Form) -> Result<Batch, String> {
    if records.iter().any(|record| !record.headers.is_empty()) {
        return Err(format!("format {} knows no headers", form.magic));
    }
    let new: Vec<_> = records.iter().map(|record| (record.offset, new_record(record))).collect();
    let bytes = message_set(form.magic, form.codec, &new).map_err(|error| error.to_string())?;
    let max_timestamp = if form.magic == 0 { -1 } else { max_timestamp(records) };
    Ok(Batch { bytes, magic: form.magic, base_offset, last_offset, max_timestamp })
}

fn new_record(record: &Record) -> NewRecord<'_> {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    NewRecord { key, value, headers: &[], timestamp: record.timestamp.unwrap_or(-1) }
}

fn max_timestamp(records: &[Record]) -> i64 {
    records.iter().filter_map(|record| record.timestamp).max().unwrap_or(-1)
}

impl Batch {
    /// A batch as a producer sent it, to be moved. `base_offset` of a compressed message is that of its first record.
    pub(super) fn of(set: &[u8], span: &BatchSpan, base_offset: i64) -> Self {
        Self {
            bytes: set[span.range.clone()].to_vec(),
            magic: span.magic,
            base_offset,
            last_offset: span.last_offset,
            max_timestamp: span.max_timestamp,
        }
    }

    /// How many offsets it takes.
    pub(super) fn offsets(&self) -> i64 {
        self.last_offset - self.base_offset + 1
    }

    /// Moves it to another place in the log. No checksum covers what is written.
    pub(super) fn place(&mut self, base_offset: i64, leader_epoch: i32) {
        self.last_offset += base_offset - self.base_offset;
        self.base_offset = base_offset;
        // A message that holds others has the offset of the last.
        let written = if self.magic == 2 { self.base_offset } else { self.last_offset };
        self.bytes[..8].copy_from_slice(&written.to_be_bytes());
        if self.magic == 2 {
            self.bytes[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
        }
    }

    /// Puts the broker's time into it, in place of the producer's. Format 0 has no time.
    pub(super) fn set_log_append_time(&mut self, now_ms: i64) {
        let (attributes, timestamp) = match self.magic {
            2 => (22, 35),
            1 => (17, 18),
            _ => return,
        };
        self.max_timestamp = now_ms;
        self.bytes[attributes] |= 8;
        self.bytes[timestamp..timestamp + 8].copy_from_slice(&now_ms.to_be_bytes());
        let (crc, at) = match self.magic {
            2 => (crc32c::crc32c(&self.bytes[21..]), 17),
            _ => (crc32fast::hash(&self.bytes[16..]), 12),
        };
        self.bytes[at..at + 4].copy_from_slice(&crc.to_be_bytes());
    }
}

/// The batches of a set as message sets of an older format; batches of that format and markers aside, zstd becomes plain.
/// What cannot be read stays as it is, and a batch that is cut off is left out unless it is all there is.
pub(super) fn down_convert(set: &[u8], magic: u8) -> Vec<u8> {
    let mut converted = Vec::new();
    for span in BatchWalk::new(set).map_while(Result::ok).filter(|span| !span.is_control) {
        let codec = if span.codec == Codec::Zstd { Codec::None } else { span.codec };
        let form = Form { magic, codec, ..Form::default() };
        match decode(set, &span) {
            Ok(mut records) if span.magic > magic => {
                records.iter_mut().for_each(|record| record.headers.clear());
                let batches = encode(&records, &form).unwrap_or_default();
                batches.iter().for_each(|batch| converted.extend_from_slice(&batch.bytes));
            }
            _ => converted.extend_from_slice(&set[span.range]),
        }
    }
    if converted.is_empty() { set.to_vec() } else { converted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |offset: i64| Record {
            offset,
            timestamp: Some(1000 + offset),
            key: (offset % 2 == 0).then(|| vec![b'k']),
            value: Some(vec![b'v'; offset as usize]),
            headers: Vec::new(),
        };
        (5..9).map(record).collect()
    }

    fn read(set: &[u8]) -> Vec<Record> {
        walk(set).unwrap().iter().flat_map(|span| decode(set, span).unwrap()).collect()
    }

    #[test]
    fn records_come_back_in_every_format_and_codec() {
        for magic in [0, 1, 2] {
            for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
                let form = Form { magic, codec, ..Form::default() };
                let Ok(batches) = encode(&records(), &form) else {
                    assert!(magic < 2 && codec == Codec::Zstd);
                    continue;
                };
                let set: Vec<_> = batches.iter().flat_map(|batch| batch.bytes.clone()).collect();
                let mut expected = records();
                if magic == 0 {
                    expected.iter_mut().for_each(|record| record.timestamp = None);
                }
                assert_eq!(read(&set), expected, "{magic} {codec:?}");
            }
        }
    }

    #[test]
    fn a_batch_that_is_moved_and_stamped_is_still_whole() {
        for (magic, codec) in [(1, Codec::None), (1, Codec::Gzip), (2, Codec::None), (2, Codec::Lz4)] {
            let form = Form { magic, codec, ..Form::default() };
            let mut set = Vec::new();
            for mut batch in encode(&records(), &form).unwrap() {
                batch.place(batch.base_offset + 100, 3);
                batch.set_log_append_time(77);
                set.extend(batch.bytes);
            }
            let mut expected = records();
            for record in &mut expected {
                (record.offset, record.timestamp) = (record.offset + 100, Some(77));
            }
            assert_eq!(read(&set), expected, "{magic} {codec:?}");
        }
    }

    #[test]
    fn batches_become_messages_for_old_readers() {
        let mut with_headers = records();
        with_headers[1].headers.push(("h".to_owned(), None));
        for codec in [Codec::None, Codec::Snappy, Codec::Zstd] {
            let form = Form { magic: 2, codec, ..Form::default() };
            let set = encode(&with_headers, &form).unwrap().remove(0).bytes;
            assert_eq!(read(&down_convert(&set, 1)), records());
            let cut = [&set[..], &set[..30]].concat();
            assert_eq!(read(&down_convert(&cut, 0)).len(), 4);
            assert_eq!(down_convert(&set[..30], 0), &set[..30]);
        }
    }
}
