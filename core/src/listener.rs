//! What a program can be told while its context runs: [`StreamingListener`] and the records handed to it.
//!
//! Calls are serial, in the order of events, on a thread of their own (`{name}-listener`); on the caller's thread
//! in a stepped context. Events wait in a bounded queue; when a slow listener lets it fill up, further ones are
//! dropped, counted and logged, so that a listener never holds up a batch. A dropped event is not a dropped record.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel as channel;
use parking_lot::Mutex;

use crate::{BatchTime, Outcome};

/// Told of what happens in a running context. Every method does nothing unless it is implemented.
pub trait StreamingListener: Send + Sync + std::fmt::Debug + 'static {
    /// The inputs are started and the first tick is set.
    fn streaming_started(&self, _first_batch: BatchTime) {}

    /// A receiver's `run` was called.
    fn receiver_started(&self, _info: &ReceiverInfo) {}

    /// A receiver failed; when it runs again is said in the info. Also called for errors that a receiver reports
    /// itself and survives.
    fn receiver_error(&self, _info: &ReceiverInfo) {}

    /// A receiver ended for good.
    fn receiver_stopped(&self, _info: &ReceiverInfo) {}

    /// A source says something of its own: a file skipped, a wait for the budget.
    fn source_event(&self, _event: &SourceEvent) {}

    /// A batch was cut and waits for its turn.
    fn batch_submitted(&self, _info: &BatchInfo) {}

    /// The first job of a batch begins.
    fn batch_started(&self, _info: &BatchInfo) {}

    /// The last job of a batch ended; also called for batches that failed.
    fn batch_completed(&self, _info: &BatchInfo) {}

    /// A job begins, or begins again.
    fn output_started(&self, _info: &OutputInfo) {}

    /// A job ended.
    fn output_completed(&self, _info: &OutputInfo) {}
}

/// What is known of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverInfo {
    /// The number of its input, in creation order.
    pub input: usize,
    /// Its name.
    pub name: Arc<str>,
    /// How often `run` was called since it last stored something, the present call counted.
    pub attempt: u32,
    /// The last error, as text.
    pub last_error: Option<String>,
    /// When `run` will be called again; none if it runs or has ended for good.
    pub restart_in: Option<Duration>,
}

/// An event of a source's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceEvent {
    /// The name of the source.
    pub source: Arc<str>,
    /// What kind of event, in `snake_case`; each connector lists its own.
    pub kind: &'static str,
    /// The particulars, for a person.
    pub detail: String,
}

/// What is known of a batch. Times are in the context's monotonic time; none until they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchInfo {
    /// Its label.
    pub time: BatchTime,
    /// The label of the batch before it: this batch stands for all times after that up to its own.
    pub previous: Option<BatchTime>,
    /// What each input gave, by input number.
    pub inputs: Vec<InputInfo>,
    /// From the cut to the start of the first job.
    pub scheduling_delay: Option<Duration>,
    /// From the start of the first job to the end of the last.
    pub processing_delay: Option<Duration>,
    /// How it ended; none before.
    pub outcome: Option<Outcome>,
}

impl BatchInfo {
    /// From the cut to the end of the last job.
    pub fn total_delay(&self) -> Option<Duration> {
        Some(self.scheduling_delay? + self.processing_delay?)
    }
}

/// What one input gave to a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputInfo {
    /// The name of the source.
    pub name: Arc<str>,
    /// Bytes, as the budget counts them; 0 where the source does not tell.
    pub bytes: u64,
    /// Records; none while that is not known. The lines of a byte block are counted when its tasks have run.
    pub records: Option<u64>,
}

/// What is known of one job: one output of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputInfo {
    /// The batch.
    pub time: BatchTime,
    /// The number of the output, in the order of registration.
    pub output: usize,
    /// The name of the output operator.
    pub name: &'static str,
    /// Which run of the job, from 1.
    pub attempt: u32,
    /// How long it ran; none while it runs.
    pub duration: Option<Duration>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// One call of a listener's method, on its way to the listener thread.
#[derive(Clone, Debug)]
pub(crate) enum ListenerEvent {
    StreamingStarted(BatchTime),
    ReceiverStarted(ReceiverInfo),
    ReceiverError(ReceiverInfo),
    ReceiverStopped(ReceiverInfo),
    Source(SourceEvent),
    BatchSubmitted(BatchInfo),
    BatchStarted(BatchInfo),
    BatchCompleted(BatchInfo),
    OutputStarted(OutputInfo),
    OutputCompleted(OutputInfo),
}

impl ListenerEvent {
    fn tell(&self, listener: &dyn StreamingListener) {
        match self {
            Self::StreamingStarted(time) => listener.streaming_started(*time),
            Self::ReceiverStarted(info) => listener.receiver_started(info),
            Self::ReceiverError(info) => listener.receiver_error(info),
            Self::ReceiverStopped(info) => listener.receiver_stopped(info),
            Self::Source(event) => listener.source_event(event),
            Self::BatchSubmitted(info) => listener.batch_submitted(info),
            Self::BatchStarted(info) => listener.batch_started(info),
            Self::BatchCompleted(info) => listener.batch_completed(info),
            Self::OutputStarted(info) => listener.output_started(info),
            Self::OutputCompleted(info) => listener.output_completed(info),
        }
    }
}

/// How many events may wait for a slow listener.
const QUEUED_EVENTS: usize = 4096;

/// Where events are posted from every thread. Without a listener posting costs one lock and no event is built.
#[derive(Debug, Default)]
pub(crate) struct ListenerBus {
    state: Mutex<BusState>,
}

#[derive(Debug, Default)]
struct BusState {
    listeners: Vec<Arc<dyn StreamingListener>>,
    /// The way to the listener thread; none in a stepped context, before the start and after the stop.
    queue: Option<channel::Sender<ListenerEvent>>,
    mode: BusMode,
    dropped: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum BusMode {
    /// Not started yet, or stopped: events are not delivered.
    #[default]
    Silent,
    /// Events go to the thread.
    Queued,
    /// Events are delivered by the caller of `post`.
    Inline,
}

impl ListenerBus {
    pub(crate) fn new(listeners: Vec<Arc<dyn StreamingListener>>) -> Self {
        Self { state: Mutex::new(BusState { listeners, ..BusState::default() }) }
    }

    pub(crate) fn post(&self, event: impl FnOnce() -> ListenerEvent) {
        let mut state = self.state.lock();
        if state.listeners.is_empty() {
            return;
        }
        match state.mode {
            BusMode::Silent => {}
            BusMode::Queued => {
                let Some(queue) = &state.queue else { return };
                if queue.try_send(event()).is_err() {
                    state.dropped += 1;
                    if state.dropped.is_power_of_two() {
                        log::warn!("a slow listener has missed {} events", state.dropped);
                    }
                }
            }
            BusMode::Inline => {
                let listeners = state.listeners.clone();
                drop(state);
                let event = event();
                listeners.iter().for_each(|listener| tell_safely(&event, &**listener));
            }
        }
    }

    pub(crate) fn deliver_inline(&self) {
        self.state.lock().mode = BusMode::Inline;
    }

    /// Turns delivery through a thread on; the body of that thread is [`ListenerBus::run`].
    pub(crate) fn open_queue(&self) -> channel::Receiver<ListenerEvent> {
        let (sender, receiver) = channel::bounded(QUEUED_EVENTS);
        let mut state = self.state.lock();
        state.queue = Some(sender);
        state.mode = BusMode::Queued;
        receiver
    }

    /// The listener thread: delivers until [`close`](Self::close) and until the queue is empty.
    pub(crate) fn run(&self, queue: &channel::Receiver<ListenerEvent>) {
        for event in queue {
            let listeners = self.state.lock().listeners.clone();
            listeners.iter().for_each(|listener| tell_safely(&event, &**listener));
        }
    }

    /// Ends delivery: what is posted from now on is not delivered.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.mode = BusMode::Silent;
        state.queue = None;
    }

    pub(crate) fn add(&self, listener: Arc<dyn StreamingListener>) {
        self.state.lock().listeners.push(listener);
    }

    pub(crate) fn remove(&self, listener: &Arc<dyn StreamingListener>) -> bool {
        let mut state = self.state.lock();
        let before = state.listeners.len();
        state.listeners.retain(|other| !Arc::ptr_eq(other, listener));
        state.listeners.len() < before
    }
}

/// A listener that panics is logged and goes on being told.
fn tell_safely(event: &ListenerEvent, listener: &dyn StreamingListener) {
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| event.tell(listener)));
    if let Err(payload) = told {
        log::error!("{listener:?} {}", crate::error::Panicked::from_payload(&*payload));
    }
}
