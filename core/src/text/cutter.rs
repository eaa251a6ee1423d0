//! Cuts what a reader reads at line ends, before there are records: sockets and files hand over whole lines only.
//!
//! A reader thread calls it after each read, on its own buffer; it does no I/O and keeps no bytes. It looks for the
//! last line end of a read from behind, so it costs next to nothing however much was read.

use std::fmt;

use memchr::{memchr2, memrchr2};

use super::LineCount;

/// The longest line a [`LineCutter`] lets pass unless told otherwise: 1 MiB.
const MAX_LINE: usize = 1 << 20;

/// What becomes of a line that is longer than allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongLine {
    /// Reading ends with [`LineTooLong`], after the lines before it were handed out.
    #[default]
    Fail,
    /// It is cut to what is allowed, at the end of a character, and counted.
    Truncate,
    /// It is dropped and counted.
    Skip,
}

/// Finds out how much of a buffer is whole lines, while it is filled read by read.
///
/// The reader keeps what is left behind the whole lines at the front of its buffer and reads the next bytes behind it.
/// Lines end with `\n`, `\r\n` or `\r`. A line with a `\r` at the end of a read is handed out at once; if the next read
/// starts with a `\n`, that is dropped. What is handed out never ends with a `\r`, a `\n` takes its place: it may be put
/// together again in any way. How the input falls into reads makes no difference to the lines.
///
/// ```
/// use batchmill::text::{LineCutter, LongLine};
///
/// let mut cutter = LineCutter::new().max_line(10).long_line(LongLine::Truncate);
/// let (mut buffer, mut filled) = ([0; 64], 0);
/// let mut seen = Vec::new();
/// for read in ["one\ntw", "o\r", "\nthree is too", " long\nfo", "ur"] {
///     buffer[filled..filled + read.len()].copy_from_slice(read.as_bytes());
///     let cut = cutter.cut(&mut buffer[..filled + read.len()]).unwrap();
///     seen.extend_from_slice(&buffer[..cut.whole]);
///     buffer.copy_within(cut.whole..cut.kept, 0);
///     filled = cut.kept - cut.whole;
/// }
/// let last = cutter.finish(&mut buffer[..filled]).unwrap();
/// seen.extend_from_slice(&buffer[..last]);
/// assert_eq!(seen, b"one\ntwo\nthree is t\nfour");
/// assert_eq!(cutter.long_lines().get(), 1);
/// ```
#[derive(Debug)]
pub struct LineCutter {
    max_line: usize,
    policy: LongLine,
    long_lines: LineCount,
    /// How many bytes of the stream lay before the buffer's first.
    passed: u64,
    /// How many bytes at the front of the buffer hold no line end: they were looked at before.
    searched: usize,
    state: State,
}

/// What the next byte of the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Part of a line like any other, or its start.
    InLine,
    /// The second half of a line end, if it is a `\n`.
    AfterReturn,
    /// Part of a line of which nothing more is wanted.
    Dropping,
}

/// What a buffer holds after a [`LineCutter`] has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// `buf[..whole]` are whole lines with their ends. The reader takes them out.
    pub whole: usize,
    /// `buf[whole..kept]` is the start of a line. The reader moves it to the front of its buffer, for the next read to
    /// go on behind it. What lay behind `kept` is of no use any more.
    pub kept: usize,
}

impl LineCutter {
    /// Lines of up to 1 MiB; a longer one is an error.
    pub fn new() -> Self {
        Self {
            max_line: MAX_LINE,
            policy: LongLine::default(),
            long_lines: LineCount::default(),
            passed: 0,
            searched: 0,
            state: State::InLine,
        }
    }

    /// Allows lines of up to `bytes` bytes, not counting their ends.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Says what becomes of longer ones.
    pub fn long_line(mut self, policy: LongLine) -> Self {
        self.policy = policy;
        self
    }

    /// How many lines were truncated or skipped.
    pub fn long_lines(&self) -> LineCount {
        self.long_lines.clone()
    }

    /// Looks at a buffer to which a read has added: `buf` is what the call before left (`whole..kept`) and the bytes read
    /// since then. Moves bytes within it only when there is something to drop.
    ///
    /// What is left is never more than the longest line, so a longer buffer always has room for a read. (Only before
    /// the error of a too long line more may be left.)
    ///
    /// # Errors
    ///
    /// [`LineTooLong`] with the policy [`LongLine::Fail`], when the too long line is at the front: lines before it are
    /// handed out first, and the error comes with the next call or with [`finish`](Self::finish).
    pub fn cut(&mut self, buf: &mut [u8]) -> Result<Cut, LineTooLong> {
        // Bytes up to `from` are done with, and `to` of them are handed out.
        let (mut from, mut to) = (self.resume(buf), 0);
        while self.state != State::Dropping {
            let reach = from.saturating_add(self.max_line).saturating_add(1).min(buf.len());
            let search = (from + self.searched).min(reach);
            if let Some(last) = memrchr2(b'\n', b'\r', &buf[search..reach]) {
                // All lines up to here are short enough: together they fit into the longest.
                let next = self.after_end(buf, search + last);
                to = shift(buf, from, next, to);
                from = next;
            } else if reach - from <= self.max_line || (self.policy == LongLine::Fail && to > 0) {
                break;
            } else {
                (from, to) = self.pass_long_line(buf, from, to)?;
            }
            self.searched = 0;
        }
        end_with_feed(&mut buf[..to]);
        let kept = shift(buf, from, buf.len(), to);
        self.searched = kept - to;
        self.passed += from as u64;
        Ok(Cut { whole: to, kept })
    }

    /// Says that the input has ended. `buf` is what the last [`cut`](Self::cut) left; gives how many bytes of it are the
    /// last line, which has no end. The cutter is as new then, its counter apart, and may serve another input.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`] as `cut` has it.
    pub fn finish(&mut self, buf: &mut [u8]) -> Result<usize, LineTooLong> {
        let cut = self.cut(buf);
        let line_at = self.passed;
        (self.passed, self.searched, self.state) = (0, 0, State::InLine);
        let cut = cut?;
        if cut.kept - cut.whole > self.max_line {
            return Err(LineTooLong { offset: line_at, limit: self.max_line });
        }
        Ok(cut.kept)
    }

    /// Goes on where the last read stopped; gives where the next line starts or goes on.
    fn resume(&mut self, buf: &[u8]) -> usize {
        match (self.state, buf.first()) {
            (State::AfterReturn, Some(&first)) => {
                self.state = State::InLine;
                usize::from(first == b'\n')
            }
            (State::Dropping, _) => self.drop_line(buf, 0),
            _ => 0,
        }
    }

    /// Where the next line starts after one that ends at `end`.
    fn after_end(&mut self, buf: &[u8], end: usize) -> usize {
        match (buf[end], buf.get(end + 1)) {
            (b'\r', Some(b'\n')) => end + 2,
            (b'\r', None) => {
                self.state = State::AfterReturn;
                end + 1
            }
            _ => end + 1,
        }
    }

    /// Drops what is left of a line from `from` on; gives where the next line starts.
    fn drop_line(&mut self, buf: &[u8], from: usize) -> usize {
        match memchr2(b'\n', b'\r', &buf[from..]) {
            Some(len) => {
                self.state = State::InLine;
                self.after_end(buf, from + len)
            }
            None => {
                self.state = State::Dropping;
                buf.len()
            }
        }
    }

    /// Treats the too long line at `from` by the policy; gives the new `from` and `to` of [`cut`](Self::cut).
    fn pass_long_line(
        &mut self,
        buf: &mut [u8],
        from: usize,
        to: usize,
    ) -> Result<(usize, usize), LineTooLong> {
        if self.policy != LongLine::Fail {
            end_with_feed(&mut buf[..to]);
        }
        let to = match self.policy {
            LongLine::Fail => {
                return Err(LineTooLong { offset: self.passed + from as u64, limit: self.max_line });
            }
            LongLine::Truncate => {
                // The line has a byte more than allowed, so there is room for an end.
                let end = from + self.truncated(&buf[from..]);
                buf[end] = b'\n';
                shift(buf, from, end + 1, to)
            }
            LongLine::Skip => to,
        };
        self.long_lines.add(1);
        Ok((self.drop_line(buf, from + self.max_line + 1), to))
    }

    /// How much of a too long line is kept: what is allowed, less the part of a character at its end.
    fn truncated(&self, line: &[u8]) -> usize {
        let is_start = |at: &usize| line[*at] & 0xC0 != 0x80;
        let earliest = self.max_line.saturating_sub(3);
        (earliest..=self.max_line).rev().find(is_start).unwrap_or(self.max_line)
    }
}

/// Makes each `\r` at the end of `lines` a `\n`, so that it stays the end of one line whatever comes to stand behind it.
fn end_with_feed(lines: &mut [u8]) {
    lines.iter_mut().rev().take_while(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
}

/// Moves `buf[from..end]` to `to`, which is not behind `from`; gives the place behind it.
fn shift(buf: &mut [u8], from: usize, end: usize, to: usize) -> usize {
    if from != to {
        buf.copy_within(from..end, to);
    }
    to + (end - from)
}

impl Default for LineCutter {
    fn default() -> Self {
        Self::new()
    }
}

/// A line is longer than a source allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineTooLong {
    /// Where the line starts, in bytes from the start of the input.
    pub offset: u64,
    /// The longest line that is allowed, in bytes.
    pub limit: usize,
}

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, limit } = self;
        write!(f, "the line at byte {offset} of the input is longer than {limit} bytes")
    }
}

impl std::error::Error for LineTooLong {}

#[cfg(test)]
mod tests {
    use super::super::oracle;
    use super::*;
    use proptest::prelude::*;

    type Fed = (Vec<Vec<u8>>, u64, Option<LineTooLong>);

    /// Feeds `input` in reads of these lengths (the last repeats) as a reader does, and gives the lines of all that was
    /// handed out, how many were too long, and the error.
    fn feed(mut cutter: LineCutter, input: &[u8], reads: &[usize]) -> Fed {
        let mut handed_out = Vec::new();
        let error = read_all(&mut cutter, input, reads, &mut handed_out).err();
        let lines: Vec<Vec<u8>> = handed_out.iter().flat_map(|piece| oracle::lines(piece)).collect();
        assert_eq!(oracle::lines(&handed_out.concat()), lines);
        (lines, cutter.long_lines().get(), error)
    }

    fn read_all(
        cutter: &mut LineCutter,
        input: &[u8],
        reads: &[usize],
        out: &mut Vec<Vec<u8>>,
    ) -> Result<(), LineTooLong> {
        let (mut rest, mut buf) = (input, Vec::new());
        let mut reads = reads.iter().chain(reads.last().into_iter().cycle());
        while !rest.is_empty() {
            let (read, unread) = rest.split_at(rest.len().min(*reads.next().expect("the last repeats")));
            rest = unread;
            buf.extend_from_slice(read);
            let cut = cutter.cut(&mut buf)?;
            buf.truncate(cut.kept);
            let carried = buf.split_off(cut.whole);
            assert!(buf.last().is_none_or(|last| b"\r\n".contains(last)), "only whole lines are handed out");
            out.push(std::mem::replace(&mut buf, carried));
        }
        let last = cutter.finish(&mut buf)?;
        out.push(buf[..last].to_vec());
        Ok(())
    }

    /// What a policy makes of a line.
    fn expected(policy: LongLine, limit: usize, line: Vec<u8>) -> Option<Vec<u8>> {
        match policy {
            _ if line.len() <= limit => Some(line),
            LongLine::Truncate => {
                let text = String::from_utf8(line).expect("the tests cut UTF-8");
                let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).expect("0 is one");
                Some(text.as_bytes()[..end].to_vec())
            }
            LongLine::Fail | LongLine::Skip => None,
        }
    }

    #[test]
    fn return_and_feed_of_two_reads_are_one_end() {
        let (lines, _, error) = feed(LineCutter::new(), b"a\r\nb\r\r\n\nc", &[2, 1]);
        assert_eq!(lines, [&b"a"[..], b"b", b"", b"", b"c"]);
        assert_eq!(error, None);
    }

    #[test]
    fn line_that_ends_with_a_return_does_not_wait_for_what_follows() {
        assert_eq!(LineCutter::new().cut(&mut b"a\r".to_vec()), Ok(Cut { whole: 2, kept: 2 }));
    }

    #[test]
    fn lines_before_a_too_long_one_are_handed_out_before_the_error() {
        let mut cutter = LineCutter::new().max_line(3);
        assert_eq!(cutter.cut(&mut b"a\nbb\nlong\n".to_vec()), Ok(Cut { whole: 5, kept: 10 }));
        assert_eq!(cutter.cut(&mut b"long\n".to_vec()), Err(LineTooLong { offset: 5, limit: 3 }));
        assert_eq!(cutter.finish(&mut b"long\n".to_vec()), Err(LineTooLong { offset: 5, limit: 3 }));
    }

    #[test]
    fn endless_line_leaves_nothing_in_the_buffer_but_what_is_allowed() {
        for (policy, first) in [(LongLine::Truncate, 9), (LongLine::Skip, 0)] {
            let mut cutter = LineCutter::new().max_line(8).long_line(policy);
            assert_eq!(cutter.cut(&mut [b'x'; 100]), Ok(Cut { whole: first, kept: first }));
            for _ in 0..10 {
                assert_eq!(cutter.cut(&mut [b'x'; 100]), Ok(Cut { whole: 0, kept: 0 }));
            }
            assert_eq!(cutter.long_lines().get(), 1);
        }
    }

    #[test]
    fn cutter_serves_a_second_input_after_the_end_of_the_first() {
        let mut cutter = LineCutter::new().max_line(3).long_line(LongLine::Skip);
        assert_eq!(cutter.cut(&mut b"endless".to_vec()), Ok(Cut { whole: 0, kept: 0 }));
        assert_eq!(cutter.finish(&mut []), Ok(0));
        assert_eq!(cutter.cut(&mut b"a\nb".to_vec()), Ok(Cut { whole: 2, kept: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn reads_make_no_difference_to_the_lines(
            input in "[ab\r\né🦀]{0,60}",
            reads in proptest::collection::vec(1usize..20, 1..12),
            limit in 0usize..12,
            policy in prop_oneof![Just(LongLine::Fail), Just(LongLine::Truncate), Just(LongLine::Skip)],
        ) {
            let all = oracle::lines(input.as_bytes());
            let cutter = LineCutter::new().max_line(limit).long_line(policy);
            let (lines, count, error) = feed(cutter, input.as_bytes(), &reads);
            let too_long = all.iter().filter(|line| line.len() > limit).count();
            if policy == LongLine::Fail {
                let before: Vec<_> = all.into_iter().take_while(|line| line.len() <= limit).collect();
                prop_assert_eq!(lines, before);
                prop_assert_eq!(error.is_some(), too_long > 0);
                if let Some(error) = error {
                    let line = oracle::lines(&input.as_bytes()[error.offset as usize..]).swap_remove(0);
                    prop_assert!(line.len() > limit);
                }
            } else {
                let expected: Vec<_> = all.into_iter().filter_map(|line| expected(policy, limit, line)).collect();
                prop_assert_eq!(lines, expected);
                prop_assert_eq!((count, error), (too_long as u64, None));
            }
        }
    }
}
