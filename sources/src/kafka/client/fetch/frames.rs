//! The memory of answers. A block that a task opens keeps the answer it came with; when the last one is gone, on whatever
//! thread, the memory goes back to the fetcher: fresh memory of 16 MiB costs as much to touch first as its contents to read.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Memory is made in multiples of this many bytes.
const STEP: usize = 64 << 10;

/// After so many answers without a use for it, memory is given back to the system.
const KEPT_UNUSED: u64 = 256;

/// Memory that waits for the next answer. A clone is the same pool.
#[derive(Clone, Debug)]
pub(super) struct FramePool {
    free: Arc<Mutex<Free>>,
}

#[derive(Debug)]
struct Free {
    /// Each with the number of the answer it was last used for.
    buffers: Vec<(u64, Vec<u8>)>,
    bytes: usize,
    most_bytes: usize,
    answers: u64,
}

impl FramePool {
    /// Keeps up to so many bytes.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { free: Arc::new(Mutex::new(Free { buffers: Vec::new(), bytes: 0, most_bytes, answers: 0 })) }
    }

    /// Memory for an answer of `length` bytes.
    pub(super) fn take(&self, length: usize) -> FrameBuffer {
        let bytes = self.free.lock().take(length);
        // Made without the lock: the system may take its time.
        let bytes = bytes.unwrap_or_else(|| vec![0; length.max(1).next_multiple_of(STEP)]);
        FrameBuffer { bytes, length, pool: Arc::downgrade(&self.free) }
    }
}

impl Free {
    /// The smallest that is large enough, but none that would be mostly unused: a block keeps it all.
    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        self.answers += 1;
        let oldest = self.answers.saturating_sub(KEPT_UNUSED);
        self.buffers.retain(|(used, _)| *used >= oldest);
        let fits = |bytes: &Vec<u8>| bytes.len() >= length && bytes.len() / 2 <= length.max(STEP);
        let best = (0..self.buffers.len())
            .filter(|at| fits(&self.buffers[*at].1))
            .min_by_key(|at| self.buffers[*at].1.len());
        let found = best.map(|at| self.buffers.swap_remove(at).1);
        self.bytes = self.buffers.iter().map(|(_, bytes)| bytes.len()).sum();
        found
    }

    fn put(&mut self, bytes: Vec<u8>) {
        if self.bytes + bytes.len() <= self.most_bytes {
            self.bytes += bytes.len();
            self.buffers.push((self.answers, bytes));
        }
    }
}

/// The bytes of one answer. They go back to the pool when it is dropped.
pub(crate) struct FrameBuffer {
    /// Longer than the answer, and written to from end to end already, so that nothing has to be cleared for the next.
    bytes: Vec<u8>,
    length: usize,
    pool: Weak<Mutex<Free>>,
}

impl FrameBuffer {
    /// The bytes, to be read into.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Deref for FrameBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.lock().put(std::mem::take(&mut self.bytes));
        }
    }
}

impl fmt::Debug for FrameBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameBuffer").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pool: &FramePool) -> Vec<usize> {
        let mut lengths: Vec<_> = pool.free.lock().buffers.iter().map(|(_, bytes)| bytes.len()).collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn memory_is_used_again_by_an_answer_of_about_its_length() {
        let pool = FramePool::new(16 << 20);
        drop([pool.take(4 << 20), pool.take(1 << 20)]);
        assert_eq!(kept(&pool), [1 << 20, 4 << 20]);
        let (small, large) = (pool.take(100), pool.take(3 << 20));
        assert_eq!((small.len(), large.len()), (100, 3 << 20));
        assert_eq!(kept(&pool), [1 << 20], "the small one has memory of its own");
        drop((small, large));
        assert_eq!(kept(&pool), [STEP, 1 << 20, 4 << 20]);
    }

    #[test]
    fn a_pool_is_bounded_and_survived_by_its_memory() {
        let pool = FramePool::new(1 << 20);
        let (first, second) = (pool.take(1 << 20), pool.take(1 << 20));
        drop(first);
        drop(second);
        assert_eq!(kept(&pool), [1 << 20]);
        let last = pool.take(7);
        drop(pool);
        assert_eq!(last.len(), 7);
    }

    #[test]
    fn memory_without_a_use_is_given_back() {
        let pool = FramePool::new(16 << 20);
        drop(pool.take(4 << 20));
        for _ in 0..KEPT_UNUSED {
            drop(pool.take(1));
        }
        assert_eq!(kept(&pool), [STEP, 4 << 20]);
        drop(pool.take(1));
        assert_eq!(kept(&pool), [STEP]);
    }
}
