//! A range of a file as blocks of whole lines. Pure but for the reading, in tasks.
//!
//! A line belongs to the range it starts in. So a range is read from the first start of a line in it to the first one
//! behind it; ranges that lie side by side give every line once, whatever the places they were cut at.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use batchmill::text::{LineCutter, LineTooLong, LongLine};
use memchr::memchr2;

/// About how many bytes are read at a time, and the size of a block unless its line is longer.
const BLOCK: usize = 1 << 20;

/// How much a line that does not fit into a block grows by.
const MORE: usize = 64 << 10;

/// How many bytes are read to find a line end.
const PEEK: usize = 4 << 10;

/// How lines are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineSettings {
    pub(super) max_line: usize,
    pub(super) long_line: LongLine,
    /// The size of a block.
    pub(super) block: usize,
}

impl LineSettings {
    pub(super) fn new(max_line: usize, long_line: LongLine) -> Self {
        Self { max_line, long_line, block: BLOCK }
    }
}

/// Why a range could not be read.
#[derive(Debug)]
pub(super) enum RangeFault {
    /// The system says so.
    Io(io::Error),
    /// There are fewer bytes than there should be.
    Short,
    /// A line is longer than allowed; its place is that in the file.
    TooLong(LineTooLong, u64),
}

impl From<io::Error> for RangeFault {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// The lines of a range, on their way.
#[derive(Debug)]
pub(super) struct LineRange<R> {
    input: R,
    /// What is still to be read; the input stands at its start.
    rest: Range<u64>,
    /// Where in the file the cutter's input begins.
    begin: u64,
    cutter: LineCutter,
    /// The start of a line whose end was not read yet.
    carried: Vec<u8>,
    block: usize,
    done: bool,
}

impl<R: Read + Seek> LineRange<R> {
    /// The lines that start in `range` of an input of `size` bytes.
    pub(super) fn open(
        mut input: R,
        range: Range<u64>,
        size: u64,
        settings: LineSettings,
    ) -> Result<Self, RangeFault> {
        let rest = whole_lines(&mut input, range, size, settings.max_line)?;
        input.seek(SeekFrom::Start(rest.start))?;
        let cutter = LineCutter::new().max_line(settings.max_line).long_line(settings.long_line);
        let (begin, block) = (rest.start, settings.block);
        Ok(Self { input, rest, begin, cutter, carried: Vec::new(), block, done: false })
    }

    /// The next block of whole lines with its place in the file; `None` at the end.
    ///
    /// The place is exact unless lines before it were truncated or skipped.
    pub(super) fn next_block(&mut self) -> Result<Option<(u64, Vec<u8>)>, RangeFault> {
        let mut block = std::mem::take(&mut self.carried);
        let place = self.rest.start - block.len() as u64;
        while !self.done {
            let room = self.block.saturating_sub(block.len()).max(MORE.min(self.block));
            let room = (room as u64).min(self.rest.end - self.rest.start);
            if room == 0 {
                self.done = true;
                let whole = self.cutter.finish(&mut block).map_err(|e| self.too_long(e))?;
                block.truncate(whole);
                break;
            }
            read_more(&mut self.input, &mut block, room)?;
            self.rest.start += room;
            let cut = self.cutter.cut(&mut block).map_err(|e| self.too_long(e))?;
            if cut.whole > 0 {
                let carried = &block[cut.whole..cut.kept];
                let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
                self.carried = Vec::with_capacity(left.saturating_add(carried.len()).min(self.block));
                self.carried.extend_from_slice(carried);
                block.truncate(cut.whole);
                break;
            }
            block.truncate(cut.kept);
        }
        Ok(if block.is_empty() { None } else { Some((place, block)) })
    }

    /// How many lines were truncated or skipped so far.
    pub(super) fn long_lines(&self) -> u64 {
        self.cutter.long_lines().get()
    }

    /// The input, for a last look at it.
    pub(super) fn input(&self) -> &R {
        &self.input
    }

    fn too_long(&self, error: LineTooLong) -> RangeFault {
        RangeFault::TooLong(error, self.begin + error.offset)
    }
}

/// Reads exactly `bytes` more bytes to the end of `block`.
pub(super) fn read_more(input: &mut impl Read, block: &mut Vec<u8>, bytes: u64) -> Result<(), RangeFault> {
    block.reserve(usize::try_from(bytes).unwrap_or(usize::MAX));
    let read = input.take(bytes).read_to_end(block)?;
    if read as u64 == bytes { Ok(()) } else { Err(RangeFault::Short) }
}

/// The range from the first line that starts in `range` to the end of the last one.
fn whole_lines(
    input: &mut (impl Read + Seek),
    range: Range<u64>,
    size: u64,
    max_line: usize,
) -> io::Result<Range<u64>> {
    let start = match range.start {
        0 => Some(0),
        start => line_start(input, start, range.end)?,
    };
    let Some(start) = start.filter(|start| *start < range.end) else { return Ok(range.end..range.end) };
    // If no line ends up to here, the line that crosses the end is too long, and what is read of it says so.
    let reach = range.end.saturating_add(max_line as u64).saturating_add(1).min(size);
    let end = if range.end < size { line_start(input, range.end, reach)?.unwrap_or(reach) } else { size };
    Ok(start..end)
}

/// The first start of a line at or behind `from`, which is not 0; `None` if no line ends from the byte before it up to
/// `reach`.
fn line_start(input: &mut (impl Read + Seek), from: u64, reach: u64) -> io::Result<Option<u64>> {
    let mut at = input.seek(SeekFrom::Start(from - 1))?;
    let mut bytes = Vec::with_capacity(PEEK);
    while at < reach {
        bytes.clear();
        input.by_ref().take((reach - at).min(PEEK as u64)).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if let Some(end) = memchr2(b'\n', b'\r', &bytes) {
            let next = at + end as u64 + 1;
            let feed_follows = match (bytes[end], bytes.get(end + 1)) {
                (b'\n', _) => false,
                (_, Some(byte)) => *byte == b'\n',
                (_, None) => {
                    input.by_ref().take(1).read_to_end(&mut bytes)?;
                    bytes.get(end + 1) == Some(&b'\n')
                }
            };
            return Ok(Some(next + u64::from(feed_follows)));
        }
        at += bytes.len() as u64;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn settings(max_line: usize, long_line: LongLine, block: usize) -> LineSettings {
        LineSettings { max_line, long_line, block }
    }

    /// What the ranges between `cuts` give, in order.
    fn read(bytes: &[u8], cuts: &[u64], settings: LineSettings) -> Result<Vec<u8>, RangeFault> {
        let size = bytes.len() as u64;
        let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut % (size + 1)).chain([0, size]).collect();
        cuts.sort_unstable();
        let mut all = Vec::new();
        for range in cuts.windows(2) {
            let mut lines = LineRange::open(Cursor::new(bytes), range[0]..range[1], size, settings)?;
            while let Some((place, block)) = lines.next_block()? {
                if settings.long_line == LongLine::Fail {
                    assert!(range[0] <= place && place < range[1]);
                }
                all.extend_from_slice(&block);
            }
        }
        Ok(all)
    }

    /// Lines by the book, their ends taken away.
    fn lines(bytes: &[u8]) -> Vec<&[u8]> {
        let (mut lines, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let end = rest.iter().position(|b| b"\r\n".contains(b)).unwrap_or(rest.len());
            lines.push(&rest[..end]);
            let skip = usize::from(end < rest.len()) + usize::from(rest[end..].starts_with(b"\r\n"));
            rest = &rest[end + skip..];
        }
        lines
    }

    #[test]
    fn a_cut_between_return_and_feed_makes_no_line() {
        let text = b"ab\r\ncd\r\n";
        for cut in 0..=8 {
            let all = read(text, &[cut], settings(10, LongLine::Fail, BLOCK)).unwrap();
            assert_eq!(lines(&all), [b"ab", b"cd"], "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_line_is_told_with_its_place_and_not_read_by_every_range() {
        let mut text = b"one\n".to_vec();
        text.resize(10_000, b'x');
        match read(&text, &[2_000, 4_000, 6_000], settings(100, LongLine::Fail, 50)) {
            Err(RangeFault::TooLong(error, place)) => assert_eq!((error.limit, place), (100, 4)),
            other => panic!("{other:?}"),
        }
        let mut second =
            LineRange::open(Cursor::new(&text[..]), 2_000..4_000, 10_000, settings(100, LongLine::Fail, 50))
                .unwrap();
        assert!(second.next_block().unwrap().is_none());
    }

    #[test]
    fn fewer_bytes_than_planned_are_a_fault() {
        let settings = settings(100, LongLine::Fail, BLOCK);
        let mut range = LineRange::open(Cursor::new(b"one\ntw"), 0..8, 8, settings).unwrap();
        assert!(matches!(range.next_block(), Err(RangeFault::Short)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn ranges_give_every_line_once_wherever_they_are_cut(
            text in "[ab\r\né]{0,80}",
            cuts in proptest::collection::vec(any::<u64>(), 0..6),
            block in 1usize..30,
        ) {
            let all = read(text.as_bytes(), &cuts, settings(1_000, LongLine::Fail, block)).unwrap();
            prop_assert_eq!(lines(&all), lines(text.as_bytes()));
        }

        #[test]
        fn long_lines_are_treated_alike_wherever_ranges_are_cut(
            text in "[a\r\n]{0,80}",
            cuts in proptest::collection::vec(any::<u64>(), 0..6),
            block in 1usize..30,
            limit in 1usize..8,
        ) {
            let bytes = text.as_bytes();
            let truncated: Vec<&[u8]> = lines(bytes).into_iter().map(|line| &line[..line.len().min(limit)]).collect();
            let all = read(bytes, &cuts, settings(limit, LongLine::Truncate, block)).unwrap();
            prop_assert_eq!(lines(&all), truncated);
            let short: Vec<&[u8]> = lines(bytes).into_iter().filter(|line| line.len() <= limit).collect();
            let all = read(bytes, &cuts, settings(limit, LongLine::Skip, block)).unwrap();
            prop_assert_eq!(lines(&all), short);
            let longest = lines(bytes).into_iter().map(<[u8]>::len).max().unwrap_or(0);
            let failed = read(bytes, &cuts, settings(limit, LongLine::Fail, block)).is_err();
            prop_assert_eq!(failed, longest > limit);
        }
    }
}
