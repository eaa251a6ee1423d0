//! Batches as the fake needs them: their headers, their records as owned values, and bytes made of records. Called by whoever
//! stores or converts records.

use std::ops::Range;

use super::ErrorCode;
use crate::kafka::wire::{Reader, WireError, Writer};

/// What the header of a batch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) range: Range<usize>,
    pub(super) magic: u8,
    pub(super) codec: u8,
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) max_timestamp: i64,
    pub(super) is_control: bool,
    pub(super) is_transactional: bool,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) records: i32,
}

/// A record by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// How records become a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) magic: u8,
    pub(super) codec: u8,
    pub(super) is_control: bool,
    pub(super) is_transactional: bool,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
}

impl Default for Form {
    /// Format 2, without compression, transaction or producer.
    fn default() -> Self {
        Self {
            magic: 2,
            codec: 0,
            is_control: false,
            is_transactional: false,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
        }
    }
}

const HEADER_BYTES: usize = 61;

/// The headers of all batches of a set; one that is cut off at its end is an error.
pub(super) fn walk(set: &[u8]) -> Result<Vec<Head>, WireError> {
    let mut heads = Vec::new();
    let mut at = 0;
    while at < set.len() {
        let mut input = Reader::new(&set[at..]);
        let base_offset = input.i64()?;
        let length = usize::try_from(input.i32()?).unwrap_or(usize::MAX);
        input.clone().take(length)?;
        let _leader_epoch = input.i32()?;
        let magic = input.i8()?;
        let _crc = input.u32()?;
        let attributes = input.i16()?;
        let last_offset = base_offset + i64::from(input.i32()?);
        let _first_timestamp = input.i64()?;
        let max_timestamp = input.i64()?;
        heads.push(Head {
            range: at..at + 12 + length,
            magic: magic as u8,
            codec: (attributes & 7) as u8,
            base_offset,
            last_offset,
            max_timestamp,
            is_control: attributes & 0x20 != 0,
            is_transactional: attributes & 0x10 != 0,
            producer_id: input.i64()?,
            producer_epoch: input.i16()?,
            base_sequence: input.i32()?,
            records: input.i32()?,
        });
        at += 12 + length;
    }
    Ok(heads)
}

pub(super) fn decode(set: &[u8], head: &Head) -> Result<Vec<Record>, ErrorCode> {
    let batch = &set[head.range.clone()];
    let stored = u32::from_be_bytes([batch[17], batch[18], batch[19], batch[20]]);
    if head.magic != 2 || head.codec != 0 || crc32c::crc32c(&batch[21..]) != stored {
        return Err(ErrorCode::CORRUPT_MESSAGE);
    }
    decode_records(batch, head).map_err(|_| ErrorCode::CORRUPT_MESSAGE)
}

fn decode_records(batch: &[u8], head: &Head) -> Result<Vec<Record>, WireError> {
    let first_timestamp = Reader::new(&batch[27..]).i64()?;
    let mut input = Reader::new(&batch[HEADER_BYTES..]);
    let mut records = Vec::new();
    for _ in 0..head.records {
        let _length = input.varint()?;
        let _attributes = input.i8()?;
        let timestamp = Some(first_timestamp + input.varlong()?);
        let offset = head.base_offset + i64::from(input.varint()?);
        let (key, value) = (sized(&mut input)?, sized(&mut input)?);
        let mut headers = Vec::new();
        for _ in 0..input.varint()? {
            let key = sized(&mut input)?.unwrap_or_default();
            headers.push((String::from_utf8_lossy(&key).into_owned(), sized(&mut input)?));
        }
        records.push(Record { offset, timestamp, key, value, headers });
    }
    Ok(records)
}

fn sized(input: &mut Reader<'_>) -> Result<Option<Vec<u8>>, WireError> {
    match usize::try_from(input.varint()?) {
        Ok(length) => input.take(length).map(|bytes| Some(bytes.to_vec())),
        Err(_) => Ok(None),
    }
}

/// A batch of these records, which has the offset of the first.
pub(super) fn encode(records: &[Record], form: &Form) -> Result<Vec<u8>, String> {
    if form.magic != 2 || form.codec != 0 {
        return Err("not yet".to_owned());
    }
    let base_offset = records.first().map_or(0, |record| record.offset);
    let last_offset = records.last().map_or(0, |record| record.offset);
    let time = |record: &Record| record.timestamp.unwrap_or(-1);
    let first_timestamp = records.first().map_or(-1, time);
    let mut body = Vec::new();
    for record in records {
        let mut one = vec![0];
        varint(&mut one, time(record) - first_timestamp);
        varint(&mut one, record.offset - base_offset);
        put(&mut one, record.key.as_deref());
        put(&mut one, record.value.as_deref());
        varint(&mut one, record.headers.len() as i64);
        for (key, value) in &record.headers {
            put(&mut one, Some(key.as_bytes()));
            put(&mut one, value.as_deref());
        }
        put(&mut body, Some(&one));
    }
    let mut out = Writer::new();
    out.i64(base_offset);
    out.i32((HEADER_BYTES - 12 + body.len()) as i32);
    out.i32(-1);
    out.i8(2);
    out.i32(0);
    out.i16(i16::from(form.is_control) << 5 | i16::from(form.is_transactional) << 4);
    out.i32((last_offset - base_offset) as i32);
    out.i64(first_timestamp);
    out.i64(records.iter().map(time).max().unwrap_or(-1));
    out.i64(form.producer_id);
    out.i16(form.producer_epoch);
    out.i32(form.base_sequence);
    out.i32(records.len() as i32);
    out.raw(&body);
    let mut bytes = out.into_bytes().map_err(|error| error.to_string())?;
    sign(&mut bytes);
    Ok(bytes)
}

/// Puts the checksum of a batch of format 2 right.
pub(super) fn sign(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// Writes into a batch of format 2 where it stands, which its checksum does not cover.
pub(super) fn place(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Puts the broker's time into a batch, in place of the producer's.
pub(super) fn set_log_append_time(batch: &mut [u8], now_ms: i64) {
    batch[22] |= 8;
    batch[35..43].copy_from_slice(&now_ms.to_be_bytes());
    sign(batch);
}

fn put(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push((bits as u8 & 0x7f) | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

/// Message sets of an older format of these batches.
pub(super) fn down_convert(set: &[u8], _magic: u8) -> Vec<u8> {
    set.to_vec()
}
