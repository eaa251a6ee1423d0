//! [`Gate`]: holds a thread of a context where a test wants it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::DEADLINE;

/// A door in a closure of the test's: whoever comes waits until the test opens it. Cloneable; clones are one door.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    came: usize,
    open: bool,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes when the gate is open.
    ///
    /// # Panics
    /// At [`DEADLINE`], so that a test that failed does not leave a thread behind for good.
    pub fn pass(&self) {
        let mut state = self.lock();
        state.came += 1;
        self.shared.changed.notify_all();
        let closed = |state: &mut State| !state.open;
        let waited = self.shared.changed.wait_timeout_while(state, DEADLINE, closed);
        let timed_out = waited.unwrap_or_else(std::sync::PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "nobody opened the gate");
    }

    /// Waits until `n` threads have come to the gate since it was made.
    ///
    /// # Panics
    /// At [`DEADLINE`].
    pub fn wait_for(&self, n: usize) {
        let fewer = |state: &mut State| state.came < n;
        let waited = self.shared.changed.wait_timeout_while(self.lock(), DEADLINE, fewer);
        let (state, waited) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(!waited.timed_out(), "{} of {n} came to the gate", state.came);
    }

    /// Lets everybody pass, now and later.
    pub fn open(&self) {
        self.lock().open = true;
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
