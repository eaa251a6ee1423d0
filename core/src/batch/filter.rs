//! `filter`: drops records in the buffer they were pulled into. Runs in the partition's task.

use std::sync::Arc;

use super::Batch;
use super::chunks::Chunks;
use super::fault::{Fault, at};
use crate::{Data, Site};

impl<T: Data> Batch<T> {
    /// The records `f` says yes to. Partitions and order stay.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![1, 2, 3], 2);
    /// assert_eq!(batch.filter(|x| x % 2 == 1).collect()?, [1, 3]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn filter(self, f: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.filter_at(Arc::new(f), Site::here("filter"))
    }

    pub(crate) fn filter_at<F>(self, f: Arc<F>, site: Site) -> Self
    where
        F: Fn(&T) -> bool + Send + Sync + 'static,
    {
        self.narrow(move |_, parent| Box::new(Filter { parent, f: Arc::clone(&f), site }))
    }
}

struct Filter<T, F> {
    parent: Box<dyn Chunks<T>>,
    f: Arc<F>,
    site: Site,
}

impl<T, F: Fn(&T) -> bool> Chunks<T> for Filter<T, F> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        let more = self.parent.next(out)?;
        at(self.site, || out.retain(&*self.f));
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn a_filter_that_drops_whole_chunks_still_finds_the_last_record() {
        let batch = BatchContext::sequential().batch((0..100_000).collect(), 2);
        assert_eq!(batch.filter(|x| *x == 99_999).collect().unwrap(), [99_999]);
    }
}
