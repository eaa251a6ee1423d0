//! [`OpenBatch`], to which a partition's records are added under its lock, and [`Batch`], which is laid out for the broker,
//! sent, and sent again. Laying out (compression, checksums, old formats) is done on the sender's thread.

mod layout;

use std::sync::Arc;

use batchmill::Mono;

pub(super) use self::layout::{Format, LayoutError};
use self::layout::{gather, old_format};
use super::group::{Group, Members};
use super::memory::Memory;
use crate::kafka::wire::records::{BatchBuilder, BatchFlags, Codec, NewHeader, NewRecord, number_batch};

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
            in_doubt: self.in_doubt,
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

#[cfg(test)]
mod tests;
