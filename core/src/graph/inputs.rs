//! The three ways into a graph behind traits without the type of the records: receivers, inline inputs and inputs
//! that may block.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{RecordCount, Slot};
use crate::batch::{BatchContext, Block};
use crate::engine::InputClass;
use crate::error::SourceError;
use crate::input::{InputDStream, InputHandle, PlanLimits};
use crate::receiver::{BlockQueue, Receiver, ReceiverControl, ReceiverHandle, StopSignal};
use crate::{Batch, BatchTime, Data, Outcome};

/// A value whose type only its input knows.
pub(crate) type Erased = Box<dyn Any + Send>;

/// An input, by who plans it.
pub(crate) enum InputSource {
    Receiver(Arc<dyn ReceiverSource>),
    Inline(Box<dyn InlineInput>),
    Blocking(Box<dyn BlockingInput>),
}

impl InputSource {
    pub(crate) fn class(&self) -> InputClass {
        match self {
            Self::Receiver(_) => InputClass::Receiver,
            Self::Inline(_) => InputClass::Inline,
            Self::Blocking(_) => InputClass::Blocking,
        }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::Receiver(receiver) => receiver.name(),
            Self::Inline(input) => input.name(),
            Self::Blocking(input) => Arc::from(input.name()),
        }
    }
}

/// What a cut took from a receiver.
pub(crate) struct Taken {
    pub(crate) ids: Range<u64>,
    pub(crate) bytes: usize,
    pub(crate) slot: Slot,
}

/// A receiver and its queue.
pub(crate) trait ReceiverSource: Send + Sync {
    fn name(&self) -> Arc<str>;
    fn control(&self) -> &dyn ReceiverControl;
    fn signal(&self) -> &StopSignal;
    /// Takes all blocks that no batch has.
    fn take(&self, context: &BatchContext) -> Taken;
    /// Calls the receiver's `run`. On its thread; it may panic.
    fn run(&self) -> Result<(), SourceError>;
}

/// [`ReceiverSource`] for receivers of one type.
pub(crate) struct ReceiverInput<T> {
    pub(crate) name: Arc<str>,
    pub(crate) queue: Arc<BlockQueue<T>>,
    pub(crate) handle: ReceiverHandle<T>,
    pub(crate) signal: StopSignal,
    /// Out while it runs; not put back if it panics in a way that loses it.
    pub(crate) receiver: Mutex<Option<Box<dyn Receiver<T>>>>,
}

impl<T: Data> ReceiverSource for ReceiverInput<T> {
    fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    fn control(&self) -> &dyn ReceiverControl {
        &*self.queue
    }

    fn signal(&self) -> &StopSignal {
        &self.signal
    }

    fn take(&self, context: &BatchContext) -> Taken {
        let taken = self.queue.take();
        let mut items = 0;
        let mut blocks = Vec::new();
        for block in &taken.blocks {
            match block {
                Block::Items(records) => items += records.len() as u64,
                Block::Bytes(block, _) => blocks.push(Arc::clone(block)),
            }
        }
        let slot = Slot {
            batch: Some(Box::new(context.from_blocks(taken.blocks))),
            plan: None,
            bytes: taken.bytes as u64,
            records: RecordCount::Blocks { items, blocks },
        };
        Taken { ids: taken.ids, bytes: taken.bytes, slot }
    }

    fn run(&self) -> Result<(), SourceError> {
        let receiver = self.receiver.lock().take();
        let Some(mut receiver) = receiver else {
            return Err("the receiver is still running from an earlier start".into());
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| receiver.run(&self.handle)));
        *self.receiver.lock() = Some(receiver);
        self.signal.forget_hooks();
        result.unwrap_or_else(|payload| Err(crate::error::Panicked::from_payload(&*payload).into()))
    }
}

/// An input that is planned at the cut, on the engine's thread, and never blocks.
pub(crate) trait InlineInput: Send {
    fn name(&self) -> Arc<str>;
    fn plan(&self, context: &BatchContext) -> Slot;
}

impl<T: Data> InlineInput for crate::input::QueueInput<T> {
    fn name(&self) -> Arc<str> {
        Arc::from("queue")
    }

    fn plan(&self, context: &BatchContext) -> Slot {
        inline_slot(self.next(context))
    }
}

impl<T: Data> InlineInput for crate::input::ConstantInput<T> {
    fn name(&self) -> Arc<str> {
        Arc::from("constant")
    }

    fn plan(&self, context: &BatchContext) -> Slot {
        inline_slot(self.next(context))
    }
}

fn inline_slot<T: Data>((batch, records): (Batch<T>, u64)) -> Slot {
    Slot {
        batch: Some(Box::new(batch)),
        plan: None,
        bytes: records.saturating_mul(size_of::<T>() as u64),
        records: RecordCount::Known(records),
    }
}

/// What planning a blocking input gave.
pub(crate) struct Planned {
    pub(crate) plan: Erased,
    pub(crate) batch: Erased,
    pub(crate) records: Option<u64>,
    pub(crate) bytes: u64,
}

/// An [`InputDStream`] of any type; lives on the generate thread.
pub(crate) trait BlockingInput: Send {
    fn name(&self) -> String;
    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError>;
    fn plan(&mut self, limits: &PlanLimits, context: &BatchContext) -> Result<Planned, SourceError>;
    fn completed(&mut self, time: BatchTime, plan: &Erased, outcome: Outcome) -> Result<(), SourceError>;
    fn stop(&mut self);
}

/// [`BlockingInput`] for inputs of one type.
pub(crate) struct BlockingSource<T, I> {
    pub(crate) input: I,
    pub(crate) records: std::marker::PhantomData<fn() -> T>,
}

impl<T: Data, I: InputDStream<T>> BlockingInput for BlockingSource<T, I> {
    fn name(&self) -> String {
        self.input.name()
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        self.input.start(handle)
    }

    fn plan(&mut self, limits: &PlanLimits, context: &BatchContext) -> Result<Planned, SourceError> {
        let plan = self.input.plan(context.time(), limits)?;
        let size = self.input.size(&plan);
        let batch = match self.input.batch(&plan, context) {
            Ok(batch) => batch,
            Err(error) => {
                // The plan will not run: tell the input, so that it offers its contents again.
                self.input.completed(context.time(), &plan, Outcome::Failed)?;
                return Err(error);
            }
        };
        let bytes = size.bytes.unwrap_or(0);
        Ok(Planned { plan: Box::new(plan), batch: Box::new(batch), records: size.records, bytes })
    }

    fn completed(&mut self, time: BatchTime, plan: &Erased, outcome: Outcome) -> Result<(), SourceError> {
        let plan = plan.downcast_ref().expect("a plan goes back to the input that made it");
        self.input.completed(time, plan, outcome)
    }

    fn stop(&mut self) {
        self.input.stop();
    }
}
