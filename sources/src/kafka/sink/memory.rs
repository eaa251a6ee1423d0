//! [`Memory`]: what all records that are not acknowledged may take together, and buffers that can be used again. Asked for
//! whole buffers only, so that a record costs nothing here.

use parking_lot::{Condvar, Mutex};

use crate::kafka::client::deadline::Deadline;

/// The buffers of a producer.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The capacities of all buffers, those in the pool included.
    used: usize,
    pool: Vec<Vec<u8>>,
    /// Threads that wait for memory.
    waiting: usize,
    /// Counts what was given back, so that a waiter does not miss it.
    given: u64,
    closed: bool,
}

/// A moment before memory was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before(u64);

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), freed: Condvar::new() }
    }

    /// A buffer with room for at least `room` bytes: one of the pool if there is one, else a new one of `fresh` bytes.
    pub(super) fn take(&self, room: usize, fresh: usize) -> Result<Vec<u8>, Before> {
        let mut state = self.state.lock();
        if let Some(at) = state.pool.iter().rposition(|buffer| buffer.capacity() >= room) {
            return Ok(state.pool.swap_remove(at));
        }
        let size = fresh.max(room);
        if !state.reserve(self.limit, size) {
            return Err(Before(state.given));
        }
        drop(state);
        Ok(Vec::with_capacity(size))
    }

    /// Whether a buffer may grow by so many bytes, which then count as used.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        self.state.lock().reserve(self.limit, bytes)
    }

    /// A buffer of which `counted` bytes were counted is not needed any more.
    pub(super) fn give(&self, buffer: Vec<u8>, counted: usize) {
        let mut state = self.state.lock();
        let kept = buffer.capacity();
        state.used = (state.used + kept).saturating_sub(counted);
        if kept > 0 {
            state.pool.push(buffer);
        }
        if state.used > self.limit {
            state.shrink(0);
        }
        state.given += 1;
        if state.waiting > 0 {
            self.freed.notify_all();
        }
    }

    /// So many bytes are in use, whether or not that is within the limit.
    pub(super) fn exceed(&self, bytes: usize) {
        self.state.lock().used += bytes;
    }

    /// A buffer became another one: what was counted before is not used any more, what it has now is.
    pub(super) fn exchange(&self, old: Vec<u8>, counted: usize, new: usize) {
        self.exceed(new);
        self.give(old, counted);
    }

    /// Waits until memory was given back since it was asked for, or the deadline. `false`: it was over, or nobody gives any
    /// more.
    pub(super) fn wait(&self, since: Before, deadline: Option<Deadline>) -> bool {
        let mut state = self.state.lock();
        state.waiting += 1;
        while state.given == since.0 && !state.closed {
            match deadline {
                None => self.freed.wait(&mut state),
                Some(deadline) if deadline.is_over() => break,
                Some(deadline) => {
                    self.freed.wait_for(&mut state, deadline.left());
                }
            }
        }
        state.waiting -= 1;
        state.given != since.0 && !state.closed
    }

    /// Whether somebody waits.
    pub(super) fn is_short(&self) -> bool {
        self.state.lock().waiting > 0
    }

    /// Ends all waits, for good.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.freed.notify_all();
    }

    /// The most bytes there are.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes are in use, without those that wait to be used again.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        let state = self.state.lock();
        state.used - state.pool.iter().map(Vec::capacity).sum::<usize>()
    }
}

impl State {
    fn reserve(&mut self, limit: usize, bytes: usize) -> bool {
        if self.used + bytes > limit {
            self.shrink(limit.saturating_sub(bytes));
        }
        let fits = self.used + bytes <= limit;
        if fits {
            self.used += bytes;
        }
        fits
    }

    /// Frees buffers until so many bytes are left, or no buffer.
    fn shrink(&mut self, to: usize) {
        while self.used > to {
            let Some(buffer) = self.pool.pop() else { return };
            self.used = self.used.saturating_sub(buffer.capacity());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn memory_ends_at_its_limit_and_comes_back() {
        let memory = Memory::new(1_000);
        let first = memory.take(100, 600).unwrap();
        assert!(memory.take(100, 600).is_err());
        assert!(memory.grow(400) && !memory.grow(1));
        memory.give(first, 1_000);
        assert_eq!(memory.in_use(), 0);
        // The buffer of 600 bytes is used again, or makes way for a larger one.
        assert_eq!(memory.take(100, 100).map(|buffer| buffer.capacity()).unwrap(), 600);
        assert!(memory.take(500, 500).is_err());
        assert_eq!(memory.in_use(), 600);
    }

    #[test]
    fn a_wait_ends_when_memory_is_given_back_or_in_time() {
        let memory = std::sync::Arc::new(Memory::new(100));
        let held = memory.take(100, 100).unwrap();
        let before = memory.take(1, 1).unwrap_err();
        assert!(!memory.wait(before, Some(Deadline::after(Duration::from_millis(1)))));
        let waits = std::thread::spawn({
            let memory = std::sync::Arc::clone(&memory);
            move || memory.wait(before, Some(Deadline::after(Duration::from_secs(60))))
        });
        memory.give(held, 100);
        assert!(waits.join().unwrap());
        memory.close();
        assert!(!memory.wait(before, None), "a closed one gives nothing");
    }
}
