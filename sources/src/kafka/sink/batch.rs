//! [`OpenBatch`], to which a partition's records are added under its lock, and [`Batch`], which is laid out for the broker,
//! sent, and sent again. Laying out (compression, checksums, old formats) is done on the sender's thread.

use std::sync::Arc;

use batchmill::Mono;

use super::group::{Group, Members};
use super::memory::Memory;
use crate::kafka::wire::records::{
    BatchBuilder, BatchFlags, BatchWalk, Codec, Limits, NewHeader, NewRecord, Payload, RawRecord,
    RecordError, message_set, number_batch, open,
};
use crate::kafka::wire::{Reader, WireError};

/// The memory that a batch begins with, in bytes.
pub(super) const FIRST_BYTES: usize = 16 * 1024;

/// A batch that takes records.
#[derive(Debug)]
pub(super) struct OpenBatch {
    builder: BatchBuilder,
    members: Members,
    /// When it got its first record.
    pub(super) born: Mono,
    counted: usize,
}

impl OpenBatch {
    /// An empty one in a buffer of [`Memory`].
    pub(super) fn new(buffer: Vec<u8>, born: Mono) -> Self {
        let counted = buffer.capacity();
        Self { builder: BatchBuilder::with_buffer(buffer), members: Members::default(), born, counted }
    }

    /// Adds a record unless it does not fit any more: into `limit` bytes, or into memory.
    #[inline]
    pub(super) fn push(
        &mut self,
        record: &NewRecord<'_>,
        more: &[NewHeader<'_>],
        room: usize,
        (limit, memory): (usize, &Memory),
        group: &Arc<Group>,
    ) -> bool {
        let fits = self.builder.push_within(limit.min(self.counted), record, more)
            || self.grow(room, limit, memory) && self.builder.push_within(limit, record, more);
        if fits {
            self.members.add(group);
        }
        fits
    }

    /// How many records it has.
    pub(super) fn records(&self) -> u32 {
        self.builder.len()
    }

    /// Gets more memory for a record of up to `room` bytes.
    #[cold]
    fn grow(&mut self, room: usize, limit: usize, memory: &Memory) -> bool {
        let wanted = limit.min((2 * self.counted).max(self.builder.bytes() + room));
        if wanted <= self.counted || !memory.grow(wanted - self.counted) {
            return false;
        }
        self.builder.grow_to(wanted);
        self.counted = wanted;
        true
    }

    /// Takes no more records.
    pub(super) fn seal(self, first: u64) -> Batch {
        Batch {
            records: self.builder.len(),
            body: Body::Gathered(self.builder),
            members: self.members,
            born: self.born,
            first,
            counted: self.counted,
            number: None,
            in_doubt: false,
            attempts: 0,
        }
    }
}

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Batch {
    body: Body,
    members: Members,
    pub(super) records: u32,
    /// When it got its first record.
    pub(super) born: Mono,
    /// How many records of the partition came before it. Batches are sent in this order.
    pub(super) first: u64,
    /// What [`Memory`] has counted for it.
    counted: usize,
    /// Its number, by which the broker knows it when it comes again.
    pub(super) number: Option<Number>,
    /// It may have been appended, though nobody has said so.
    pub(super) in_doubt: bool,
    /// How often it was sent.
    pub(super) attempts: u32,
}

#[derive(Debug)]
enum Body {
    Gathered(BatchBuilder),
    /// As it is sent, in this format.
    LaidOut(Vec<u8>, Format),
}

/// How a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) magic: u8,
    pub(super) codec: Codec,
}

/// An idempotent producer, as the brokers know it, and the sequence number of a batch's first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) id: ProducerId,
    pub(super) sequence: i32,
}

/// What a broker gives to an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
    /// Counts the ids of this program's producer.
    pub(super) generation: u64,
}

/// Why a batch cannot be laid out, which cannot happen to what was gathered here.
#[derive(Debug)]
pub(super) enum LayoutError {
    Records(RecordError),
    Wire(WireError),
}

impl From<RecordError> for LayoutError {
    fn from(error: RecordError) -> Self {
        Self::Records(error)
    }
}

impl From<WireError> for LayoutError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Batch {
    /// How many records there are up to its end, with those before it.
    pub(super) fn next(&self) -> u64 {
        self.first + u64::from(self.records)
    }

    /// How many bytes it has, or had before it was compressed.
    pub(super) fn bytes(&self) -> usize {
        match &self.body {
            Body::Gathered(builder) => builder.bytes(),
            Body::LaidOut(set, _) => set.len(),
        }
    }

    /// What is sent; empty before it was laid out.
    pub(super) fn set(&self) -> &[u8] {
        match &self.body {
            Body::Gathered(_) => &[],
            Body::LaidOut(set, _) => set,
        }
    }

    /// Lays it out. Batches of magic 2 get their number, which may be another one than before.
    pub(super) fn lay_out(&mut self, format: Format, memory: &Memory) -> Result<(), LayoutError> {
        if let Body::LaidOut(set, same) = &mut self.body {
            if *same == format {
                if format.magic == 2 {
                    let (id, epoch, sequence) = numbers(self.number);
                    number_batch(set, id, epoch, sequence);
                }
                return Ok(());
            }
            let builder = gather(set, &mut |_| true)?;
            self.replace(Body::Gathered(builder), memory);
        }
        let Body::Gathered(builder) = &mut self.body else { return Ok(()) };
        let (producer_id, producer_epoch, base_sequence) = numbers(self.number);
        let flags = BatchFlags { producer_id, producer_epoch, base_sequence, ..BatchFlags::default() };
        if format == (Format { magic: 2, codec: Codec::None }) {
            let set = std::mem::take(builder).into_batch(&flags);
            self.body = Body::LaidOut(set, format);
            return Ok(());
        }
        let set = if format.magic == 2 {
            builder.build(format.codec, &flags)
        } else {
            old_format(&builder.build(Codec::None, &flags), format)?
        };
        self.replace(Body::LaidOut(set, format), memory);
        Ok(())
    }

    /// Takes another body and gives the memory of the old one back.
    fn replace(&mut self, body: Body, memory: &Memory) {
        let new = match &body {
            Body::Gathered(builder) => builder.capacity(),
            Body::LaidOut(set, _) => set.capacity(),
        };
        let old = match std::mem::replace(&mut self.body, body) {
            Body::Gathered(builder) => builder.into_buffer(),
            Body::LaidOut(set, _) => set,
        };
        memory.exchange(old, self.counted, new);
        self.counted = new;
    }

    /// Leaves half of the records in it: a batch with the others, which have their numbers still. `None` for one record.
    pub(super) fn split(&mut self, memory: &Memory) -> Result<Option<Self>, LayoutError> {
        if self.records < 2 || matches!(self.body, Body::Gathered(_)) {
            return Ok(None);
        }
        let half = self.records / 2;
        let first = gather(self.set(), &mut |at| at < half)?;
        let second = gather(self.set(), &mut |at| at >= half)?;
        let number =
            self.number.map(|number| Number { sequence: following(number.sequence, half), ..number });
        let other = Self {
            records: self.records - half,
            counted: second.capacity(),
            body: Body::Gathered(second),
            members: self.members.share(),
            number,
            born: self.born,
            first: self.first + u64::from(half),
            in_doubt: false,
            attempts: 0,
        };
        memory.exceed(other.counted);
        (self.records, self.attempts) = (half, 0);
        self.replace(Body::Gathered(first), memory);
        Ok(Some(other))
    }

    /// It is acknowledged, or given up with an error. Gives its memory back.
    pub(super) fn end(mut self, error: Option<&crate::kafka::KafkaError>, memory: &Memory) {
        let none = Body::LaidOut(Vec::new(), Format { magic: 2, codec: Codec::None });
        let buffer = match std::mem::replace(&mut self.body, none) {
            Body::Gathered(builder) => builder.into_buffer(),
            Body::LaidOut(set, _) => set,
        };
        memory.give(buffer, self.counted);
        self.members.end(error);
    }
}

/// The fields of a batch's header that a number fills.
fn numbers(number: Option<Number>) -> (i64, i16, i32) {
    number.map_or((-1, -1, -1), |Number { id, sequence }| (id.id, id.epoch, sequence))
}

/// The sequence number behind so many records: they begin at 0 again after the largest.
pub(super) fn following(sequence: i32, records: u32) -> i32 {
    ((i64::from(sequence) + i64::from(records)) % (1_i64 << 31)) as i32
}

/// Gathers those records of a set anew that are to be kept, by their place in it.
fn gather(set: &[u8], keep: &mut dyn FnMut(u32) -> bool) -> Result<BatchBuilder, LayoutError> {
    let mut builder = BatchBuilder::new();
    let mut at = 0;
    each(set, |record, bytes| {
        at += 1;
        if !keep(at - 1) {
            return Ok(());
        }
        let headers = headers(record, bytes)?;
        let (key, value) = (record.key.of(bytes), record.value.of(bytes));
        let timestamp = record.timestamp.unwrap_or(-1);
        builder.push(&NewRecord { key, value, headers: &headers, timestamp });
        Ok(())
    })?;
    Ok(builder)
}

/// The records of a batch of magic 2 as a message set: what brokers before 0.11 take. It has no headers.
fn old_format(batch: &[u8], format: Format) -> Result<Vec<u8>, LayoutError> {
    let mut parts = Vec::new();
    each(batch, |record, _| {
        parts.push(*record);
        Ok(())
    })?;
    let records: Vec<_> = (0..)
        .zip(&parts)
        .map(|(offset, record)| {
            let (key, value) = (record.key.of(batch), record.value.of(batch));
            let timestamp = record.timestamp.unwrap_or(-1);
            (offset, NewRecord { key, value, headers: &[], timestamp })
        })
        .collect();
    Ok(message_set(format.magic, format.codec, &records)?)
}

/// Calls `use_it` with each record of a set and the bytes it lies in.
fn each(
    set: &[u8],
    mut use_it: impl FnMut(&RawRecord, &[u8]) -> Result<(), LayoutError>,
) -> Result<(), LayoutError> {
    for span in BatchWalk::new(set) {
        let span = span?;
        // What was gathered here needs no limit, and is below that of all sizes.
        let mut opened = open(set, &span, &Limits { max_bytes: i32::MAX as usize, max_ratio: usize::MAX })?;
        let bytes = match &opened.payload {
            Payload::InPlace(_) => set,
            Payload::Inflated(bytes) => bytes,
        };
        while let Some(record) = opened.records.next(bytes)? {
            use_it(&record, bytes)?;
        }
    }
    Ok(())
}

fn headers<'b>(record: &RawRecord, bytes: &'b [u8]) -> Result<Vec<NewHeader<'b>>, WireError> {
    let mut input = Reader::new(record.headers.of(bytes).unwrap_or_default());
    let mut part = || match usize::try_from(input.varint()?) {
        Ok(length) => input.take(length).map(Some),
        Err(_) => Ok(None),
    };
    (0..record.header_count)
        .map(|_| {
            let key = part()?.unwrap_or_default();
            Ok((std::str::from_utf8(key).unwrap_or_default(), part()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [NewHeader<'static>; 2] = [("a", Some(b"1")), ("a", None)];

    fn open_batch(memory: &Memory, records: usize, group: &Arc<Group>) -> OpenBatch {
        let buffer = memory.take(100, FIRST_BYTES).unwrap();
        let mut batch = OpenBatch::new(buffer, Mono::default());
        for n in 0..records {
            let value = format!("value {n}");
            let value = Some(value.as_bytes()).filter(|_| n % 3 != 2);
            let record = NewRecord { key: Some(b"k"), value, headers: &HEADERS, timestamp: 1_000 + n as i64 };
            assert!(batch.push(&record, &[("b", Some(b"2"))], 100, (1 << 20, memory), group));
        }
        batch
    }

    type Seen = (Option<i64>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

    fn seen(set: &[u8]) -> Vec<Seen> {
        let mut all = Vec::new();
        each(set, |record, bytes| {
            let headers = headers(record, bytes)?.into_iter();
            let headers = headers.map(|(key, value)| (key.to_owned(), value.map(<[u8]>::to_vec))).collect();
            all.push((record.timestamp, record.value.of(bytes).map(<[u8]>::to_vec), headers));
            Ok(())
        })
        .unwrap();
        all
    }

    fn number(sequence: i32) -> Option<Number> {
        Some(Number { id: ProducerId { id: 7, epoch: 0, generation: 1 }, sequence })
    }

    #[test]
    fn every_format_has_the_same_records() {
        let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
        let mut batch = open_batch(&memory, 10, &group).seal(0);
        let plain = Format { magic: 2, codec: Codec::None };
        batch.lay_out(plain, &memory).unwrap();
        let all = seen(batch.set());
        assert_eq!((all.len(), all[0].2.len(), all[2].1.is_none()), (10, 3, true));
        let formats = [(2, Codec::Lz4), (1, Codec::Snappy), (0, Codec::Gzip), (1, Codec::None)];
        for (magic, codec) in formats {
            let mut batch = open_batch(&memory, 10, &group).seal(0);
            batch.lay_out(Format { magic, codec }, &memory).unwrap();
            let old: Vec<_> = all
                .iter()
                .cloned()
                .map(|(time, value, headers)| match magic {
                    2 => (time, value, headers),
                    1 => (time, value, Vec::new()),
                    _ => (None, value, Vec::new()),
                })
                .collect();
            assert_eq!(seen(batch.set()), old, "magic {magic} {codec:?}");
            // It comes back to a broker that takes the newest.
            batch.lay_out(plain, &memory).unwrap();
            assert_eq!(seen(batch.set()), old, "magic {magic} {codec:?} and back");
            batch.end(None, &memory);
        }
        batch.end(None, &memory);
        assert_eq!((memory.in_use(), group.wait(None)), (0, 0));
    }

    #[test]
    fn a_batch_is_numbered_anew_in_place() {
        let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
        let mut batch = open_batch(&memory, 3, &group).seal(0);
        for sequence in [5, 0] {
            batch.number = number(sequence);
            batch.lay_out(Format { magic: 2, codec: Codec::None }, &memory).unwrap();
            let span = BatchWalk::new(batch.set()).next().unwrap().unwrap();
            assert_eq!((span.producer_id, span.base_sequence), (7, sequence));
            assert_eq!(seen(batch.set()).len(), 3);
        }
    }

    #[test]
    fn half_a_batch_keeps_its_numbers_and_its_waiters() {
        let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
        let mut batch = open_batch(&memory, 5, &group).seal(100);
        batch.number = number(i32::MAX);
        batch.lay_out(Format { magic: 2, codec: Codec::Lz4 }, &memory).unwrap();
        let mut second = batch.split(&memory).unwrap().unwrap();
        assert_eq!((batch.first, batch.records, batch.next()), (100, 2, 102));
        assert_eq!((second.first, second.records, second.number), (102, 3, number(1)));
        batch.end(None, &memory);
        assert_eq!(group.wait(Some(crate::kafka::client::deadline::Deadline::after(Default::default()))), 1);
        assert!(second.split(&memory).unwrap().is_none(), "what was never sent was never refused");
        second.end(None, &memory);
        assert_eq!((memory.in_use(), group.wait(None)), (0, 0));
    }

    #[test]
    fn a_batch_is_full_at_its_limit_or_with_the_memory() {
        let group = Arc::new(Group::default());
        let record = NewRecord { value: Some(&[b'x'; 1_000]), ..NewRecord::default() };
        let filled = |limit, memory: &Memory| {
            let mut batch = OpenBatch::new(memory.take(1_100, 2_000).unwrap(), Mono::default());
            (0..).take_while(|_| batch.push(&record, &[], 1_100, (limit, memory), &group)).count()
        };
        assert_eq!(filled(10_300, &Memory::new(1 << 20)), 10);
        assert_eq!(filled(10_300, &Memory::new(4_000)), 3);
        assert_eq!(filled(100, &Memory::new(1 << 20)), 1, "a record alone is taken at any size");
    }
}
