//! One batch on its way from the cut to its completion: what its inputs gave, and when things happened.
//!
//! Filled by the engine's and the generate thread, read by the job thread.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::batch::{Batch, BatchContext};
use crate::block::ByteBlock;
use crate::clock::Mono;
use crate::engine::BatchSeq;
use crate::listener::{BatchInfo, InputInfo};
use crate::{BatchTime, Data, Outcome};

/// A batch between cut and completion.
pub(crate) struct BatchData {
    pub(crate) seq: BatchSeq,
    pub(crate) previous: Option<BatchTime>,
    /// Makes batches of this batch's time.
    pub(crate) context: BatchContext,
    /// One for each input.
    pub(crate) slots: Vec<Mutex<Slot>>,
    pub(crate) cut_at: Mono,
    /// When its first job began.
    started_at: Mutex<Option<Mono>>,
}

/// What one input gave to a batch.
#[derive(Default)]
pub(crate) struct Slot {
    /// A `Batch<T>`; none before it is planned and when it was consumed.
    pub(crate) batch: Option<Box<dyn Any + Send>>,
    /// The plan of a blocking input, handed back to it at completion.
    pub(crate) plan: Option<Box<dyn Any + Send>>,
    pub(crate) bytes: u64,
    pub(crate) records: RecordCount,
}

/// How many records a slot holds.
#[derive(Default)]
pub(crate) enum RecordCount {
    #[default]
    Unknown,
    Known(u64),
    /// `items` records and those in byte blocks, which are counted when tasks decode them.
    Blocks {
        items: u64,
        blocks: Vec<Arc<ByteBlock>>,
    },
}

impl RecordCount {
    pub(crate) fn get(&self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Known(n) => Some(*n),
            Self::Blocks { items, blocks } => {
                blocks.iter().try_fold(*items, |sum, block| Some(sum + block.records()?))
            }
        }
    }
}

impl Slot {
    pub(super) fn batch<T: Data>(&mut self, consume: bool) -> Option<Batch<T>> {
        if consume {
            let batch = self.batch.take()?;
            return Some(*batch.downcast().expect("an input gives batches of its own type"));
        }
        let batch: &Batch<T> =
            self.batch.as_ref()?.downcast_ref().expect("an input gives batches of its own type");
        Some(batch.clone())
    }
}

impl BatchData {
    pub(crate) fn new(
        seq: BatchSeq,
        previous: Option<BatchTime>,
        context: BatchContext,
        inputs: usize,
        cut_at: Mono,
    ) -> Self {
        let slots = (0..inputs).map(|_| Mutex::default()).collect();
        Self { seq, previous, context, slots, cut_at, started_at: Mutex::new(None) }
    }

    /// Notes that its first job begins; `false` if one has begun before.
    pub(crate) fn start(&self, now: Mono) -> bool {
        let mut started_at = self.started_at.lock();
        let first = started_at.is_none();
        started_at.get_or_insert(now);
        first
    }

    pub(crate) fn time(&self) -> BatchTime {
        self.context.time()
    }

    /// Drops the records that are still held.
    pub(crate) fn clear(&self) {
        for slot in &self.slots {
            let batch = slot.lock().batch.take();
            drop(batch);
        }
    }

    /// What listeners are told. `done`: when and how the last job ended.
    pub(crate) fn info(&self, names: &[Arc<str>], done: Option<(Mono, Outcome)>) -> BatchInfo {
        let started_at = *self.started_at.lock();
        let processing = |started: Mono| -> Option<Duration> { Some(done?.0 - started) };
        BatchInfo {
            time: self.time(),
            previous: self.previous,
            inputs: self.slots.iter().zip(names).map(|(slot, name)| input_info(&slot.lock(), name)).collect(),
            scheduling_delay: started_at.map(|at| at - self.cut_at),
            processing_delay: started_at.and_then(processing),
            outcome: done.map(|(_, outcome)| outcome),
        }
    }
}

fn input_info(slot: &Slot, name: &Arc<str>) -> InputInfo {
    InputInfo { name: Arc::clone(name), bytes: slot.bytes, records: slot.records.get() }
}
