//! What a block copies: literals, then a match in what came before, again and again (RFC 8878, 3.1.1.3.2 and 3.1.1.4).

use super::Fault;
use super::bits::{Backward, Forward};
use super::codes::{LITERAL_LENGTHS, MATCH_LENGTHS, OFFSETS};
use super::copy::{copy_literals, copy_match};
use super::decode::{Decode, Recent, Tables};
use super::literals::Literals;
use super::output::{Output, SLACK};

/// What the sequences of a frame's blocks share.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// Whether the tables are of a block before.
    is_known: bool,
    tables: Tables,
    recent: Recent,
}

/// How large a block may be, and how far back a match may reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) block: usize,
    pub(super) window: usize,
}

impl Sequences {
    pub(super) fn forget(&mut self) {
        self.is_known = false;
        self.recent = Recent::default();
    }

    /// Reads the section of sequences, and inflates the block by them.
    pub(super) fn inflate(
        &mut self,
        input: &mut Forward<'_>,
        literals: &Literals,
        bounds: Bounds,
        output: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let (begin, mut literals) = (output.at, literals.with_slack());
        match count(input)? {
            0 if !input.is_empty() => return Err(Fault::Damaged("a block goes on behind its end")),
            0 => {}
            count => {
                let stream = self.read_tables(input)?;
                let decode = Decode::new(&self.tables, stream, self.recent)?;
                self.recent = execute(decode, count, &mut literals, bounds, output)?;
            }
        }
        let rest = &literals[..literals.len() - SLACK];
        if rest.len() > bounds.block - (output.at - begin) {
            return Err(LARGE);
        }
        output.extend(rest)
    }

    /// Reads what the section has in front of its stream.
    fn read_tables<'a>(&mut self, input: &mut Forward<'a>) -> Result<Backward<'a>, Fault> {
        let modes = input.byte().ok_or(CUT)?;
        if modes & 3 != 0 {
            return Err(Fault::Damaged("a reserved bit of a block is set"));
        }
        let is_known = std::mem::replace(&mut self.is_known, false);
        LITERAL_LENGTHS.read(modes >> 6, is_known, input, &mut self.tables.literal_lengths)?;
        OFFSETS.read(modes >> 4 & 3, is_known, input, &mut self.tables.offsets)?;
        MATCH_LENGTHS.read(modes >> 2 & 3, is_known, input, &mut self.tables.match_lengths)?;
        self.is_known = true;
        input.stream(input.rest().len())
    }
}

const CUT: Fault = Fault::Damaged("a block ends within its sequences");

const LARGE: Fault = Fault::Damaged("a block inflates to more than blocks may");

/// How many sequences there are.
fn count(input: &mut Forward<'_>) -> Result<usize, Fault> {
    Ok(match input.byte().ok_or(CUT)? {
        short @ 0..128 => usize::from(short),
        255 => input.number(2).ok_or(CUT)? as usize + 0x7F00,
        high => (usize::from(high) - 128) << 8 | usize::from(input.byte().ok_or(CUT)?),
    })
}

/// Does what so many sequences say. The literals, which have some bytes more behind them, are left from where they end.
fn execute(
    mut decode: Decode<'_>,
    count: usize,
    literals: &mut &[u8],
    bounds: Bounds,
    output: &mut Output<'_>,
) -> Result<Recent, Fault> {
    let end = output.at + bounds.block;
    let mut left = *literals;
    let (mut at, mut room) = (output.at, 0);
    for _ in 0..count {
        let sequence = decode.next()?;
        let behind = at + sequence.literals + sequence.matched;
        if behind > room {
            if behind > end {
                return Err(LARGE);
            }
            output.at = at;
            output.reserve(behind - at)?;
            room = output.room().min(end);
        }
        if sequence.literals > left.len() - SLACK {
            return Err(Fault::Damaged("a block has fewer literals than it copies"));
        }
        copy_literals(output.buffer, at, left, sequence.literals);
        at += sequence.literals;
        left = &left[sequence.literals..];
        if sequence.offset > (at - output.frame).min(bounds.window) {
            return Err(Fault::Damaged("a match reaches back too far"));
        }
        copy_match(output.buffer, at, sequence.offset, sequence.matched);
        at += sequence.matched;
    }
    output.at = at;
    *literals = left;
    decode.finish()
}
