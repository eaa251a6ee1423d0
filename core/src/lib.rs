//! Spark Streaming's DStream model as an embeddable Rust library: micro-batches cut by a timer, a chain of typed
//! operators, no async runtime, no server to install.
//!
//! # A first program
//!
//! A [`StreamingContext`] makes streams; operators make streams out of streams; outputs end them; nothing runs before
//! the start. Here with a queue as its input, driven by hand, as a test of yours would be:
//!
//! ```
//! use std::time::Duration;
//! use batchmill::prelude::*;
//!
//! let ssc = StreamingContext::new(Duration::from_secs(1))?;
//! let (queue, lines) = ssc.queue_stream::<Text>();
//! let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
//! let counted = counts.collect();
//!
//! let mut test = ssc.start_stepped()?;
//! queue.push(["a b a".into()]);
//! test.step_batch()?;
//! assert_eq!(counted.take_sorted(), [("a".into(), 2), ("b".into(), 1)]);
//! # Ok::<(), batchmill::Error>(())
//! ```
//!
//! A running program calls [`start`](StreamingContext::start) instead and gets a [`RunningContext`], to wait for or to
//! stop. Sockets and files come from the crate `batchmill-sources`; sources of your own implement [`Receiver`] (they
//! push, from a thread of their own) or [`InputDStream`] (they are asked at every cut).
//!
//! # The way of a record
//!
//! ```text
//! receiver thread --store--> block (open, then sealed) --+
//!                                                        +--> batch t, cut by the timer thread
//! generate thread: plan of a pull source ----------------+         |
//!                                                                  v
//!        output <-- tasks on rayon, or inline if it is small <-- job thread: one output of one batch
//!          |
//!          +--> completed: blocks released, inputs told, next batch
//! ```
//!
//! | place | what it holds |
//! |---|---|
//! | [`StreamingContext`], [`StreamingContextBuilder`] | settings and the graph, before the start |
//! | [`RunningContext`], [`StopHandle`], [`StopReport`] | the life after it |
//! | [`DStream`] | the operators on streams |
//! | [`Batch`], [`BatchContext`] | the records of one batch time: lazy, partitioned, with the same operators |
//! | [`Text`], [`text`], [`ByteBlock`], [`BlockDecoder`] | text and bytes that are cut into records inside the tasks |
//! | [`Receiver`], [`InputDStream`] | sources |
//! | [`Executor`] | where tasks run |
//! | [`StreamingListener`] | what a program is told |
//! | [`SteppedContext`], [`ManualClock`], [`QueueHandle`], [`Collected`] | the test kit |
//!
//! # What holds
//!
//! - Batches run one after another, in the order of their times, and the outputs of a batch in the order of their
//!   registration.
//! - What `store` returned for before a batch was cut is in that batch.
//! - Records keep their order through operators that do not shuffle; keyed operators promise no order of keys, and
//!   keep the order of the values of a key.
//! - Functions of operators run on the pool or, for small batches, on the job thread; outputs and `transform` on the
//!   job thread. The engine and timer run no user code, and hold no lock while others do.
//! - Every thread has a name that begins with the context's, and is joined by a stop, or named in its report.
//! - A batch, a stream and a stop handle keep no thread alive.
//!
//! # Features
//!
//! `rayon` (default): tasks run on a pool of threads. Without it they run one after another on the job thread.

mod batch;
mod block;
mod buffer;
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

pub use batch::{Batch, BatchContext, Block, Failed, NextPiece, Piece, PieceFeed, Records};
pub use block::{BlockDecoder, ByteBlock, FixedRecords, FnDecoder, PartRecord, decode_with};
pub use builder::StreamingContextBuilder;
pub use clock::{Clock, ManualClock, Mono, Now, SystemClock, Wall};
pub use config::{ErrorPolicy, MissedTicks};
pub use context::StreamingContext;
pub use driver::stepped::SteppedContext;
pub use dstream::{Collected, DStream, OutputResult, SaveError, SaveOptions};
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
