//! The stream of a block's sequences (RFC 8878, 3.1.1.3.2.1.2), and the offsets that they use again.

use super::Fault;
use super::bits::{Backward, Group};
use super::fse::{State, Table};

/// The tables by which a stream is decoded, and what they were left to hold by the block before.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) literal_lengths: Table,
    pub(super) offsets: Table,
    pub(super) match_lengths: Table,
}

/// Literals to copy, then bytes of the match so far back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    pub(super) literals: usize,
    pub(super) matched: usize,
    pub(super) offset: usize,
}

/// Sequences one after another.
#[derive(Debug)]
pub(super) struct Decode<'a> {
    tables: &'a Tables,
    stream: Backward<'a>,
    literal: usize,
    offset: usize,
    matched: usize,
    /// So many bits were read to leave the last states, which the stream of a whole block does not hold.
    beyond: u32,
    recent: Recent,
}

impl<'a> Decode<'a> {
    pub(super) fn new(tables: &'a Tables, mut stream: Backward<'a>, recent: Recent) -> Result<Self, Fault> {
        let literal = stream.read(tables.literal_lengths.log)? as usize;
        let offset = stream.read(tables.offsets.log)? as usize;
        let matched = stream.read(tables.match_lengths.log)? as usize;
        Ok(Self { tables, stream, literal, offset, matched, beyond: 0, recent })
    }

    /// The next sequence. Its numbers and the bits that lead to the next states are read together, as far as they fit.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Sequence, Fault> {
        let literal = self.tables.literal_lengths.state(self.literal);
        let offset = self.tables.offsets.state(self.offset);
        let matched = self.tables.match_lengths.state(self.matched);
        let (bits, extra) = State::sums([literal, matched, offset]);
        self.beyond = bits;
        let (value, match_length, literal_length);
        let mut group;
        if bits + extra <= Backward::AT_ONCE {
            group = self.stream.group(bits + extra)?;
            self.leave([literal, matched, offset], &mut group);
            literal_length = literal.base() + group.last(literal.extra());
            match_length = matched.base() + group.last(matched.extra());
            value = offset.base() + group.last(offset.extra());
        } else {
            value = offset.base() + self.stream.read(offset.extra())?;
            match_length = matched.base() + self.stream.read(matched.extra())?;
            literal_length = literal.base() + self.stream.read(literal.extra())?;
            // At once, as these may lie beyond the stream.
            group = self.stream.group(bits)?;
            self.leave([literal, matched, offset], &mut group);
        }
        let offset = self.recent.recall(value, literal_length)? as usize;
        Ok(Sequence { literals: literal_length as usize, matched: match_length as usize, offset })
    }

    /// Goes on to the next states.
    #[inline(always)]
    fn leave(&mut self, [literal, matched, offset]: [State; 3], group: &mut Group) {
        self.offset = offset.next() + group.last(offset.bits()) as usize;
        self.matched = matched.next() + group.last(matched.bits()) as usize;
        self.literal = literal.next() + group.last(literal.bits()) as usize;
    }

    /// Ends the stream behind the last sequence.
    pub(super) fn finish(self) -> Result<Recent, Fault> {
        self.stream.finish(self.beyond)?;
        Ok(self.recent)
    }
}

/// The offsets that were used last (3.1.1.5), the last one first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent([u32; 3]);

impl Default for Recent {
    /// Those at the beginning of a frame.
    fn default() -> Self {
        Self([1, 4, 8])
    }
}

impl Recent {
    /// The offset that a value stands for. From now on it is the last one.
    #[inline(always)]
    fn recall(&mut self, value: u32, literal_length: u32) -> Result<u32, Fault> {
        let [first, second, third] = self.0;
        if value > 3 {
            self.0 = [value - 3, first, second];
            return Ok(value - 3);
        }
        // Without literals between, the last offset would have been a longer match before.
        self.0 = match value + u32::from(literal_length == 0) {
            1 => [first, second, third],
            2 => [second, first, third],
            3 => [third, first, second],
            _ => [first - 1, first, second],
        };
        match self.0[0] {
            0 => Err(Fault::Damaged("an offset is zero")),
            offset => Ok(offset),
        }
    }
}
