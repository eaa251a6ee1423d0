//! Decodes the lines of a block of text, inside a batch's tasks.
//!
//! A block is checked for UTF-8 once, as a whole; its lines are then cut without a copy. A block that is not UTF-8
//! is read line by line, and the policy says what becomes of the lines that are not. Several threads may use one
//! [`TextLines`] at once, on different blocks or the same.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2};
use parking_lot::Mutex;

use super::{Text, TextBlock};
use crate::{BlockDecoder, ByteBlock, SourceError};

/// Bytes of lines that were not cut from their block are put together in blocks of about this size.
const REPAIRED_BLOCK: usize = 1 << 20;

/// What becomes of a line that is not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Utf8Policy {
    /// What is wrong is replaced by U+FFFD, as [`String::from_utf8_lossy`] does, and the line is counted: Spark's way.
    #[default]
    Lossy,
    /// The task fails with [`LineError::InvalidUtf8`].
    Strict,
    /// The line is dropped and counted.
    Skip,
}

/// The lines of a block as [`Text`], without their ends: `\n`, `\r\n` or `\r`. The last line may have none.
///
/// ```
/// use std::sync::Arc;
/// use batchmill::text::{TextLines, Utf8Policy};
/// use batchmill::{BlockDecoder, ByteBlock};
///
/// let decoder = TextLines::new(Utf8Policy::Skip);
/// let block = Arc::new(ByteBlock::new(b"one\ntw\xFF\nthree".to_vec()));
/// let (mut at, mut lines) = (0, Vec::new());
/// while at < block.len() {
///     decoder.decode(&block, &mut at, 1024, &mut lines).unwrap();
/// }
/// assert_eq!(lines, ["one", "three"]);
/// assert_eq!(decoder.skipped().get(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TextLines {
    policy: Utf8Policy,
    replaced: LineCount,
    skipped: LineCount,
}

impl TextLines {
    /// A decoder that treats lines that are not UTF-8 by this policy.
    pub fn new(policy: Utf8Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// How many lines had something replaced ([`Utf8Policy::Lossy`]). Clones of the decoder count together.
    pub fn replaced(&self) -> LineCount {
        self.replaced.clone()
    }

    /// How many lines were dropped ([`Utf8Policy::Skip`]). Clones of the decoder count together.
    pub fn skipped(&self) -> LineCount {
        self.skipped.clone()
    }
}

impl BlockDecoder<Text> for TextLines {
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<Text>,
    ) -> Result<(), SourceError> {
        match block.text() {
            Some(text) => cut_lines(text, at, limit, out),
            None => self.repair_lines(block, at, limit, out)?,
        }
        Ok(())
    }

    fn count(&self, bytes: &[u8]) -> Option<u64> {
        let feeds = memchr_iter(b'\n', bytes).count();
        // A return counts where no feed follows it.
        let returns = match memchr(b'\r', bytes) {
            None => 0,
            Some(first) => memchr_iter(b'\r', &bytes[first..])
                .filter(|at| bytes.get(first + at + 1) != Some(&b'\n'))
                .count(),
        };
        let unterminated = bytes.last().is_some_and(|last| !matches!(last, b'\n' | b'\r'));
        Some((feeds + returns + usize::from(unterminated)) as u64)
    }
}

/// Where the line that starts at `at` ends, and where the next one starts.
#[inline]
fn line_at(bytes: &[u8], at: usize) -> (usize, usize) {
    match memchr2(b'\n', b'\r', &bytes[at..]) {
        None => (bytes.len(), bytes.len()),
        Some(len) => {
            let end = at + len;
            let both = bytes[end] == b'\r' && bytes.get(end + 1) == Some(&b'\n');
            (end, end + 1 + usize::from(both))
        }
    }
}

/// Lines as slices of a block that is UTF-8.
fn cut_lines(block: &Arc<TextBlock>, at: &mut usize, limit: usize, out: &mut Vec<Text>) {
    let bytes = block.as_str().as_bytes();
    let mut start = *at;
    let full = out.len() + limit;
    if !block.has_returns() {
        // The usual case has one kind of end, and one pass finds all of them.
        for feed in memchr_iter(b'\n', &bytes[start..]).take(limit) {
            let end = *at + feed;
            out.push(Text::cut(block, start, end));
            start = end + 1;
        }
    }
    // What is left: lines of a block with returns, and a last line without an end.
    while out.len() < full && start < bytes.len() {
        let (end, next) = line_at(bytes, start);
        out.push(Text::cut(block, start, end));
        start = next;
    }
    *at = start;
}

impl TextLines {
    /// Lines of a block that is not UTF-8 as a whole, or too long to be sliced: copied into a block of their own.
    #[cold]
    fn repair_lines(
        &self,
        block: &ByteBlock,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<Text>,
    ) -> Result<(), LineError> {
        let bytes = block.bytes();
        block.count_once(|| self.count_invalid(bytes));
        let first = *at;
        let mut repaired = String::new();
        let mut ends = Vec::new();
        while *at < bytes.len() && ends.len() < limit && repaired.len() < REPAIRED_BLOCK {
            let (end, next) = line_at(bytes, *at);
            if let Some(line) = self.repair(&bytes[*at..end], *at)? {
                repaired.push_str(&line);
                ends.push(repaired.len());
            }
            *at = next;
        }
        let text = TextBlock::from_utf8(repaired.into_bytes())
            .map_err(|bytes| LineError::TooLong { offset: first, length: bytes.len() })?;
        let text = Arc::new(text);
        let mut start = 0;
        for end in ends {
            out.push(Text::cut(&text, start, end));
            start = end;
        }
        Ok(())
    }

    /// What the policy makes of a line that starts at `offset`.
    fn repair<'l>(&self, line: &'l [u8], offset: usize) -> Result<Option<Cow<'l, str>>, LineError> {
        let error = match std::str::from_utf8(line) {
            Ok(line) => return Ok(Some(Cow::Borrowed(line))),
            Err(error) => error,
        };
        match self.policy {
            Utf8Policy::Lossy => Ok(Some(String::from_utf8_lossy(line))),
            Utf8Policy::Skip => Ok(None),
            Utf8Policy::Strict => Err(LineError::InvalidUtf8 { offset: offset + error.valid_up_to() }),
        }
    }

    /// Counts a block's invalid lines when it is first met, so that a batch that runs again does not count them again.
    fn count_invalid(&self, bytes: &[u8]) {
        let count = match self.policy {
            Utf8Policy::Lossy => &self.replaced,
            Utf8Policy::Skip => &self.skipped,
            Utf8Policy::Strict => return,
        };
        let (mut at, mut invalid) = (0, 0);
        while at < bytes.len() {
            let (end, next) = line_at(bytes, at);
            invalid += u64::from(std::str::from_utf8(&bytes[at..end]).is_err());
            at = next;
        }
        count.add(invalid);
    }
}

/// A count of lines that goes on while one looks at it. Clones show the same count.
#[derive(Clone, Debug, Default)]
pub struct LineCount {
    // Not every target has 64-bit atomics, and this is touched once a block.
    lines: Arc<Mutex<u64>>,
}

impl LineCount {
    /// How many lines so far; each block counts once, however often its batch runs.
    pub fn get(&self) -> u64 {
        *self.lines.lock()
    }

    pub(super) fn add(&self, lines: u64) {
        *self.lines.lock() += lines;
    }
}

/// Why the lines of a block could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// A line is not UTF-8, and the policy is [`Utf8Policy::Strict`].
    InvalidUtf8 {
        /// Where in the block the first byte is that is wrong.
        offset: usize,
    },
    /// A line has more than the 4 GiB of a [`Text`].
    TooLong {
        /// Where in the block it starts, or up to a mebibyte before.
        offset: usize,
        /// Its length in bytes, or up to a mebibyte more.
        length: usize,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUtf8 { offset } => write!(f, "invalid UTF-8 at byte {offset} of the block"),
            Self::TooLong { offset, length } => {
                write!(f, "the line at byte {offset} of the block is {length} bytes long, more than 4 GiB")
            }
        }
    }
}

impl std::error::Error for LineError {}

#[cfg(test)]
mod tests {
    use super::super::oracle;
    use super::*;
    use proptest::prelude::*;

    fn decode(decoder: &TextLines, bytes: &[u8], limit: usize) -> Result<Vec<String>, LineError> {
        let block = Arc::new(ByteBlock::new(bytes.to_vec()));
        run(decoder, &block, limit)
    }

    fn run(decoder: &TextLines, block: &Arc<ByteBlock>, limit: usize) -> Result<Vec<String>, LineError> {
        let (mut at, mut lines) = (0, Vec::new());
        while at < block.len() {
            let (at_before, lines_before) = (at, lines.len());
            decoder
                .decode(block, &mut at, limit, &mut lines)
                .map_err(|e| *e.downcast::<LineError>().expect("lines fail with their own error"))?;
            assert!(at > at_before && lines.len() <= lines_before + limit);
        }
        assert_eq!(at, block.len());
        Ok(lines.iter().map(Text::to_string).collect())
    }

    #[test]
    fn all_three_ends_end_a_line() {
        let lines = decode(&TextLines::default(), b"a\nb\r\nc\rd\n\n\re", 1024);
        assert_eq!(lines.expect("it is UTF-8"), ["a", "b", "c", "d", "", "", "e"]);
    }

    #[test]
    fn strict_names_the_first_wrong_byte() {
        let decoder = TextLines::new(Utf8Policy::Strict);
        assert_eq!(decode(&decoder, b"one\ntw\xFFo\n", 1), Err(LineError::InvalidUtf8 { offset: 6 }));
    }

    #[test]
    fn a_block_that_runs_again_counts_once() {
        for (policy, replaced, skipped) in [(Utf8Policy::Lossy, 2, 0), (Utf8Policy::Skip, 0, 2)] {
            let decoder = TextLines::new(policy);
            let block = Arc::new(ByteBlock::new(b"\xFF\ngood\n\xC3\n".to_vec()));
            let first = run(&decoder, &block, 1);
            assert_eq!(run(&decoder, &block, 1024), first);
            assert_eq!((decoder.replaced().get(), decoder.skipped().get()), (replaced, skipped));
        }
    }

    #[test]
    fn lines_of_a_clean_block_are_slices_of_it() {
        let block = Arc::new(ByteBlock::new(b"a line of more than twenty-three bytes\n".to_vec()));
        let (mut at, mut lines) = (0, Vec::new());
        TextLines::default().decode(&block, &mut at, 1, &mut lines).expect("it is UTF-8");
        assert_eq!(lines[0].as_bytes().as_ptr(), block.bytes().as_ptr());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_book_whatever_the_limit(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xC3), Just(0xA9), any::<u8>()], 0..200),
            limit in 1usize..20,
        ) {
            let naive = oracle::lines(&bytes);
            let lossy: Vec<String> = naive.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let valid: Vec<String> = naive.iter().filter_map(|line| String::from_utf8(line.clone()).ok()).collect();
            let (skip, strict) = (TextLines::new(Utf8Policy::Skip), TextLines::new(Utf8Policy::Strict));
            prop_assert_eq!(decode(&TextLines::default(), &bytes, limit), Ok(lossy));
            prop_assert_eq!(skip.skipped().get(), 0);
            prop_assert_eq!(decode(&skip, &bytes, limit), Ok(valid.clone()));
            prop_assert_eq!(skip.skipped().get() as usize, naive.len() - valid.len());
            prop_assert_eq!(decode(&strict, &bytes, limit).is_ok(), naive.len() == valid.len());
            prop_assert_eq!(TextLines::default().count(&bytes), Some(naive.len() as u64));
        }

        #[test]
        fn clean_text_gives_the_same_lines_by_every_policy(text in "[aé\n\r ]{0,300}", limit in 1usize..20) {
            let expected: Vec<String> =
                oracle::lines(text.as_bytes()).into_iter().map(|line| String::from_utf8(line).expect("ends are ASCII")).collect();
            for policy in [Utf8Policy::Lossy, Utf8Policy::Strict, Utf8Policy::Skip] {
                prop_assert_eq!(decode(&TextLines::new(policy), text.as_bytes(), limit), Ok(expected.clone()));
            }
        }
    }
}
