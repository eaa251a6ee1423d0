//! `union`: the partitions of several batches, one after the other.

use std::ops::Range;

use super::Batch;
use super::chunks::Chunks;
use super::fault::Fault;
use super::partitions::{Node, Partitions, claim_parent, prepare_parent};
use super::run::Run;
use crate::{BatchContext, Data, TaskError};

impl<T: Data> Batch<T> {
    /// This batch's partitions, then those of `other`. Nothing is copied and no stage ends.
    ///
    /// ```
    /// let context = batchmill::BatchContext::sequential();
    /// let (a, b) = (context.batch(vec![1, 2], 1), context.batch(vec![3], 1));
    /// assert_eq!(a.union(b).collect_partitions()?, [vec![1, 2], vec![3]]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let context = self.context.with_notes_of(&other.context);
        Batch::from_node(context, Union { parents: vec![self.node, other.node] })
    }
}

impl BatchContext {
    /// The partitions of all `batches`, in their order.
    pub fn union<T: Data>(&self, batches: Vec<Batch<T>>) -> Batch<T> {
        let noted = |context: Self, batch: &Batch<T>| context.with_notes_of(&batch.context);
        let context = batches.iter().fold(self.clone(), noted);
        let parents = batches.into_iter().map(|batch| batch.node).collect();
        Batch::from_node(context, Union { parents })
    }
}

struct Union<T> {
    parents: Vec<Node<T>>,
}

impl<T> Union<T> {
    /// The parent that has the partition, and the partition's number there.
    fn locate(&self, mut partition: usize) -> (&Node<T>, usize) {
        for parent in &self.parents {
            if partition < parent.count() {
                return (parent, partition);
            }
            partition -= parent.count();
        }
        unreachable!("a partition below count() lies in one of the parents")
    }
}

impl<T> Partitions<T> for Union<T> {
    fn count(&self) -> usize {
        self.parents.iter().map(|parent| parent.count()).sum()
    }

    fn weight(&self, run: &Run, partition: usize) -> u64 {
        let (parent, partition) = self.locate(partition);
        parent.weight(run, partition)
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, sole: bool) -> Result<(), TaskError> {
        let mut start = 0;
        for parent in &self.parents {
            let end = start + parent.count();
            let (from, to) = (wanted.start.max(start), wanted.end.min(end));
            if from < to {
                prepare_parent(parent, run, from - start..to - start, sole)?;
            }
            start = end;
        }
        Ok(())
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let (parent, partition) = self.locate(partition);
        parent.open(run, partition)
    }

    fn claim(&mut self) {
        self.parents.iter_mut().for_each(claim_parent);
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn a_batch_joined_with_itself_has_its_records_twice() {
        let batch = BatchContext::sequential().batch(vec![1, 2], 2);
        assert_eq!(batch.clone().union(batch).into_vec().unwrap(), [1, 2, 1, 2]);
    }

    #[test]
    fn no_batches_make_an_empty_one() {
        let context = BatchContext::sequential();
        assert_eq!(context.union::<u8>(Vec::new()).partition_count(), 0);
        assert_eq!(context.union(vec![context.empty(), context.batch(vec![1], 1)]).take(5).unwrap(), [1]);
    }
}
