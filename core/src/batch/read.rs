//! Partitions that are read while their task runs, by a closure: the way in for inputs that are neither items nor
//! blocks in memory.

use std::ops::Range;
use std::sync::Arc;

use super::Batch;
use super::chunks::{CHUNK, Chunks};
use super::fault::{Fault, at};
use super::partitions::Partitions;
use super::run::Run;
use crate::{BatchContext, Data, Site, SourceError, TaskError};

/// What a partition of unknown size weighs: enough to be shared out.
const UNKNOWN_WEIGHT_BYTES: u64 = 1 << 20;

impl BatchContext {
    /// A batch of `partitions` partitions, each read when its task runs: `open` gets the partition's number and gives
    /// its records, or fails, as any record may.
    ///
    /// `open` is called again when the batch runs again, and must then give the same records.
    ///
    /// ```
    /// use batchmill::{BatchContext, SourceError};
    ///
    /// let open = |p: usize| Ok((0..3).map(move |i| Ok::<_, SourceError>(10 * p + i)));
    /// let batch = BatchContext::sequential().read_partitions(2, open);
    /// assert_eq!(batch.collect_partitions()?, [vec![0, 1, 2], vec![10, 11, 12]]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn read_partitions<T, I, F>(&self, partitions: usize, open: F) -> Batch<T>
    where
        T: Data,
        I: Iterator<Item = Result<T, SourceError>> + 'static,
        F: Fn(usize) -> Result<I, SourceError> + Send + Sync + 'static,
    {
        let read = Read { partitions, open: Arc::new(open), site: Site::here("read_partitions") };
        Batch::from_node(self.clone(), read)
    }
}

struct Read<F> {
    partitions: usize,
    open: Arc<F>,
    site: Site,
}

impl<T, I, F> Partitions<T> for Read<F>
where
    T: Data,
    I: Iterator<Item = Result<T, SourceError>> + 'static,
    F: Fn(usize) -> Result<I, SourceError> + Send + Sync + 'static,
{
    fn count(&self) -> usize {
        self.partitions
    }

    fn weight(&self, _: &Run, _: usize) -> u64 {
        UNKNOWN_WEIGHT_BYTES
    }

    fn prepare(&self, _: &Run, _: Range<usize>, _: bool) -> Result<(), TaskError> {
        Ok(())
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let site = self.site;
        match at(site, || (self.open)(partition)) {
            Ok(records) => Ok(Box::new(Reading { records, site })),
            Err(cause) => Err(Fault::new(Some(site), cause)),
        }
    }

    fn claim(&mut self) {}
}

struct Reading<I> {
    records: I,
    site: Site,
}

impl<T, I: Iterator<Item = Result<T, SourceError>>> Chunks<T> for Reading<I> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        let read = at(self.site, || {
            for record in self.records.by_ref().take(CHUNK) {
                out.push(record?);
            }
            Ok(())
        });
        read.map_err(|cause| Fault::new(Some(self.site), cause))?;
        Ok(out.len() == CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_cannot_be_opened_or_read_fails_with_the_readers_line() {
        let context = BatchContext::sequential();
        let never = |_| Err::<std::iter::Empty<Result<u8, SourceError>>, _>("gone".into());
        let error = context.read_partitions(1, never).collect().unwrap_err().to_string();
        assert!(error.starts_with("read_partitions at ") && error.ends_with("partition 0: gone"), "{error}");
        let broken = |_| Ok([Ok(1), Err(SourceError::from("torn"))].into_iter());
        assert!(context.read_partitions(1, broken).collect().unwrap_err().to_string().ends_with(": torn"));
    }

    #[test]
    fn a_record_after_enough_is_not_read() {
        let open = |_| Ok((0_u32..).map(|i| if i < 5_000 { Ok(i) } else { Err("too far".into()) }));
        assert_eq!(BatchContext::sequential().read_partitions(1, open).take(2).unwrap(), [0, 1]);
    }
}
