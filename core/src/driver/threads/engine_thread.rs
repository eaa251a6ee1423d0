//! The thread of the engine and its timer (`{name}-timer`): waits for the next deadline or message, hands it to the
//! engine, and performs what the engine answers. It runs no user code and never blocks on a send.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel as channel;

use super::ThreadList;
use super::workers::{Ask, Job, Message, Report, run_hooks, run_receiver, watch_stop};
use crate::Outcome;
use crate::clock::RealDeadline;
use crate::config::Config;
use crate::driver::cutter::Cutter;
use crate::engine::{Action, Engine, Event, InputId, TakenRange};
use crate::error::{Error, Panicked};
use crate::listener::{ListenerBus, ListenerEvent};
use crate::stop::{Control, Ended, GivenUp, StopReport};
use crate::thread::{ContextId, NamedThread};

pub(super) struct EngineThread {
    pub(super) id: ContextId,
    pub(super) config: Arc<Config>,
    pub(super) engine: Engine,
    pub(super) cutter: Cutter,
    pub(super) mailbox: channel::Receiver<Message>,
    pub(super) report: Report,
    /// None after the end, which is what ends the threads behind them.
    pub(super) jobs: Option<channel::Sender<Job>>,
    pub(super) asks: Option<channel::Sender<Ask>>,
    pub(super) threads: ThreadList,
    pub(super) control: Arc<Control>,
    pub(super) bus: Arc<ListenerBus>,
    /// The error of the last event that reported one.
    pub(super) last_error: Option<Error>,
    /// What the context stops with.
    pub(super) fatal: Option<Error>,
    /// The stop report, as far as it is known.
    pub(super) left_undone: StopReport,
    pub(super) given_up: GivenUp,
    /// How long the stop that was asked for may take.
    pub(super) stop_within: Option<Duration>,
}

impl EngineThread {
    pub(super) fn run(mut self) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.run_to_end())) {
            let error = Error::Internal { reason: Panicked::from_payload(&*payload).to_string() };
            log::error!("{error}");
            self.fatal.get_or_insert(error);
            self.finish(self.engine.open_batches());
        }
    }

    fn run_to_end(&mut self) {
        self.feed(Event::Start);
        while !self.engine.is_finished() {
            let message = self.mailbox.try_recv().ok();
            // Looked at after the mailbox, handled before the message: what happened after a stop was asked for comes
            // after the stop.
            let asked = self.take_asked();
            if message.is_none() && asked.is_none() {
                self.wait();
            }
            if let Some(asked) = asked {
                self.feed(asked);
            }
            if let Some(message) = message {
                let event = self.event_of(message);
                self.feed(event);
            }
        }
    }

    /// What a stop handle or the end of a deadline asks for.
    fn take_asked(&mut self) -> Option<Event> {
        if self.control.take_abandon() {
            return Some(Event::Abandon);
        }
        let request = self.control.take_request()?;
        self.stop_within = Some(request.within.unwrap_or(self.config.stop_deadline));
        Some(Event::Stop { graceful: request.graceful })
    }

    fn wait(&mut self) {
        if self.engine.is_finished() {
            return;
        }
        let clock = &self.config.clock;
        let deadline = self.engine.next_deadline();
        if deadline.is_none_or(|at| at > clock.mono()) {
            clock.wait_until(deadline, self.control.woken());
        }
        if deadline.is_some_and(|at| at <= clock.mono()) {
            self.feed(Event::Wake);
        }
    }

    /// Hands an event to the engine and performs its actions; an action may itself answer with an event, which then
    /// comes before all others.
    fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            self.engine.handle(self.config.clock.now(), event, &mut actions);
            for action in actions.drain(..) {
                events.extend(self.perform(action));
            }
        }
        self.cutter.announce();
    }

    fn event_of(&mut self, message: Message) -> Event {
        let mut ok = |result: Result<(), Error>| match result {
            Ok(()) => true,
            Err(error) => {
                self.last_error = Some(error);
                false
            }
        };
        match message {
            Message::InputsStarted(result) => Event::InputsStarted { ok: ok(result) },
            Message::Planned { batch, result } => Event::Planned { batch, ok: ok(result) },
            Message::JobDone { batch, output, result } => Event::JobDone { batch, output, ok: ok(result) },
            Message::ReceiverEnded { input, result, stored } => {
                let source = self.cutter.receiver(input).name().to_string();
                let result = result.map_err(|cause| Error::Source { source, cause: Arc::from(cause) });
                Event::ReceiverEnded { input, failed: !ok(result), stored }
            }
            Message::InputsStopped => Event::InputsStopped,
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::StartInputs => self.ask(Ask::Start),
            Action::Started { first } => {
                self.control.set_started(first);
                self.bus.post(|| ListenerEvent::StreamingStarted(first));
            }
            Action::StartReceiver { input, attempt } => return self.start_receiver(input, attempt),
            Action::ReceiverRestarts { input, attempt, delay } => {
                self.tell_restart(input, attempt, delay);
            }
            Action::ReceiverFinished { input, failed } => self.tell_finished(input, failed),
            Action::SealBlocks => self.cutter.seal(),
            Action::Cut { batch, time, previous } => {
                let ranges = self.cutter.cut(batch, time, previous);
                return Some(Event::Taken { batch, ranges });
            }
            Action::Plan { batch, .. } => self.ask(Ask::Plan(self.cutter.batch(batch))),
            Action::RunJob { batch, output, attempt } => {
                self.send_job(Job::Run { data: self.cutter.batch(batch), output, attempt });
            }
            Action::Complete { batch, outcome, ranges } => self.complete(batch, outcome, ranges),
            Action::Fatal => self.fatal = self.last_error.take(),
            Action::StopReceivers => self.stop_receivers(),
            Action::CloseReceivers => self.close_receivers(),
            Action::StopInputs => self.ask(Ask::Stop),
            Action::Finish { abandoned_batches } => self.finish(abandoned_batches),
        }
        None
    }

    fn ask(&self, ask: Ask) {
        let Some(asks) = &self.asks else { return };
        assert!(asks.try_send(ask).is_ok(), "a batch asks for one plan at a time, so the mailbox has room");
    }

    fn send_job(&self, job: Job) {
        let Some(jobs) = &self.jobs else { return };
        assert!(jobs.try_send(job).is_ok(), "one job runs at a time, so the mailbox has room");
    }

    fn start_receiver(&mut self, input: InputId, attempt: u32) -> Option<Event> {
        let receiver = Arc::clone(self.cutter.receiver(input));
        self.bus.post(|| ListenerEvent::ReceiverStarted(self.cutter.receiver_info(input, attempt, None)));
        let name = format!("{}-receiver-{}-{input}", self.config.name, receiver.name());
        let report = self.report.clone();
        let work = move || run_receiver(input, &*receiver, &report);
        let mut threads = self.threads.lock();
        threads.retain(|thread| !thread.has_ended());
        match NamedThread::spawn(self.id, name, work) {
            Ok(thread) => {
                threads.push(thread);
                None
            }
            Err(error) => {
                self.last_error = Some(error);
                let stored = self.cutter.receiver(input).control().stored_blocks();
                Some(Event::ReceiverEnded { input, failed: true, stored })
            }
        }
    }

    fn tell_restart(&mut self, input: InputId, attempt: u32, delay: Duration) {
        let error = self.last_error.take().map(|error| error.to_string());
        log::warn!(
            "{}; attempt {attempt}, next in {delay:?}",
            error.as_deref().unwrap_or("a receiver failed")
        );
        self.bus.post(|| {
            let mut info = self.cutter.receiver_info(input, attempt, error);
            info.restart_in = Some(delay);
            ListenerEvent::ReceiverError(info)
        });
    }

    fn tell_finished(&mut self, input: InputId, failed: bool) {
        let error = self.last_error.as_ref().filter(|_| failed).map(cause_of);
        self.bus.post(|| ListenerEvent::ReceiverStopped(self.cutter.receiver_info(input, 0, error)));
    }

    fn complete(&mut self, batch: crate::engine::BatchSeq, outcome: Outcome, ranges: Vec<TakenRange>) {
        let Some(data) = self.cutter.complete(batch, outcome, ranges) else { return };
        if outcome != Outcome::Succeeded {
            self.send_job(Job::Discard(Arc::clone(&data)));
        }
        if self.engine.has_inputs(crate::engine::InputClass::Blocking) {
            self.ask(Ask::Completed(data, outcome));
        }
    }

    fn stop_receivers(&mut self) {
        let within = self.stop_within.unwrap_or(self.config.stop_deadline);
        let deadline = RealDeadline::after(within);
        let mut hooks = Vec::new();
        for receiver in self.cutter.receivers() {
            receiver.control().stop();
            hooks.extend(receiver.signal().raise());
        }
        if !hooks.is_empty() {
            self.spawn_for_stop("on-stop", move || run_hooks(hooks));
        }
        let control = Arc::clone(&self.control);
        if !self.spawn_for_stop("stop", move || watch_stop(&control, deadline)) {
            self.control.request_abandon();
        }
    }

    fn spawn_for_stop(&self, role: &str, work: impl FnOnce() + Send + 'static) -> bool {
        match NamedThread::spawn(self.id, format!("{}-{role}", self.config.name), work) {
            Ok(thread) => {
                self.threads.lock().push(thread);
                true
            }
            Err(error) => {
                log::error!("{error}; stopping without waiting for everybody");
                false
            }
        }
    }

    fn close_receivers(&mut self) {
        let left = self.cutter.close();
        if left.is_empty() {
            return;
        }
        self.left_undone.unprocessed_blocks += left.iter().map(|left| left.blocks).sum::<usize>();
        self.left_undone.unprocessed_bytes += left.iter().map(|left| left.bytes).sum::<usize>();
        self.send_job(Job::DropLeft(left));
    }

    fn finish(&mut self, abandoned_batches: usize) {
        self.close_receivers();
        self.jobs = None;
        self.asks = None;
        self.bus.close();
        self.left_undone.abandoned_batches = abandoned_batches;
        self.left_undone.abandoned_threads = self.given_up.take();
        let report = std::mem::take(&mut self.left_undone);
        self.control.set_ended(Ended { error: self.fatal.take(), report });
    }
}

/// The error without the name of its source, which stands beside it.
fn cause_of(error: &Error) -> String {
    match error {
        Error::Source { cause, .. } => cause.to_string(),
        other => other.to_string(),
    }
}
