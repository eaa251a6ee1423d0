//! Stopping: the handle that asks for it, the report of how it went, and the state both sides share.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use crate::BatchTime;
use crate::clock::RealDeadline;
use crate::error::Error;

/// Asks a context to stop, from any thread: a signal handler, a batch function, another context. It never waits.
///
/// Cloneable, and usable before the start: the context then stops as soon as it has started.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
///
/// let ssc = StreamingContext::new(Duration::from_millis(1))?;
/// let (_queue, numbers) = ssc.queue_stream::<u32>();
/// let stop = ssc.stop_handle();
/// numbers.for_each_batch(move |_| stop.stop());
/// ssc.start()?.await_termination()?;
/// # Ok::<(), batchmill::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StopHandle {
    control: Arc<Control>,
}

impl StopHandle {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Asks for a stop after the batch that is running. Batches that wait are abandoned.
    pub fn stop(&self) {
        self.control.request_stop(StopRequest { graceful: false, within: None });
    }

    /// Asks for a stop after everything that is received is processed: receivers end, what they stored is cut into a
    /// last batch, and all batches run. What is not done `within` that real time is abandoned.
    pub fn stop_gracefully(&self, within: Duration) {
        self.control.request_stop(StopRequest { graceful: true, within: Some(within) });
    }

    /// Whether the context has ended.
    pub fn is_stopped(&self) -> bool {
        self.control.is_finished()
    }
}

/// How a context ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Threads whose user code had not come back by the deadline, and those that an input has
    /// [given up](crate::InputHandle::abandon_thread). They go on by themselves.
    pub abandoned_threads: Vec<String>,
    /// Batches that were cut and did not run to their end.
    pub abandoned_batches: usize,
    /// Blocks that were stored and never became part of a batch.
    pub unprocessed_blocks: usize,
    /// The bytes of those blocks.
    pub unprocessed_bytes: usize,
}

impl StopReport {
    /// Whether nothing was left undone.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for StopReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_clean() {
            return f.write_str("stopped, nothing left undone");
        }
        let mut left = Vec::new();
        if self.abandoned_batches > 0 {
            left.push(format!("{} batches", self.abandoned_batches));
        }
        if self.unprocessed_blocks > 0 {
            left.push(format!("{} blocks ({} bytes)", self.unprocessed_blocks, self.unprocessed_bytes));
        }
        if !self.abandoned_threads.is_empty() {
            left.push(format!("threads {}", self.abandoned_threads.join(", ")));
        }
        write!(f, "stopped; left undone: {}", left.join("; "))
    }
}

/// The names of threads that inputs have given up. A clone is the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenUp(Arc<Mutex<Vec<String>>>);

impl GivenUp {
    pub(crate) fn add(&self, thread: String) {
        self.0.lock().push(thread);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

/// What somebody asked for. No `within` means the context's own stop deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StopRequest {
    pub(crate) graceful: bool,
    pub(crate) within: Option<Duration>,
}

/// How the engine ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) error: Option<Error>,
    pub(crate) report: StopReport,
}

/// What the threads of a context and its handles share. It owns no thread and no pool.
#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<State>,
    changed: Condvar,
    wake: channel::Sender<()>,
    /// The engine's end of `wake`.
    woken: channel::Receiver<()>,
}

#[derive(Debug, Default)]
struct State {
    first_batch: Option<BatchTime>,
    ended: Option<Ended>,
    /// The newest request, until the engine has seen it.
    request: Option<StopRequest>,
    abandon: bool,
}

impl Control {
    pub(crate) fn new() -> Self {
        let (wake, woken) = channel::bounded(1);
        Self { state: Mutex::default(), changed: Condvar::new(), wake, woken }
    }

    /// Ends the engine's wait. Never blocks: one wake-up that is still unseen serves for all.
    pub(crate) fn wake(&self) {
        let _ = self.wake.try_send(());
    }

    pub(crate) fn woken(&self) -> &channel::Receiver<()> {
        &self.woken
    }

    pub(crate) fn request_stop(&self, request: StopRequest) {
        let mut state = self.state.lock();
        let hard_before = state.request.is_some_and(|before| !before.graceful);
        if !(hard_before && request.graceful) {
            state.request = Some(request);
        }
        drop(state);
        self.wake();
    }

    /// Asks the engine to end without waiting for anybody.
    pub(crate) fn request_abandon(&self) {
        self.state.lock().abandon = true;
        self.wake();
    }

    pub(crate) fn take_request(&self) -> Option<StopRequest> {
        self.state.lock().request.take()
    }

    pub(crate) fn take_abandon(&self) -> bool {
        std::mem::take(&mut self.state.lock().abandon)
    }

    pub(crate) fn set_started(&self, first_batch: BatchTime) {
        self.state.lock().first_batch = Some(first_batch);
        self.changed.notify_all();
    }

    pub(crate) fn set_ended(&self, ended: Ended) {
        self.state.lock().ended.get_or_insert(ended);
        self.changed.notify_all();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.state.lock().ended.is_some()
    }

    /// Waits until the inputs are started: the label of the first batch, or how it ended instead.
    pub(crate) fn wait_started(&self) -> Result<BatchTime, Ended> {
        let mut state = self.state.lock();
        loop {
            if let Some(first) = state.first_batch {
                return Ok(first);
            }
            if let Some(ended) = &state.ended {
                return Err(ended.clone());
            }
            self.changed.wait(&mut state);
        }
    }

    /// Waits for the end; `None` if it has not come by the deadline.
    pub(crate) fn wait_ended(&self, deadline: Option<RealDeadline>) -> Option<Ended> {
        let mut state = self.state.lock();
        while state.ended.is_none() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if !deadline.wait(&self.changed, &mut state) {
                        break;
                    }
                }
            }
        }
        state.ended.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graceful_request_does_not_soften_a_hard_one() {
        let control = Arc::new(Control::new());
        let handle = StopHandle::new(Arc::clone(&control));
        handle.stop();
        handle.stop_gracefully(Duration::from_secs(1));
        assert_eq!(control.take_request(), Some(StopRequest { graceful: false, within: None }));
        assert_eq!(control.take_request(), None);
    }
}
