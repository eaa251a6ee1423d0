//! [`StreamingContextBuilder`]: every setting of a context, with its default.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Backoff, Config, ErrorPolicy, MissedTicks};
use crate::context::StreamingContext;
use crate::error::Error;
use crate::executor::Executor;
use crate::listener::StreamingListener;

/// Settings of a [`StreamingContext`]; [`build`](Self::build) checks them.
///
/// ```
/// use std::time::Duration;
/// use batchmill::{ErrorPolicy, StreamingContext};
///
/// let ssc = StreamingContext::builder()
///     .batch_interval(Duration::from_millis(100))
///     .error_policy(ErrorPolicy::retry(3))
///     .workers(2)
///     .build()?;
/// # drop(ssc);
/// # Ok::<(), batchmill::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamingContextBuilder {
    config: Config,
}

impl StreamingContextBuilder {
    pub(crate) fn new() -> Self {
        Self { config: Config::new(Duration::from_secs(1)) }
    }

    /// The time between two batches: whole milliseconds, from 1 ms to a day. Default 1 s.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.config.batch_interval = interval;
        self
    }

    /// The first part of the names of the context's threads. Default `bm`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// How long a receiver's block stays open at most; a block becomes one task. Default 200 ms. The cut of a batch
    /// seals open blocks in any case.
    pub fn block_interval(mut self, interval: Duration) -> Self {
        self.config.block_interval = interval;
        self
    }

    /// The bytes at which a receiver's open block is sealed. Default 1 MiB.
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.config.block_bytes = bytes;
        self
    }

    /// How many bytes a receiver may have stored and not yet processed; then its `store` waits. Default 64 MiB.
    ///
    /// It caps a receiver at this much in a batch interval: 64 MiB at 1 s are 67 MB/s.
    pub fn max_unprocessed_bytes(mut self, bytes: usize) -> Self {
        self.config.max_unprocessed_bytes = bytes;
        self
    }

    /// How many batches may wait for the one that runs, up to 4,096. Default 2. While so many wait no batch is cut, and the
    /// ticks that pass are treated as [`missed_ticks`](Self::missed_ticks) says.
    pub fn max_pending_batches(mut self, batches: usize) -> Self {
        self.config.max_pending_batches = batches;
        self
    }

    /// What becomes of ticks that passed while no batch could be cut. Default: they merge into one batch.
    pub fn missed_ticks(mut self, policy: MissedTicks) -> Self {
        self.config.missed_ticks = policy;
        self
    }

    /// What happens when a job fails. Default: the context stops with the error.
    pub fn error_policy(mut self, policy: ErrorPolicy) -> Self {
        self.config.error_policy = policy;
        self
    }

    /// The most records a second that each receiver may store. Default: no limit.
    pub fn receiver_max_rate(mut self, records_per_second: u32) -> Self {
        self.config.receiver_max_rate = Some(records_per_second);
        self
    }

    /// The pause before a failed receiver is started again, and the limit it doubles to; both vary by a fifth.
    /// Default 100 ms and 30 s. A receiver that has stored something since its start begins with the first pause.
    pub fn receiver_backoff(mut self, first: Duration, limit: Duration) -> Self {
        self.config.receiver_backoff = Backoff { first, limit };
        self
    }

    /// How often in a row a receiver may be started again without storing anything; then the context stops with its
    /// error. Default: no limit.
    pub fn receiver_max_restarts(mut self, restarts: u32) -> Self {
        self.config.receiver_max_restarts = Some(restarts);
        self
    }

    /// How many threads compute, up to 4,096. Default: one for every core. With 1, tasks run on the job thread.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// Computes on the host program's own pool instead of threads of the context's.
    pub fn executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.config.executor = Some(executor);
        self
    }

    /// How many partitions keyed operators have where they are not told, up to 65,536. Default: as many as tasks run at once.
    pub fn default_partitions(mut self, partitions: usize) -> Self {
        self.config.default_partitions = Some(partitions);
        self
    }

    /// The seed that keys are hashed under. Default: random, so that nobody can choose keys that collide; fixed in a
    /// stepped context.
    pub fn hash_seed(mut self, seed: u64) -> Self {
        self.config.hash_seed = Some(seed);
        self
    }

    /// Where the engine's time comes from. Default: the system's clocks.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.config.clock = clock;
        self
    }

    /// Adds a listener.
    pub fn listener(mut self, listener: Arc<dyn StreamingListener>) -> Self {
        self.config.listeners.push(listener);
        self
    }

    /// How long a stop may take in real time before threads and batches are abandoned. Default 10 s.
    pub fn stop_deadline(mut self, deadline: Duration) -> Self {
        self.config.stop_deadline = deadline;
        self
    }

    /// How long dropping a running context may take. Default 2 s.
    pub fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.config.drop_deadline = deadline;
        self
    }

    /// Makes the context. Nothing runs before its start.
    ///
    /// # Errors
    /// [`Error::Config`] that names the first setting that is not valid.
    pub fn build(self) -> Result<StreamingContext, Error> {
        self.config.check()?;
        Ok(StreamingContext::from_config(self.config))
    }
}
