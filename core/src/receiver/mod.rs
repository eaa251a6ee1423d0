//! Push sources: a [`Receiver`] runs on a thread of its own and stores what it receives through its
//! [`ReceiverHandle`].
//!
//! What is stored gathers in an open block; the block is sealed when it is full, every `block_interval`, and when
//! a batch is cut. So whatever `store` returned for before the cut is in that batch.

mod block_queue;
mod channel;
mod handle;
mod rate;

pub(crate) use block_queue::{BlockQueue, BlockQueueSettings};
pub(crate) use channel::ChannelReceiver;
pub(crate) use handle::{Leftover, ReceiverControl, StopSignal, tell_of_wait};
pub use handle::{ReceiverHandle, Stopped};
pub(crate) use rate::RateLimiter;

use std::sync::Arc;

use crate::block::BlockDecoder;
use crate::error::SourceError;
use crate::{Data, Outcome};

/// A source that pushes: it waits for data on a thread the engine owns.
///
/// ```
/// use batchmill::{Receiver, ReceiverHandle, SourceError};
///
/// /// Counts up until it is stopped.
/// struct Counter;
///
/// impl Receiver<u64> for Counter {
///     fn name(&self) -> String {
///         "counter".to_owned()
///     }
///
///     fn run(&mut self, handle: &ReceiverHandle<u64>) -> Result<(), SourceError> {
///         let mut n = 0;
///         while !handle.is_stopped() {
///             handle.store(n)?;
///             n += 1;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Receiver<T: Data>: Send + 'static {
    /// A short name for logs, events and the name of the thread.
    fn name(&self) -> String;

    /// Receives until there is no more, until it fails, or until the handle says that it is stopped.
    ///
    /// `Ok` means finished for good. `Err`, or a panic, means failed: the engine calls `run` again on the same
    /// object, on a new thread, after a pause that doubles from 100 ms to 30 s. What it returns after a stop is
    /// not looked at.
    ///
    /// It may block. To be woken at stop from a call that knows nothing of the handle, register the way out with
    /// [`ReceiverHandle::on_stop`] (a socket shuts itself down there). A receiver that does not come back by the
    /// stop deadline is abandoned and named in the stop report.
    fn run(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError>;
}

/// The number of a block within its receiver's stream, counted from zero without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(u64);

impl BlockId {
    pub(crate) const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// What [`ReceiverHandle::store_block`] makes a block of.
pub enum BlockContents<T> {
    /// Records.
    Items(Vec<T>),
    /// Bytes that hold whole records, and what turns them into records inside the batch's tasks.
    Bytes(Vec<u8>, Arc<dyn BlockDecoder<T>>),
}

impl<T> std::fmt::Debug for BlockContents<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Items(items) => f.debug_tuple("Items").field(&items.len()).finish(),
            Self::Bytes(bytes, _) => f.debug_tuple("Bytes").field(&bytes.len()).finish_non_exhaustive(),
        }
    }
}

/// Blocks whose batch is done, as [`ReceiverHandle::completed`] tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedBlocks {
    /// The first of them.
    pub first: BlockId,
    /// The last of them; all between belong to it.
    pub last: BlockId,
    /// How their batch ended.
    pub outcome: Outcome,
}
