//! Operators that make each partition from one partition: they fuse and end no stage.

use std::sync::Arc;

use super::DStream;
use crate::Data;
use crate::batch::Records;
use crate::error::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Each record becomes what `f` makes of it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, words) = ssc.queue_stream();
    /// let lengths = words.map(|word: &str| word.len()).collect();
    /// let mut test = ssc.start_stepped()?;
    /// queue.push(["one", "three"]);
    /// test.step_batch()?;
    /// assert_eq!(lengths.take_all(), [3, 5]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: Data>(self, f: impl Fn(T) -> U + Send + Sync + 'static) -> DStream<'c, U> {
        let (site, f) = (Site::here("map"), Arc::new(f));
        self.derive(site, move |batch| batch.map_at(Arc::clone(&f), site))
    }

    /// Each record becomes the records that `f` makes of it, in their order.
    #[doc(alias = "flatMap")]
    #[track_caller]
    pub fn flat_map<I>(self, f: impl Fn(T) -> I + Send + Sync + 'static) -> DStream<'c, I::Item>
    where
        I: IntoIterator + 'static,
        I::Item: Data,
    {
        let (site, f) = (Site::here("flat_map"), Arc::new(f));
        self.derive(site, move |batch| batch.flat_map_at(Arc::clone(&f), site))
    }

    /// The records for which `f` is true.
    #[track_caller]
    pub fn filter(self, f: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let (site, f) = (Site::here("filter"), Arc::new(f));
        self.derive(site, move |batch| batch.filter_at(Arc::clone(&f), site))
    }

    /// Each partition becomes what `f` makes of its records, which are computed as `f` asks for them. `f` is not
    /// called for a batch without partitions.
    #[doc(alias = "mapPartitions")]
    #[track_caller]
    pub fn map_partitions<I>(
        self,
        f: impl Fn(Records<T>) -> I + Send + Sync + 'static,
    ) -> DStream<'c, I::Item>
    where
        I: IntoIterator + 'static,
        I::Item: Data,
    {
        let (site, f) = (Site::here("map_partitions"), Arc::new(move |_, records: Records<T>| f(records)));
        self.derive(site, move |batch| batch.map_partitions_with_index_at(Arc::clone(&f), site))
    }

    /// As [`map_partitions`](Self::map_partitions), with the number of the partition.
    #[doc(alias = "mapPartitionsWithIndex")]
    #[track_caller]
    pub fn map_partitions_with_index<I>(
        self,
        f: impl Fn(usize, Records<T>) -> I + Send + Sync + 'static,
    ) -> DStream<'c, I::Item>
    where
        I: IntoIterator + 'static,
        I::Item: Data,
    {
        let (site, f) = (Site::here("map_partitions_with_index"), Arc::new(f));
        self.derive(site, move |batch| batch.map_partitions_with_index_at(Arc::clone(&f), site))
    }

    /// Each partition becomes one record: all its records.
    #[track_caller]
    pub fn glom(self) -> DStream<'c, Vec<T>> {
        let site = Site::here("glom");
        self.derive(site, move |batch| batch.glom_at(site))
    }
}
