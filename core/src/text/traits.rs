//! What makes [`Text`] a string like others: equality, order, hash, display, conversions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::inline::{INLINE, Inline};
use super::{Repr, Slice, Text, TextBlock};

impl PartialEq for Text {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        match (&self.repr, &other.repr) {
            (Repr::Inline(a), Repr::Inline(b)) => a == b,
            (Repr::Slice(a), Repr::Slice(b)) => a.as_bytes() == b.as_bytes(),
            _ => false,
        }
    }
}

impl Eq for Text {}

/// Words, not bytes: two for a text of up to 16 bytes, three up to 23; only longer ones are hashed as a run of bytes.
impl Hash for Text {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.repr {
            Repr::Inline(inline) => {
                let [first, second, last] = inline.words();
                state.write_u64(first);
                state.write_u64(second);
                if inline.len() > 16 {
                    state.write_u64(last);
                }
            }
            Repr::Slice(slice) => {
                state.write(slice.as_bytes());
                // As `str` does, so that two texts in a row hash differently when a byte moves from one to the other.
                state.write_u8(0xFF);
            }
        }
    }
}

impl Ord for Text {
    /// The order of their bytes, as `str` has it.
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// Copies the text.
///
/// # Panics
///
/// When it is longer than 4 GiB.
impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.len() <= INLINE {
            return Self { repr: Repr::Inline(Inline::load(text.as_bytes(), 0, text.len())) };
        }
        Self::from(text.to_owned())
    }
}

/// Takes the string over as it is; only up to 23 bytes are copied.
///
/// # Panics
///
/// When it is longer than 4 GiB.
impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() <= INLINE {
            return Self { repr: Repr::Inline(Inline::load(text.as_bytes(), 0, text.len())) };
        }
        let len = u32::try_from(text.len()).expect("a text is at most 4 GiB long");
        Self { repr: Repr::Slice(Slice { start: 0, len, block: Arc::new(TextBlock::new(text)) }) }
    }
}

/// Copies the text.
impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl From<char> for Text {
    fn from(char: char) -> Self {
        Self::from(&*char.encode_utf8(&mut [0; 4]))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

/// Never fails: for code that reads any `T: FromStr`.
impl FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        Self::from(chars.into_iter().collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn short_text_feeds_its_hasher_words_only() {
        #[derive(Default)]
        struct Calls(Vec<u64>);
        impl Hasher for Calls {
            fn finish(&self) -> u64 {
                0
            }
            fn write(&mut self, _: &[u8]) {
                panic!("a short text is hashed by words");
            }
            fn write_u64(&mut self, word: u64) {
                self.0.push(word);
            }
        }
        let words = |text: &str| {
            let mut calls = Calls::default();
            Text::from(text).hash(&mut calls);
            calls.0
        };
        assert_eq!(words("ab"), [0x6261, 0]);
        assert_eq!(words("sixteen bytes ab").len(), 2);
        let [first, second, last] = ["eighteen", " bytes a", "bc"].map(|eight| words(eight)[0]);
        assert_eq!(words("eighteen bytes abc"), [first, second, last]);
        assert_eq!(words("twenty-three bytes abcd").len(), 3);
    }

    #[test]
    fn display_and_debug_are_those_of_str() {
        let text = Text::from("a \"b\"\n");
        assert_eq!(format!("{text}|{text:?}|{text:>8}"), "a \"b\"\n|\"a \\\"b\\\"\\n\"|  a \"b\"\n");
    }

    #[test]
    fn text_compares_with_every_kind_of_string() {
        let text = Text::from("word");
        assert_eq!(text, "word");
        assert_eq!("word", text);
        assert_eq!(text, *"word");
        assert_eq!(*"word", text);
        assert_eq!(text, "word".to_owned());
        assert_eq!("word".to_owned(), text);
        assert_ne!(text, "words");
    }

    proptest! {
        #[test]
        fn equality_order_and_hash_agree_with_str(a in "[ab\0é]{0,30}", b in "[ab\0é]{0,30}") {
            let (text_a, text_b) = (Text::from(a.as_str()), Text::from(b.clone()));
            prop_assert_eq!(text_a == text_b, a == b);
            prop_assert_eq!(text_a.cmp(&text_b), a.cmp(&b));
            // A slice cut out of a longer text is the same as one made of a string.
            let whole = Text::from(format!("{b}|{a}|{b}"));
            let cut = whole.split('|').nth(1).expect("there are three pieces");
            let hasher = RandomState::new();
            prop_assert_eq!(&cut, &text_a);
            prop_assert_eq!(hasher.hash_one(&cut), hasher.hash_one(&text_a));
        }
    }
}
