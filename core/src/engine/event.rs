//! What goes into the engine and what comes out of it. Plain values: no thread, no closure, no I/O.

use std::ops::Range;
use std::time::Duration;

use crate::{BatchTime, Outcome};

/// The number of a batch, in the order of cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BatchSeq(pub(crate) u64);

/// The number of an input, in the order of creation.
pub(crate) type InputId = usize;

/// The number of an output, in the order of registration.
pub(crate) type OutputId = usize;

/// How an input is planned and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputClass {
    /// Fed by a receiver; its blocks are taken at the cut.
    Receiver,
    /// Planned at the cut, without blocking: a queue, a constant.
    Inline,
    /// Planned on the generate thread: files, a user's own.
    Blocking,
}

/// The blocks of one receiver that a cut took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TakenRange {
    pub(crate) input: InputId,
    pub(crate) ids: Range<u64>,
    pub(crate) bytes: usize,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The first event.
    Start,
    /// Answers [`Action::StartInputs`].
    InputsStarted { ok: bool },
    /// Nothing but time has passed.
    Wake,
    /// Answers [`Action::Cut`], before any other event.
    Taken { batch: BatchSeq, ranges: Vec<TakenRange> },
    /// Answers [`Action::Plan`]: all blocking inputs are planned, or at least one failed.
    Planned { batch: BatchSeq, ok: bool },
    /// Answers [`Action::RunJob`].
    JobDone { batch: BatchSeq, output: OutputId, ok: bool },
    /// Answers [`Action::StartReceiver`], when the receiver's `run` has returned. `stored`: how many blocks it
    /// has begun since the context started.
    ReceiverEnded { input: InputId, failed: bool, stored: u64 },
    /// Somebody wants the context to stop.
    Stop { graceful: bool },
    /// Answers [`Action::StopInputs`].
    InputsStopped,
    /// The stop took too long: what is not done stays undone.
    Abandon,
}

/// What a driver has to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Call `start` of the blocking inputs; answer with [`Event::InputsStarted`].
    StartInputs,
    /// The context is running and its first batch will carry this label.
    Started { first: BatchTime },
    /// Run a receiver on its thread; answer with [`Event::ReceiverEnded`].
    StartReceiver { input: InputId, attempt: u32 },
    /// A receiver failed and will be started again.
    ReceiverRestarts { input: InputId, attempt: u32, delay: Duration },
    /// A receiver will not be started again.
    ReceiverFinished { input: InputId, failed: bool },
    /// Seal the open block of every receiver.
    SealBlocks,
    /// Begin a batch: take the blocks of the receivers and plan the inline inputs; answer with [`Event::Taken`].
    Cut { batch: BatchSeq, time: BatchTime, previous: Option<BatchTime> },
    /// Ask those blocking inputs for a plan that have none for this batch yet; answer with [`Event::Planned`].
    Plan { batch: BatchSeq, time: BatchTime },
    /// Run one output of a batch, for the n-th time; answer with [`Event::JobDone`].
    RunJob { batch: BatchSeq, output: OutputId, attempt: u32 },
    /// A batch is done with: release its blocks, tell its inputs.
    Complete { batch: BatchSeq, outcome: Outcome, ranges: Vec<TakenRange> },
    /// The error of the last failed event is what the context stops with.
    Fatal,
    /// Tell the receivers to stop; from now on they can store nothing.
    StopReceivers,
    /// Nothing that receivers stored will be completed any more: tell whoever waits for that.
    CloseReceivers,
    /// Call `stop` of the blocking inputs; answer with [`Event::InputsStopped`].
    StopInputs,
    /// Nothing more will happen. So many batches did not run: their inputs were told, or not even that.
    Finish { abandoned_batches: usize },
}
