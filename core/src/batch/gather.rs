//! `count` and `reduce`: one value from each partition, in its task, then one from all of them. A stage ends here.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Batch;
use super::chunks::{Chunks, FromIter, Reader};
use super::fault::{Fault, at};
use super::fold::{Count, Fold};
use super::partitions::{Node, Partitions, claim_parent, prepare_parent};
use super::run::Run;
use crate::{Data, Site, TaskError};

impl<T: Data> Batch<T> {
    /// The number of records, as a batch of exactly one record; 0 for an empty batch. The action is
    /// [`len`](Self::len).
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec!["a", "b"], 2);
    /// assert_eq!(batch.count().collect()?, [2]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    pub fn count(self) -> Batch<u64> {
        self.gather(Count, Some)
    }

    /// All records combined by `f`, which must be associative: a batch of one record, or of none if this one is
    /// empty. Records are combined in order, within a partition first.
    ///
    /// ```
    /// let context = batchmill::BatchContext::sequential();
    /// assert_eq!(context.batch(vec![1, 2, 3], 2).reduce(|a, b| a + b).collect()?, [6]);
    /// assert_eq!(context.empty::<i32>().reduce(|a, b| a + b).collect()?, []);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn reduce(self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Self {
        self.reduce_at(Arc::new(f), Site::here("reduce"))
    }

    pub(crate) fn reduce_at<F>(self, f: Arc<F>, site: Site) -> Self
    where
        F: Fn(T, T) -> T + Send + Sync + 'static,
    {
        self.gather(Reduce { f, site }, |reduced| reduced)
    }

    fn gather<F, U>(self, fold: F, end: impl Fn(F::State) -> Option<U> + Send + Sync + 'static) -> Batch<U>
    where
        F: Fold<T> + Send + 'static,
        U: Data,
    {
        Batch::from_node(self.context, Gather { parent: self.node, fold, end })
    }
}

/// All records, combined by `f`.
struct Reduce<F> {
    f: Arc<F>,
    site: Site,
}

impl<T: Data, F: Fn(T, T) -> T + Send + Sync> Fold<T> for Reduce<F> {
    type State = Option<T>;

    fn begin(&self, _: u64) -> Option<T> {
        None
    }

    fn read(&self, reduced: &mut Option<T>, _: usize, records: &mut Reader<'_, T>) -> Result<(), Fault> {
        while let Some(chunk) = records.next_chunk()? {
            *reduced = at(self.site, || reduced.take().into_iter().chain(chunk.drain(..)).reduce(&*self.f));
        }
        Ok(())
    }

    fn join(&self, reduced: &mut Option<T>, next: Option<T>) {
        *reduced = at(self.site, || reduced.take().into_iter().chain(next).reduce(&*self.f));
    }
}

/// One partition with what `end` makes of all records of the parent.
struct Gather<T, F, E> {
    parent: Node<T>,
    fold: F,
    end: E,
}

/// What a run keeps: the record, and whether its only reader may move it.
struct Gathered<U> {
    record: Mutex<Option<U>>,
    sole: bool,
}

impl<T, U, F, E> Partitions<U> for Gather<T, F, E>
where
    T: Data,
    U: Data,
    F: Fold<T> + Send,
    E: Fn(F::State) -> Option<U> + Send + Sync,
{
    fn count(&self) -> usize {
        1
    }

    fn weight(&self, _: &Run, _: usize) -> u64 {
        size_of::<U>() as u64
    }

    fn prepare(&self, run: &Run, _: Range<usize>, sole: bool) -> Result<(), TaskError> {
        if run.kept::<_, Gathered<U>>(self).is_some() {
            return Ok(());
        }
        let all = 0..self.parent.count();
        prepare_parent(&self.parent, run, all.clone(), true)?;
        let parts = run.fold(&*self.parent, all, &self.fold, |_, part| part)?;
        let record = run.guard(None, || {
            let mut whole = self.fold.begin(0);
            parts.into_iter().for_each(|part| self.fold.join(&mut whole, part));
            Ok((self.end)(whole))
        })?;
        run.keep(self, Gathered { record: Mutex::new(record), sole });
        Ok(())
    }

    fn open(&self, run: &Run, _: usize) -> Result<Box<dyn Chunks<U>>, Fault> {
        let gathered = run.kept::<_, Gathered<U>>(self).expect("a partition is opened after it was prepared");
        let mut record = gathered.record.lock();
        let record = if gathered.sole { record.take() } else { record.clone() };
        Ok(Box::new(FromIter(record.into_iter())))
    }

    fn claim(&mut self) {
        claim_parent(&mut self.parent);
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn an_empty_batch_counts_zero_and_reduces_to_nothing() {
        let empty = BatchContext::sequential().empty::<u64>();
        assert_eq!(empty.clone().count().collect().unwrap(), [0]);
        assert_eq!(empty.reduce(|a, b| a + b).collect().unwrap(), []);
    }

    #[test]
    fn reduce_keeps_the_order_of_records() {
        let letters = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let batch = BatchContext::sequential().batch(letters.to_vec(), 3);
        assert_eq!(batch.reduce(|a, b| a + &b).collect().unwrap(), ["abcde"]);
    }

    #[test]
    fn a_panic_in_the_last_step_belongs_to_no_partition() {
        let batch = BatchContext::sequential().batch_of(vec![vec![1], vec![2]]);
        let error = batch.reduce(|_, _| panic!("no")).collect().unwrap_err().to_string();
        assert!(
            error.starts_with("reduce at ") && error.ends_with("failed in batch 0 ms: panicked: no"),
            "{error}"
        );
    }

    #[test]
    fn a_batch_joined_with_itself_reads_the_count_twice() {
        let count = BatchContext::sequential().batch(vec![7; 5], 2).count();
        assert_eq!(count.clone().union(count).into_vec().unwrap(), [5, 5]);
    }
}
