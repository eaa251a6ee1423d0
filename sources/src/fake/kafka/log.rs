//! [`PartitionLog`]: what a partition holds, in memory. Batches lie one behind the other in chunks; a chunk that is full
//! is shared with the replies that are being written, so a fetch copies at most the newest chunk. Called under the
//! cluster's lock.

use std::sync::Arc;

use super::codec::Batch;
use super::slices::Slice;

/// How many bytes a chunk may hold before it is closed. The newest one is copied by each fetch that reaches it.
const CHUNK_BYTES: usize = 256 << 10;

/// A batch of format 2, or one outer message of the formats 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) max_timestamp: i64,
    pub(super) magic: u8,
    chunk: usize,
    start: usize,
    len: usize,
}

/// The batches of one partition, by offset.
#[derive(Debug, Default)]
pub(super) struct PartitionLog {
    start_offset: i64,
    end_offset: i64,
    entries: Vec<Entry>,
    closed: Vec<Arc<Vec<u8>>>,
    newest: Vec<u8>,
}

/// What a fetch reads of it: bytes, cut off where the limit falls, as a broker that sends a part of a file does.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) slices: Vec<Slice>,
    pub(super) bytes: usize,
    /// The highest format among the batches.
    pub(super) magic: u8,
    /// The first batch is not there as a whole.
    pub(super) first_is_cut: bool,
}

impl PartitionLog {
    /// The first offset that can be read.
    pub(super) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset of the next record.
    pub(super) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Stores a batch whose offsets are in its bytes already.
    pub(super) fn append(&mut self, batch: &Batch) {
        let Batch { bytes, magic, base_offset, last_offset, max_timestamp } = batch;
        if !self.newest.is_empty() && self.newest.len() + bytes.len() > CHUNK_BYTES {
            self.closed.push(Arc::new(std::mem::take(&mut self.newest)));
        }
        let (chunk, start, len) = (self.closed.len(), self.newest.len(), bytes.len());
        self.newest.extend_from_slice(bytes);
        self.entries.push(Entry {
            base_offset: *base_offset,
            last_offset: *last_offset,
            max_timestamp: *max_timestamp,
            magic: *magic,
            chunk,
            start,
            len,
        });
        self.end_offset = self.end_offset.max(last_offset + 1);
    }

    /// Puts these batches in the place of all; the offsets at which the log begins and ends stay.
    pub(super) fn replace(&mut self, batches: impl Iterator<Item = Batch>) {
        let new = Self { start_offset: self.start_offset, end_offset: self.end_offset, ..Self::default() };
        *self = new;
        batches.for_each(|batch| self.append(&batch));
    }

    /// The bytes from the batch that holds `position` (or the next one) on, as far as the batches below `upper` go, at
    /// most `max_bytes`; with `whole_first` the first batch comes as a whole however long it is.
    pub(super) fn read(&self, position: i64, upper: i64, max_bytes: usize, whole_first: bool) -> Read {
        let mut read = Read::default();
        let first = self.entries.partition_point(|entry| entry.last_offset < position);
        let mut left = max_bytes;
        for entry in self.entries[first..].iter().take_while(|entry| entry.base_offset < upper) {
            if read.slices.is_empty() {
                left = if whole_first { left.max(entry.len) } else { left };
                read.first_is_cut = left < entry.len;
            }
            let len = entry.len.min(left);
            if len == 0 {
                break;
            }
            self.push(&mut read.slices, entry, len);
            read.magic = read.magic.max(entry.magic);
            read.bytes += len;
            left -= len;
        }
        read
    }

    /// The bytes of one batch.
    pub(super) fn bytes(&self, entry: &Entry) -> &[u8] {
        let chunk = self.closed.get(entry.chunk).map_or(&self.newest, |chunk| chunk);
        &chunk[entry.start..entry.start + entry.len]
    }

    /// Appends a batch to slices; one that follows the last in the same chunk makes it longer.
    fn push(&self, slices: &mut Vec<Slice>, entry: &Entry, len: usize) {
        match self.closed.get(entry.chunk) {
            Some(chunk) => {
                let follows = slices.last_mut().is_some_and(|last| last.extend(chunk, entry.start, len));
                if !follows {
                    slices.push(Slice::shared(chunk, entry.start, len));
                }
            }
            None => {
                let bytes = &self.newest[entry.start..entry.start + len];
                match slices.last_mut() {
                    Some(Slice::Own(last)) => last.extend_from_slice(bytes),
                    _ => slices.push(Slice::Own(bytes.to_vec())),
                }
            }
        }
    }

    /// Forgets what is below `offset`, as retention does: a batch that reaches beyond it stays as a whole.
    pub(super) fn set_start(&mut self, offset: i64) {
        self.start_offset = offset;
        self.end_offset = self.end_offset.max(offset);
        let gone = self.entries.partition_point(|entry| entry.last_offset < offset);
        self.entries.drain(..gone);
        let oldest = self.entries.first().map_or(self.closed.len(), |entry| entry.chunk);
        for chunk in self.closed.iter_mut().take(oldest).filter(|chunk| !chunk.is_empty()) {
            *chunk = Arc::default();
        }
    }

    /// Forgets what is at `offset` and above, as a follower does that becomes leader without it: the batch that holds
    /// `offset` goes as a whole, and the next record has this offset.
    pub(super) fn truncate(&mut self, offset: i64) {
        let stay = self.entries.partition_point(|entry| entry.last_offset < offset);
        self.entries.truncate(stay);
        self.end_offset = offset;
        self.start_offset = self.start_offset.min(offset);
        let newest = self.closed.len();
        let end = self
            .entries
            .last()
            .filter(|entry| entry.chunk == newest)
            .map_or(0, |entry| entry.start + entry.len);
        self.newest.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: Vec<u8>, base_offset: i64, last_offset: i64) -> Batch {
        Batch { bytes, magic: 2, base_offset, last_offset, max_timestamp: 0 }
    }

    /// Batches of ten bytes that hold two offsets each.
    fn log(batches: i64) -> PartitionLog {
        let mut log = PartitionLog::default();
        for n in 0..batches {
            log.append(&batch(vec![n as u8; 10], 2 * n, 2 * n + 1));
        }
        log
    }

    fn bytes(read: &Read) -> Vec<u8> {
        read.slices.iter().flat_map(|slice| slice.bytes().to_vec()).collect()
    }

    #[test]
    fn a_read_begins_with_the_batch_that_holds_the_position() {
        let read = log(3).read(3, i64::MAX, 1000, true);
        assert_eq!(bytes(&read), [[1; 10], [2; 10]].concat());
        assert_eq!(read.bytes, 20);
    }

    #[test]
    fn a_read_is_cut_where_the_limit_falls() {
        assert_eq!(bytes(&log(3).read(0, i64::MAX, 13, true)), [&[0; 10][..], &[1; 3]].concat());
    }

    #[test]
    fn the_first_batch_is_whole_only_if_that_is_asked_for() {
        assert_eq!(log(3).read(0, i64::MAX, 4, true).bytes, 10);
        let cut = log(3).read(0, i64::MAX, 4, false);
        assert_eq!((cut.bytes, cut.first_is_cut), (4, true));
        assert_eq!(log(3).read(0, i64::MAX, 0, false).bytes, 0);
    }

    #[test]
    fn a_read_ends_below_the_upper_offset() {
        assert_eq!(bytes(&log(3).read(0, 4, 1000, true)), [[0; 10], [1; 10]].concat());
    }

    #[test]
    fn closed_chunks_are_shared_and_joined() {
        let mut log = PartitionLog::default();
        for n in 0..10 {
            log.append(&batch(vec![n as u8; CHUNK_BYTES / 4], n, n));
        }
        let read = log.read(0, i64::MAX, usize::MAX, true);
        assert_eq!(read.slices.len(), 3);
        assert_eq!(read.bytes, 10 * CHUNK_BYTES / 4);
        assert!(matches!(read.slices[..], [Slice::Shared(..), Slice::Shared(..), Slice::Own(_)]));
    }

    #[test]
    fn what_retention_takes_frees_its_memory() {
        let mut log = PartitionLog::default();
        for n in 0..10 {
            log.append(&batch(vec![n as u8; CHUNK_BYTES], n, n));
        }
        log.set_start(5);
        assert_eq!(log.closed.iter().map(|chunk| chunk.len()).sum::<usize>(), 4 * CHUNK_BYTES);
        assert_eq!((log.start_offset(), log.end_offset(), log.entries().len()), (5, 10, 5));
        log.set_start(20);
        assert_eq!((log.start_offset(), log.end_offset(), log.entries().len()), (20, 20, 0));
    }

    #[test]
    fn truncation_takes_the_batch_that_holds_the_offset() {
        let mut log = log(3);
        log.truncate(3);
        assert_eq!((log.end_offset(), log.entries().len()), (3, 1));
        log.append(&batch(vec![9; 10], 3, 4));
        assert_eq!(bytes(&log.read(0, i64::MAX, 1000, true)), [[0; 10], [9; 10]].concat());
    }
}
