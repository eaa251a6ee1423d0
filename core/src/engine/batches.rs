//! The batches between cut and completion, and which block belongs to which of them.

use std::collections::VecDeque;

use super::event::{BatchSeq, OutputId, TakenRange};
use crate::BatchTime;
use crate::clock::Mono;

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its blocks are being taken.
    Taking,
    /// It waits until the blocking inputs are planned for the batch before it: what one batch could not be given
    /// must not go to a later one first.
    Unplanned,
    /// Its blocking inputs are being planned, for the n-th time.
    Planning { attempt: u32 },
    /// An input could not be planned and is asked again later.
    PlanBackoff { attempt: u32, until: Mono },
    /// It waits for its turn.
    Ready,
    /// One of its jobs is running, for the n-th time. Only the first batch can be here.
    Job { output: OutputId, attempt: u32 },
    /// A job failed and is run again later.
    JobBackoff { output: OutputId, attempt: u32, until: Mono },
}

#[derive(Debug)]
pub(super) struct BatchState {
    pub(super) seq: BatchSeq,
    pub(super) time: BatchTime,
    pub(super) stage: Stage,
    pub(super) ranges: Vec<TakenRange>,
    /// A part of it has failed for good.
    pub(super) failed: bool,
    /// The context stops without running it, as soon as it is planned.
    pub(super) abandoned: bool,
}

impl BatchState {
    /// Whether one of its jobs has begun.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Job { .. } | Stage::JobBackoff { .. })
    }

    /// When it wants to go on by itself.
    pub(super) fn wakes_at(&self) -> Option<Mono> {
        match self.stage {
            Stage::PlanBackoff { until, .. } | Stage::JobBackoff { until, .. } => Some(until),
            Stage::Taking | Stage::Unplanned | Stage::Planning { .. } | Stage::Ready | Stage::Job { .. } => {
                None
            }
        }
    }
}

/// Batches in time order; the first is the one whose jobs run.
#[derive(Debug, Default)]
pub(super) struct Batches {
    queue: VecDeque<BatchState>,
    next_seq: u64,
    last_time: Option<BatchTime>,
}

impl Batches {
    /// Adds a batch at the end; returns it and the label of the one before.
    pub(super) fn open(&mut self, time: BatchTime) -> (BatchSeq, Option<BatchTime>) {
        let seq = BatchSeq(self.next_seq);
        self.next_seq += 1;
        let previous = self.last_time.replace(time);
        assert!(previous.is_none_or(|previous| previous < time), "labels increase: {previous:?}, {time}");
        self.queue.push_back(BatchState {
            seq,
            time,
            stage: Stage::Taking,
            ranges: Vec::new(),
            failed: false,
            abandoned: false,
        });
        (seq, previous)
    }

    /// The batch whose turn it is to be planned: the first that is not, unless it is being taken.
    pub(super) fn next_to_plan(&mut self) -> Option<&mut BatchState> {
        self.queue.iter_mut().find(|batch| batch.stage != Stage::Ready && !batch.is_running())
    }

    pub(super) fn get_mut(&mut self, seq: BatchSeq) -> Option<&mut BatchState> {
        self.queue.iter_mut().find(|batch| batch.seq == seq)
    }

    pub(super) fn front(&self) -> Option<&BatchState> {
        self.queue.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut BatchState> {
        self.queue.front_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut BatchState> {
        self.queue.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &BatchState> {
        self.queue.iter()
    }

    pub(super) fn remove(&mut self, seq: BatchSeq) -> Option<BatchState> {
        let at = self.queue.iter().position(|batch| batch.seq == seq)?;
        self.queue.remove(at)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many have not begun to run.
    pub(super) fn waiting(&self) -> usize {
        self.queue.iter().filter(|batch| !batch.is_running()).count()
    }

    /// Whether a cut is still taking its blocks.
    pub(super) fn is_taking(&self) -> bool {
        self.queue.back().is_some_and(|batch| batch.stage == Stage::Taking)
    }
}
