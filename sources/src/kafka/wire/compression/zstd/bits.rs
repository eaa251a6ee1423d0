//! The two ways in which a frame is read: forward by bytes, and backward by the bits of a stream from its end.

use super::Fault;

/// So many bytes in front of a stream are looked at together with its first ones.
const IN_FRONT: usize = 8;

/// Reads bytes. It remembers what lies before them, as streams do not care what is in front of them but want it to be there.
#[derive(Clone, Debug)]
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..n)?;
        self.at += n;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    /// A number of at most eight bytes, the lowest first.
    pub(super) fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The next `n` bytes, to be read on their own.
    pub(super) fn part(&mut self, n: usize) -> Option<Self> {
        let start = self.at;
        self.take(n)?;
        Some(Self { bytes: &self.bytes[..self.at], at: start })
    }

    /// The stream in the next `n` bytes.
    pub(super) fn stream(&mut self, n: usize) -> Result<Backward<'a>, Fault> {
        let front =
            self.at.checked_sub(IN_FRONT).ok_or(Fault::Damaged("a stream has no header in front of it"))?;
        self.take(n).ok_or(Fault::Damaged("a stream is cut off"))?;
        Backward::new(&self.bytes[front..self.at])
    }
}

/// Reads the bits of a stream from the highest of its last byte to the lowest of its first (RFC 8878, 4.1 and 4.2.2).
///
/// At its beginning, the bits in front of it are read on, so that it needs no other way of reading: [`Self::finish`] tells
/// that they were.
#[derive(Clone, Debug)]
pub(super) struct Backward<'a> {
    /// Also the bytes in front.
    bytes: &'a [u8],
    /// How many bits are left. Below none it wraps around, and [`Self::load`] finds nothing soon after.
    left: usize,
}

const OVERRUN: Fault = Fault::Damaged("a stream ends early");

/// The lowest bits, so many as the index says. It has an entry for each byte, so that no index needs a look.
static LOWEST: [u32; 256] = {
    let mut lowest = [0; 256];
    let mut bits = 0;
    while bits < 32 {
        lowest[bits] = (1 << bits) - 1;
        bits += 1;
    }
    lowest
};

impl<'a> Backward<'a> {
    /// So many bits can be read at once.
    pub(super) const AT_ONCE: u32 = 57;

    fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        match bytes {
            [front @ .., last] if front.len() >= IN_FRONT && *last != 0 => {
                // The highest bit that is set ends the padding.
                let left = (bytes.len() - IN_FRONT) * 8 - (last.leading_zeros() as usize + 1);
                Ok(Self { bytes, left })
            }
            _ => Err(Fault::Damaged("a stream has no mark at its end")),
        }
    }

    /// The eight bytes that end with the next bit, which is not their highest where others of its byte were read.
    #[inline(always)]
    fn load(&self) -> Result<u64, Fault> {
        let end = self.left.wrapping_add(7) >> 3;
        let bytes = self.bytes.get(end..).and_then(<[u8]>::first_chunk).ok_or(OVERRUN)?;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// How many bits of their byte were read.
    #[inline(always)]
    fn read_of_byte(&self) -> u32 {
        (self.left.wrapping_neg() & 7) as u32
    }

    /// The next bits, of which there may be none, as the lowest of a word. Those above them are not zero.
    #[inline(always)]
    pub(super) fn group(&mut self, n: u32) -> Result<Group, Fault> {
        let word = self.load()?.wrapping_shr(0_u32.wrapping_sub(self.read_of_byte() + n));
        self.left = self.left.wrapping_sub(n as usize);
        Ok(Group(word))
    }

    /// At most 31 bits.
    #[inline(always)]
    pub(super) fn read(&mut self, n: u32) -> Result<u32, Fault> {
        Ok(self.group(n)?.last(n))
    }

    /// The next bits as the highest of a word; the lowest bit that is set marks their end, and is none of them.
    #[inline(always)]
    pub(super) fn marked(&self) -> Result<u64, Fault> {
        Ok((self.load()? | 1) << self.read_of_byte())
    }

    /// Goes to where a word is that bits were shifted out from.
    #[inline(always)]
    pub(super) fn go_to(&mut self, marked: u64) {
        self.left = (self.left.wrapping_add(7) & !7).wrapping_sub(marked.trailing_zeros() as usize);
    }

    /// How many bits are left; fewer than none are when bits in front of the stream were read.
    pub(super) fn left(&self) -> isize {
        self.left as isize
    }

    /// A stream has to be read to its end exactly, and so many bits beyond.
    pub(super) fn finish(&self, beyond: u32) -> Result<(), Fault> {
        match self.left() + beyond as isize {
            0 => Ok(()),
            1.. => Err(Fault::Damaged("a stream does not end with what it holds")),
            _ => Err(OVERRUN),
        }
    }
}

/// Numbers that were read together: the last one is the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(u64);

impl Group {
    /// Takes the last number away, which has so many bits: at most 31.
    #[inline(always)]
    pub(super) fn last(&mut self, n: u32) -> u32 {
        let number = self.0 as u32 & LOWEST[n as usize % 256];
        self.0 = self.0.wrapping_shr(n);
        number
    }
}
