//! Operators that may fail for a record, and the split into good and bad records.

use std::sync::Arc;

use super::DStream;
use crate::Data;
use crate::batch::Failed;
use crate::error::{Site, SourceError};

impl<'c, T: Data> DStream<'c, T> {
    /// Each record becomes what `f` makes of it, or a [`Failed`] with the record, the error and the line of this call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, lines) = ssc.queue_stream();
    /// let (numbers, failed) = lines.try_map(|line: &&str| line.parse::<i32>()).split_err();
    /// let (numbers, failed) = (numbers.collect(), failed.map(|failed| failed.record).collect());
    /// let mut test = ssc.start_stepped()?;
    /// queue.push(["1", "two", "3"]);
    /// test.step_batch()?;
    /// assert_eq!((numbers.take_all(), failed.take_all()), (vec![1, 3], vec!["two"]));
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn try_map<U, E>(
        self,
        f: impl Fn(&T) -> Result<U, E> + Send + Sync + 'static,
    ) -> DStream<'c, Result<U, Failed<T>>>
    where
        U: Data,
        E: Into<SourceError> + 'static,
    {
        let (site, f) = (Site::here("try_map"), Arc::new(f));
        self.derive(site, move |batch| batch.try_map_at(Arc::clone(&f), site))
    }
}

impl<'c, T: Data, E: Data> DStream<'c, Result<T, E>> {
    /// The good records and the bad ones as two streams. Each record is moved once, in one pass over the batch.
    #[track_caller]
    pub fn split_err(self) -> (DStream<'c, T>, DStream<'c, E>) {
        let site = Site::here("split_err");
        let parent = self.node;
        let split = self.context.add_split(site, parent);
        let ok = self.context.add_stream(site, vec![split], move |run| {
            let (ok, _) = run.split::<T, E>(split, parent)?;
            Ok(ok.hand_out())
        });
        let err = self.context.add_stream(site, vec![split], move |run| {
            let (_, err) = run.split::<T, E>(split, parent)?;
            Ok(err.hand_out())
        });
        (ok, err)
    }
}
