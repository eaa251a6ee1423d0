//! `map_partitions`, `map_partitions_with_index` and `glom`: closures that see a partition as a whole, as an iterator
//! which computes while it is pulled. Runs in the partition's task.

use std::sync::Arc;

use super::Batch;
use super::chunks::{CHUNK, Chunks, Records};
use super::fault::{Fault, at};
use crate::{Data, Site};

impl<T: Data> Batch<T> {
    /// Calls `f` once for each partition with its records; the partition becomes what the returned iterator yields.
    ///
    /// Nothing is held in memory but what `f` keeps: records are computed as `f`'s iterator pulls them.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![1, 2, 3, 4], 2);
    /// let sums = batch.map_partitions(|records| [records.sum::<i32>()]);
    /// assert_eq!(sums.collect()?, [3, 7]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "mapPartitions")]
    #[must_use]
    #[track_caller]
    pub fn map_partitions<I>(self, f: impl Fn(Records<T>) -> I + Send + Sync + 'static) -> Batch<I::Item>
    where
        I: IntoIterator<Item: Data> + 'static,
    {
        let site = Site::here("map_partitions");
        self.map_partitions_with_index_at(Arc::new(move |_, records| f(records)), site)
    }

    /// As [`map_partitions`](Self::map_partitions); `f` also gets the partition's number, counted from 0.
    #[doc(alias = "mapPartitionsWithIndex")]
    #[must_use]
    #[track_caller]
    pub fn map_partitions_with_index<I>(
        self,
        f: impl Fn(usize, Records<T>) -> I + Send + Sync + 'static,
    ) -> Batch<I::Item>
    where
        I: IntoIterator<Item: Data> + 'static,
    {
        self.map_partitions_with_index_at(Arc::new(f), Site::here("map_partitions_with_index"))
    }

    pub(crate) fn map_partitions_with_index_at<I, F>(self, f: Arc<F>, site: Site) -> Batch<I::Item>
    where
        I: IntoIterator<Item: Data> + 'static,
        F: Fn(usize, Records<T>) -> I + Send + Sync + 'static,
    {
        self.narrow_whole(move |partition, parent| {
            let f = Arc::clone(&f);
            let iter = move || f(partition, Records::new(parent)).into_iter();
            Box::new(Whole::<_, I::IntoIter> { begin: Some(iter), iter: None, site })
        })
    }

    /// One vector for each partition, with all its records.
    #[must_use]
    #[track_caller]
    pub fn glom(self) -> Batch<Vec<T>> {
        self.glom_at(Site::here("glom"))
    }

    pub(crate) fn glom_at(self, site: Site) -> Batch<Vec<T>> {
        self.map_partitions_with_index_at(Arc::new(|_, records: Records<T>| [records.collect()]), site)
    }
}

/// A partition that is computed by a closure's iterator. The closure is called with the first pull.
struct Whole<B, I> {
    begin: Option<B>,
    iter: Option<I>,
    site: Site,
}

impl<I: Iterator, B: FnOnce() -> I> Chunks<I::Item> for Whole<B, I> {
    fn next(&mut self, out: &mut Vec<I::Item>) -> Result<bool, Fault> {
        at(self.site, || {
            if let Some(begin) = self.begin.take() {
                self.iter = Some(begin());
            }
            let iter = self.iter.as_mut().expect("the first pull made the iterator");
            out.extend(iter.take(CHUNK));
        });
        Ok(out.len() == CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::BatchContext;

    #[test]
    fn the_closure_runs_once_for_each_partition_also_an_empty_one() {
        let batch = BatchContext::sequential().batch_of(vec![vec![1], vec![], vec![2, 3]]);
        let sizes = batch.clone().map_partitions_with_index(|p, records| [(p, records.count())]);
        assert_eq!(sizes.collect().unwrap(), [(0, 1), (1, 0), (2, 2)]);
        assert_eq!(batch.glom().collect().unwrap(), [vec![1], vec![], vec![2, 3]]);
    }

    #[test]
    fn records_are_computed_as_they_are_pulled() {
        let computed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&computed);
        let batch = BatchContext::sequential().batch((0..100_000).collect(), 1);
        let batch = batch.map(move |x| {
            counter.fetch_add(1, Ordering::Relaxed);
            x
        });
        assert_eq!(batch.map_partitions(|records| records.skip(1)).take(1).unwrap(), [1]);
        assert!(computed.load(Ordering::Relaxed) < 2_000);
    }

    #[test]
    fn a_failure_before_it_unwinds_the_closure() {
        let complete = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&complete);
        let batch = BatchContext::sequential().batch(vec![1, 0], 1).map(|x| 1 / x);
        let error = batch.map_partitions(move |records| {
            let n = records.count();
            seen.fetch_add(1, Ordering::Relaxed);
            [n]
        });
        assert!(error.collect().unwrap_err().to_string().starts_with("map at "));
        assert_eq!(complete.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_closure_on_no_partitions_is_not_called() {
        let batch = BatchContext::sequential().empty::<u8>();
        assert_eq!(batch.map_partitions(|_| [1]).collect().unwrap(), []);
    }
}
