//! Narrow operators of batches of pairs. They run in the partition's task, as `map` does.

use std::sync::Arc;

use super::Batch;
use crate::{Data, Site};

impl<K: Data, V: Data> Batch<(K, V)> {
    /// Each value becomes what `f` makes of it; keys, partitions and order stay.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![("a", 1), ("b", 2)], 1);
    /// assert_eq!(batch.map_values(|v| v * 10).collect()?, [("a", 10), ("b", 20)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "mapValues")]
    #[must_use]
    #[track_caller]
    pub fn map_values<W: Data>(self, f: impl Fn(V) -> W + Send + Sync + 'static) -> Batch<(K, W)> {
        self.map_values_at(Arc::new(f), Site::here("map_values"))
    }

    pub(crate) fn map_values_at<W, F>(self, f: Arc<F>, site: Site) -> Batch<(K, W)>
    where
        W: Data,
        F: Fn(V) -> W + Send + Sync + 'static,
    {
        self.map_at(Arc::new(move |(key, value)| (key, f(value))), site)
    }

    /// Each pair becomes one pair for everything the iterator made by `f` yields, with a clone of its key.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![("a", 2), ("b", 0)], 1);
    /// assert_eq!(batch.flat_map_values(|n| 0..n).collect()?, [("a", 0), ("a", 1)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "flatMapValues")]
    #[must_use]
    #[track_caller]
    pub fn flat_map_values<I>(self, f: impl Fn(V) -> I + Send + Sync + 'static) -> Batch<(K, I::Item)>
    where
        I: IntoIterator<Item: Data> + 'static,
    {
        self.flat_map_values_at(Arc::new(f), Site::here("flat_map_values"))
    }

    pub(crate) fn flat_map_values_at<I, F>(self, f: Arc<F>, site: Site) -> Batch<(K, I::Item)>
    where
        I: IntoIterator<Item: Data> + 'static,
        F: Fn(V) -> I + Send + Sync + 'static,
    {
        let f = move |(key, value): (K, V)| f(value).into_iter().map(move |value| (key.clone(), value));
        self.flat_map_at(Arc::new(f), site)
    }

    /// The keys, one for each pair.
    #[must_use]
    #[track_caller]
    pub fn keys(self) -> Batch<K> {
        self.keys_at(Site::here("keys"))
    }

    pub(crate) fn keys_at(self, site: Site) -> Batch<K> {
        self.map_at(Arc::new(|(key, _)| key), site)
    }

    /// The values, one for each pair.
    #[must_use]
    #[track_caller]
    pub fn values(self) -> Batch<V> {
        self.values_at(Site::here("values"))
    }

    pub(crate) fn values_at(self, site: Site) -> Batch<V> {
        self.map_at(Arc::new(|(_, value)| value), site)
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn keys_and_values_keep_their_order() {
        let batch = BatchContext::sequential().batch(vec![(1, "a"), (0, "b"), (1, "c")], 2);
        assert_eq!(batch.clone().keys().collect().unwrap(), [1, 0, 1]);
        assert_eq!(batch.values().collect().unwrap(), ["a", "b", "c"]);
    }
}
