//! Shuffles that send each record to a partition as it is: `repartition`, `partition_by` and the sides of a join.
//!
//! Records are sorted into parcels in tasks, exchanged, and read from their parcels in the tasks of the next stage.

use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use super::chunks::{CHUNK, Chunks, Reader};
use super::exchange::Parcels;
use super::fault::{Fault, at};
use super::fold::Fold;
use super::partitions::{Node, Partitions, claim_parent, prepare_parent};
use super::run::Run;
use super::shuffle::Shuffled;
use super::{Batch, BatchContext};
use crate::hash::{KeyHasher, place};
use crate::{Data, Site, TaskError};

impl<T: Data> Batch<T> {
    /// The same records in exactly `partitions` partitions (0 counts as 1) whose sizes are about the same, also if
    /// there are no records. Where a record goes depends only on its place in the input, so it is the same in every
    /// run and on every executor.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![1, 2, 3, 4, 5], 1);
    /// assert_eq!(batch.repartition(2).collect_partitions()?, [vec![1, 3, 5], vec![2, 4]]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn repartition(self, partitions: usize) -> Self {
        self.repartition_at(partitions, Site::here("repartition"))
    }

    pub(crate) fn repartition_at(self, partitions: usize, site: Site) -> Self {
        let n = partitions.max(1);
        self.scatter(n, site, true, move |partition, index, _| partition.wrapping_add(index) % n)
    }

    /// Sends each record to the partition that `place` names, from the number of its input partition, its place there,
    /// and the record.
    fn scatter<P>(self, partitions: usize, site: Site, by_index: bool, place: P) -> Self
    where
        P: Fn(usize, usize, &T) -> usize + Send + Sync + 'static,
    {
        Batch::from_node(self.context, Scatter { parent: self.node, partitions, place, by_index, site })
    }
}

impl<K: Data, V: Data> Batch<(K, V)> {
    /// The same pairs in `partitions` partitions (0 counts as 1): a pair goes to partition `f(&key) % partitions`.
    /// Pairs of the same partition keep their order.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![(4, 'a'), (7, 'b'), (6, 'c')], 1);
    /// let by_parity = batch.partition_by(2, |key| *key as usize);
    /// assert_eq!(by_parity.collect_partitions()?, [vec![(4, 'a'), (6, 'c')], vec![(7, 'b')]]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "partitionBy")]
    #[must_use]
    #[track_caller]
    pub fn partition_by(self, partitions: usize, f: impl Fn(&K) -> usize + Send + Sync + 'static) -> Self {
        self.partition_by_at(partitions, Arc::new(f), Site::here("partition_by"))
    }

    pub(crate) fn partition_by_at<F>(self, partitions: usize, f: Arc<F>, site: Site) -> Self
    where
        F: Fn(&K) -> usize + Send + Sync + 'static,
    {
        let n = partitions.max(1);
        self.scatter(n, site, false, move |_, _, (key, _)| f(key) % n)
    }
}

/// Pairs sent where their key's hash says, so that equal keys of two batches meet.
pub(crate) fn by_hash<K, V>(
    context: &BatchContext,
    parent: Node<(K, V)>,
    n: usize,
    site: Site,
) -> Node<(K, V)>
where
    K: Data + Hash,
    V: Data,
{
    let hasher: KeyHasher = context.hasher().clone();
    let place = move |_, _, (key, _): &(K, V)| place(hasher.hash(key), n);
    Arc::new(Scatter { parent, partitions: n, place, by_index: false, site })
}

struct Scatter<T, P> {
    parent: Node<T>,
    partitions: usize,
    place: P,
    /// `place` looks at where a record is in its partition.
    by_index: bool,
    site: Site,
}

impl<T, P> Fold<T> for Scatter<T, P>
where
    T: Data,
    P: Fn(usize, usize, &T) -> usize + Send + Sync,
{
    type State = Parcels<T>;

    fn begin(&self, _: u64) -> Parcels<T> {
        (0..self.partitions).map(|_| Vec::new()).collect()
    }

    fn read(
        &self,
        parcels: &mut Parcels<T>,
        partition: usize,
        records: &mut Reader<'_, T>,
    ) -> Result<(), Fault> {
        if let [all] = parcels.as_mut_slice() {
            return records.append_to(all);
        }
        let mut index = 0;
        while let Some(chunk) = records.next_chunk()? {
            at(self.site, || {
                for record in chunk.drain(..) {
                    parcels[(self.place)(partition, index, &record)].push(record);
                    index += 1;
                }
            });
        }
        Ok(())
    }

    fn join(&self, parcels: &mut Parcels<T>, next: Parcels<T>) {
        parcels.iter_mut().zip(next).for_each(|(parcel, mut next)| parcel.append(&mut next));
    }

    fn is_whole(&self) -> bool {
        self.by_index
    }
}

impl<T, P> Partitions<T> for Scatter<T, P>
where
    T: Data,
    P: Fn(usize, usize, &T) -> usize + Send + Sync,
{
    fn count(&self) -> usize {
        self.partitions
    }

    fn weight(&self, run: &Run, partition: usize) -> u64 {
        run.kept::<_, Shuffled<T>>(self).map_or(0, |shuffled| shuffled.weight(partition))
    }

    fn prepare(&self, run: &Run, _: Range<usize>, sole: bool) -> Result<(), TaskError> {
        if run.kept::<_, Shuffled<T>>(self).is_none() {
            let all = 0..self.parent.count();
            prepare_parent(&self.parent, run, all.clone(), true)?;
            let made = run.fold_groups(&*self.parent, all, self, |parcels| parcels)?;
            run.keep(self, Shuffled::new(made, self.partitions, sole));
        }
        Ok(())
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let shuffled = run.kept::<_, Shuffled<T>>(self).expect("a partition is opened after it was prepared");
        let mut parcels = shuffled.parcels(partition).into_iter();
        let current = parcels.next().unwrap_or_default().into_iter();
        Ok(Box::new(InParcels { current, parcels }))
    }

    fn claim(&mut self) {
        claim_parent(&mut self.parent);
    }
}

/// A partition that lies in several vectors.
struct InParcels<T> {
    current: std::vec::IntoIter<T>,
    parcels: std::vec::IntoIter<Vec<T>>,
}

impl<T> Chunks<T> for InParcels<T> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        out.extend(self.current.by_ref().take(CHUNK));
        if self.current.len() == 0 {
            let Some(parcel) = self.parcels.next() else { return Ok(false) };
            self.current = parcel.into_iter();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn small_partitions_are_spread_too() {
        let context = BatchContext::sequential();
        let batch = context.batch_of((0..6).map(|i| vec![i]).collect()).repartition(3);
        assert_eq!(batch.collect_partitions().unwrap(), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!(context.empty::<u8>().repartition(3).collect_partitions().unwrap(), vec![vec![]; 3]);
        assert_eq!(context.batch(vec![1, 2], 2).repartition(0).collect_partitions().unwrap(), [[1, 2]]);
    }

    #[test]
    fn a_panic_in_the_partitioner_names_it() {
        let batch = BatchContext::sequential().batch(vec![((), ())], 1);
        let error = batch.partition_by(2, |()| panic!("no")).collect().unwrap_err().to_string();
        assert!(
            error.starts_with("partition_by at ") && error.contains("partition 0: panicked: no"),
            "{error}"
        );
    }
}
