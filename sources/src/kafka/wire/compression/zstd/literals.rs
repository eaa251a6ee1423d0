//! The bytes of a block that are not copied from what came before (RFC 8878, 3.1.1.3.1).

use super::Fault;
use super::bits::Forward;
use super::block::MAX_BLOCK;
use super::huffman::Huffman;
use super::output::SLACK;

/// The literals of a block, all together.
#[derive(Debug)]
pub(super) struct Literals {
    bytes: Box<[u8]>,
    length: usize,
}

impl Default for Literals {
    fn default() -> Self {
        Self { bytes: vec![0; MAX_BLOCK + SLACK].into_boxed_slice(), length: 0 }
    }
}

impl Literals {
    /// The literals, and the slack behind them.
    pub(super) fn with_slack(&self) -> &[u8] {
        &self.bytes[..self.length + SLACK]
    }

    fn set_length(&mut self, length: usize) -> Result<&mut [u8], Fault> {
        if length > MAX_BLOCK {
            return Err(Fault::Damaged("a block has more literals than it may be large"));
        }
        self.length = length;
        Ok(&mut self.bytes[..length])
    }
}

/// Reads the section of the literals.
pub(super) fn read(
    input: &mut Forward<'_>,
    huffman: &mut Huffman,
    literals: &mut Literals,
) -> Result<(), Fault> {
    const CUT: Fault = Fault::Damaged("a block ends within its literals");
    let first = *input.rest().first().ok_or(CUT)?;
    let (kind, format) = (first & 3, first >> 2 & 3);
    if kind < 2 {
        let length = match format {
            0 | 2 => input.number(1).ok_or(CUT)? >> 3,
            1 => input.number(2).ok_or(CUT)? >> 4,
            _ => input.number(3).ok_or(CUT)? >> 4,
        };
        let bytes = literals.set_length(length as usize)?;
        match kind {
            0 => bytes.copy_from_slice(input.take(bytes.len()).ok_or(CUT)?),
            _ => bytes.fill(input.byte().ok_or(CUT)?),
        }
        return Ok(());
    }
    let (header, bits) = match format {
        0 | 1 => (3, 10),
        2 => (4, 14),
        _ => (5, 18),
    };
    let sizes = input.number(header).ok_or(CUT)? >> 4;
    let (length, size) = (sizes & ((1 << bits) - 1), sizes >> bits);
    let mut streams = input.part(size as usize).ok_or(CUT)?;
    let bytes = literals.set_length(length as usize)?;
    if kind == 2 {
        huffman.read(&mut streams)?;
    }
    match format {
        0 => huffman.one_stream(&mut streams, bytes),
        _ => huffman.four_streams(&mut streams, bytes),
    }
}
