//! `cache`: each partition is computed once at most, and kept for those who read it later.
//!
//! What is missing is computed as a stage of the run that first needs it. A partition stays when another one fails:
//! a run that is repeated goes on from there.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Batch;
use super::chunks::Chunks;
use super::fault::Fault;
use super::fold::Append;
use super::items::{open_shared, weight_of};
use super::partitions::{Node, Partitions, prepare_parent};
use super::run::Run;
use crate::{Data, TaskError};

impl<T: Data> Batch<T> {
    /// The same batch, whose records are kept once they are computed, as long as the batch lives.
    ///
    /// Clones of the result share what is kept. Readers get clones of the records; an action that consumes the last
    /// handle moves them. If two threads first read a partition at the same moment, both may compute it; the first
    /// result is kept.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use batchmill::BatchContext;
    ///
    /// let calls = Arc::new(AtomicUsize::new(0));
    /// let counter = Arc::clone(&calls);
    /// let slow = move |x: u64| x + counter.fetch_add(1, Ordering::Relaxed) as u64;
    /// let batch = BatchContext::sequential().batch(vec![5, 6], 1).map(slow).cache();
    /// assert_eq!(batch.collect()?, batch.collect()?);
    /// assert_eq!(calls.load(Ordering::Relaxed), 2);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "persist")]
    #[must_use]
    pub fn cache(self) -> Self {
        let kept = (0..self.node.count()).map(|_| Mutex::new(None)).collect();
        Batch::from_node(self.context, Cache { parent: self.node, kept, claimed: false })
    }
}

struct Cache<T> {
    parent: Node<T>,
    kept: Vec<Mutex<Option<Arc<Vec<T>>>>>,
    claimed: bool,
}

impl<T: Data> Partitions<T> for Cache<T> {
    fn count(&self) -> usize {
        self.kept.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        self.kept[partition].lock().as_ref().map_or(0, |records| weight_of::<T>(records.len()))
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, _: bool) -> Result<(), TaskError> {
        for missing in missing(&self.kept, wanted) {
            prepare_parent(&self.parent, run, missing.clone(), true)?;
            run.fold(&*self.parent, missing, &Append, |partition, all| {
                self.kept[partition].lock().get_or_insert(Arc::new(all));
            })?;
        }
        Ok(())
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let mut kept = self.kept[partition].lock();
        let records = if self.claimed { kept.take() } else { kept.clone() };
        Ok(open_shared(records.expect("a partition is opened after it was prepared")))
    }

    fn claim(&mut self) {
        // Not passed on: if this run fails, another may need the inputs of what is not kept yet.
        self.claimed = true;
    }
}

/// The stretches of `wanted` that are not kept.
pub(crate) fn missing<T>(kept: &[Mutex<Option<T>>], wanted: Range<usize>) -> Vec<Range<usize>> {
    let mut missing: Vec<Range<usize>> = Vec::new();
    for partition in wanted.filter(|p| kept[*p].lock().is_none()) {
        match missing.last_mut() {
            Some(last) if last.end == partition => last.end += 1,
            _ => missing.push(partition..partition + 1),
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::BatchContext;

    #[test]
    fn a_batch_joined_with_itself_is_computed_once() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let count = move |x: i32| {
            counter.fetch_add(1, Ordering::Relaxed);
            x
        };
        let batch = BatchContext::sequential().batch(vec![1, 2, 3], 2).map(count).cache();
        assert_eq!(batch.take(1).unwrap(), [1]);
        assert_eq!(calls.load(Ordering::Relaxed), 2, "only the first partition was needed");
        assert_eq!(batch.clone().union(batch).into_vec().unwrap(), [1, 2, 3, 1, 2, 3]);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_repeated_run_keeps_the_partitions_that_were_done() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let fails_once = move |x: i32| {
            assert!(counter.fetch_add(1, Ordering::Relaxed) != 1, "second call");
            x
        };
        let batch =
            BatchContext::sequential().batch_of(vec![vec![1], vec![2], vec![3]]).map(fails_once).cache();
        assert!(batch.collect().unwrap_err().to_string().contains("partition 1"));
        assert_eq!(batch.collect().unwrap(), [1, 2, 3]);
        assert_eq!(calls.load(Ordering::Relaxed), 4, "partition 0 was not done again");
    }

    #[test]
    fn missing_partitions_are_found_in_stretches() {
        let kept = [None, Some(()), None, None, Some(())].map(Mutex::new);
        assert_eq!(missing(&kept, 0..5), [0..1, 2..4]);
        assert_eq!(missing(&kept, 1..3), vec![Range { start: 2, end: 3 }]);
    }
}
