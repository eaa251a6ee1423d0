//! How records travel inside a task: every operator pulls a chunk of records from the one before it, so that type
//! erasure costs one virtual call a chunk and never one a record.
//!
//! Everything here lives on the one thread that runs the task.

use std::panic::resume_unwind;

use super::fault::Fault;
use super::run::Halt;

/// About how many records a chunk has: the buffers of two neighbouring operators fit in a first-level cache of 32 KiB
/// for records up to 32 bytes.
pub(crate) const CHUNK: usize = 256;

/// The rest of a partition, pulled from its end.
pub(crate) trait Chunks<T> {
    /// Fills `out`, which is empty, with the next records, about [`CHUNK`] of them at most; it may leave it empty
    /// though more follow. `false` says that nothing follows after what is in `out`: then it is not called again.
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault>;
}

/// A partition as an output or a shuffle reads it: to its end, unless its task is to stop early.
pub(crate) struct Reader<'h, T> {
    chunks: Box<dyn Chunks<T>>,
    buffer: Vec<T>,
    more: bool,
    halt: &'h Halt<'h>,
}

impl<'h, T> Reader<'h, T> {
    pub(crate) fn new(chunks: Box<dyn Chunks<T>>, halt: &'h Halt<'h>) -> Self {
        Self { chunks, buffer: Vec::new(), more: true, halt }
    }

    /// The next records; what the caller leaves in the buffer is dropped by the next call. `None` is the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<&mut Vec<T>>, Fault> {
        self.buffer.clear();
        while self.more && self.buffer.is_empty() {
            self.halt.check()?;
            self.more = self.chunks.next(&mut self.buffer)?;
        }
        Ok(if self.buffer.is_empty() { None } else { Some(&mut self.buffer) })
    }

    /// Moves everything that is left onto `out`.
    pub(crate) fn append_to(&mut self, out: &mut Vec<T>) -> Result<(), Fault> {
        while let Some(chunk) = self.next_chunk()? {
            out.append(chunk);
        }
        Ok(())
    }
}

/// The records of one partition, as `map_partitions` and `for_each_partition` hand them to their closure.
///
/// Records are computed while the iterator is pulled, a few hundred at a time; the partition is never held as a
/// whole. When an operator before this one fails, the failure goes through the closure as an unwinding, so that code
/// after a loop over the records only runs when the partition was complete.
pub struct Records<T> {
    chunks: Box<dyn Chunks<T>>,
    /// The current chunk, last record first.
    reversed: Vec<T>,
    more: bool,
}

impl<T> Records<T> {
    pub(crate) fn new(chunks: Box<dyn Chunks<T>>) -> Self {
        Self { chunks, reversed: Vec::new(), more: true }
    }

    /// Loads the next chunk, in order; `false` at the end.
    fn load(&mut self) -> bool {
        while self.more && self.reversed.is_empty() {
            match self.chunks.next(&mut self.reversed) {
                Ok(more) => self.more = more,
                Err(fault) => resume_unwind(Box::new(fault)),
            }
        }
        !self.reversed.is_empty()
    }
}

impl<T> Iterator for Records<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.reversed.is_empty() {
            self.load();
            self.reversed.reverse();
        }
        self.reversed.pop()
    }

    fn fold<B, F: FnMut(B, T) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        while let Some(record) = self.reversed.pop() {
            folded = f(folded, record);
        }
        while self.load() {
            folded = self.reversed.drain(..).fold(folded, &mut f);
        }
        folded
    }
}

impl<T> std::iter::FusedIterator for Records<T> {}

impl<T> std::fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("at_hand", &self.reversed.len()).finish_non_exhaustive()
    }
}

/// A partition that is read from an iterator of the same task.
pub(crate) struct FromIter<I>(pub(crate) I);

impl<T, I: Iterator<Item = T>> Chunks<T> for FromIter<I> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        out.extend(self.0.by_ref().take(CHUNK));
        Ok(out.len() == CHUNK)
    }
}
