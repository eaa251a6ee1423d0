//! Blocks (RFC 8878, 3.1.1.2), and the tables that go from one to the next.

use super::Fault;
use super::bits::Forward;
use super::huffman::Huffman;
use super::literals::{self, Literals};
use super::output::Output;
use super::sequences::{Bounds, Sequences};

/// No block is larger, neither compressed nor inflated.
pub(super) const MAX_BLOCK: usize = 128 * 1024;

/// What the blocks of a frame share.
#[derive(Debug)]
pub(super) struct Decoder {
    /// How far back a match may reach.
    window: usize,
    literals: Literals,
    huffman: Box<Huffman>,
    sequences: Box<Sequences>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { window: 0, literals: Literals::default(), huffman: Box::default(), sequences: Box::default() }
    }

    /// Forgets the frame before, and takes the window of the new one.
    pub(super) fn begin_frame(&mut self, window: usize) {
        self.window = window;
        self.huffman.forget();
        self.sequences.forget();
    }

    /// Inflates a block. Returns whether it is the last one.
    pub(super) fn block(&mut self, input: &mut Forward<'_>, output: &mut Output<'_>) -> Result<bool, Fault> {
        const CUT: Fault = Fault::Damaged("it ends within a block");
        let header = input.number(3).ok_or(CUT)? as usize;
        let (is_last, kind, size) = (header & 1 != 0, header >> 1 & 3, header >> 3);
        let most = self.window.min(MAX_BLOCK);
        if size > most {
            return Err(Fault::Damaged("a block is larger than blocks may be"));
        }
        match kind {
            0 => output.extend(input.take(size).ok_or(CUT)?)?,
            1 => output.repeat(input.byte().ok_or(CUT)?, size)?,
            2 => self.compressed(&mut input.part(size).ok_or(CUT)?, most, output)?,
            _ => return Err(Fault::Damaged("a block is of a kind that is reserved")),
        }
        Ok(is_last)
    }

    /// Inflates a compressed block (3.1.1.3) to at most so many bytes.
    fn compressed(
        &mut self,
        input: &mut Forward<'_>,
        most: usize,
        output: &mut Output<'_>,
    ) -> Result<(), Fault> {
        literals::read(input, &mut self.huffman, &mut self.literals)?;
        self.sequences.inflate(input, &self.literals, Bounds { block: most, window: self.window }, output)
    }
}
