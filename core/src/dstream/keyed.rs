//! Operators that bring the records of a key together. They combine inside each partition first.

use super::DStream;
use crate::Data;
use std::hash::Hash;

impl<'c, K: Data + Hash + Eq, V: Data> DStream<'c, (K, V)> {
    /// One record for each key of the batch: what `f`, which must be associative, makes of its values.
    #[doc(alias = "reduceByKey")]
    #[track_caller]
    pub fn reduce_by_key(self, f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static) -> Self {
        let site = crate::Site::here("reduce_by_key");
        self.derive(site, move |batch| batch.reduce_by_key(f.clone()))
    }
}
