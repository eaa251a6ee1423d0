//! What a [`Text`] can be split by and searched for: a `char`, several, a string, or a closure over `char`.
//!
//! Each pattern becomes a seeker, which walks through a text's bytes and gives the matches in order. One byte (the
//! usual case) is sought by the window; strings by `memmem`; all else character by character.
#![expect(unnameable_types, reason = "that seals `Pattern`: how it searches is nobody's business but ours")]

use memchr::memmem;

use super::window::{WINDOW, equal, marks, maybe_whitespace};
use super::{Text, chars};

/// What [`Text`] can be split by and searched for: `char`, `&str`, `&String`, `&Text`, `[char; N]`, `&[char; N]`,
/// `&[char]`, and `FnMut(char) -> bool`. Each means what it means to `str`.
///
/// It is sealed: nothing else can be a pattern.
pub trait Pattern: search::Search {}

pub(super) mod search {
    /// How a pattern finds its matches.
    pub trait Search: Sized {
        /// The walk through a text.
        type Seek: Seek;

        /// A walk that starts at byte `at`.
        fn seek_from(self, at: usize) -> Self::Seek;

        /// Whether `text` starts with a match.
        fn starts(self, text: &[u8]) -> bool;

        /// Whether `text` ends with a match.
        fn ends(self, text: &[u8]) -> bool;
    }

    /// A walk through the matches of a text, in order, none overlapping.
    pub trait Seek {
        /// The next match: where in `all` it starts and ends. Nothing from `end` on counts.
        fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)>;
    }
}

use search::{Search, Seek};

/// The matches of one byte that is a character.
#[derive(Clone, Debug)]
pub struct ByteSeek {
    byte: u8,
    /// Where the next window starts.
    next: usize,
    /// What is left of the matches in the window before.
    bits: u64,
}

impl ByteSeek {
    pub(super) fn new(byte: u8, at: usize) -> Self {
        Self { byte, next: at, bits: 0 }
    }
}

impl Seek for ByteSeek {
    #[inline(always)]
    fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)> {
        while self.bits == 0 {
            if self.next >= end {
                return None;
            }
            self.bits = marks(all, self.next, end, equal(self.byte));
            self.next += WINDOW;
        }
        let at = self.next - WINDOW + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some((at, at + 1))
    }
}

/// The characters that are white space (`char::is_whitespace`).
#[derive(Clone, Debug)]
pub(super) struct SpaceSeek {
    next: usize,
    /// What is left of the window before: ASCII white space, and all bytes that are not ASCII.
    bits: u64,
}

impl SpaceSeek {
    pub(super) fn new(at: usize) -> Self {
        Self { next: at, bits: 0 }
    }
}

impl Seek for SpaceSeek {
    #[inline(always)]
    fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)> {
        loop {
            while self.bits == 0 {
                if self.next >= end {
                    return None;
                }
                self.bits = marks(all, self.next, end, maybe_whitespace);
                self.next += WINDOW;
            }
            let at = self.next - WINDOW + self.bits.trailing_zeros() as usize;
            self.bits &= self.bits - 1;
            if all[at] < 0x80 {
                return Some((at, at + 1));
            }
            // A byte within a character is no start of one.
            if all[at] >= 0xC0 {
                let (char, len) = chars::first(all, at);
                if char.is_whitespace() {
                    return Some((at, at + len));
                }
            }
        }
    }
}

/// The matches of a string.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would cost an allocation a line")]
pub enum StrSeek<'n> {
    /// Of one byte.
    Byte(ByteSeek),
    /// Of several: what finds it, how long it is, and where to go on.
    Long(memmem::Finder<'n>, usize),
    /// Of none: it is found before each character and at the end. Where to go on, until the end was found.
    Empty(Option<usize>),
}

impl<'n> StrSeek<'n> {
    fn new(needle: &'n [u8], at: usize) -> Self {
        match needle {
            [] => Self::Empty(Some(at)),
            [byte] => Self::Byte(ByteSeek::new(*byte, at)),
            _ => Self::Long(memmem::Finder::new(needle), at),
        }
    }
}

impl Seek for StrSeek<'_> {
    #[inline]
    fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)> {
        match self {
            Self::Byte(seek) => seek.next_match(all, end),
            Self::Long(finder, at) => {
                let start = *at + finder.find(&all[*at..end])?;
                *at = start + finder.needle().len();
                Some((start, *at))
            }
            Self::Empty(next) => {
                let at = (*next)?;
                *next = (at < end).then(|| at + chars::first(all, at).1);
                Some((at, at))
            }
        }
    }
}

/// The matches of one character.
#[derive(Clone, Debug)]
pub enum CharSeek {
    /// Of one byte.
    Byte(ByteSeek),
    /// Of several: its bytes, how many, and where to go on.
    Wide([u8; 4], usize, usize),
}

impl Seek for CharSeek {
    #[inline(always)]
    fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)> {
        match self {
            Self::Byte(seek) => seek.next_match(all, end),
            Self::Wide(bytes, len, at) => {
                let start = *at + memmem::find(&all[*at..end], &bytes[..*len])?;
                *at = start + *len;
                Some((start, *at))
            }
        }
    }
}

impl Pattern for char {}

impl Search for char {
    type Seek = CharSeek;

    #[inline(always)]
    fn seek_from(self, at: usize) -> CharSeek {
        if self.is_ascii() {
            return CharSeek::Byte(ByteSeek::new(self as u8, at));
        }
        let mut bytes = [0; 4];
        let len = self.encode_utf8(&mut bytes).len();
        CharSeek::Wide(bytes, len, at)
    }

    fn starts(self, text: &[u8]) -> bool {
        text.starts_with(self.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn ends(self, text: &[u8]) -> bool {
        text.ends_with(self.encode_utf8(&mut [0; 4]).as_bytes())
    }
}

/// Strings of all kinds seek their bytes: UTF-8 matches at the starts of characters only.
macro_rules! string_pattern {
    ($($string:ty),*) => {$(
        impl<'n> Pattern for &'n $string {}

        impl<'n> Search for &'n $string {
            type Seek = StrSeek<'n>;

            fn seek_from(self, at: usize) -> StrSeek<'n> {
                StrSeek::new(self.as_bytes(), at)
            }

            fn starts(self, text: &[u8]) -> bool {
                text.starts_with(self.as_bytes())
            }

            fn ends(self, text: &[u8]) -> bool {
                text.ends_with(self.as_bytes())
            }
        }
    )*};
}

string_pattern!(str, String, Text);

/// The characters a test accepts.
#[derive(Clone, Debug)]
pub struct TestSeek<F> {
    test: F,
    at: usize,
}

impl<F: Test> Seek for TestSeek<F> {
    #[inline]
    fn next_match(&mut self, all: &[u8], end: usize) -> Option<(usize, usize)> {
        while self.at < end {
            let start = self.at;
            let (char, len) = chars::first(all, start);
            self.at = start + len;
            if self.test.accepts(char) {
                return Some((start, self.at));
            }
        }
        None
    }
}

/// Whether a character matches.
pub trait Test {
    /// Whether this one does.
    fn accepts(&mut self, char: char) -> bool;
}

/// A closure as a test.
#[derive(Clone, Debug)]
pub struct By<F>(F);

impl<F: FnMut(char) -> bool> Test for By<F> {
    #[inline]
    fn accepts(&mut self, char: char) -> bool {
        (self.0)(char)
    }
}

/// Some characters as a test.
#[derive(Clone, Debug)]
pub struct OneOf<C>(C);

impl<C: AsRef<[char]>> Test for OneOf<C> {
    #[inline]
    fn accepts(&mut self, char: char) -> bool {
        self.0.as_ref().contains(&char)
    }
}

/// Tests of single characters, and what each kind of pattern is tested by.
macro_rules! test_pattern {
    ($([$($generic:tt)*] $pattern:ty, $test:ident;)*) => {$(
        impl<$($generic)*> Pattern for $pattern {}

        impl<$($generic)*> Search for $pattern {
            type Seek = TestSeek<$test<Self>>;

            fn seek_from(self, at: usize) -> Self::Seek {
                TestSeek { test: $test(self), at }
            }

            fn starts(self, text: &[u8]) -> bool {
                !text.is_empty() && $test(self).accepts(chars::first(text, 0).0)
            }

            fn ends(self, text: &[u8]) -> bool {
                !text.is_empty() && $test(self).accepts(chars::last(text, text.len()).0)
            }
        }
    )*};
}

test_pattern! {
    [F: FnMut(char) -> bool] F, By;
    [const N: usize] [char; N], OneOf;
    ['c, const N: usize] &'c [char; N], OneOf;
    ['c] &'c [char], OneOf;
}
