//! The threads that work for the engine: jobs, blocking inputs, receivers. Each takes one request after another from
//! its mailbox and reports how it went; all end when the engine drops its end of the mailbox.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel as channel;

use crate::Outcome;
use crate::driver::generator::Generator;
use crate::driver::job_runner::JobRunner;
use crate::engine::{BatchSeq, InputId, OutputId};
use crate::error::{Error, SourceError};
use crate::graph::{BatchData, ReceiverSource};
use crate::receiver::Leftover;
use crate::stop::Control;

/// What the engine's thread is told.
pub(super) enum Message {
    InputsStarted(Result<(), Error>),
    Planned { batch: BatchSeq, result: Result<(), Error> },
    JobDone { batch: BatchSeq, output: OutputId, result: Result<(), Error> },
    ReceiverEnded { input: InputId, result: Result<(), SourceError>, stored: u64 },
    InputsStopped,
}

/// The way to the engine's mailbox.
#[derive(Clone)]
pub(super) struct Report {
    messages: channel::Sender<Message>,
    control: Arc<Control>,
}

impl Report {
    pub(super) fn new(messages: channel::Sender<Message>, control: Arc<Control>) -> Self {
        Self { messages, control }
    }

    pub(super) fn send(&self, message: Message) {
        // An engine that was told to abandon its threads is gone; then nobody wants to know.
        if self.messages.send(message).is_ok() {
            self.control.wake();
        }
    }
}

/// What the job thread is asked.
pub(super) enum Job {
    Run {
        data: Arc<BatchData>,
        output: OutputId,
        attempt: u32,
    },
    /// Drop a batch that did not run to its end: its records' destructors are user code.
    Discard(Arc<BatchData>),
    /// Drop what no batch has taken, for the same reason.
    DropLeft(Vec<Leftover>),
}

pub(super) fn run_jobs(mut runner: JobRunner, mailbox: &channel::Receiver<Job>, report: &Report) {
    for job in mailbox {
        match job {
            Job::Run { data, output, attempt } => {
                let result = runner.run(&data, output, attempt);
                report.send(Message::JobDone { batch: data.seq, output, result });
            }
            Job::Discard(data) => runner.discard(&data),
            Job::DropLeft(left) => {
                if catch_unwind(AssertUnwindSafe(|| drop(left))).is_err() {
                    log::error!("dropping records that no batch has taken: a destructor panicked");
                }
            }
        }
    }
}

/// What the generate thread is asked.
pub(super) enum Ask {
    Start,
    Plan(Arc<BatchData>),
    Completed(Arc<BatchData>, Outcome),
    Stop,
}

pub(super) fn run_generator(mut inputs: Generator, mailbox: &channel::Receiver<Ask>, report: &Report) {
    for ask in mailbox {
        match ask {
            Ask::Start => report.send(Message::InputsStarted(inputs.start())),
            Ask::Plan(data) => {
                let result = inputs.plan(&data);
                report.send(Message::Planned { batch: data.seq, result });
            }
            Ask::Completed(data, outcome) => inputs.completed(&data, outcome),
            Ask::Stop => {
                inputs.stop();
                report.send(Message::InputsStopped);
            }
        }
    }
}

/// One run of a receiver, on its own thread.
pub(super) fn run_receiver(input: InputId, receiver: &dyn ReceiverSource, report: &Report) {
    let result = receiver.run();
    let stored = receiver.control().stored_blocks();
    report.send(Message::ReceiverEnded { input, result, stored });
}

/// Runs the ways out that receivers registered. On a thread of its own: one that does not come back must not keep the
/// stop from ending at its deadline.
pub(super) fn run_hooks(hooks: Vec<Box<dyn FnOnce() + Send>>) {
    for hook in hooks {
        if catch_unwind(AssertUnwindSafe(hook)).is_err() {
            log::error!("a receiver's on_stop panicked");
        }
    }
}

/// Waits for the end of a context that stops and, if that has not come in time, tells the engine to end alone.
pub(super) fn watch_stop(control: &Control, deadline: crate::clock::RealDeadline) {
    if control.wait_ended(Some(deadline)).is_none() {
        control.request_abandon();
    }
}
