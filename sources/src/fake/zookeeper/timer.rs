//! [`Timer`]: the thread that lets sessions end by the builder's clock. It sleeps until one is due; whoever makes one due
//! earlier wakes it.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel as channel;
use parking_lot::Mutex;

use super::state::Shared;

/// The thread.
#[derive(Debug)]
pub(super) struct Timer {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Timer {
    /// Starts it. `wake` wakes it; the loss of the other end stops it.
    pub(super) fn start(shared: &Arc<Shared>, wake: channel::Receiver<()>) -> io::Result<Self> {
        let shared = Arc::clone(shared);
        let work = move || {
            while wake.try_recv() != Err(channel::TryRecvError::Disconnected) {
                shared.clock.wait_until(shared.pass_time(), &wake);
            }
        };
        let thread = Builder::new().name("fake-zk-timer".to_owned()).spawn(work)?;
        Ok(Self { thread: Mutex::new(Some(thread)) })
    }

    /// Waits for its end, which the loss of the sender brings about.
    pub(super) fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}
