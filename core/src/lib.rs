//! Spark Streaming's DStream model as an embeddable Rust library: micro-batches, typed operators, no async runtime.

mod batch;
mod block;
mod builder;
mod clock;
mod config;
mod context;
mod driver;
mod dstream;
mod engine;
mod error;
mod executor;
mod graph;
mod hash;
mod input;
mod listener;
pub mod prelude;
mod receiver;
mod running;
mod stop;
pub mod text;
mod thread;
mod time;

pub use batch::{Batch, BatchContext, Block, Failed, Records};
pub use block::{BlockDecoder, ByteBlock, FixedRecords, FnDecoder, PartRecord, decode_with};
pub use builder::StreamingContextBuilder;
pub use clock::{Clock, ManualClock, Mono, Now, SystemClock, Wall};
pub use config::{ErrorPolicy, MissedTicks};
pub use context::StreamingContext;
pub use driver::stepped::SteppedContext;
pub use dstream::{Collected, DStream, OutputResult};
pub use error::{BuildError, BuildErrors, Error, Site, SourceError, TaskError};
#[cfg(feature = "rayon")]
pub use executor::RayonExecutor;
pub use executor::{Executor, SequentialExecutor};
pub use input::{InputDStream, InputHandle, Outcome, PlanLimits, PlanSize, QueueHandle, QueueMode};
pub use listener::{BatchInfo, InputInfo, OutputInfo, ReceiverInfo, SourceEvent, StreamingListener};
pub use receiver::{BlockContents, BlockId, CompletedBlocks, Receiver, ReceiverHandle, Stopped};
pub use running::RunningContext;
pub use stop::{StopHandle, StopReport};
pub use text::Text;
pub use time::BatchTime;

/// What a stream may carry: anything that can be cloned, sent and shared.
///
/// It is a blanket trait; there is nothing to implement.
pub trait Data: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Data for T {}
