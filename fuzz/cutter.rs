//! Target for what a socket or file reader does with its bytes before there are records.

use batchmill::text::{LineCutter, LineTooLong, LongLine};

use crate::text::lines_by_the_book;

/// However the input falls into reads, the lines that are handed out are those of a byte-by-byte reader, long lines
/// treated as the policy says.
///
/// The first byte chooses the policy, the second the longest line, the third how many bytes after it are sizes of reads
/// (used over and over); the rest is the input.
pub fn line_cutter(data: &[u8]) {
    let [policy, max_line, sizes, rest @ ..] = data else { return };
    let policy = [LongLine::Fail, LongLine::Truncate, LongLine::Skip][usize::from(policy % 3)];
    let max_line = usize::from(*max_line);
    let (sizes, input) = rest.split_at(usize::from(sizes % 16).min(rest.len()));
    let wanted = by_the_book(input, policy, max_line);

    let mut cutter = LineCutter::new().max_line(max_line).long_line(policy);
    let counter = cutter.long_lines();
    let seen = Reader::new(max_line).read_all(&mut cutter, input, sizes);
    assert_eq!((&seen, counter.get()), (&wanted.0, wanted.1), "{policy:?}, {max_line}, reads of {sizes:?}");

    // After an end of the input the cutter is as new; after an error it is not used any more.
    if seen.error.is_none() {
        let again = Reader::new(max_line).read_all(&mut cutter, input, &[]);
        assert_eq!(
            (again, counter.get()),
            (wanted.0, 2 * wanted.1),
            "{policy:?}, {max_line}, second use in one read"
        );
    }
}

/// What came out of an input.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    lines: Vec<Vec<u8>>,
    /// Where the line that was too long starts.
    error: Option<u64>,
}

/// The lines by the rule, and how many were truncated or skipped.
fn by_the_book(input: &[u8], policy: LongLine, max_line: usize) -> (Seen, u64) {
    let (mut seen, mut long) = (Seen { lines: Vec::new(), error: None }, 0);
    for (offset, line) in lines_by_the_book(input) {
        if line.len() <= max_line {
            seen.lines.push(line.to_vec());
            continue;
        }
        match policy {
            LongLine::Truncate => seen.lines.push(line[..truncated(line, max_line)].to_vec()),
            LongLine::Skip => {}
            LongLine::Fail => {
                seen.error = Some(offset as u64);
                break;
            }
        }
        long += 1;
    }
    (seen, long)
}

/// The most bytes up to `max_line` that do not end within a character; what is no UTF-8 is cut anywhere.
fn truncated(line: &[u8], max_line: usize) -> usize {
    let continues = |at: usize| (0x80..0xC0).contains(&line[at]);
    let mut end = max_line;
    while continues(end) {
        if end == 0 || max_line - end == 3 {
            return max_line;
        }
        end -= 1;
    }
    end
}

/// A reader as sockets and files have it: a buffer whose front is what the last read left.
struct Reader {
    max_line: usize,
    buffer: Vec<u8>,
    /// What was handed out, as one run and by pieces: both must give the same lines.
    whole: Vec<u8>,
    lines: Vec<Vec<u8>>,
}

impl Reader {
    fn new(max_line: usize) -> Self {
        Self { max_line, buffer: Vec::new(), whole: Vec::new(), lines: Vec::new() }
    }

    /// Reads the input in pieces of these sizes, in turn; without sizes, in one.
    fn read_all(mut self, cutter: &mut LineCutter, mut input: &[u8], sizes: &[u8]) -> Seen {
        let mut sizes = sizes.iter().cycle();
        let mut result = Ok(());
        while !input.is_empty() && result.is_ok() {
            // A reader may call without having read, but not for ever.
            let size = sizes.next().map_or(input.len(), |size| usize::from(*size));
            if size == 0 {
                result = self.read(cutter, &[]);
            }
            if result.is_ok() {
                let (read, rest) = input.split_at(size.clamp(1, input.len()));
                result = self.read(cutter, read);
                input = rest;
            }
        }
        let result = result.and_then(|()| cutter.finish(&mut self.buffer)).map(|last| self.hand_out(last));
        let together: Vec<_> =
            lines_by_the_book(&self.whole).into_iter().map(|(_, line)| line.to_vec()).collect();
        assert_eq!(together, self.lines, "pieces put together");
        let error = result.err().map(|error| {
            assert_eq!(error.limit, self.max_line);
            error.offset
        });
        Seen { lines: self.lines, error }
    }

    fn read(&mut self, cutter: &mut LineCutter, read: &[u8]) -> Result<(), LineTooLong> {
        self.buffer.extend_from_slice(read);
        let cut = cutter.cut(&mut self.buffer)?;
        assert!(cut.whole <= cut.kept && cut.kept <= self.buffer.len(), "{cut:?} of {}", self.buffer.len());
        self.buffer.truncate(cut.kept);
        self.hand_out(cut.whole);
        Ok(())
    }

    fn hand_out(&mut self, bytes: usize) {
        let piece: Vec<u8> = self.buffer.drain(..bytes).collect();
        self.lines.extend(lines_by_the_book(&piece).into_iter().map(|(_, line)| line.to_vec()));
        self.whole.extend(piece);
    }
}
