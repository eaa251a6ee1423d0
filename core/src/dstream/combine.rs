//! Operators over whole batches: reduce, count, union, and functions of the user's.

use std::sync::Arc;

use super::DStream;
use crate::batch::fault::at;
use crate::error::{BuildError, Site};
use crate::{Batch, Data};

impl<'c, T: Data> DStream<'c, T> {
    /// One record that `f`, which must be associative, makes of all records of the batch; none of an empty batch.
    #[track_caller]
    pub fn reduce(self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Self {
        let (site, f) = (Site::here("reduce"), Arc::new(f));
        self.derive(site, move |batch| batch.reduce_at(Arc::clone(&f), site))
    }

    /// One record: how many records the batch holds, 0 for an empty one.
    #[track_caller]
    pub fn count(self) -> DStream<'c, u64> {
        self.derive(Site::here("count"), Batch::count)
    }

    /// The records of this stream, then those of `other`.
    #[track_caller]
    pub fn union(self, other: DStream<'c, T>) -> Self {
        let site = Site::here("union");
        if !other.belongs_to(self.context) {
            self.context.add_error(BuildError::ForeignStream { site });
            return self;
        }
        let (left, right) = (self.node, other.node);
        self.context
            .add_stream(site, vec![left, right], move |run| Ok(run.stream(left)?.union(run.stream(right)?)))
    }

    /// What `f` makes of each batch: any operator of [`Batch`], and any data of the program's own. It runs on the job
    /// thread when the batch's turn comes; `batch.time()` is the batch time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, numbers) = ssc.queue_stream();
    /// let sorted = numbers
    ///     .transform(|batch| batch.context().batch(batch.sorted().unwrap_or_default(), 1))
    ///     .collect();
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([3, 1, 2]);
    /// test.step_batch()?;
    /// assert_eq!(sorted.take_all(), [1, 2, 3]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn transform<U: Data>(
        self,
        f: impl Fn(Batch<T>) -> Batch<U> + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let site = Site::here("transform");
        self.derive(site, move |batch| at(site, || f(batch)))
    }

    /// As [`transform`](Self::transform), for the batches of two streams at the same time.
    #[doc(alias = "transformWith")]
    #[track_caller]
    pub fn transform_with<U: Data, V: Data>(
        self,
        other: DStream<'c, U>,
        f: impl Fn(Batch<T>, Batch<U>) -> Batch<V> + Send + Sync + 'static,
    ) -> DStream<'c, V> {
        let site = Site::here("transform_with");
        if !other.belongs_to(self.context) {
            self.context.add_error(BuildError::ForeignStream { site });
        }
        let (left, right) = (self.node, other.node);
        self.context.add_stream(site, vec![left, right], move |run| {
            let (left, right) = (run.stream(left)?, run.stream(right)?);
            Ok(at(site, || f(left, right)))
        })
    }
}
