//! The memory of byte blocks, used again: a receiver's queue takes buffers out of its [`SpareBuffers`], and a block gives
//! its own back when the last record cut from it is gone, on whatever thread that happens.
//!
//! Fresh memory is dear: the system maps and clears it page by page, and at a gigabyte a second that took more of the
//! receiver's thread than the copying (ingest bench: 9.6 s of CPU for 10 GB with fresh buffers, 6.1 s without the page
//! faults).

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

/// Smaller buffers are left to the allocator, which is quick with them.
const SMALLEST: usize = 64 * 1024;

/// Buffers that no block uses.
///
/// What was not asked for between two trims is freed; a queue trims at every cut, and every `block_interval`.
#[derive(Debug, Default)]
pub(crate) struct SpareBuffers {
    state: Mutex<Spare>,
}

#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    /// The fewest there were since the last trim.
    least: usize,
    closed: bool,
}

impl SpareBuffers {
    /// An empty buffer with room for so many bytes.
    pub(crate) fn take(&self, room: usize) -> Vec<u8> {
        if room >= SMALLEST {
            let mut state = self.state.lock();
            let spare = state.buffers.pop();
            state.least = state.least.min(state.buffers.len());
            drop(state);
            if let Some(spare) = spare.filter(|spare| spare.capacity() >= room) {
                return spare;
            }
        }
        Vec::with_capacity(room)
    }

    /// Frees what nobody has asked for since the last call.
    pub(crate) fn trim(&self) {
        let mut state = self.state.lock();
        let keep = state.buffers.len() - state.least;
        let unused = state.buffers.split_off(keep);
        state.least = keep;
        drop(state);
        drop(unused);
    }

    /// Frees all, and what is given back from now on.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.least = 0;
        let unused = std::mem::take(&mut state.buffers);
        drop(state);
        drop(unused);
    }
}

/// Where the memory of a block goes.
///
/// A trait, so that a text does not show the lock behind it: clippy would warn everybody who has texts as keys of a map
/// that their hash might change (`mutable_key_type`).
pub(crate) trait Home: Send + Sync + std::fmt::Debug {
    fn put(&self, buffer: Vec<u8>);
}

impl Home for SpareBuffers {
    fn put(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() < SMALLEST {
            return;
        }
        buffer.clear();
        let mut state = self.state.lock();
        if !state.closed {
            state.buffers.push(buffer);
        }
    }
}

/// The bytes of a block, and where their memory goes afterwards.
#[derive(Debug)]
pub(crate) struct BlockBytes {
    bytes: Vec<u8>,
    home: Option<Arc<dyn Home>>,
}

impl BlockBytes {
    /// Bytes whose memory goes back to `home`.
    pub(crate) fn lent(bytes: Vec<u8>, home: &Arc<SpareBuffers>) -> Self {
        Self { bytes, home: Some(Arc::clone(home) as Arc<dyn Home>) }
    }

    /// The two parts.
    pub(crate) fn take_apart(mut self) -> (Vec<u8>, Option<Arc<dyn Home>>) {
        (std::mem::take(&mut self.bytes), self.home.take())
    }

    /// Puts together what was taken apart.
    pub(crate) fn put_together(bytes: Vec<u8>, home: Option<Arc<dyn Home>>) -> Self {
        Self { bytes, home }
    }
}

impl From<Vec<u8>> for BlockBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl Deref for BlockBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for BlockBytes {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockDecoder, ByteBlock, Text, text::TextLines};

    fn spare(buffers: &SpareBuffers) -> usize {
        buffers.state.lock().buffers.len()
    }

    fn block(home: &Arc<SpareBuffers>, text: &[u8]) -> Arc<ByteBlock> {
        let mut bytes = home.take(SMALLEST);
        bytes.extend_from_slice(text);
        Arc::new(ByteBlock::of(BlockBytes::lent(bytes, home)))
    }

    fn lines(block: &Arc<ByteBlock>) -> Vec<Text> {
        let (mut at, mut lines) = (0, Vec::new());
        while at < block.len() {
            TextLines::default().decode(block, &mut at, 1024, &mut lines).unwrap();
        }
        lines
    }

    #[test]
    fn a_block_gives_its_memory_back_however_it_was_read() {
        let home = Arc::new(SpareBuffers::default());
        let place = home.take(SMALLEST);
        let address = place.as_ptr();
        home.put(place);
        let read: [fn(&Arc<ByteBlock>); 4] = [
            |_| {},
            |block| assert_eq!(block.bytes().len(), 4),
            |block| assert_eq!(lines(block).len(), 2),
            |block| assert_eq!((block.bytes().len(), lines(block).len()), (4, 2)),
        ];
        for read in read {
            for text in [b"a\nb\n", b"a\n\xFF\n"] {
                let block = block(&home, text);
                read(&block);
                assert_eq!(spare(&home), 0);
                drop(block);
                let place = home.take(SMALLEST);
                assert_eq!((place.as_ptr(), place.len()), (address, 0));
                home.put(place);
            }
        }
    }

    #[test]
    fn a_text_that_is_kept_keeps_the_memory() {
        let home = Arc::new(SpareBuffers::default());
        let block = block(&home, b"a line that is too long to lie inside a text\n");
        let kept = lines(&block);
        drop(block);
        assert_eq!(spare(&home), 0);
        drop(kept);
        assert_eq!(spare(&home), 1);
    }

    #[test]
    fn what_was_not_needed_between_two_trims_is_freed() {
        let home = SpareBuffers::default();
        (0..3).for_each(|_| home.put(Vec::with_capacity(SMALLEST)));
        home.trim();
        assert_eq!(spare(&home), 3, "they came since the last trim");
        let taken = [home.take(SMALLEST), home.take(SMALLEST)];
        taken.into_iter().for_each(|buffer| home.put(buffer));
        home.trim();
        assert_eq!(spare(&home), 2);
        home.trim();
        assert_eq!(spare(&home), 0);
    }

    #[test]
    fn too_small_a_buffer_is_not_handed_out_and_nothing_after_the_close() {
        let home = SpareBuffers::default();
        home.put(Vec::with_capacity(SMALLEST));
        assert!(home.take(2 * SMALLEST).capacity() >= 2 * SMALLEST);
        assert_eq!(spare(&home), 0);
        home.put(vec![0; 8]);
        home.close();
        home.put(Vec::with_capacity(SMALLEST));
        assert_eq!(spare(&home), 0);
    }
}
