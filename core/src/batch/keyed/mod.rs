//! Keyed operators: what they promise, and the combinations they are made of. They run in the tasks of two stages,
//! before and after the exchange of the keys.

mod combine;
mod groups;
mod slot;
mod table;

use std::hash::Hash;

use crate::{Batch, Data, Site};

pub(crate) use combine::{Combiner, grouping};
pub(crate) use groups::{Groups, group};

impl<K: Data + Hash + Eq, V: Data> Batch<(K, V)> {
    /// All values of each key combined by `f`, which must be associative: one pair for each key.
    ///
    /// Values are combined in their partition first, then partition by partition, so in order; the order of the keys
    /// is not defined. The result has the context's [number of partitions](crate::BatchContext::partitions).
    ///
    /// ```
    /// let words = batchmill::BatchContext::sequential().batch(vec!["a", "b", "a"], 2);
    /// let counts = words.map(|w| (w, 1u64)).reduce_by_key(|a, b| a + b);
    /// assert_eq!(counts.sorted()?, [("a", 2), ("b", 1)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "reduceByKey")]
    #[must_use]
    #[track_caller]
    pub fn reduce_by_key(self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        self.combine_at(Combiner::reduce(f, Site::here("reduce_by_key")), None)
    }

    /// [`reduce_by_key`](Self::reduce_by_key) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn reduce_by_key_into(
        self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> Self {
        self.combine_at(Combiner::reduce(f, Site::here("reduce_by_key_into")), Some(partitions))
    }

    /// All values of each key combined into a value of another type: the first one of a task by `create`, each further
    /// one by `merge_value`, and what two tasks have made by `merge_combiners`.
    ///
    /// Which partitions share a task depends on their sizes and on the executor; `merge_combiners` must give the same
    /// for every cut. Order and partitions are those of [`reduce_by_key`](Self::reduce_by_key).
    ///
    /// ```
    /// let pairs = batchmill::BatchContext::sequential().batch(vec![("a", 3.0), ("a", 5.0), ("b", 1.0)], 2);
    /// let sums = pairs.combine_by_key(|v| (v, 1), |(s, n), v| (s + v, n + 1), |(s, n), (t, m)| (s + t, n + m));
    /// let mut means = sums.map_values(|(sum, n)| sum / n as f64).collect()?;
    /// means.sort_by_key(|(key, _)| *key);
    /// assert_eq!(means, [("a", 4.0), ("b", 1.0)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "combineByKey")]
    #[must_use]
    #[track_caller]
    pub fn combine_by_key<C: Data>(
        self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Batch<(K, C)> {
        let site = Site::here("combine_by_key");
        self.combine_at(Combiner::new(create, merge_value, merge_combiners, site), None)
    }

    /// [`combine_by_key`](Self::combine_by_key) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn combine_by_key_into<C: Data>(
        self,
        partitions: usize,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Batch<(K, C)> {
        let site = Site::here("combine_by_key_into");
        self.combine_at(Combiner::new(create, merge_value, merge_combiners, site), Some(partitions))
    }

    /// All values of each key in one vector, in the order they have here, partition by partition. The order of the keys
    /// is not defined.
    ///
    /// ```
    /// let pairs = batchmill::BatchContext::sequential().batch(vec![("a", 2), ("b", 9), ("a", 1)], 2);
    /// assert_eq!(pairs.group_by_key().sorted()?, [("a", vec![2, 1]), ("b", vec![9])]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "groupByKey")]
    #[must_use]
    #[track_caller]
    pub fn group_by_key(self) -> Batch<(K, Vec<V>)> {
        self.group_by_key_at(None, Site::here("group_by_key"))
    }

    /// [`group_by_key`](Self::group_by_key) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn group_by_key_into(self, partitions: usize) -> Batch<(K, Vec<V>)> {
        self.group_by_key_at(Some(partitions), Site::here("group_by_key_into"))
    }

    pub(crate) fn group_by_key_at(self, partitions: Option<usize>, site: Site) -> Batch<(K, Vec<V>)> {
        self.combine_at(grouping(site), partitions)
    }
}

impl<T: Data + Hash + Eq> Batch<T> {
    /// How often each record occurs: one pair of a record and its number for each different one.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec!["a", "b", "a"], 2);
    /// assert_eq!(batch.count_by_value().sorted()?, [("a", 2), ("b", 1)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "countByValue")]
    #[must_use]
    #[track_caller]
    pub fn count_by_value(self) -> Batch<(T, u64)> {
        self.count_by_value_at(None, Site::here("count_by_value"))
    }

    /// [`count_by_value`](Self::count_by_value) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn count_by_value_into(self, partitions: usize) -> Batch<(T, u64)> {
        self.count_by_value_at(Some(partitions), Site::here("count_by_value_into"))
    }

    pub(crate) fn count_by_value_at(self, partitions: Option<usize>, site: Site) -> Batch<(T, u64)> {
        self.with_ones(site).combine_at(Combiner::reduce(|a, b| a + b, site), partitions)
    }

    /// Each record with the number 1.
    pub(crate) fn with_ones(self, site: Site) -> Batch<(T, u64)> {
        self.per_chunk(site, |input, out| out.extend(input.drain(..).map(|record| (record, 1))))
    }
}
