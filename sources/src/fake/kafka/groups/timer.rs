//! [`Timer`]: the thread that lets sessions end and rebalances go on without those who do not come, by the cluster's clock.
//! It sleeps until something is due; whoever makes something due earlier wakes it.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel as channel;
use parking_lot::Mutex;

use crate::fake::kafka::cluster::Shared;

/// The thread.
#[derive(Debug)]
pub(in crate::fake::kafka) struct Timer {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Timer {
    /// Starts it. `wake` wakes it; the loss of the other end stops it.
    pub(in crate::fake::kafka) fn start(
        shared: &Arc<Shared>,
        wake: channel::Receiver<()>,
    ) -> io::Result<Self> {
        let shared = Arc::clone(shared);
        let work = move || run(&shared, &wake);
        let thread = Builder::new().name("fake-kafka-timer".to_owned()).spawn(work)?;
        Ok(Self { thread: Mutex::new(Some(thread)) })
    }

    /// Waits for its end, which the loss of the sender brings about.
    pub(in crate::fake::kafka) fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, wake: &channel::Receiver<()>) {
    while wake.try_recv() != Err(channel::TryRecvError::Disconnected) {
        shared.clock.wait_until(shared.pass_time(), wake);
    }
}
