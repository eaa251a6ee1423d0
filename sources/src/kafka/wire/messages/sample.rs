//! For tests: messages with random content, bytes written by hand, and a count of what decoders reserve.

use std::cell::Cell;
use std::fmt::Debug;

use super::super::{ApiKey, ErrorCode, Reader, Uuid, Writer};
use super::Message;
use super::layout::Layout;

/// What random messages are made from: the same seed gives the same message.
#[derive(Debug)]
pub(super) struct Source(u64);

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of the generator splitmix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A type of which there are random values, in which a field that the version lacks has its default.
pub(super) trait Sample: Sized {
    fn sample(layout: Layout, source: &mut Source) -> Self;
}

macro_rules! number_samples {
    ($($type:ty)*) => {$(
        impl Sample for $type {
            fn sample(_: Layout, source: &mut Source) -> Self {
                source.next() as Self
            }
        }
    )*};
}

number_samples! { i8 i16 i32 i64 }

impl Sample for bool {
    fn sample(_: Layout, source: &mut Source) -> Self {
        source.below(2) == 1
    }
}

impl Sample for ErrorCode {
    fn sample(_: Layout, source: &mut Source) -> Self {
        Self(source.next() as i16)
    }
}

impl Sample for ApiKey {
    fn sample(_: Layout, source: &mut Source) -> Self {
        Self(source.next() as i16)
    }
}

impl Sample for Uuid {
    fn sample(_: Layout, source: &mut Source) -> Self {
        let high = u128::from(source.next());
        Self((high << 64 | u128::from(source.next())).to_be_bytes())
    }
}

impl Sample for String {
    fn sample(_: Layout, source: &mut Source) -> Self {
        // Now and then one whose compact length has two bytes.
        let longest = if source.below(16) == 0 { 100 } else { 8 };
        let length = source.below(longest);
        (0..length).map(|_| ['a', 'Z', '.', 'ß', '水', '🦀'][source.below(6)]).collect()
    }
}

impl Sample for &[u8] {
    fn sample(_: Layout, source: &mut Source) -> Self {
        let length = source.below(12);
        &b"some records"[..length]
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(layout: Layout, source: &mut Source) -> Self {
        let length = source.below(4);
        (0..length).map(|_| T::sample(layout, source)).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(layout: Layout, source: &mut Source) -> Self {
        (source.below(4) > 0).then(|| T::sample(layout, source))
    }
}

thread_local! {
    static RESERVED: Cell<usize> = const { Cell::new(0) };
}

/// Called by decoders when they reserve memory for an array.
pub(super) fn note_reserved(bytes: usize) {
    RESERVED.with(|reserved| reserved.set(reserved.get() + bytes));
}

/// How many bytes this thread's decoders have reserved for arrays since the last call.
pub(super) fn take_reserved() -> usize {
    RESERVED.take()
}

/// Bytes as they are written on paper: each line is hexadecimal digits and quoted text, in any number of groups, and
/// behind a bar what it is.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in text.lines().flat_map(|line| line.split('|').next().unwrap_or("").split_whitespace()) {
        match group.strip_prefix('"') {
            Some(quoted) => bytes.extend_from_slice(quoted.trim_end_matches('"').as_bytes()),
            None => {
                let digits = |at| u8::from_str_radix(&group[at..at + 2], 16).unwrap();
                bytes.extend((0..group.len()).step_by(2).map(digits));
            }
        }
    }
    bytes
}

/// Asserts that a message and its bytes belong together, in both directions.
pub(super) fn assert_laid_out<'a, M: Message<'a> + PartialEq + Debug>(
    message: &M,
    version: i16,
    bytes: &'a [u8],
) {
    let mut out = Writer::new();
    message.encode(version, &mut out);
    assert_eq!(out.into_bytes().as_deref(), Ok(bytes));
    let mut input = Reader::new(bytes);
    assert_eq!(M::decode(version, &mut input).as_ref(), Ok(message));
    assert_eq!(input.finish(), Ok(()));
}
