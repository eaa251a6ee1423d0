//! Pull sources: an [`InputDStream`] is asked at every cut what the batch shall hold, and reads it later.
//!
//! All methods are called on one thread of the context, `{name}-generate`, so they may block: a slow listing
//! delays its own batch and never the timer. What `plan` fixed is read lazily, inside the tasks of the batch.

mod fixed;
mod queue;

pub(crate) use fixed::ConstantInput;
pub(crate) use queue::QueueInput;
pub use queue::{QueueHandle, QueueMode};

use std::sync::Arc;
use std::time::Duration;

use crate::batch::{Batch, BatchContext};
use crate::error::SourceError;
use crate::listener::{ListenerBus, ListenerEvent, SourceEvent};
use crate::stop::GivenUp;
use crate::{BatchTime, Data};

/// How a batch ended, as inputs and listeners are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Every output is done.
    Succeeded,
    /// An output, or the planning of an input, failed as often as the policy lets it run.
    Failed,
    /// The context stopped before the batch ran.
    Abandoned,
}

/// A source that is pulled: it fixes what a batch holds when the batch is cut, and reads it later.
///
/// ```
/// use batchmill::{Batch, BatchContext, BatchTime, InputDStream, PlanLimits, SourceError};
///
/// /// Every batch holds the next three numbers.
/// struct Threes {
///     next: u64,
/// }
///
/// impl InputDStream<u64> for Threes {
///     type Plan = std::ops::Range<u64>;
///
///     fn name(&self) -> String {
///         "threes".to_owned()
///     }
///
///     fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<Self::Plan, SourceError> {
///         let plan = self.next..self.next + 3;
///         self.next = plan.end;
///         Ok(plan)
///     }
///
///     fn batch(&mut self, plan: &Self::Plan, ctx: &BatchContext) -> Result<Batch<u64>, SourceError> {
///         Ok(ctx.batch(plan.clone().collect(), 1))
///     }
/// }
/// ```
pub trait InputDStream<T: Data>: Send + 'static {
    /// What fixes the contents of a batch: a range of offsets, a list of files.
    type Plan: Send + Sync + 'static;

    /// A short name for logs and events.
    fn name(&self) -> String;

    /// Called once, before the first batch.
    ///
    /// # Errors
    /// An error makes [`StreamingContext::start`](crate::StreamingContext::start) fail with it.
    fn start(&mut self, _handle: &InputHandle) -> Result<(), SourceError> {
        Ok(())
    }

    /// Fixes what the batch labelled `time` holds. Nothing new is an empty plan, not an error.
    ///
    /// # Errors
    /// An error is treated by the error policy: the plan is asked for again after a pause, or the context stops,
    /// or the batch goes on without this input. What could not be planned must be offered again next time.
    fn plan(&mut self, time: BatchTime, limits: &PlanLimits) -> Result<Self::Plan, SourceError>;

    /// Describes the contents of a plan as a batch. Reading belongs into its tasks, see
    /// [`BatchContext::read_partitions`] and [`BatchContext::read_blocks`]. Those may run more than once and must
    /// give the same records each time.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    fn batch(&mut self, plan: &Self::Plan, ctx: &BatchContext) -> Result<Batch<T>, SourceError>;

    /// How many records and bytes a plan holds, as far as it is known, for [`BatchInfo`](crate::BatchInfo).
    fn size(&self, _plan: &Self::Plan) -> PlanSize {
        PlanSize::default()
    }

    /// Called once for every planned batch, after its last output: the moment to commit or acknowledge.
    ///
    /// # Errors
    /// An error is logged and told to the listener; the stream goes on.
    fn completed(
        &mut self,
        _time: BatchTime,
        _plan: &Self::Plan,
        _outcome: Outcome,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    /// Called once, after the last batch.
    fn stop(&mut self) {}
}

/// What is known of the size of a plan before it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanSize {
    /// Records.
    pub records: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
}

/// What a plan should keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanLimits {
    /// The time between two batches.
    pub batch_interval: Duration,
    /// How many bytes a batch should hold at most (`max_unprocessed_bytes`); one item larger than this may pass.
    pub bytes: u64,
}

/// A pull source's way to the context it belongs to.
#[derive(Clone)]
pub struct InputHandle {
    name: Arc<str>,
    limits: PlanLimits,
    bus: Arc<ListenerBus>,
    given_up: GivenUp,
}

impl InputHandle {
    pub(crate) fn new(name: Arc<str>, limits: PlanLimits, bus: Arc<ListenerBus>, given_up: GivenUp) -> Self {
        Self { name, limits, bus, given_up }
    }

    /// The limits every plan is given.
    pub fn limits(&self) -> PlanLimits {
        self.limits
    }

    /// Tells the listener of an event of the source's own. `kind` is `snake_case`.
    pub fn source_event(&self, kind: &'static str, detail: impl Into<String>) {
        let detail = detail.into();
        log::debug!("{}: {kind}: {detail}", self.name);
        self.bus.post(|| ListenerEvent::Source(SourceEvent { source: Arc::clone(&self.name), kind, detail }));
    }

    /// Says that a thread of the source's own has not ended and goes on by itself: a call of foreign code that cannot be
    /// interrupted. [`StopReport::abandoned_threads`](crate::StopReport::abandoned_threads) names it, if this is called
    /// before [`stop`](InputDStream::stop) returns.
    pub fn abandon_thread(&self, name: impl Into<String>) {
        let name = name.into();
        log::error!("{}: thread {name} has not come back and is abandoned", self.name);
        self.given_up.add(name);
    }
}

impl std::fmt::Debug for InputHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputHandle")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
