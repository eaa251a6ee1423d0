//! Keyed operators: what they promise, and the combinations they are made of. They run in the tasks of two stages,
//! before and after the exchange of the keys.

mod combine;
mod slot;
mod table;

use std::hash::Hash;

use crate::{Batch, Data, Site};

pub(crate) use combine::Combiner;

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
    pub fn reduce_by_key(self, f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static) -> Self {
        let combiner = Combiner::new(|value| value, f.clone(), f, Site::here("reduce_by_key"));
        self.combine_at(combiner, None)
    }

    /// [`reduce_by_key`](Self::reduce_by_key) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn reduce_by_key_into(
        self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
    ) -> Self {
        let combiner = Combiner::new(|value| value, f.clone(), f, Site::here("reduce_by_key_into"));
        self.combine_at(combiner, Some(partitions))
    }
}
