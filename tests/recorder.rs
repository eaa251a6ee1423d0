//! [`Recorder`]: a listener that keeps what it is told, for a test to wait on and to compare.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use batchmill::{BatchInfo, BatchTime, Outcome, OutputInfo, ReceiverInfo, SourceEvent, StreamingListener};

use crate::DEADLINE;

/// One call of a listener's method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `streaming_started`.
    StreamingStarted(BatchTime),
    /// `receiver_started`.
    ReceiverStarted(ReceiverInfo),
    /// `receiver_error`.
    ReceiverError(ReceiverInfo),
    /// `receiver_stopped`.
    ReceiverStopped(ReceiverInfo),
    /// `source_event`.
    Source(SourceEvent),
    /// `batch_submitted`.
    BatchSubmitted(BatchInfo),
    /// `batch_started`.
    BatchStarted(BatchInfo),
    /// `batch_completed`.
    BatchCompleted(BatchInfo),
    /// `output_started`.
    OutputStarted(OutputInfo),
    /// `output_completed`.
    OutputCompleted(OutputInfo),
}

/// Keeps every event. Register a clone of the `Arc` and keep the other.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
    added: Condvar,
}

impl Recorder {
    /// A recorder without events.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What it was told so far.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// The completed batches so far.
    pub fn completed(&self) -> Vec<BatchInfo> {
        completed_of(&self.lock())
    }

    /// How the completed batches ended.
    pub fn outcomes(&self) -> Vec<Option<Outcome>> {
        self.completed().into_iter().map(|info| info.outcome).collect()
    }

    /// Waits until `found` finds in all events what the test waits for, and returns it.
    ///
    /// # Panics
    /// At [`DEADLINE`], with all events.
    pub fn wait_for<R>(&self, what: &str, mut found: impl FnMut(&[Event]) -> Option<R>) -> R {
        let mut result = None;
        let missing = |events: &mut Vec<Event>| {
            result = found(events);
            result.is_none()
        };
        let waited = self.added.wait_timeout_while(self.lock(), DEADLINE, missing);
        let (events, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        let told = events.clone();
        drop(events);
        result.unwrap_or_else(|| panic!("no {what} among {told:#?}"))
    }

    /// Waits until `n` batches are completed, and returns all that are.
    ///
    /// # Panics
    /// At [`DEADLINE`].
    pub fn wait_completed(&self, n: usize) -> Vec<BatchInfo> {
        self.wait_for("completed batches", |events| {
            let completed = completed_of(events);
            (completed.len() >= n).then_some(completed)
        })
    }

    /// Waits until sources have told of `n` events of a kind.
    ///
    /// # Panics
    /// At [`DEADLINE`].
    pub fn wait_for_source(&self, kind: &str, n: usize) {
        let is_it = |event: &&Event| matches!(event, Event::Source(event) if event.kind == kind);
        self.wait_for(kind, |events| (events.iter().filter(is_it).count() >= n).then_some(()));
    }

    fn add(&self, event: Event) {
        self.lock().push(event);
        self.added.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn completed_of(events: &[Event]) -> Vec<BatchInfo> {
    let completed = events.iter().filter_map(|event| match event {
        Event::BatchCompleted(info) => Some(info.clone()),
        _ => None,
    });
    completed.collect()
}

impl StreamingListener for Recorder {
    fn streaming_started(&self, first_batch: BatchTime) {
        self.add(Event::StreamingStarted(first_batch));
    }

    fn receiver_started(&self, info: &ReceiverInfo) {
        self.add(Event::ReceiverStarted(info.clone()));
    }

    fn receiver_error(&self, info: &ReceiverInfo) {
        self.add(Event::ReceiverError(info.clone()));
    }

    fn receiver_stopped(&self, info: &ReceiverInfo) {
        self.add(Event::ReceiverStopped(info.clone()));
    }

    fn source_event(&self, event: &SourceEvent) {
        self.add(Event::Source(event.clone()));
    }

    fn batch_submitted(&self, info: &BatchInfo) {
        self.add(Event::BatchSubmitted(info.clone()));
    }

    fn batch_started(&self, info: &BatchInfo) {
        self.add(Event::BatchStarted(info.clone()));
    }

    fn batch_completed(&self, info: &BatchInfo) {
        self.add(Event::BatchCompleted(info.clone()));
    }

    fn output_started(&self, info: &OutputInfo) {
        self.add(Event::OutputStarted(info.clone()));
    }

    fn output_completed(&self, info: &OutputInfo) {
        self.add(Event::OutputCompleted(info.clone()));
    }
}
