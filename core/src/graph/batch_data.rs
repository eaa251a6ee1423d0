//! One batch on its way from the cut to its completion: what its inputs gave, and when things happened.
//!
//! Filled by the engine's and the generate thread, read by the job thread.

use std::any::Any;
use std::sync::{Arc, Once};

use parking_lot::Mutex;

use crate::batch::{Batch, BatchContext};
use crate::block::ByteBlock;
use crate::clock::Mono;
use crate::engine::BatchSeq;
use crate::listener::{BatchInfo, InputInfo, ListenerBus, ListenerEvent};
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
    /// Done when listeners have been told that it waits.
    announced: Once,
    /// When its first job began, and when the last one so far ended.
    worked: Mutex<Option<(Mono, Mono)>>,
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
        Self { seq, previous, context, slots, cut_at, announced: Once::new(), worked: Mutex::new(None) }
    }

    /// Tells listeners that it waits for its turn, if nobody has yet. The timer thread does so after it has given the
    /// job thread its work, which is the more urgent; the job thread, before it tells of anything that comes later.
    pub(crate) fn announce(&self, bus: &ListenerBus, names: &[Arc<str>]) {
        self.announced.call_once(|| bus.post(|| ListenerEvent::BatchSubmitted(self.info(names, None))));
    }

    /// Notes that a job begins; `false` if one has begun before.
    pub(crate) fn start(&self, now: Mono) -> bool {
        let mut worked = self.worked.lock();
        let first = worked.is_none();
        worked.get_or_insert((now, now));
        first
    }

    /// Notes that a job has ended.
    pub(crate) fn end(&self, now: Mono) {
        if let Some((_, end)) = &mut *self.worked.lock() {
            *end = now;
        }
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

    /// What listeners are told; `outcome` once it is done.
    pub(crate) fn info(&self, names: &[Arc<str>], outcome: Option<Outcome>) -> BatchInfo {
        let worked = *self.worked.lock();
        BatchInfo {
            time: self.time(),
            previous: self.previous,
            inputs: self.slots.iter().zip(names).map(|(slot, name)| input_info(&slot.lock(), name)).collect(),
            scheduling_delay: worked.map(|(begin, _)| begin - self.cut_at),
            processing_delay: worked.filter(|_| outcome.is_some()).map(|(begin, end)| end - begin),
            outcome,
        }
    }
}

fn input_info(slot: &Slot, name: &Arc<str>) -> InputInfo {
    InputInfo { name: Arc::clone(name), bytes: slot.bytes, records: slot.records.get() }
}
