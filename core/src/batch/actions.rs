//! What computes a batch: the actions. They run on the thread that calls them, which is the job thread for the outputs
//! of a stream, and wait there for the tasks.

use super::Batch;
use super::chunks::Records;
use super::fault::{Fault, at};
use super::fold::{Append, Count, Fold};
use super::partitions::claim_parent;
use super::run::{Halt, Run};
use crate::{Data, Error, Site, SourceError};

impl<T: Data> Batch<T> {
    /// All records, partition by partition.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] if a closure panicked or a source could not be read.
    pub fn collect(&self) -> Result<Vec<T>, Error> {
        self.collect_partitions().map(join)
    }

    /// All records, one vector for each partition.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn collect_partitions(&self) -> Result<Vec<Vec<T>>, Error> {
        self.fold(&Append)
    }

    /// All records, moved out of the batch's inputs where this was their last owner; [`collect`](Self::collect) clones
    /// them.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn into_vec(self) -> Result<Vec<T>, Error> {
        self.into_partitions().map(join)
    }

    /// [`collect_partitions`](Self::collect_partitions), moving as [`into_vec`](Self::into_vec) does.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn into_partitions(mut self) -> Result<Vec<Vec<T>>, Error> {
        claim_parent(&mut self.node);
        self.collect_partitions()
    }

    /// How many records there are.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn len(&self) -> Result<u64, Error> {
        Ok(self.fold(&Count)?.iter().sum())
    }

    /// Whether there is no record. Computes no more than the first.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.first().map(|first| first.is_none())
    }

    /// The first record, if there is one. Computes no more than [`take(1)`](Self::take).
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn first(&self) -> Result<Option<T>, Error> {
        self.take(1).map(|mut records| records.pop())
    }

    /// The first `n` records. Computes partition after partition, on the calling thread, and stops a chunk after it
    /// has enough: later partitions are never opened. A shuffle on the way is computed whole.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn take(&self, n: usize) -> Result<Vec<T>, Error> {
        let run = Run::new(&self.context);
        let mut taken = Vec::new();
        for partition in 0..self.node.count() {
            if taken.len() >= n {
                break;
            }
            self.node.prepare(&run, partition..partition + 1, true)?;
            run.read_one(&*self.node, partition, &Halt::never(), |_, records| {
                while taken.len() < n {
                    let Some(chunk) = records.next_chunk()? else { break };
                    let enough = chunk.len().min(n - taken.len());
                    taken.extend(chunk.drain(..enough));
                }
                Ok(())
            })?;
        }
        Ok(taken)
    }

    /// All records in ascending order, for tests of batches whose order is not defined.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect).
    pub fn sorted(&self) -> Result<Vec<T>, Error>
    where
        T: Ord,
    {
        let mut records = self.collect()?;
        records.sort();
        Ok(records)
    }

    /// Hands each partition's number and records to `f`, in the partition's task: several at the same time.
    ///
    /// `f` need not read all records. If an operator fails on the way, `f` is unwound: what it does after its loop is
    /// only done for a complete partition.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), or [`Error::Task`] with what `f` returned as its cause; other partitions may
    /// have been done, or begun, by then.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use batchmill::BatchContext;
    ///
    /// let total = AtomicU64::new(0);
    /// let batch = BatchContext::sequential().batch(vec![1, 2, 3], 2);
    /// batch.for_each_partition(|_partition, records| {
    ///     total.fetch_add(records.sum(), Ordering::Relaxed);
    ///     Ok(())
    /// })?;
    /// assert_eq!(total.into_inner(), 6);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "foreachPartition")]
    #[track_caller]
    pub fn for_each_partition<F>(&self, f: F) -> Result<(), Error>
    where
        F: Fn(usize, Records<T>) -> Result<(), SourceError> + Sync,
    {
        self.for_each_partition_at(&f, Site::here("for_each_partition"))
    }

    pub(crate) fn for_each_partition_at<F>(&self, f: &F, site: Site) -> Result<(), Error>
    where
        F: Fn(usize, Records<T>) -> Result<(), SourceError> + Sync + ?Sized,
    {
        let run = Run::new(&self.context);
        let wanted = 0..self.node.count();
        self.node.prepare(&run, wanted.clone(), true)?;
        let weight = run.weight(&*self.node, wanted.clone());
        run.stage(weight, wanted.len(), |partition, halt| {
            run.guard(Some(partition), || {
                halt.check()?;
                let records = Records::new(self.node.open(&run, partition)?);
                at(site, || f(partition, records)).map_err(|cause| Fault::new(Some(site), cause))
            })
        })?;
        Ok(())
    }

    /// Folds every partition.
    fn fold<F: Fold<T>>(&self, fold: &F) -> Result<Vec<F::State>, Error> {
        let run = Run::new(&self.context);
        let wanted = 0..self.node.count();
        self.node.prepare(&run, wanted.clone(), true)?;
        Ok(run.fold(&*self.node, wanted, fold, |_, state| state)?)
    }
}

fn join<T>(mut partitions: Vec<Vec<T>>) -> Vec<T> {
    if partitions.len() == 1 {
        return partitions.pop().unwrap_or_default();
    }
    let mut all = Vec::with_capacity(partitions.iter().map(Vec::len).sum());
    partitions.into_iter().for_each(|mut partition| all.append(&mut partition));
    all
}
