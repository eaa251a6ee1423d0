//! Spark Streaming's DStream model as an embeddable Rust library: micro-batches, typed operators, no async runtime.

mod batch;
mod block;
mod error;
mod executor;
mod hash;
pub mod text;
mod time;

pub use batch::{Batch, BatchContext, Block, Failed, Records};
pub use block::{BlockDecoder, ByteBlock, FixedRecords, FnDecoder, PartRecord, decode_with};
pub use error::{BuildError, BuildErrors, Error, Site, SourceError, TaskError};
pub use executor::{Executor, SequentialExecutor};
#[cfg(feature = "rayon")]
pub use executor::{RayonExecutor, RayonPool};
pub use text::Text;
pub use time::BatchTime;

/// What a stream may carry: anything that can be cloned, sent and shared.
///
/// It is a blanket trait; there is nothing to implement.
pub trait Data: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Data for T {}
