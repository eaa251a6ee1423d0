//! Up to 22 bytes of text inside a [`Text`](super::Text): zero-padded, read and compared as three words.
//!
//! The words overlap: bytes 0 to 8, 8 to 16 and 14 to 22. All three are eight bytes long, so making, comparing and
//! hashing a short text is a handful of loads and no loop over bytes.

/// How many bytes fit inside a text.
pub(super) const INLINE: usize = 22;

/// Which bits of the three words belong to a text of this length.
const MASKS: [[u64; 3]; INLINE + 1] = masks();

const fn masks() -> [[u64; 3]; INLINE + 1] {
    const STARTS: [usize; 3] = [0, 8, 14];
    let mut masks = [[0; 3]; INLINE + 1];
    let mut len = 0;
    while len <= INLINE {
        let mut word = 0;
        while word < 3 {
            let mut byte = 0;
            while byte < 8 {
                if STARTS[word] + byte < len {
                    masks[len][word] |= 0xFF << (8 * byte);
                }
                byte += 1;
            }
            word += 1;
        }
        len += 1;
    }
    masks
}

/// A short text: its length, and its bytes with zeros behind them.
#[derive(Clone, Copy)]
pub(super) struct Inline {
    len: u8,
    bytes: [u8; INLINE],
}

impl Inline {
    pub(super) const EMPTY: Self = Self { len: 0, bytes: [0; INLINE] };

    /// The `len` bytes of `all` from `start` on. `len` is at most [`INLINE`].
    ///
    /// Reads past the text's end, within `all`, where that is faster.
    #[inline(always)]
    pub(super) fn load(all: &[u8], start: usize, len: usize) -> Self {
        match all.get(start..).and_then(|rest| rest.first_chunk::<INLINE>()) {
            Some(window) => Self::masked(window, len),
            None => Self::short(&all[start..start + len]),
        }
    }

    /// The first `len` bytes of `window`; whatever lies behind them is masked away.
    #[inline(always)]
    fn masked(window: &[u8; INLINE], len: usize) -> Self {
        let [mask0, mask1, mask2] = MASKS[len];
        let [word0, word1, word2] = words(window);
        let mut bytes = [0; INLINE];
        bytes[0..8].copy_from_slice(&(word0 & mask0).to_le_bytes());
        bytes[8..16].copy_from_slice(&(word1 & mask1).to_le_bytes());
        bytes[14..22].copy_from_slice(&(word2 & mask2).to_le_bytes());
        Self { len: len as u8, bytes }
    }

    /// All of `text`, which may be the last bytes there are.
    pub(super) fn short(text: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..text.len()].copy_from_slice(text);
        Self { len: text.len() as u8, bytes }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
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

    /// The three overlapping words.
    #[inline(always)]
    pub(super) fn words(&self) -> [u64; 3] {
        words(&self.bytes)
    }
}

impl PartialEq for Inline {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a0, a1, a2], [b0, b1, b2]) = (self.words(), other.words());
        ((a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) | u64::from(self.len ^ other.len)) == 0
    }
}

#[inline(always)]
fn words(bytes: &[u8; INLINE]) -> [u64; 3] {
    let word = |start: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[start..start + 8]);
        u64::from_le_bytes(eight)
    };
    [word(0), word(8), word(14)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_cut_and_padded_the_same_by_both_ways() {
        let all = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for start in 0..all.len() {
            for len in 0..=INLINE.min(all.len() - start) {
                let loaded = Inline::load(all, start, len);
                let copied = Inline::short(&all[start..start + len]);
                assert!(loaded == copied);
                assert_eq!(loaded.bytes, copied.bytes);
                assert_eq!(loaded.as_bytes(), &all[start..start + len]);
            }
        }
    }

    #[test]
    fn every_byte_and_the_length_count_in_a_comparison() {
        let base = [b'x'; INLINE];
        for at in 0..INLINE {
            let mut other = base;
            other[at] = b'y';
            assert!(Inline::short(&base) != Inline::short(&other));
            assert!(Inline::short(&base[..at]) != Inline::short(&base[..=at]));
        }
        assert!(Inline::short(b"a") != Inline::short(b"a\0"));
    }
}
