//! Finding bytes by the window: 64 bytes at a time become 64 bits, one for each byte that is looked for.
//!
//! Called by the splitters of [`Text`](super::Text). Short pieces make it worth while: a search for each word of a
//! line costs a call a word, this costs about an operation a byte and then none for a word but "lowest bit". Measured on
//! lines of Zipf words (million words a second, one thread): this 107, windows of 128 bytes 97, `memchr_iter` over each
//! window 52.

/// How many bytes are looked at in one pass.
pub(super) const WINDOW: usize = 64;

const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One bit for each of the bytes `at..end` of `all`, at most [`WINDOW`], that `lane` marks.
///
/// `lane` gets eight bytes as a little-endian word and sets the top bit of each that it looks for. Reads past `end`,
/// within `all`, where that is faster.
#[inline(always)]
pub(super) fn marks(all: &[u8], at: usize, end: usize, lane: impl Fn(u64) -> u64) -> u64 {
    let left = end - at;
    let bits = match all[at..].first_chunk::<WINDOW>() {
        Some(window) => gather(window, lane),
        None => gather(&padded(&all[at..end]), lane),
    };
    if left < WINDOW { bits & !(u64::MAX << left) } else { bits }
}

#[inline(never)]
fn padded(tail: &[u8]) -> [u8; WINDOW] {
    let mut window = [0; WINDOW];
    window[..tail.len()].copy_from_slice(tail);
    window
}

#[inline(always)]
fn gather(window: &[u8; WINDOW], lane: impl Fn(u64) -> u64) -> u64 {
    let mut bits = 0;
    for (i, eight) in window.chunks_exact(8).enumerate() {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        let marks = lane(u64::from_le_bytes(bytes)) & HIGH;
        // The product brings the eight top bits together in its top byte, the first byte's bit lowest.
        bits |= ((marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    bits
}

/// Marks the bytes that are `wanted`.
#[inline(always)]
pub(super) fn equal(wanted: u8) -> impl Fn(u64) -> u64 {
    let pattern = u64::from(wanted) * ONES;
    move |word| {
        let differs = word ^ pattern;
        !(((differs & LOW) + LOW) | differs)
    }
}

/// Marks ASCII white space (tab to carriage return, space) and every byte that is not ASCII.
#[inline(always)]
pub(super) fn maybe_whitespace(word: u64) -> u64 {
    let low = word & LOW;
    let tab_or_more = low + (0x80 - 0x09) * ONES;
    let above_return = low + (0x80 - 0x0E) * ONES;
    let not_space = (low ^ (0x20 * ONES)) + LOW;
    (tab_or_more & !above_return) | !not_space | word
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 256 bytes in a row, and the window at every place of it, with and without bytes behind its end.
    fn check(lane: impl Fn(u64) -> u64, wanted: impl Fn(u8) -> bool) {
        let all: Vec<u8> = (0..=255).chain(0..=255).collect();
        for at in 0..all.len() {
            for end in [at, at + 1, at + 7, at + 63, at + 64, at + 100] {
                let end = end.min(all.len());
                let expected = all[at..end]
                    .iter()
                    .take(WINDOW)
                    .enumerate()
                    .fold(0u64, |bits, (i, &byte)| bits | (u64::from(wanted(byte)) << i));
                assert_eq!(marks(&all, at, end, &lane), expected);
            }
        }
    }

    #[test]
    fn equal_marks_that_byte_and_no_other() {
        for wanted in [0, b' ', b'\n', 0x7F, 0x80, 0xFF] {
            check(equal(wanted), |byte| byte == wanted);
        }
    }

    #[test]
    fn maybe_whitespace_marks_ascii_space_and_all_above() {
        check(maybe_whitespace, |byte| byte >= 0x80 || char::from(byte).is_whitespace());
    }
}
