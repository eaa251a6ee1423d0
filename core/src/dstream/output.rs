//! Outputs: where batches leave the stream. [`DStream::for_each_batch`] is the general one.

use super::DStream;
use crate::batch::fault::{Fault, at, guarded};
use crate::error::{Error, Site, SourceError};
use crate::{Batch, Data};

/// What a function of [`DStream::for_each_batch`] may return: nothing, or a `Result` whose error fails the job.
pub trait OutputResult {
    /// The result with a boxed error.
    ///
    /// # Errors
    /// The error of the function.
    fn into_result(self) -> Result<(), SourceError>;
}

impl OutputResult for () {
    fn into_result(self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl<E: Into<SourceError>> OutputResult for Result<(), E> {
    fn into_result(self) -> Result<(), SourceError> {
        self.map_err(Into::into)
    }
}

impl<T: Data> DStream<'_, T> {
    /// Calls `f` with every batch, empty ones too, on the job thread. An error or a panic fails the job, which runs
    /// again if the error policy says so: then `f` sees the same records again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use std::sync::{Arc, Mutex};
    ///
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, numbers) = ssc.queue_stream::<u32>();
    /// let sums = Arc::new(Mutex::new(Vec::new()));
    /// let seen = Arc::clone(&sums);
    /// numbers.for_each_batch(move |batch| {
    ///     let sum: u32 = batch.collect()?.iter().sum();
    ///     seen.lock().unwrap().push((batch.time().as_ms(), sum));
    ///     Ok::<(), batchmill::Error>(())
    /// });
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([1, 2, 3]);
    /// test.run_batches(2)?;
    /// assert_eq!(*sums.lock().unwrap(), [(1_000, 6), (2_000, 0)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "foreachRDD")]
    #[doc(alias = "foreach_rdd")]
    #[track_caller]
    pub fn for_each_batch<R: OutputResult>(self, f: impl Fn(Batch<T>) -> R + Send + Sync + 'static) {
        self.output(Site::here("for_each_batch"), move |batch| f(batch).into_result());
    }

    /// Adds an output; what `run` fails with is put down to it, unless it comes from a task that names its own place.
    pub(super) fn output(
        self,
        site: Site,
        run: impl Fn(Batch<T>) -> Result<(), SourceError> + Send + Sync + 'static,
    ) {
        let node = self.node;
        self.context.add_output(site, node, move |batch_run| {
            let batch: Batch<T> = batch_run.stream(node)?;
            let time = batch.time();
            let fault = match guarded(|| Ok(at(site, || run(batch)))) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(cause)) => match cause.downcast::<Error>() {
                    Ok(error) => return Err(*error),
                    Err(cause) => Fault::new(Some(site), cause),
                },
                Err(fault) => fault,
            };
            Err(Error::Task(fault.into_error(time, None)))
        });
    }
}
