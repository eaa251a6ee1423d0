//! Characters of bytes that are known to be UTF-8, read without checking them all again.
//!
//! Called by the searches of [`Text`](super::Text), which have bytes: a short text is no `str` in safe code until it
//! has been checked, and a search looks at most of its characters once only.

/// The character that starts at `at`, and how many bytes it has. `at` is a start of a character within `text`.
#[inline]
pub(super) fn first(text: &[u8], at: usize) -> (char, usize) {
    let lead = text[at];
    if lead < 0x80 {
        return (char::from(lead), 1);
    }
    wide(text, at, lead)
}

#[inline(never)]
fn wide(text: &[u8], at: usize, lead: u8) -> (char, usize) {
    // The lead byte tells the length by its leading ones and holds the top bits of the character behind them.
    let len = lead.leading_ones() as usize;
    let top = u32::from(lead & (0x7F >> len));
    let code = text[at + 1..at + len].iter().fold(top, |code, &byte| code << 6 | u32::from(byte & 0x3F));
    (char::from_u32(code).expect("a text is UTF-8"), len)
}

/// The character that ends at `end`, and how many bytes it has. `end` is an end of a character, and not 0.
#[inline]
pub(super) fn last(text: &[u8], end: usize) -> (char, usize) {
    let mut start = end - 1;
    while text[start] & 0xC0 == 0x80 {
        start -= 1;
    }
    first(text, start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_character_is_read_from_both_sides(char in any::<char>(), before in "\\PC{0,2}", after in "\\PC{0,2}") {
            let text = format!("{before}{char}{after}");
            let end = before.len() + char.len_utf8();
            prop_assert_eq!(first(text.as_bytes(), before.len()), (char, char.len_utf8()));
            prop_assert_eq!(last(text.as_bytes(), end), (char, char.len_utf8()));
        }
    }
}
