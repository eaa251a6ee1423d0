//! [`RunningContext`]: a started context, and how it is stopped and waited for.

use std::sync::Arc;
use std::time::Duration;

use crate::BatchTime;
use crate::clock::RealDeadline;
use crate::config::Config;
use crate::driver::threads::Running;
use crate::error::Error;
use crate::listener::StreamingListener;
use crate::stop::{Ended, StopHandle, StopReport, StopRequest};

/// A started context. Dropping it stops it, waiting at most `drop_deadline`.
///
/// Deadlines are real time, whatever clock the context has. None of the methods waits on a thread of the context
/// itself (in a batch function, say): there they return [`Error::OwnThread`], and those that consume the context
/// signal the stop.
#[derive(Debug)]
pub struct RunningContext {
    config: Arc<Config>,
    running: Option<Running>,
}

impl RunningContext {
    pub(crate) fn new(config: Arc<Config>, running: Running) -> Self {
        Self { config, running: Some(running) }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("taken only by methods that consume the context")
    }

    /// The label of the first batch.
    pub fn first_batch(&self) -> BatchTime {
        self.running().first_batch
    }

    /// Asks for the stop of this context, from any thread.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle::new(Arc::clone(&self.running().control))
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        !self.running().control.is_finished()
    }

    /// Stops after the batch that is running; batches that wait are abandoned. Waits at most `stop_deadline`, then
    /// abandons the threads that have not come back and names them in the report.
    ///
    /// # Errors
    /// The error that the context stopped with, if that came first.
    pub fn stop(self) -> Result<StopReport, Error> {
        let within = self.config.stop_deadline;
        self.stop_within(false, within)
    }

    /// Stops after everything that is received is processed: receivers end, what they stored is cut into a last batch,
    /// and all batches run. What is not done `within` that time is abandoned and reported.
    ///
    /// # Errors
    /// The error that the context stopped with.
    pub fn stop_gracefully(self, within: Duration) -> Result<StopReport, Error> {
        self.stop_within(true, within)
    }

    /// Waits until the context has stopped: through a [`StopHandle`] or by an error. Nothing else ends the wait.
    ///
    /// # Errors
    /// The error that the context stopped with.
    pub fn await_termination(mut self) -> Result<StopReport, Error> {
        let running = self.take_unless_own()?;
        let ended = running.control.wait_ended(None).unwrap_or_default();
        let deadline = RealDeadline::after(self.config.stop_deadline);
        finish(running, ended, deadline)
    }

    /// As [`await_termination`](Self::await_termination), waiting at most `timeout`: `true` when it has stopped.
    ///
    /// # Errors
    /// The error that the context stopped with.
    pub fn await_termination_timeout(&self, timeout: Duration) -> Result<bool, Error> {
        let running = self.running();
        if running.id.owns_current_thread() {
            return Err(Error::OwnThread);
        }
        match running.control.wait_ended(Some(RealDeadline::after(timeout))) {
            None => Ok(false),
            Some(Ended { error: Some(error), .. }) => Err(error),
            Some(Ended { error: None, .. }) => Ok(true),
        }
    }

    /// Adds a listener; it is told of what happens from now on.
    pub fn add_listener(&self, listener: Arc<dyn StreamingListener>) {
        self.running().bus.add(listener);
    }

    /// Removes a listener; `false` if it is not there. An event that is being delivered may still reach it.
    pub fn remove_listener(&self, listener: &Arc<dyn StreamingListener>) -> bool {
        self.running().bus.remove(listener)
    }

    fn stop_within(mut self, graceful: bool, within: Duration) -> Result<StopReport, Error> {
        let request = StopRequest { graceful, within: Some(within) };
        self.running().control.request_stop(request);
        let running = self.take_unless_own()?;
        stop_and_join(running, within)
    }

    /// Takes the threads out for waiting, so that the drop that follows does not stop anything again.
    fn take_unless_own(&mut self) -> Result<Running, Error> {
        if self.running().id.owns_current_thread() {
            return Err(Error::OwnThread);
        }
        Ok(self.running.take().expect("taken only by methods that consume the context"))
    }
}

impl Drop for RunningContext {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let within = self.config.drop_deadline;
        running.control.request_stop(StopRequest { graceful: false, within: Some(within) });
        if running.id.owns_current_thread() {
            return;
        }
        if let Err(error) = stop_and_join(running, within) {
            log::debug!("a dropped context had stopped with an error: {error}");
        }
    }
}

/// The time that ending takes when everybody has been told to end.
const GRACE: Duration = Duration::from_millis(250);

/// Waits for the end that was asked for; at the deadline the engine is told to end alone.
fn stop_and_join(running: Running, within: Duration) -> Result<StopReport, Error> {
    let deadline = RealDeadline::after(within);
    let ended = running.control.wait_ended(Some(deadline)).or_else(|| {
        running.control.request_abandon();
        running.control.wait_ended(Some(RealDeadline::after(GRACE)))
    });
    let joined_by = deadline.later(RealDeadline::after(GRACE));
    finish(running, ended.unwrap_or_default(), joined_by)
}

fn finish(mut running: Running, ended: Ended, deadline: RealDeadline) -> Result<StopReport, Error> {
    let mut report = ended.report;
    report.abandoned_threads.extend(running.join(deadline));
    if !report.is_clean() {
        log::warn!("{report}");
    }
    ended.error.map_or(Ok(report), Err)
}
