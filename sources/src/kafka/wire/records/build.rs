//! Makes batches of records: for the producer, for the fake cluster and for tests.

use super::walk::{BATCH_HEADER, BEFORE_LENGTH};
use super::{Codec, MAGIC_AT};
use crate::kafka::wire::compression::{compress, lz4_with_wrong_header};
use crate::kafka::wire::{WireError, Writer};

/// A record to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// Its key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: &'a [NewHeader<'a>],
    /// Its time in milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
}

/// A header to be written: its key, and its value, of which `None` is null.
pub type NewHeader<'a> = (&'a str, Option<&'a [u8]>);

/// What a batch says of itself beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFlags {
    /// The offset of the first record. Producers write 0, and the broker puts its own there.
    pub base_offset: i64,
    /// The epoch of the leader that appends it; -1 from a producer.
    pub leader_epoch: i32,
    /// The producer, -1 for none.
    pub producer_id: i64,
    /// The producer's epoch, -1 for none.
    pub producer_epoch: i16,
    /// The number of the first record among the producer's, -1 for none.
    pub base_sequence: i32,
    /// It belongs to a transaction.
    pub transactional: bool,
    /// It is a marker.
    pub control: bool,
    /// Its largest timestamp is the time of all its records.
    pub log_append_time: bool,
}

impl Default for BatchFlags {
    fn default() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            control: false,
            log_append_time: false,
        }
    }
}

/// Gathers records for a batch of magic 2. They are laid out behind the place of the batch's header, so that a batch that is
/// not compressed is never copied.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records.
    batch: Writer,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
    last_offset_delta: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::with_buffer(Vec::new())
    }

    /// Nothing yet, in memory that was used before. What is in it is forgotten.
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(BATCH_HEADER, 0);
        Self {
            batch: Writer::append_to(buffer),
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            last_offset_delta: -1,
        }
    }

    /// How many bytes the batch can have in the memory it holds.
    pub fn capacity(&self) -> usize {
        self.batch.capacity()
    }

    /// Gets memory for a batch of so many bytes, at least.
    pub fn grow_to(&mut self, bytes: usize) {
        self.batch.grow_to(bytes);
    }

    /// The memory, without what is in it.
    pub fn into_buffer(mut self) -> Vec<u8> {
        std::mem::take(&mut self.batch).into_bytes().unwrap_or_default()
    }

    /// Adds a record, whose offset follows that of the last.
    pub fn push(&mut self, record: &NewRecord<'_>) {
        self.push_at(self.last_offset_delta + 1, record);
    }

    /// Adds a record with this offset, counted from the first; it is above those before it. Compacted logs have gaps.
    pub fn push_at(&mut self, offset_delta: i32, record: &NewRecord<'_>) {
        let body = self.body_size(offset_delta, record, &[]);
        self.write(offset_delta, record, &[], body);
    }

    /// Adds a record, with more headers behind its own, unless the batch would then have more than `limit` bytes before it
    /// is compressed. A batch without records takes any. Whether it was added.
    pub fn push_within(&mut self, limit: usize, record: &NewRecord<'_>, more: &[NewHeader<'_>]) -> bool {
        let offset_delta = self.last_offset_delta + 1;
        let body = self.body_size(offset_delta, record, more);
        if self.count > 0 && self.batch.len() + varint_size(body as i64) + body > limit {
            return false;
        }
        self.write(offset_delta, record, more, body);
        true
    }

    /// How many bytes a record adds, without its length.
    fn body_size(&self, offset_delta: i32, record: &NewRecord<'_>, more: &[NewHeader<'_>]) -> usize {
        let base = if self.count == 0 { record.timestamp } else { self.base_timestamp };
        body_size(record.timestamp.wrapping_sub(base), offset_delta, record, more)
    }

    fn write(&mut self, offset_delta: i32, record: &NewRecord<'_>, more: &[NewHeader<'_>], body: usize) {
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.last_offset_delta = offset_delta;
        self.count += 1;
        let out = &mut self.batch;
        out.varint(i32::try_from(body).unwrap_or(i32::MAX));
        out.i8(0);
        out.varlong(record.timestamp.wrapping_sub(self.base_timestamp));
        out.varint(offset_delta);
        nullable(out, record.key);
        nullable(out, record.value);
        out.varint((record.headers.len() + more.len()) as i32);
        for (key, value) in record.headers.iter().chain(more) {
            nullable(out, Some(key.as_bytes()));
            nullable(out, *value);
        }
    }

    /// The last offset that the batch says it reaches, where that is above its last record's.
    pub fn last_offset_delta(&mut self, delta: i32) {
        self.last_offset_delta = delta;
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes the batch has before it is compressed.
    pub fn bytes(&self) -> usize {
        self.batch.len()
    }

    /// The batch.
    pub fn build(&self, codec: Codec, flags: &BatchFlags) -> Vec<u8> {
        let records = &self.batch.as_slice()[BATCH_HEADER..];
        let mut batch = Vec::with_capacity(BATCH_HEADER + records.len());
        batch.resize(BATCH_HEADER, 0);
        match codec {
            Codec::None => batch.extend_from_slice(records),
            codec => batch.extend_from_slice(&compress(codec, records)),
        }
        self.fill_header(&mut batch, codec, flags);
        batch
    }

    /// The batch, not compressed, in the memory of this.
    pub fn into_batch(mut self, flags: &BatchFlags) -> Vec<u8> {
        let batch = std::mem::take(&mut self.batch);
        let mut batch = batch.into_bytes().expect("lengths of records are written as they fit");
        self.fill_header(&mut batch, Codec::None, flags);
        batch
    }

    fn fill_header(&self, batch: &mut [u8], codec: Codec, flags: &BatchFlags) {
        let mut attributes = codec.attributes();
        for (set, bit) in [(flags.log_append_time, 8), (flags.transactional, 16), (flags.control, 32)] {
            attributes |= if set { bit } else { 0 };
        }
        let length = (batch.len() - BEFORE_LENGTH) as i32;
        let mut header = Writer::append_to(Vec::with_capacity(BATCH_HEADER));
        header.i64(flags.base_offset);
        header.i32(length);
        header.i32(flags.leader_epoch);
        header.i8(2);
        header.u32(0);
        header.i16(attributes);
        header.i32(self.last_offset_delta.max(0));
        header.i64(self.base_timestamp);
        header.i64(self.max_timestamp);
        header.i64(flags.producer_id);
        header.i16(flags.producer_epoch);
        header.i32(flags.base_sequence);
        header.u32(self.count);
        batch[..BATCH_HEADER].copy_from_slice(header.as_slice());
        write_crc(batch);
    }
}

/// Writes another producer and sequence number into a batch of magic 2.
///
/// # Panics
/// When it is shorter than the header of one.
pub fn number_batch(batch: &mut [u8], producer_id: i64, producer_epoch: i16, base_sequence: i32) {
    batch[43..51].copy_from_slice(&producer_id.to_be_bytes());
    batch[51..53].copy_from_slice(&producer_epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&base_sequence.to_be_bytes());
    write_crc(batch);
}

/// The checksum is of all that follows it.
fn write_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    record: &NewRecord<'_>,
    more: &[NewHeader<'_>],
) -> usize {
    let part = |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| varint_size(bytes.len() as i64) + bytes.len());
    let headers =
        record.headers.iter().chain(more).map(|(key, value)| part(Some(key.as_bytes())) + part(*value));
    1 + varint_size(timestamp_delta)
        + varint_size(offset_delta.into())
        + part(record.key)
        + part(record.value)
        + varint_size((record.headers.len() + more.len()) as i64)
        + headers.sum::<usize>()
}

/// How many bytes a number takes in zigzag form.
fn varint_size(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - zigzag.leading_zeros() as usize;
    bits.max(1).div_ceil(7)
}

fn nullable(out: &mut Writer, bytes: Option<&[u8]>) {
    match bytes {
        None => out.varint(-1),
        Some(bytes) => {
            out.varint(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            out.raw(bytes);
        }
    }
}

/// A message set of magic 0 or 1 with these records at these offsets, which ascend. Compressed it is one message whose
/// offset is that of the last record.
///
/// # Errors
/// [`WireError::TooLong`] for a key or value of 2 GiB.
pub fn message_set(magic: u8, codec: Codec, records: &[(i64, NewRecord<'_>)]) -> Result<Vec<u8>, WireError> {
    let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else {
        return Ok(Vec::new());
    };
    let relative_to = if magic == 1 && codec != Codec::None { *first } else { 0 };
    let mut set = Vec::new();
    for (offset, record) in records {
        message(&mut set, magic, Codec::None, offset - relative_to, record)?;
    }
    if codec == Codec::None {
        return Ok(set);
    }
    let mut compressed = compress(codec, &set);
    if (magic, codec) == (0, Codec::Lz4) {
        compressed = lz4_with_wrong_header(&compressed);
    }
    let timestamp = records.iter().map(|(_, record)| record.timestamp).max().unwrap_or(-1);
    let wrapper = NewRecord { value: Some(&compressed), timestamp, ..NewRecord::default() };
    let mut out = Vec::new();
    message(&mut out, magic, codec, *last, &wrapper)?;
    Ok(out)
}

fn message(
    out: &mut Vec<u8>,
    magic: u8,
    codec: Codec,
    offset: i64,
    record: &NewRecord<'_>,
) -> Result<(), WireError> {
    let start = out.len();
    let mut message = Writer::append_to(std::mem::take(out));
    message.i64(offset);
    message.i32(0);
    message.u32(0);
    message.i8(magic as i8);
    message.i8(codec.attributes() as i8);
    if magic == 1 {
        message.i64(record.timestamp);
    }
    message.nullable_bytes(record.key);
    message.nullable_bytes(record.value);
    *out = message.into_bytes()?;
    let length = (out.len() - start - BEFORE_LENGTH) as i32;
    out[start + 8..start + 12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32fast::hash(&out[start + MAGIC_AT..]);
    out[start + 12..start + 16].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}
