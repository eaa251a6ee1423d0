//! Up to 23 bytes of text inside a [`Text`](super::Text): zero-padded, made, compared and hashed as three words.
//!
//! The words are bytes 0 to 8, 8 to 16 and 16 to 23, and go to their place straight from registers: bytes written in
//! one width and read in another, a moment later, cost a dozen cycles each time (measured: 47 instead of 106 million
//! words a second), so nothing here is built in memory first.

/// How many bytes fit inside a text.
pub(super) const INLINE: usize = 23;

/// The length of a short text. The bytes it cannot be are where a [`Text`](super::Text) keeps which form it has.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
enum Length { L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23 }

impl Length {
    #[rustfmt::skip]
    const ALL: [Self; INLINE + 1] = {
        use Length::*;
        [L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23]
    };
}

/// Which bits of the three words belong to a text of this length.
const MASKS: [[u64; 3]; INLINE + 1] = masks();

const fn masks() -> [[u64; 3]; INLINE + 1] {
    let mut masks = [[0; 3]; INLINE + 1];
    let mut len = 0;
    while len <= INLINE {
        let mut byte = 0;
        while byte < len {
            masks[len][byte / 8] |= 0xFF << (8 * (byte % 8));
            byte += 1;
        }
        len += 1;
    }
    masks
}

/// A short text: its bytes with zeros behind them, and its length.
///
/// The order is fixed, so that the words lie at multiples of eight.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Inline {
    bytes: [u8; INLINE],
    len: Length,
}

impl Inline {
    pub(super) const EMPTY: Self = Self { bytes: [0; INLINE], len: Length::L0 };

    /// The `len` bytes of `all` from `start` on. `len` is at most [`INLINE`].
    ///
    /// Reads past the text's end, within `all`, where that is faster.
    #[inline(always)]
    pub(super) fn load(all: &[u8], start: usize, len: usize) -> Self {
        let words = match all[start..].first_chunk::<INLINE>() {
            Some(window) => words(window),
            None => [start, start + 8, start + 16].map(|at| last_word(all, at)),
        };
        let masks = &MASKS[len];
        let mut bytes = [0; INLINE];
        bytes[0..8].copy_from_slice(&(words[0] & masks[0]).to_le_bytes());
        bytes[8..16].copy_from_slice(&(words[1] & masks[1]).to_le_bytes());
        bytes[16..23].copy_from_slice(&(words[2] & masks[2]).to_le_bytes()[..7]);
        Self { bytes, len: Length::ALL[len] }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline(always)]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// The whole array, zeros included: what [`load`](Self::load) may read past an end.
    #[inline(always)]
    pub(super) fn padded(&self) -> &[u8; INLINE] {
        &self.bytes
    }

    /// The three words.
    #[inline(always)]
    pub(super) fn words(&self) -> [u64; 3] {
        words(&self.bytes)
    }
}

impl PartialEq for Inline {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a0, a1, a2], [b0, b1, b2]) = (self.words(), other.words());
        ((a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) | (self.len as u64 ^ other.len as u64)) == 0
    }
}

#[inline(always)]
fn words(bytes: &[u8; INLINE]) -> [u64; 3] {
    let word = |start: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[start..start + 8]);
        u64::from_le_bytes(eight)
    };
    // The last is read with the byte before it, so that nothing behind the array is.
    [word(0), word(8), word(15) >> 8]
}

/// Eight bytes from `at` on, with zeros for those behind the end.
#[inline(never)]
fn last_word(all: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    if let Some(bytes) = all.get(at..at + 8) {
        eight.copy_from_slice(bytes);
        return u64::from_le_bytes(eight);
    }
    if let Some(bytes) = all.last_chunk::<8>() {
        let missing = at + 8 - all.len();
        return u64::from_le_bytes(*bytes).checked_shr(8 * missing as u32).unwrap_or(0);
    }
    let rest = all.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_at_every_place_is_cut_and_padded() {
        let all = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for end in 0..=all.len() {
            for start in 0..=end {
                for len in 0..=INLINE.min(end - start) {
                    let inline = Inline::load(&all[..end], start, len);
                    assert_eq!(inline.as_bytes(), &all[start..start + len]);
                    assert!(inline.bytes[len..].iter().all(|&byte| byte == 0));
                }
            }
        }
    }

    #[test]
    fn every_byte_and_the_length_count_in_a_comparison() {
        let inline = |text: &[u8]| Inline::load(text, 0, text.len());
        let base = [b'x'; INLINE];
        for at in 0..INLINE {
            let mut other = base;
            other[at] = b'y';
            assert!(inline(&base) != inline(&other));
            assert!(inline(&base[..at]) != inline(&base[..=at]));
        }
        assert!(inline(b"a") != inline(b"a\0"));
        assert!(inline(b"a") == inline(b"a"));
    }
}
