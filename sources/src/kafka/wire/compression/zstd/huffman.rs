//! Prefix codes of the literals (RFC 8878, 4.2).

use super::Fault;
use super::bits::{Backward, Forward};
use super::fse::{Distribution, Table};

/// The longest code.
const MAX_BITS: u32 = 11;

/// The code of a frame's literals: for each eleven bits that may be next, a literal and the length of its code.
#[derive(Debug)]
pub(super) struct Huffman {
    is_known: bool,
    codes: [Code; 1 << MAX_BITS],
    weights: Table,
}

#[derive(Clone, Copy, Debug, Default)]
struct Code {
    literal: u8,
    bits: u8,
}

impl Default for Huffman {
    fn default() -> Self {
        Self { is_known: false, codes: [Code::default(); 1 << MAX_BITS], weights: Table::default() }
    }
}

/// The weights of the literals from the first one on.
type Weights = [u8; 256];

impl Huffman {
    pub(super) fn forget(&mut self) {
        self.is_known = false;
    }

    /// Reads a code (4.2.1).
    pub(super) fn read(&mut self, input: &mut Forward<'_>) -> Result<(), Fault> {
        const CUT: Fault = Fault::Damaged("a code of literals is cut off");
        self.is_known = false;
        let mut weights = [0; 256];
        let header = usize::from(input.byte().ok_or(CUT)?);
        let known = match header {
            0..128 => self.compressed_weights(&mut input.part(header).ok_or(CUT)?, &mut weights)?,
            _ => {
                let known = header - 127;
                let bytes = input.take(known.div_ceil(2)).ok_or(CUT)?;
                for (literal, weight) in weights[..known].iter_mut().enumerate() {
                    *weight = bytes[literal / 2] >> (4 - literal % 2 * 4) & 15;
                }
                known
            }
        };
        self.build(&mut weights, known)
    }

    /// Reads weights by two states in turn (4.2.1.2), and returns how many.
    fn compressed_weights(&mut self, input: &mut Forward<'_>, weights: &mut Weights) -> Result<usize, Fault> {
        const MAX_LOG: u32 = 6;
        let distribution = Distribution::read(input, MAX_LOG, MAX_BITS as usize + 1)?;
        let table = &mut self.weights;
        table.build(&distribution, |weight| (weight as u32, 0));
        let mut stream = input.stream(input.rest().len())?;
        let mut states = [stream.read(table.log)? as usize, stream.read(table.log)? as usize];
        if stream.left() < 0 {
            return Err(Fault::Damaged("the weights of a code have no whole states"));
        }
        for literal in 0..weights.len() - 1 {
            let [state, other] = states;
            let state = table.state(state);
            weights[literal] = state.base() as u8;
            states = [other, state.next() + stream.read(state.bits())? as usize];
            if stream.left() < 0 {
                // The other state is the last one, and its symbol has its place.
                weights[literal + 1] = table.state(other).base() as u8;
                return match literal + 2 {
                    256.. => break,
                    known => Ok(known),
                };
            }
        }
        Err(Fault::Damaged("a code has more weights than there are literals"))
    }

    /// Makes a code of its weights (4.2.1.3), after the last one is found: it makes the whole a power of two.
    fn build(&mut self, weights: &mut Weights, known: usize) -> Result<(), Fault> {
        const BAD: Fault = Fault::Damaged("the weights of a code make no code");
        let mut counts = [0_usize; MAX_BITS as usize + 2];
        let mut whole = 0;
        for &weight in &weights[..known] {
            if u32::from(weight) > MAX_BITS {
                return Err(BAD);
            }
            counts[usize::from(weight)] += 1;
            whole += (1_u32 << weight) >> 1;
        }
        if whole == 0 {
            return Err(BAD);
        }
        let bits = whole.ilog2() + 1;
        let missing = (1 << bits) - whole;
        if bits > MAX_BITS || !missing.is_power_of_two() {
            return Err(BAD);
        }
        let last = missing.ilog2() + 1;
        weights[known] = last as u8;
        counts[last as usize] += 1;
        if counts[1] < 2 {
            return Err(BAD);
        }
        self.fill(&weights[..=known], &counts, bits);
        self.is_known = true;
        Ok(())
    }

    /// Codes are given by weight, and among the same weight by literal, from zero on.
    fn fill(&mut self, weights: &[u8], counts: &[usize], bits: u32) {
        let unused = MAX_BITS - bits;
        let mut starts = [0; MAX_BITS as usize + 2];
        for weight in 1..=bits as usize {
            starts[weight + 1] = starts[weight] + (counts[weight] << (weight as u32 - 1 + unused));
        }
        for (literal, &weight) in weights.iter().enumerate() {
            if weight == 0 {
                continue;
            }
            let places = 1 << (u32::from(weight) - 1 + unused);
            let start = &mut starts[usize::from(weight)];
            self.codes[*start..][..places]
                .fill(Code { literal: literal as u8, bits: bits as u8 + 1 - weight });
            *start += places;
        }
    }

    fn codes(&self) -> Result<&[Code; 1 << MAX_BITS], Fault> {
        if self.is_known {
            Ok(&self.codes)
        } else {
            Err(Fault::Damaged("there is no code before to be used again"))
        }
    }

    /// Decodes literals of one stream, which is all of the input.
    pub(super) fn one_stream(&self, input: &mut Forward<'_>, out: &mut [u8]) -> Result<(), Fault> {
        finish(input.stream(input.rest().len())?, self.codes()?, out)
    }

    /// Decodes literals of four streams behind a table of their sizes (3.1.1.3.1.6), at the same time.
    pub(super) fn four_streams(&self, input: &mut Forward<'_>, out: &mut [u8]) -> Result<(), Fault> {
        const CUT: Fault = Fault::Damaged("the streams of a block are cut off");
        let codes = self.codes()?;
        let mut sizes = [0; 3];
        for size in &mut sizes {
            *size = input.number(2).ok_or(CUT)? as usize;
        }
        if out.len() < 6 {
            return Err(Fault::Damaged("four streams have too few literals"));
        }
        let [mut a, mut b, mut c] =
            [input.stream(sizes[0])?, input.stream(sizes[1])?, input.stream(sizes[2])?];
        let mut d = input.stream(input.rest().len())?;

        let quarter = out.len().div_ceil(4);
        let (out_a, rest) = out.split_at_mut(quarter);
        let (out_b, rest) = rest.split_at_mut(quarter);
        let (out_c, out_d) = rest.split_at_mut(quarter);

        let rounds = out_d.len() / ROUND;
        let (whole_a, rest_a) = out_a.split_at_mut(rounds * ROUND);
        let (whole_b, rest_b) = out_b.split_at_mut(rounds * ROUND);
        let (whole_c, rest_c) = out_c.split_at_mut(rounds * ROUND);
        let (whole_d, rest_d) = out_d.split_at_mut(rounds * ROUND);
        let whole = whole_a.chunks_exact_mut(ROUND).zip(whole_b.chunks_exact_mut(ROUND));
        let whole = whole.zip(whole_c.chunks_exact_mut(ROUND).zip(whole_d.chunks_exact_mut(ROUND)));
        for ((out_a, out_b), (out_c, out_d)) in whole {
            let (mut word_a, mut word_b, mut word_c, mut word_d) =
                (a.marked()?, b.marked()?, c.marked()?, d.marked()?);
            for at in 0..ROUND {
                out_a[at] = next(&mut word_a, codes);
                out_b[at] = next(&mut word_b, codes);
                out_c[at] = next(&mut word_c, codes);
                out_d[at] = next(&mut word_d, codes);
            }
            a.go_to(word_a);
            b.go_to(word_b);
            c.go_to(word_c);
            d.go_to(word_d);
        }
        finish(a, codes, rest_a)?;
        finish(b, codes, rest_b)?;
        finish(c, codes, rest_c)?;
        finish(d, codes, rest_d)
    }
}

/// So many codes fit into a word.
const ROUND: usize = 5;

#[inline(always)]
fn next(word: &mut u64, codes: &[Code; 1 << MAX_BITS]) -> u8 {
    let code = codes[(*word >> (64 - MAX_BITS)) as usize];
    *word = word.wrapping_shl(u32::from(code.bits));
    code.literal
}

/// Decodes what is left of a stream, which has to end with it.
fn finish(mut stream: Backward<'_>, codes: &[Code; 1 << MAX_BITS], out: &mut [u8]) -> Result<(), Fault> {
    for out in out.chunks_mut(ROUND) {
        let mut word = stream.marked()?;
        for out in out {
            *out = next(&mut word, codes);
        }
        stream.go_to(word);
    }
    stream.finish(0)
}
