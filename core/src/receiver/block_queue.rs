//! The blocks of one receiver on their way to a batch: the open one, the sealed ones, and the byte budget.
//!
//! The receiver's thread stores, the engine's thread seals, takes and releases. No user code runs under the lock.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::rate::RateLimiter;
use super::{BlockContents, BlockId, CompletedBlocks};
use crate::Outcome;
use crate::batch::Block;
use crate::block::{BlockDecoder, ByteBlock};
use crate::buffer::{BlockBytes, SpareBuffers};
use crate::clock::RealDeadline;

/// Limits of a [`BlockQueue`], in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockQueueSettings {
    /// An open block of this size is sealed.
    pub(crate) block_bytes: usize,
    /// Stored and not yet completed bytes beyond which `store` waits.
    pub(crate) budget: usize,
}

/// An open block of more items than this is sealed, so that a block of tiny items stays a good task.
const BLOCK_ITEMS: usize = 128 * 1024;

pub(crate) struct BlockQueue<T> {
    settings: BlockQueueSettings,
    on_wait: OnWait,
    state: Mutex<State<T>>,
    /// Signalled when the budget has room again, and at stop.
    room: Condvar,
    /// Signalled when blocks are completed, and when the queue is closed.
    done: Condvar,
}

struct State<T> {
    open: Open<T>,
    open_bytes: usize,
    /// The length of the last sealed block of bytes.
    last_bytes: usize,
    /// Where blocks of bytes get their memory and leave it.
    spare: Arc<SpareBuffers>,
    sealed: Vec<Block<T>>,
    sealed_bytes: usize,
    /// The id the open block will get.
    next_id: u64,
    /// The first id that no batch has taken.
    untaken: u64,
    /// Bytes stored and not yet released.
    used: usize,
    rate: Option<RateLimiter>,
    completed: VecDeque<CompletedBlocks>,
    /// Nothing more is accepted.
    stopped: bool,
    /// Nothing more will complete.
    closed: bool,
    waits: u64,
}

enum Open<T> {
    Items(Vec<T>),
    Bytes(Vec<u8>, Arc<dyn BlockDecoder<T>>),
}

/// What a cut took out of a queue.
pub(crate) struct TakenBlocks<T> {
    /// The ids, without gaps.
    pub(crate) ids: Range<u64>,
    pub(crate) blocks: Vec<Block<T>>,
    pub(crate) bytes: usize,
}

/// Told when somebody begins to wait for the budget: the number of waits so far. No lock is held meanwhile.
pub(crate) type OnWait = Box<dyn Fn(u64) + Send + Sync>;

/// The queue accepts nothing more.
pub(crate) struct Refused;

impl<T> BlockQueue<T> {
    pub(crate) fn new(settings: BlockQueueSettings, rate: Option<RateLimiter>, on_wait: OnWait) -> Self {
        let state = State {
            open: Open::Items(Vec::new()),
            open_bytes: 0,
            last_bytes: 0,
            spare: Arc::default(),
            sealed: Vec::new(),
            sealed_bytes: 0,
            next_id: 0,
            untaken: 0,
            used: 0,
            rate,
            completed: VecDeque::new(),
            stopped: false,
            closed: false,
            waits: 0,
        };
        Self { settings, on_wait, state: Mutex::new(state), room: Condvar::new(), done: Condvar::new() }
    }

    /// Adds one item of `bytes` bytes to the open block; waits for the budget, until stop.
    pub(crate) fn push_item(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let mut state = self.admit(bytes)?;
        match &mut state.open {
            Open::Items(items) => items.push(item),
            Open::Bytes(..) => {
                state.seal();
                state.open = Open::Items(vec![item]);
            }
        }
        state.account(bytes);
        let full = match &state.open {
            Open::Items(items) => items.len() >= BLOCK_ITEMS || state.open_bytes >= self.settings.block_bytes,
            Open::Bytes(..) => false,
        };
        if full {
            state.seal();
        }
        Ok(())
    }

    /// Appends whole records to the open block of bytes; waits for the budget, until stop.
    pub(crate) fn push_bytes(&self, bytes: &[u8], decoder: &Arc<dyn BlockDecoder<T>>) -> Result<(), Refused> {
        let mut state = self.admit(bytes.len())?;
        let fits = match &state.open {
            Open::Bytes(open, of) => {
                Arc::ptr_eq(of, decoder) && open.len() + bytes.len() <= self.settings.block_bytes
            }
            Open::Items(_) => false,
        };
        if !fits {
            state.seal();
            // A steady source fills the next block as far as the last one: room for that saves growing step by step.
            // Rounded up, for blocks end where the next record would not fit, a little sooner or later.
            let last = state.last_bytes.next_power_of_two().min(self.settings.block_bytes);
            let room = last.max(bytes.len());
            state.open = Open::Bytes(state.spare.take(room), Arc::clone(decoder));
        }
        if let Open::Bytes(open, _) = &mut state.open {
            if open.capacity() - open.len() < bytes.len() {
                grow(open, bytes.len(), self.settings.block_bytes);
            }
            open.extend_from_slice(bytes);
        }
        state.account(bytes.len());
        if state.open_bytes >= self.settings.block_bytes {
            state.seal();
        }
        Ok(())
    }

    /// Seals the open block and adds `contents` as one of its own; waits for the budget, until stop.
    pub(crate) fn push_block(&self, contents: BlockContents<T>, bytes: usize) -> Result<BlockId, Refused> {
        let mut state = self.admit(bytes)?;
        state.seal();
        let id = BlockId::new(state.next_id);
        state.open = match contents {
            BlockContents::Items(items) => Open::Items(items),
            BlockContents::Bytes(bytes, decoder) => Open::Bytes(bytes, decoder),
        };
        state.account(bytes);
        state.seal_even_if_empty();
        Ok(id)
    }

    /// Waits until `bytes` more fit into the budget. A record above the whole budget passes when nothing else is
    /// held, for it could never fit.
    fn admit(&self, bytes: usize) -> Result<MutexGuard<'_, State<T>>, Refused> {
        let mut state = self.state.lock();
        let is_full =
            |state: &State<T>| !state.stopped && state.used > 0 && state.used + bytes > self.settings.budget;
        if is_full(&state) {
            state.waits += 1;
            let waits = state.waits;
            MutexGuard::unlocked(&mut state, || (self.on_wait)(waits));
            self.room.wait_while(&mut state, |state| is_full(state));
        }
        if state.stopped { Err(Refused) } else { Ok(state) }
    }

    /// Takes `records` from the rate limit; `Err` tells when to ask again.
    pub(crate) fn take_rate(&self, records: u64, now: crate::clock::Mono) -> Result<(), crate::clock::Mono> {
        match &mut self.state.lock().rate {
            Some(rate) => rate.take(records, now),
            None => Ok(()),
        }
    }

    /// Seals the open block, if it holds anything.
    pub(crate) fn seal(&self) {
        let mut state = self.state.lock();
        state.seal();
        let spare = Arc::clone(&state.spare);
        drop(state);
        spare.trim();
    }

    /// Seals the open block and takes all that no batch has taken yet.
    pub(crate) fn take(&self) -> TakenBlocks<T> {
        let mut state = self.state.lock();
        state.seal();
        let ids = state.untaken..state.next_id;
        state.untaken = state.next_id;
        let bytes = std::mem::take(&mut state.sealed_bytes);
        let blocks = std::mem::take(&mut state.sealed);
        let spare = Arc::clone(&state.spare);
        drop(state);
        spare.trim();
        TakenBlocks { ids, blocks, bytes }
    }

    /// Gives `bytes` back to the budget and tells of the blocks that are done.
    pub(crate) fn complete(&self, ids: Range<u64>, bytes: usize, outcome: Outcome) {
        let mut state = self.state.lock();
        state.used = state.used.saturating_sub(bytes);
        if !ids.is_empty() {
            state.push_completed(CompletedBlocks {
                first: BlockId::new(ids.start),
                last: BlockId::new(ids.end - 1),
                outcome,
            });
        }
        drop(state);
        self.room.notify_all();
        self.done.notify_all();
    }

    /// Waits for completed blocks until the deadline (for ever if there is none) or until the queue is closed.
    /// `Ok(None)` at the deadline.
    pub(crate) fn wait_completed(
        &self,
        deadline: Option<RealDeadline>,
    ) -> Result<Option<CompletedBlocks>, Refused> {
        let mut state = self.state.lock();
        loop {
            if let Some(completed) = state.completed.pop_front() {
                return Ok(Some(completed));
            }
            if state.closed {
                return Err(Refused);
            }
            match deadline {
                None => self.done.wait(&mut state),
                Some(deadline) => {
                    if !deadline.wait(&self.done, &mut state) {
                        return Ok(state.completed.pop_front());
                    }
                }
            }
        }
    }

    /// Refuses everything from now on and wakes whoever waits to store.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.room.notify_all();
    }

    /// Says that nothing will complete any more, and hands over what no batch has taken.
    pub(crate) fn close(&self) -> TakenBlocks<T> {
        {
            let mut state = self.state.lock();
            state.stopped = true;
            state.closed = true;
            state.spare.close();
        }
        self.room.notify_all();
        self.done.notify_all();
        self.take()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// How many blocks have been sealed since the beginning, the open one counted if it holds anything.
    pub(crate) fn stored_blocks(&self) -> u64 {
        let state = self.state.lock();
        state.next_id + u64::from(state.open_bytes > 0)
    }
}

impl<T> State<T> {
    fn account(&mut self, bytes: usize) {
        self.open_bytes += bytes;
        self.used += bytes;
    }

    fn seal(&mut self) {
        let empty = match &self.open {
            Open::Items(items) => items.is_empty(),
            Open::Bytes(bytes, _) => bytes.is_empty(),
        };
        if !empty {
            self.seal_even_if_empty();
        }
    }

    fn seal_even_if_empty(&mut self) {
        let block = match std::mem::replace(&mut self.open, Open::Items(Vec::new())) {
            Open::Items(items) => Block::Items(Arc::new(items)),
            Open::Bytes(bytes, decoder) => {
                self.last_bytes = bytes.len();
                let bytes = BlockBytes::lent(bytes, &self.spare);
                Block::Bytes(Arc::new(ByteBlock::of(bytes)), decoder)
            }
        };
        self.sealed.push(block);
        self.sealed_bytes += std::mem::take(&mut self.open_bytes);
        self.next_id += 1;
    }

    /// Neighbours with the same outcome are told as one, so that a receiver that never asks costs nothing.
    fn push_completed(&mut self, new: CompletedBlocks) {
        if let Some(last) = self.completed.back_mut() {
            if last.outcome == new.outcome && last.last.as_u64() + 1 == new.first.as_u64() {
                last.last = new.last;
                return;
            }
        }
        self.completed.push_back(new);
    }
}

/// Grows by doubling, but never beyond a block's size unless one record needs it.
fn grow(open: &mut Vec<u8>, more: usize, block_bytes: usize) {
    let wanted = (open.capacity() * 2).max(16 * 1024).min(block_bytes).max(open.len() + more);
    open.reserve_exact(wanted - open.len());
}

impl<T> std::fmt::Debug for BlockQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockQueue").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::decode_with;
    use crate::clock::RealDeadline;
    use std::time::Duration;

    fn queue(block_bytes: usize, budget: usize) -> BlockQueue<u8> {
        queue_told(block_bytes, budget, Box::new(|_| {}))
    }

    fn queue_told(block_bytes: usize, budget: usize, on_wait: OnWait) -> BlockQueue<u8> {
        BlockQueue::new(BlockQueueSettings { block_bytes, budget }, None, on_wait)
    }

    fn decoder() -> Arc<dyn BlockDecoder<u8>> {
        Arc::new(decode_with(|bytes: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(bytes);
            Ok(())
        }))
    }

    /// What the blocks hold, one string each.
    fn contents(taken: &TakenBlocks<u8>) -> Vec<String> {
        let text = |block: &Block<u8>| match block {
            Block::Items(items) => String::from_utf8(items.to_vec()).unwrap(),
            Block::Bytes(block, _) => String::from_utf8(block.bytes().to_vec()).unwrap(),
        };
        taken.blocks.iter().map(text).collect()
    }

    #[test]
    fn items_gather_until_the_block_is_full_or_taken() {
        let queue = queue(3, 100);
        for item in *b"abcde" {
            assert!(matches!(queue.push_item(item, 1), Ok(())));
        }
        let taken = queue.take();
        assert_eq!(
            (contents(&taken), taken.ids.clone(), taken.bytes),
            (vec!["abc".into(), "de".into()], 0..2, 5)
        );
        assert_eq!(queue.take().ids, 2..2);
    }

    #[test]
    fn bytes_of_one_decoder_share_a_block_as_far_as_they_fit() {
        let (queue, a, b) = (queue(6, 100), decoder(), decoder());
        for (bytes, decoder) in [(b"aaa", &a), (b"bbb", &a), (b"ccc", &a), (b"ddd", &b)] {
            assert!(queue.push_bytes(bytes, decoder).is_ok());
        }
        assert!(queue.push_item(b'e', 1).is_ok());
        assert_eq!(contents(&queue.take()), ["aaabbb", "ccc", "ddd", "e"]);
    }

    #[test]
    fn a_block_of_its_own_keeps_its_place() {
        let queue = queue(100, 100);
        assert!(queue.push_item(b'a', 1).is_ok());
        let id = queue.push_block(BlockContents::Items(b"bc".to_vec()), 2).ok();
        assert!(queue.push_item(b'd', 1).is_ok());
        assert_eq!(id, Some(BlockId::new(1)));
        assert_eq!(contents(&queue.take()), ["a", "bc", "d"]);
    }

    #[test]
    fn an_empty_block_has_an_id_and_is_completed_too() {
        let queue = queue(100, 100);
        let id = queue.push_block(BlockContents::Items(Vec::new()), 0).ok();
        let taken = queue.take();
        assert_eq!((id, taken.ids.clone()), (Some(BlockId::new(0)), 0..1));
        queue.complete(taken.ids, taken.bytes, Outcome::Succeeded);
        assert!(matches!(queue.wait_completed(None), Ok(Some(done)) if done.last == BlockId::new(0)));
    }

    #[test]
    fn store_waits_for_the_budget_until_a_batch_is_complete() {
        let (waits, waiting) = crossbeam_channel::unbounded();
        let on_wait = Box::new(move |count| waits.send(count).unwrap());
        let queue = Arc::new(queue_told(100, 4, on_wait));
        assert!(queue.push_item(b'a', 4).is_ok());
        let storing = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.push_item(b'b', 1).ok())
        };
        assert_eq!(waiting.recv(), Ok(1), "told before the wait is over");
        let taken = queue.take();
        assert_eq!(contents(&taken), ["a"]);
        queue.complete(taken.ids, taken.bytes, Outcome::Succeeded);
        assert_eq!(storing.join().unwrap(), Some(()));
        assert_eq!(contents(&queue.take()), ["b"]);
    }

    #[test]
    fn a_record_above_the_whole_budget_passes_alone() {
        let queue = queue(100, 4);
        assert!(matches!(queue.push_item(b'a', 9), Ok(())));
    }

    #[test]
    fn a_stop_ends_the_wait_for_the_budget() {
        let queue = Arc::new(queue(100, 1));
        assert!(queue.push_item(b'a', 1).is_ok());
        let storing = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.push_item(b'b', 1).is_err())
        };
        while queue.state.lock().waits == 0 {
            std::thread::yield_now();
        }
        queue.stop();
        assert!(storing.join().unwrap());
        assert_eq!(queue.close().bytes, 1);
    }

    #[test]
    fn completions_of_neighbours_are_told_as_one() {
        let queue = queue(100, 100);
        queue.complete(0..2, 0, Outcome::Succeeded);
        queue.complete(2..2, 0, Outcome::Succeeded);
        queue.complete(2..5, 0, Outcome::Succeeded);
        queue.complete(5..6, 0, Outcome::Failed);
        let next = || queue.wait_completed(Some(RealDeadline::after(Duration::ZERO))).ok().flatten();
        let told = |first, last, outcome| {
            Some(CompletedBlocks { first: BlockId::new(first), last: BlockId::new(last), outcome })
        };
        assert_eq!(next(), told(0, 4, Outcome::Succeeded));
        assert_eq!(next(), told(5, 5, Outcome::Failed));
        assert_eq!(next(), None);
        queue.close();
        assert!(queue.wait_completed(None).is_err());
    }
}
