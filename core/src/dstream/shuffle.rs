//! Operators that send each record to a partition as it is, and the joins with data of the program's own.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::DStream;
use crate::Data;
use crate::error::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// The same records in exactly `partitions` partitions of about the same size, also in an empty batch; 0 counts as
    /// 1. Where a record goes depends on its place alone.
    #[track_caller]
    pub fn repartition(self, partitions: usize) -> Self {
        let site = Site::here("repartition");
        self.derive(site, move |batch| batch.repartition_at(partitions, site))
    }
}

impl<'c, K: Data, V: Data> DStream<'c, (K, V)> {
    /// The same pairs in `partitions` partitions: a pair goes to partition `f(&key) % partitions`.
    #[doc(alias = "partitionBy")]
    #[track_caller]
    pub fn partition_by(self, partitions: usize, f: impl Fn(&K) -> usize + Send + Sync + 'static) -> Self {
        let (site, f) = (Site::here("partition_by"), Arc::new(f));
        self.derive(site, move |batch| batch.partition_by_at(partitions, Arc::clone(&f), site))
    }

    /// The pairs whose key is in `table`, with its value there: a join with data that does not change. Nothing is
    /// shuffled.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc, time::Duration};
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, counts) = ssc.queue_stream();
    /// let sentiments = Arc::new(HashMap::from([("good", 1), ("bad", -1)]));
    /// let weighed = counts.join_table(&sentiments).map(|(word, (count, mood))| (word, count * mood));
    /// let weighed = weighed.collect();
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([("good", 3), ("day", 2)]);
    /// test.step_batch()?;
    /// assert_eq!(weighed.take_all(), [("good", 3)]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn join_table<W, S>(self, table: &Arc<HashMap<K, W, S>>) -> DStream<'c, (K, (V, W))>
    where
        K: Hash + Eq,
        W: Data,
        S: BuildHasher + Send + Sync + 'static,
    {
        let (site, table) = (Site::here("join_table"), Arc::clone(table));
        self.derive(site, move |batch| batch.join_table_at(Arc::clone(&table), site))
    }
}
