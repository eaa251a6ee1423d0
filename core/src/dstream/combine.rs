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
        self.derive(site, move |batch| {
            let sources = batch.context().clone();
            at(site, || f(batch)).noted(&sources)
        })
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
            let sources = left.context().clone().with_notes_of(right.context());
            // Whatever the closure makes, both streams have a part in it.
            Ok(at(site, || f(left, right)).noted(&sources))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;

    use crate::{Batch, BatchContext, BatchTime, InputDStream, PlanLimits, SourceError, StreamingContext};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Origin(u32);

    /// Gives its number, and says so in a note.
    struct Noting(u32);

    impl InputDStream<u32> for Noting {
        type Plan = ();

        fn name(&self) -> String {
            "noting".to_owned()
        }

        fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<(), SourceError> {
            Ok(())
        }

        fn batch(&mut self, (): &(), context: &BatchContext) -> Result<Batch<u32>, SourceError> {
            Ok(context.with_note(Arc::new(Origin(self.0))).batch(vec![self.0], 1))
        }
    }

    #[test]
    fn notes_reach_every_output_through_every_operator() {
        let ssc = StreamingContext::new(Duration::from_secs(1)).unwrap();
        let (a, b) = (ssc.input_stream(Noting(1)), ssc.input_stream(Noting(2)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str, stream: crate::DStream<'_, u32>| {
            let seen = Arc::clone(&seen);
            stream.for_each_batch(move |batch| {
                seen.lock().push((name, batch.notes::<Origin>().map(|origin| origin.0).collect::<Vec<_>>()));
            });
        };
        let keyed = a.map(|n| (n, n)).reduce_by_key(|x, _| x);
        note("keyed", keyed.keys());
        note("empty", a.filter(|_| false));
        note("union", a.union(b));
        note("with itself", a.union(a));
        note("transform", a.transform(|batch| batch.context().batch(vec![7], 1)));
        note("fresh", a.transform(|_| BatchContext::sequential().batch(vec![7], 1)));
        note("both", a.transform_with(b, |x, _| x));
        note("all", ssc.transform(&[b, a], |mut batches| batches.remove(0)));
        ssc.start_stepped().unwrap().step_batch().unwrap();
        let expected = [
            ("keyed", vec![1]),
            ("empty", vec![1]),
            ("union", vec![1, 2]),
            ("with itself", vec![1]),
            ("transform", vec![1]),
            ("fresh", vec![1]),
            ("both", vec![1, 2]),
            ("all", vec![2, 1]),
        ];
        assert_eq!(*seen.lock(), expected);
    }
}
