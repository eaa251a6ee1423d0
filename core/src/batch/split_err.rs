//! `split_err`: good and bad records as two batches, from one pass over the records.
//!
//! The pass runs as a stage of the first run that needs one of the batches; each side of a partition is then kept for
//! its reader.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Batch;
use super::cache::missing;
use super::chunks::{Chunks, Reader};
use super::fault::Fault;
use super::fold::Fold;
use super::items::{open_shared, weight_of};
use super::partitions::{Node, Partitions, prepare_parent};
use super::run::Run;
use crate::{Data, TaskError};

impl<U: Data, E: Data> Batch<Result<U, E>> {
    /// The records that are `Ok` and those that are `Err`, each in the partitions and the order they have here.
    ///
    /// This batch is computed once for both, when one of them is first read; each record is moved once. What the other
    /// one has not read yet is kept for it, until both are gone.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec!["1", "x", "2"], 1);
    /// let (numbers, failed) = batch.try_map(|s| s.parse::<u8>()).split_err();
    /// assert_eq!(numbers.into_vec()?, [1, 2]);
    /// assert_eq!(failed.into_vec()?[0].record, "x");
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    pub fn split_err(self) -> (Batch<U>, Batch<E>) {
        let kept = (0..self.node.count()).map(|_| Mutex::new(None)).collect();
        let split = Arc::new(Split { parent: self.node, kept });
        let ok =
            Side { split: Arc::clone(&split), find: |sides: &mut Sides<U, E>| &mut sides.ok, claimed: false };
        let err = Side { split, find: |sides: &mut Sides<U, E>| &mut sides.err, claimed: false };
        (Batch::from_node(self.context.clone(), ok), Batch::from_node(self.context, err))
    }
}

struct Split<U, E> {
    parent: Node<Result<U, E>>,
    kept: Vec<Mutex<Option<Sides<U, E>>>>,
}

/// Both sides of a partition; a side is gone when a claimed batch has read it.
struct Sides<U, E> {
    ok: Option<Arc<Vec<U>>>,
    err: Option<Arc<Vec<E>>>,
}

impl<U: Data, E: Data> Split<U, E> {
    fn prepare(&self, run: &Run, wanted: Range<usize>) -> Result<(), TaskError> {
        for missing in missing(&self.kept, wanted) {
            prepare_parent(&self.parent, run, missing.clone(), true)?;
            run.fold(&*self.parent, missing, &Apart, |partition, (ok, err)| {
                let sides = || Sides { ok: Some(Arc::new(ok)), err: Some(Arc::new(err)) };
                self.kept[partition].lock().get_or_insert_with(sides);
            })?;
        }
        Ok(())
    }
}

/// The records of each side in a vector.
struct Apart;

impl<U: Send, E: Send> Fold<Result<U, E>> for Apart {
    type State = (Vec<U>, Vec<E>);

    fn begin(&self, _: u64) -> Self::State {
        (Vec::new(), Vec::new())
    }

    fn read(
        &self,
        (ok, err): &mut Self::State,
        _: usize,
        records: &mut Reader<'_, Result<U, E>>,
    ) -> Result<(), Fault> {
        while let Some(chunk) = records.next_chunk()? {
            for record in chunk.drain(..) {
                match record {
                    Ok(record) => ok.push(record),
                    Err(record) => err.push(record),
                }
            }
        }
        Ok(())
    }

    fn join(&self, (ok, err): &mut Self::State, mut next: Self::State) {
        ok.append(&mut next.0);
        err.append(&mut next.1);
    }
}

/// Finds one of the two sides.
type Find<U, E, T> = fn(&mut Sides<U, E>) -> &mut Option<Arc<Vec<T>>>;

/// One of the two batches: `find` says which.
struct Side<U, E, T> {
    split: Arc<Split<U, E>>,
    find: Find<U, E, T>,
    claimed: bool,
}

impl<U: Data, E: Data, T: Data> Partitions<T> for Side<U, E, T> {
    fn count(&self) -> usize {
        self.split.kept.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        let mut sides = self.split.kept[partition].lock();
        let side = sides.as_mut().and_then(|sides| (self.find)(sides).as_ref());
        side.map_or(0, |records| weight_of::<T>(records.len()))
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, _: bool) -> Result<(), TaskError> {
        self.split.prepare(run, wanted)
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let mut sides = self.split.kept[partition].lock();
        let side = (self.find)(sides.as_mut().expect("a partition is opened after it was prepared"));
        let records = if self.claimed { side.take() } else { side.clone() };
        Ok(open_shared(records.expect("a claimed batch runs once")))
    }

    fn claim(&mut self) {
        self.claimed = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::BatchContext;

    #[test]
    fn both_sides_come_from_one_pass() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let odd_is_bad = move |x: i32| {
            counter.fetch_add(1, Ordering::Relaxed);
            if x % 2 == 0 { Ok(x) } else { Err(x) }
        };
        let batch = BatchContext::sequential().batch((0..10).collect(), 3);
        let (good, bad) = batch.map(odd_is_bad).split_err();
        assert_eq!(good.collect().unwrap(), [0, 2, 4, 6, 8]);
        assert_eq!(bad.union(good).into_vec().unwrap(), [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]);
        assert_eq!(calls.load(Ordering::Relaxed), 10);
    }

    #[test]
    fn a_partition_that_is_not_needed_is_not_split() {
        let batch = BatchContext::sequential().batch_of(vec![vec![Ok(1)], vec![Err("late")]]);
        let (good, bad) = batch.map(|x| x.map(|n: u8| 1 / n)).split_err();
        assert_eq!(good.take(1).unwrap(), [1]);
        assert_eq!(bad.into_vec().unwrap(), ["late"]);
    }
}
