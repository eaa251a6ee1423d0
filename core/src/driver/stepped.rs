//! The second driver: the same engine, graph and operators on the caller's thread, with a clock that only the caller
//! moves. No thread, no sleep, the same result every time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Parts;
use crate::BatchTime;
use crate::clock::{Clock, ManualClock, Mono};
use crate::config::Config;
use crate::engine::{Action, Event, InputClass};
use crate::error::Error;
use crate::executor::SequentialExecutor;
use crate::graph::GraphBuilder;
use crate::listener::{ListenerBus, ListenerEvent};
use crate::stop::{Control, Ended, StopReport};

/// The seed keys are hashed under unless the context has one of its own: every run places them alike.
const SEED: u64 = 0;

/// A context that is driven by hand, for tests.
///
/// [`StreamingContext::start_stepped`](crate::StreamingContext::start_stepped) makes one. Everything runs on the
/// calling thread, inside the methods below.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let (queue, lines) = ssc.queue_stream();
/// let words = lines.flat_map(|line: &str| line.split(' ')).count_by_value().collect();
/// let mut test = ssc.start_stepped()?;
///
/// queue.push(["a b a"]);
/// test.step_batch()?;
/// assert_eq!(words.take_sorted(), [("a", 2), ("b", 1)]);
/// # Ok::<(), batchmill::Error>(())
/// ```
pub struct SteppedContext {
    parts: Parts,
    clock: Arc<ManualClock>,
    control: Arc<Control>,
    bus: Arc<ListenerBus>,
    last_error: Option<Error>,
    /// What the context stopped with.
    fatal: Option<Error>,
    last_batch: Option<BatchTime>,
    completed: u64,
    report: StopReport,
}

pub(crate) fn start(
    mut config: Config,
    clock: Arc<ManualClock>,
    graph: GraphBuilder,
    bus: Arc<ListenerBus>,
    control: Arc<Control>,
) -> Result<SteppedContext, Error> {
    config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let seed = Some(config.hash_seed.unwrap_or(SEED));
    let parts = Parts::new(&config, graph, &bus, Arc::new(SequentialExecutor), seed)?;
    if parts.engine.has_inputs(InputClass::Receiver) {
        let name = parts.cutter.receivers().next().map(|receiver| receiver.name().to_string());
        return Err(Error::Config {
            setting: "start_stepped",
            reason: format!(
                "receiver {} needs a thread of its own: feed the stream from a queue, or start the context",
                name.unwrap_or_default()
            ),
        });
    }
    bus.deliver_inline();
    let mut stepped = SteppedContext {
        parts,
        clock,
        control,
        bus,
        last_error: None,
        fatal: None,
        last_batch: None,
        completed: 0,
        report: StopReport::default(),
    };
    stepped.feed(Event::Start);
    match stepped.fatal.clone() {
        None => Ok(stepped),
        Some(error) => Err(error),
    }
}

impl SteppedContext {
    /// The clock that this context goes by.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Moves the clock to the next tick and runs its batch, retries and their pauses included. Returns its label.
    ///
    /// # Errors
    /// The error of a batch that stops the context; [`Error::Stopped`] if it has stopped before.
    pub fn step_batch(&mut self) -> Result<BatchTime, Error> {
        let before = self.completed;
        while self.completed == before || self.parts.engine.open_batches() > 0 {
            self.check_running()?;
            let Some(at) = self.parts.engine.next_deadline() else { return Err(Error::Stopped) };
            self.wake_at(at);
        }
        match &self.fatal {
            Some(error) => Err(error.clone()),
            None => self.last_batch.ok_or(Error::Stopped),
        }
    }

    /// Runs the next `n` batches.
    ///
    /// # Errors
    /// As [`step_batch`](Self::step_batch).
    pub fn run_batches(&mut self, n: usize) -> Result<(), Error> {
        for _ in 0..n {
            self.step_batch()?;
        }
        Ok(())
    }

    /// Moves the clock on by `d` and runs every batch that becomes due on the way, at its time.
    ///
    /// # Errors
    /// As [`step_batch`](Self::step_batch).
    pub fn advance(&mut self, d: Duration) -> Result<(), Error> {
        let end = self.clock.mono() + d;
        while let Some(at) = self.parts.engine.next_deadline().filter(|at| *at <= end) {
            self.check_running()?;
            self.wake_at(at);
        }
        self.clock.advance(end - self.clock.mono());
        self.check_running()
    }

    /// Stops after a last batch that takes what is queued, as
    /// [`RunningContext::stop_gracefully`](crate::RunningContext::stop_gracefully) does.
    ///
    /// # Errors
    /// The error that the context stopped with.
    pub fn stop_gracefully(mut self) -> Result<StopReport, Error> {
        self.feed(Event::Stop { graceful: true });
        while let Some(at) = self.parts.engine.next_deadline() {
            self.wake_at(at);
        }
        match self.fatal.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.report)),
        }
    }

    fn check_running(&self) -> Result<(), Error> {
        match &self.fatal {
            Some(error) => Err(error.clone()),
            None if self.parts.engine.is_finished() => Err(Error::Stopped),
            None => Ok(()),
        }
    }

    fn wake_at(&mut self, at: Mono) {
        self.clock.advance(at - self.clock.mono());
        self.feed(Event::Wake);
    }

    fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        loop {
            let stop = || Some(Event::Stop { graceful: self.control.take_request()?.graceful });
            let Some(event) = events.pop_front().or_else(stop) else { break };
            self.parts.engine.handle(self.clock.now(), event, &mut actions);
            for action in std::mem::take(&mut actions) {
                events.extend(self.perform(action));
            }
        }
        self.parts.cutter.announce();
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        let parts = &mut self.parts;
        match action {
            Action::StartInputs => {
                let result = parts.generator.start();
                return Some(Event::InputsStarted { ok: self.note(result) });
            }
            Action::Started { first } => {
                self.control.set_started(first);
                self.bus.post(|| ListenerEvent::StreamingStarted(first));
            }
            Action::Cut { batch, time, previous } => {
                self.last_batch = Some(time);
                let ranges = parts.cutter.cut(batch, time, previous);
                return Some(Event::Taken { batch, ranges });
            }
            Action::Plan { batch, .. } => {
                let result = parts.generator.plan(&parts.cutter.batch(batch));
                return Some(Event::Planned { batch, ok: self.note(result) });
            }
            Action::RunJob { batch, output, attempt } => {
                let result = parts.jobs.run(&parts.cutter.batch(batch), output, attempt);
                return Some(Event::JobDone { batch, output, ok: self.note(result) });
            }
            Action::Complete { batch, outcome, ranges } => {
                self.completed += 1;
                if let Some(data) = parts.cutter.complete(batch, outcome, ranges) {
                    parts.generator.completed(&data, outcome);
                }
            }
            Action::Fatal => self.fatal = self.last_error.take(),
            Action::StopInputs => {
                parts.generator.stop();
                return Some(Event::InputsStopped);
            }
            Action::Finish { abandoned_batches } => {
                self.report.abandoned_batches = abandoned_batches;
                self.report.abandoned_threads = self.parts.given_up.take();
                self.bus.close();
                let ended = Ended { error: self.fatal.clone(), report: self.report.clone() };
                self.control.set_ended(ended);
            }
            // There is no receiver, see `start`.
            Action::StartReceiver { .. }
            | Action::ReceiverRestarts { .. }
            | Action::ReceiverFinished { .. }
            | Action::SealBlocks
            | Action::StopReceivers
            | Action::CloseReceivers => {}
        }
        None
    }

    fn note(&mut self, result: Result<(), Error>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.last_error = Some(error);
                false
            }
        }
    }
}

impl std::fmt::Debug for SteppedContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SteppedContext")
            .field("clock", &self.clock)
            .field("last_batch", &self.last_batch)
            .finish_non_exhaustive()
    }
}
