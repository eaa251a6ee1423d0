//! Lines: cut on the receiver's thread by core's `LineCutter`, decoded in the batch's tasks by core's `TextLines`. What is
//! wrong with a line is told to the listener from either place.

use std::sync::{Arc, OnceLock};

use batchmill::text::{Cut, LineCount, LineCutter, LongLine, TextLines, Utf8Policy};
use batchmill::{BlockDecoder, ByteBlock, SourceError, Text};
use memchr::memchr2_iter;
use parking_lot::Mutex;

use super::SocketOptions;
use super::framing::{Events, Framing, Unfit};

/// [`Framing`] by line ends.
#[derive(Debug)]
pub(super) struct Lines {
    cutter: LineCutter,
    long_lines: Told,
    max_line: usize,
    policy: LongLine,
    events: Arc<OnceLock<Events>>,
}

impl Lines {
    pub(super) fn new(options: &SocketOptions) -> Self {
        let cutter = LineCutter::new().max_line(options.max_line).long_line(options.long_line);
        Self {
            long_lines: Told::new(cutter.long_lines()),
            cutter,
            max_line: options.max_line,
            policy: options.long_line,
            events: Arc::default(),
        }
    }

    /// The decoder that goes with it.
    pub(super) fn decoder(&self, policy: Utf8Policy) -> TextDecoder {
        let lines = TextLines::new(policy);
        TextDecoder {
            replaced: Told::new(lines.replaced()),
            skipped: Told::new(lines.skipped()),
            lines,
            events: Arc::clone(&self.events),
        }
    }

    fn tell(&self) {
        let (kind, what) = match self.policy {
            LongLine::Skip => ("line_skipped", "dropped"),
            LongLine::Truncate | LongLine::Fail => ("line_truncated", "cut"),
        };
        self.long_lines.tell(&self.events, kind, || format!("longer than {} bytes, {what}", self.max_line));
    }
}

impl Framing for Lines {
    fn begin(&mut self, events: &Events) {
        self.events.get_or_init(|| events.clone());
        // The last connection may have ended within a line.
        self.cutter.finish(&mut []).ok();
    }

    fn cut(&mut self, buf: &mut [u8]) -> Result<Cut, Unfit> {
        let cut = self.cutter.cut(buf);
        self.tell();
        cut.map_err(|long| Unfit::Line { offset: long.offset, limit: long.limit })
    }

    fn finish(&mut self, buf: &mut Vec<u8>) -> Result<usize, Unfit> {
        let last = self.cutter.finish(buf);
        self.tell();
        let last = last.map_err(|long| Unfit::Line { offset: long.offset, limit: long.limit })?;
        buf.truncate(last);
        if last > 0 {
            // The next connection's first line will stand behind it.
            buf.push(b'\n');
        }
        Ok(buf.len())
    }

    fn first(&self, whole: &[u8], records: usize) -> usize {
        let mut ends = memchr2_iter(b'\n', b'\r', whole)
            .filter(|&at| whole[at] == b'\n' || whole.get(at + 1) != Some(&b'\n'));
        ends.nth(records - 1).map_or(whole.len(), |at| at + 1)
    }
}

/// [`TextLines`] that tells the listener of lines that are not UTF-8.
#[derive(Debug)]
pub(super) struct TextDecoder {
    lines: TextLines,
    replaced: Told,
    skipped: Told,
    events: Arc<OnceLock<Events>>,
}

impl BlockDecoder<Text> for TextDecoder {
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<Text>,
    ) -> Result<(), SourceError> {
        let decoded = self.lines.decode(block, at, limit, out);
        let not_utf8 = |what: &str| format!("not UTF-8, {what}");
        self.replaced.tell(&self.events, "utf8_replaced", || not_utf8("wrong bytes replaced by U+FFFD"));
        self.skipped.tell(&self.events, "utf8_skipped", || not_utf8("dropped"));
        decoded
    }

    fn count(&self, bytes: &[u8]) -> Option<u64> {
        self.lines.count(bytes)
    }
}

/// A count and how much of it the listener was told of.
#[derive(Debug)]
struct Told {
    count: LineCount,
    told: Mutex<u64>,
}

impl Told {
    fn new(count: LineCount) -> Self {
        Self { count, told: Mutex::new(0) }
    }

    fn tell(&self, events: &OnceLock<Events>, kind: &'static str, what: impl FnOnce() -> String) {
        let count = self.count.get();
        if count == 0 {
            return;
        }
        let Some(events) = events.get() else { return };
        let mut told = self.told.lock();
        if count > *told {
            let new = count - *told;
            *told = count;
            drop(told);
            events.tell(kind, format!("lines: {new} {}; {count} so far", what()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(max_line: usize, policy: LongLine) -> Lines {
        Lines::new(&SocketOptions::new().max_line(max_line).long_line(policy))
    }

    #[test]
    fn the_last_line_of_a_connection_gets_an_end() {
        let mut lines = lines(9, LongLine::Fail);
        let mut buf = b"one\ntwo".to_vec();
        assert_eq!(lines.cut(&mut buf).unwrap(), Cut { whole: 4, kept: 7 });
        let mut rest = b"two".to_vec();
        assert_eq!((lines.finish(&mut rest).unwrap(), rest), (4, b"two\n".to_vec()));
        assert_eq!(lines.finish(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn pieces_for_a_rate_limit_are_whole_lines() {
        let lines = lines(9, LongLine::Fail);
        let whole = b"a\r\nb\rc\n\nd\n";
        let ends: Vec<_> = (1..=6).map(|records| lines.first(whole, records)).collect();
        assert_eq!(ends, [3, 5, 7, 8, 10, 10]);
    }

    #[test]
    fn a_too_long_line_is_an_error_with_its_place() {
        let mut lines = lines(3, LongLine::Fail);
        let mut buf = b"one\nthree".to_vec();
        assert_eq!(lines.cut(&mut buf).unwrap().whole, 4);
        let error = lines.cut(&mut buf[4..]).unwrap_err().into_error("a:1", 0);
        assert_eq!(error.to_string(), "the line at byte 4 from a:1 is longer than 3 bytes");
    }
}
