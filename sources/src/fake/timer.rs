//! [`Timer`]: the thread that lets things end by a fake's clock. It sleeps until something is due; whoever makes something due
//! earlier wakes it.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use batchmill::{Clock, Mono};
use crossbeam_channel as channel;
use parking_lot::Mutex;

/// The thread.
#[derive(Debug)]
pub(super) struct Timer {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Timer {
    /// Starts it. `pass_time` ends what is over and says when something is next. `wake` wakes it; the loss of the other end
    /// stops it.
    pub(super) fn start(
        name: &str,
        clock: Arc<dyn Clock>,
        wake: channel::Receiver<()>,
        pass_time: impl Fn() -> Option<Mono> + Send + 'static,
    ) -> io::Result<Self> {
        let work = move || {
            while wake.try_recv() != Err(channel::TryRecvError::Disconnected) {
                clock.wait_until(pass_time(), &wake);
            }
        };
        let thread = Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { thread: Mutex::new(Some(thread)) })
    }

    /// Waits for its end, which the loss of the sender brings about.
    pub(super) fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}
