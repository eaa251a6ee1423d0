//! The contents of a partition's files as blocks of bytes. In tasks: each has an iterator of its own, which opens a
//! file when its turn comes.
//!
//! A file that cannot be read as it was planned is told of and left; the others of the partition go on.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use batchmill::text::Utf8Policy;

use super::FileError;
use super::lines::{LineRange, LineSettings, RangeFault, read_more};
use super::options::FileOptions;
use super::plan::{Framing, PlannedFile, Segment, Trouble};
use super::report::Reporter;
use super::scan::{Identity, is_gone};

/// The size of a block of fixed-length records, rounded to whole ones.
const BLOCK: u64 = 1 << 20;

/// How the files of a stream are read, and whom to tell about it. Shared by all tasks.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) framing: Framing,
    lines: LineSettings,
    /// What becomes of lines that are not UTF-8; none where the bytes need not be text.
    utf8: Option<Utf8Policy>,
    reporter: Arc<Reporter>,
}

impl Reading {
    pub(super) fn new(
        options: &FileOptions,
        framing: Framing,
        utf8: Option<Utf8Policy>,
        reporter: Arc<Reporter>,
    ) -> Self {
        let lines = LineSettings::new(options.max_line, options.long_line);
        Self { framing, lines, utf8, reporter }
    }

    /// Opens a planned file, if it is there and still the one that was planned. Otherwise that is told.
    pub(super) fn open(&self, file: &PlannedFile) -> Option<File> {
        let opened =
            File::open(&file.path).and_then(|opened| Ok((Identity::of(&opened.metadata()?), opened)));
        match opened {
            Ok((identity, opened)) if identity == file.identity => Some(opened),
            Ok((identity, _)) => {
                self.changed(file, identity);
                None
            }
            Err(cause) => {
                self.unreadable(file, 0, &cause);
                None
            }
        }
    }

    /// Looks whether an open file is still as it was planned.
    pub(super) fn check(&self, file: &PlannedFile, opened: &File) {
        match opened.metadata() {
            Ok(metadata) if Identity::of(&metadata) == file.identity => {}
            Ok(metadata) => self.changed(file, Identity::of(&metadata)),
            Err(cause) => self.unreadable(file, file.identity.size, &cause),
        }
    }

    fn changed(&self, file: &PlannedFile, now: Identity) {
        file.note(Trouble::Changed);
        self.reporter.tell_once(&file.name, "file_changed", || {
            let (path, before) = (file.path.display(), file.identity);
            let what = if now.inode != before.inode {
                "was replaced".to_owned()
            } else if now.size != before.size {
                format!("went from {} to {} bytes", before.size, now.size)
            } else {
                "was written to".to_owned()
            };
            format!("{path} {what} after it was put into a batch; it is read as a whole when it has settled")
        });
    }

    /// Notes that the system would not let us read at `offset`.
    pub(super) fn unreadable(&self, file: &PlannedFile, offset: u64, cause: &io::Error) {
        let path = file.path.display();
        if is_gone(cause) {
            file.note(Trouble::Vanished);
            self.reporter.tell_once(&file.name, "file_vanished", || {
                format!("{path} went away after it was put into a batch ({cause})")
            });
        } else {
            file.note(Trouble::Unreadable);
            self.reporter.tell_once(&file.name, "file_unreadable", || {
                format!("{path} cannot be read at byte {offset}: {cause}; it is tried again later")
            });
        }
    }
}

/// A block of a file, holding whole records.
#[derive(Debug)]
pub(super) struct FileBlock {
    pub(super) bytes: Vec<u8>,
    /// Where in the file it begins.
    pub(super) offset: u64,
    pub(super) file: Arc<PlannedFile>,
}

/// The blocks of one partition.
#[derive(Debug)]
pub(super) struct FileBlocks {
    reading: Arc<Reading>,
    segments: std::vec::IntoIter<Segment>,
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    segment: Segment,
    blocks: SegmentBlocks,
}

#[derive(Debug)]
enum SegmentBlocks {
    Lines(LineRange<File>),
    /// The input stands at the start of `rest`; blocks are `unit` bytes, but for the last.
    Bytes {
        input: File,
        rest: Range<u64>,
        unit: u64,
    },
}

impl FileBlocks {
    pub(super) fn new(reading: Arc<Reading>, segments: Vec<Segment>) -> Self {
        Self { reading, segments: segments.into_iter(), open: None }
    }

    /// Opens a part of a file; `None` if it cannot be read, which is told.
    fn open(&self, segment: Segment) -> Option<OpenSegment> {
        let Segment { file, range } = &segment;
        let input = self.reading.open(file)?;
        let blocks = match self.reading.framing {
            Framing::Lines => LineRange::open(input, range.clone(), file.identity.size, self.reading.lines)
                .map(SegmentBlocks::Lines),
            Framing::Fixed(length) => open_bytes(input, range.clone(), (BLOCK / length).max(1) * length),
            Framing::Whole | Framing::Stream => open_bytes(input, range.clone(), range.end),
        };
        match blocks {
            Ok(blocks) => Some(OpenSegment { segment, blocks }),
            Err(fault) => {
                // Before anything was read no line can be too long.
                drop(self.judge(&segment, fault, None));
                None
            }
        }
    }

    /// What becomes of a file that could not be read on: an error if its contents are to blame, else it is told.
    fn judge(&self, segment: &Segment, fault: RangeFault, input: Option<&File>) -> Option<FileError> {
        let file = &segment.file;
        match (fault, input) {
            (RangeFault::TooLong(error, offset), _) => {
                file.note(Trouble::Rejected);
                return Some(FileError::LineTooLong { path: file.path.clone(), offset, limit: error.limit });
            }
            (RangeFault::Io(cause), _) => self.reading.unreadable(file, segment.range.start, &cause),
            (RangeFault::Short, Some(input)) => self.reading.check(file, input),
            (RangeFault::Short, None) => file.note(Trouble::Changed),
        }
        None
    }

    /// Ends the part that is open: the file is looked at once more, and what was counted is noted.
    fn close(&self, open: OpenSegment) {
        let file = &open.segment.file;
        self.reading.check(file, open.input());
        if let SegmentBlocks::Lines(lines) = &open.blocks {
            file.note_long_lines(open.segment.range.start, lines.long_lines());
        }
    }

    /// Checks the text of a block, where a block must be text.
    fn check_text(&self, block: &FileBlock) -> Result<(), FileError> {
        let Some(policy) = self.reading.utf8 else { return Ok(()) };
        let Err(error) = std::str::from_utf8(&block.bytes) else { return Ok(()) };
        let offset = block.offset + error.valid_up_to() as u64;
        if policy == Utf8Policy::Strict {
            block.file.note(Trouble::Rejected);
            return Err(FileError::InvalidUtf8 { path: block.file.path.clone(), offset });
        }
        block.file.note_invalid_lines(offset, invalid_lines(&block.bytes));
        Ok(())
    }
}

impl OpenSegment {
    fn next_block(&mut self) -> Result<Option<(u64, Vec<u8>)>, RangeFault> {
        match &mut self.blocks {
            SegmentBlocks::Lines(lines) => lines.next_block(),
            SegmentBlocks::Bytes { input, rest, unit } => {
                let (offset, bytes) = (rest.start, (*unit).min(rest.end - rest.start));
                if bytes == 0 {
                    return Ok(None);
                }
                let mut block = Vec::new();
                read_more(input, &mut block, bytes)?;
                rest.start += bytes;
                Ok(Some((offset, block)))
            }
        }
    }

    fn input(&self) -> &File {
        match &self.blocks {
            SegmentBlocks::Lines(lines) => lines.input(),
            SegmentBlocks::Bytes { input, .. } => input,
        }
    }
}

impl Iterator for FileBlocks {
    type Item = Result<FileBlock, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(open) = &mut self.open else {
                let segment = self.segments.next()?;
                self.open = self.open(segment);
                continue;
            };
            match open.next_block() {
                Ok(Some((offset, bytes))) => {
                    let block = FileBlock { bytes, offset, file: Arc::clone(&open.segment.file) };
                    return Some(self.check_text(&block).map(|()| block));
                }
                Ok(None) => {
                    let open = self.open.take().expect("it was looked at just now");
                    self.close(open);
                }
                Err(fault) => {
                    let open = self.open.take().expect("it was looked at just now");
                    if let Some(error) = self.judge(&open.segment, fault, Some(open.input())) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

fn open_bytes(mut input: File, rest: Range<u64>, unit: u64) -> Result<SegmentBlocks, RangeFault> {
    if rest.start > 0 {
        input.seek(SeekFrom::Start(rest.start))?;
    }
    Ok(SegmentBlocks::Bytes { input, rest, unit })
}

/// How many lines of a block that is not UTF-8 are at fault.
#[cold]
fn invalid_lines(block: &[u8]) -> u64 {
    let lines = block.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| std::str::from_utf8(line).is_err()).count() as u64
}
