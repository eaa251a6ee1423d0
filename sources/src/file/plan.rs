//! What a batch holds: the files that were chosen for it, and how they are cut into partitions. Made on the generate
//! thread, looked at in tasks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::scan::Identity;

/// The files of one batch.
#[derive(Debug)]
pub(super) struct FilePlan {
    pub(super) files: Vec<Arc<PlannedFile>>,
}

impl FilePlan {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.identity.size).sum()
    }
}

/// A file that is in a batch, and what its reading has shown.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    found: Mutex<Findings>,
}

/// What the tasks found out about a file.
#[derive(Debug, Default)]
struct Findings {
    trouble: Option<Trouble>,
    /// Lines that were too long, by the place of the range they start in; a batch that runs again counts anew.
    long_lines: BTreeMap<u64, u64>,
    /// Lines that were not UTF-8, by the place of their block.
    invalid_lines: BTreeMap<u64, u64>,
}

/// Why a file could not be read as it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is no longer there.
    Vanished,
    /// It is not the file that was planned any more.
    Changed,
    /// The system would not let us.
    Unreadable,
    /// Its contents are refused.
    Rejected,
}

impl PlannedFile {
    pub(super) fn new(name: OsString, path: PathBuf, identity: Identity) -> Self {
        Self { name, path, identity, found: Mutex::default() }
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.found.lock().trouble
    }

    /// Notes trouble; the first stays.
    pub(super) fn note(&self, trouble: Trouble) {
        self.found.lock().trouble.get_or_insert(trouble);
    }

    /// Notes how many lines of the range at `start` were too long.
    pub(super) fn note_long_lines(&self, start: u64, lines: u64) {
        if lines > 0 {
            self.found.lock().long_lines.insert(start, lines);
        }
    }

    /// Notes how many lines of the block at `start` were not UTF-8.
    pub(super) fn note_invalid_lines(&self, start: u64, lines: u64) {
        self.found.lock().invalid_lines.insert(start, lines);
    }

    /// How many lines were too long.
    pub(super) fn long_lines(&self) -> u64 {
        self.found.lock().long_lines.values().sum()
    }

    /// How many lines were not UTF-8, and about where the first is.
    pub(super) fn invalid_lines(&self) -> Option<(u64, u64)> {
        let found = self.found.lock();
        let (&first, _) = found.invalid_lines.first_key_value()?;
        Some((found.invalid_lines.values().sum(), first))
    }
}

/// Where a file may be cut, so that its parts can be read on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Anywhere: a part is read from its first line to the line that crosses its end.
    Lines,
    /// Between records of so many bytes.
    Fixed(u64),
    /// Nowhere; the file is one block.
    Whole,
    /// Nowhere; the file is read by a function of the program's.
    Stream,
}

/// A part of a file that one task reads.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) file: Arc<PlannedFile>,
    pub(super) range: Range<u64>,
}

/// The size of a partition is between these, so that a task is neither shorter than what it costs to start it nor
/// longer than the rest of its batch.
const SMALLEST: u64 = 64 << 10;
const LARGEST: u64 = 32 << 20;

/// How large the partitions of `bytes` should be, so that `workers` threads get several each.
pub(super) fn partition_bytes(bytes: u64, workers: usize) -> u64 {
    (bytes / (4 * workers as u64).max(1)).clamp(SMALLEST, LARGEST)
}

/// Cuts files into partitions of about `target` bytes: large files into several, and small ones that follow each
/// other into one. Records keep the order of files, and of places in a file.
pub(super) fn partitions(files: &[Arc<PlannedFile>], framing: Framing, target: u64) -> Vec<Vec<Segment>> {
    let mut partitions: Vec<Vec<Segment>> = Vec::new();
    let mut room = 0;
    for file in files {
        for range in cut(file.identity.size, framing, target) {
            let bytes = range.end - range.start;
            let segment = Segment { file: Arc::clone(file), range };
            match partitions.last_mut() {
                Some(last) if bytes <= room => {
                    last.push(segment);
                    room -= bytes;
                }
                _ => {
                    partitions.push(vec![segment]);
                    room = target.saturating_sub(bytes);
                }
            }
        }
    }
    partitions
}

/// Cuts a file of `size` bytes into ranges of at most about `target`.
fn cut(size: u64, framing: Framing, target: u64) -> impl Iterator<Item = Range<u64>> {
    let unit = match framing {
        Framing::Lines => 1,
        Framing::Fixed(length) => length,
        Framing::Whole | Framing::Stream => size.max(1),
    };
    let pieces = size.div_ceil(target).max(1);
    let piece = size.div_ceil(pieces).div_ceil(unit).saturating_mul(unit);
    // A reader is told of an empty file too; for the others there is nothing in it.
    let empty = (size == 0 && framing == Framing::Stream).then_some(0..0);
    let starts = std::iter::successors((size > 0).then_some(0), move |start: &u64| {
        start.checked_add(piece).filter(|next| *next < size)
    });
    starts.map(move |start| start..start.saturating_add(piece).min(size)).chain(empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::SystemTime;

    fn files(sizes: &[u64]) -> Vec<Arc<PlannedFile>> {
        let file = |(i, &size): (usize, &u64)| {
            let identity = Identity { inode: i as u64, size, modified: SystemTime::UNIX_EPOCH };
            Arc::new(PlannedFile::new(i.to_string().into(), PathBuf::new(), identity))
        };
        sizes.iter().enumerate().map(file).collect()
    }

    fn shape(partitions: &[Vec<Segment>]) -> Vec<Vec<(u64, Range<u64>)>> {
        let one = |segment: &Segment| (segment.file.identity.inode, segment.range.clone());
        partitions.iter().map(|partition| partition.iter().map(one).collect()).collect()
    }

    #[test]
    fn large_files_are_cut_and_small_ones_put_together() {
        let files = files(&[10, 250, 30, 0, 40]);
        let lines = partitions(&files, Framing::Lines, 100);
        assert_eq!(
            shape(&lines),
            [
                vec![(0, 0..10), (1, 0..84)],
                vec![(1, 84..168)],
                vec![(1, 168..250)],
                vec![(2, 0..30), (4, 0..40)]
            ]
        );
        let whole = partitions(&files, Framing::Whole, 100);
        assert_eq!(shape(&whole), [vec![(0, 0..10)], vec![(1, 0..250)], vec![(2, 0..30), (4, 0..40)]]);
        assert_eq!(partitions(&files, Framing::Stream, 1_000).concat().len(), 5, "an empty file is a file");
    }

    #[test]
    fn a_batch_is_cut_so_that_each_worker_gets_several_tasks() {
        assert_eq!(partition_bytes(64 << 20, 2), 8 << 20);
        assert_eq!(partition_bytes(1 << 40, 2), 32 << 20);
        assert_eq!(partition_bytes(1_000, 2), 64 << 10);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_range_and_records_are_not_cut(
            records in proptest::collection::vec(0u64..300, 0..20),
            length in 1u64..20,
            target in 1u64..500,
        ) {
            let sizes: Vec<u64> = records.iter().map(|records| records * length).collect();
            let partitions = partitions(&files(&sizes), Framing::Fixed(length), target);
            let mut ends = vec![0; sizes.len()];
            for segment in partitions.iter().flatten() {
                let end = &mut ends[segment.file.identity.inode as usize];
                prop_assert_eq!(*end, segment.range.start);
                prop_assert!(segment.range.end > segment.range.start && segment.range.end % length == 0);
                *end = segment.range.end;
            }
            prop_assert_eq!(ends, sizes);
        }
    }
}
