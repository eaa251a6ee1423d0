//! Operators that bring the records of a key together. They combine inside each partition first; per batch only.
//!
//! The combining part of an operator is made once, when the graph is built, and serves every batch: it remembers how
//! many keys the last batch had.

use std::hash::Hash;
use std::sync::Arc;

use super::DStream;
use crate::Data;
use crate::batch::{Combiner, grouping};
use crate::error::Site;

impl<'c, K: Data + Hash + Eq, V: Data> DStream<'c, (K, V)> {
    /// One record for each key of the batch: what `f`, which must be associative, makes of its values in their order.
    /// The order of the keys is not defined.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, sales) = ssc.queue_stream();
    /// let sums = sales.reduce_by_key(|a: u32, b| a + b).collect();
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([("tea", 3), ("milk", 1), ("tea", 2)]);
    /// test.step_batch()?;
    /// assert_eq!(sums.take_sorted(), [("milk", 1), ("tea", 5)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "reduceByKey")]
    #[track_caller]
    pub fn reduce_by_key(self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        self.reduce_at(Site::here("reduce_by_key"), None, f)
    }

    /// As [`reduce_by_key`](Self::reduce_by_key), into `partitions` partitions; 0 counts as 1.
    #[track_caller]
    pub fn reduce_by_key_into(
        self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> Self {
        self.reduce_at(Site::here("reduce_by_key_into"), Some(partitions), f)
    }

    fn reduce_at(
        self,
        site: Site,
        partitions: Option<usize>,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> Self {
        let combiner = Combiner::reduce(f, site);
        self.derive(site, move |batch| batch.combine_at(Arc::clone(&combiner), partitions))
    }

    /// One record for each key of the batch, with all its values: in the order of arrival within a partition,
    /// partition by partition.
    #[doc(alias = "groupByKey")]
    #[track_caller]
    pub fn group_by_key(self) -> DStream<'c, (K, Vec<V>)> {
        self.group_at(Site::here("group_by_key"), None)
    }

    /// As [`group_by_key`](Self::group_by_key), into `partitions` partitions; 0 counts as 1.
    #[track_caller]
    pub fn group_by_key_into(self, partitions: usize) -> DStream<'c, (K, Vec<V>)> {
        self.group_at(Site::here("group_by_key_into"), Some(partitions))
    }

    fn group_at(self, site: Site, partitions: Option<usize>) -> DStream<'c, (K, Vec<V>)> {
        let combiner = grouping(site);
        self.derive(site, move |batch| batch.combine_at(Arc::clone(&combiner), partitions))
    }

    /// One record for each key of the batch: `create` makes a combination of the first value of a key in a partition,
    /// `merge_value` adds another value to one, `merge_combiners` puts those of two partitions together.
    #[doc(alias = "combineByKey")]
    #[track_caller]
    pub fn combine_by_key<C: Data>(
        self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<'c, (K, C)> {
        self.combine_at(Site::here("combine_by_key"), None, create, merge_value, merge_combiners)
    }

    /// As [`combine_by_key`](Self::combine_by_key), into `partitions` partitions; 0 counts as 1.
    #[track_caller]
    pub fn combine_by_key_into<C: Data>(
        self,
        partitions: usize,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<'c, (K, C)> {
        let site = Site::here("combine_by_key_into");
        self.combine_at(site, Some(partitions), create, merge_value, merge_combiners)
    }

    fn combine_at<C: Data>(
        self,
        site: Site,
        partitions: Option<usize>,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<'c, (K, C)> {
        let combiner = Combiner::new(create, merge_value, merge_combiners, site);
        self.derive(site, move |batch| batch.combine_at(Arc::clone(&combiner), partitions))
    }
}

impl<'c, T: Data + Hash + Eq> DStream<'c, T> {
    /// How often each record occurs in the batch.
    #[doc(alias = "countByValue")]
    #[track_caller]
    pub fn count_by_value(self) -> DStream<'c, (T, u64)> {
        self.count_at(Site::here("count_by_value"), None)
    }

    /// As [`count_by_value`](Self::count_by_value), into `partitions` partitions; 0 counts as 1.
    #[track_caller]
    pub fn count_by_value_into(self, partitions: usize) -> DStream<'c, (T, u64)> {
        self.count_at(Site::here("count_by_value_into"), Some(partitions))
    }

    fn count_at(self, site: Site, partitions: Option<usize>) -> DStream<'c, (T, u64)> {
        let combiner = Combiner::reduce(|a, b| a + b, site);
        self.derive(site, move |batch| batch.with_ones(site).combine_at(Arc::clone(&combiner), partitions))
    }
}
