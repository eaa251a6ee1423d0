//! Threads of a context: named, marked as the context's own, and joined with a deadline, which the standard library
//! does not offer.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel as channel;

use crate::clock::RealDeadline;
use crate::error::Error;

/// Tells the contexts of a process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextId(usize);

impl ContextId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether the current thread is one of this context's, which must not wait for the context's end.
    pub(crate) fn owns_current_thread(self) -> bool {
        OWNER.get() == Some(self)
    }
}

thread_local! {
    static OWNER: Cell<Option<ContextId>> = const { Cell::new(None) };
}

/// A thread that can be waited for.
#[derive(Debug)]
pub(crate) struct NamedThread {
    name: String,
    handle: std::thread::JoinHandle<()>,
    /// Disconnected when the thread's work has returned or panicked.
    done: channel::Receiver<()>,
}

impl NamedThread {
    pub(crate) fn spawn(
        owner: ContextId,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        // No system has a thread name with a zero byte, and the standard library panics on one; a receiver's name may
        // come from a user's address.
        let name = name.replace('\0', "?");
        let (working, done) = channel::bounded::<()>(0);
        let body = move || {
            let _working = working;
            OWNER.set(Some(owner));
            work();
        };
        match std::thread::Builder::new().name(name.clone()).spawn(body) {
            Ok(handle) => Ok(Self { name, handle, done }),
            Err(cause) => Err(Error::Thread { name, cause: Arc::new(cause) }),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for the end of the thread; `Err` with its name if it has not come by the deadline. The thread then goes
    /// on by itself.
    pub(crate) fn join_by(self, deadline: RealDeadline) -> Result<(), String> {
        match deadline.recv(&self.done) {
            Err(channel::RecvTimeoutError::Timeout) => Err(self.name),
            Ok(()) | Err(channel::RecvTimeoutError::Disconnected) => {
                if self.handle.join().is_err() {
                    log::error!("thread {} panicked", self.name);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_thread_that_does_not_come_back_is_named_at_the_deadline() {
        let (hold, held) = channel::bounded::<()>(0);
        let work = move || assert!(held.recv().is_err(), "nothing is sent");
        let thread = NamedThread::spawn(ContextId::next(), "stuck".to_owned(), work).unwrap();
        assert_eq!(thread.join_by(RealDeadline::after(Duration::from_millis(1))), Err("stuck".to_owned()));
        drop(hold);
    }

    #[test]
    fn a_context_knows_its_own_threads() {
        let (id, other) = (ContextId::next(), ContextId::next());
        let work = move || assert!(id.owns_current_thread() && !other.owns_current_thread());
        let thread = NamedThread::spawn(id, "own".to_owned(), work).unwrap();
        assert_eq!(thread.join_by(RealDeadline::after(Duration::from_secs(60))), Ok(()));
        assert!(!id.owns_current_thread());
    }
}
