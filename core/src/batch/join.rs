//! `join` of two batches by key, and `join_table` with a table that is in memory everywhere.
//!
//! Both sides of a join are shuffled to where their keys' hashes say. The task of a partition then puts the right side
//! into a table and streams the left side past it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::ops::Range;
use std::sync::Arc;

use super::Batch;
use super::chunks::{CHUNK, Chunks};
use super::fault::Fault;
use super::keyed::{Groups, group};
use super::partitions::{Node, Partitions, claim_parent, prepare_parent};
use super::run::Run;
use super::scatter::by_hash;
use crate::{Data, Site, TaskError};

impl<K: Data + Hash + Eq, V: Data> Batch<(K, V)> {
    /// For each key that both batches have, every value of this one with every value of `other`: one record for each
    /// combination.
    ///
    /// The values of a key are in the order of this batch, then in that of `other`; the order of the keys is not
    /// defined. The result has the context's [number of partitions](crate::BatchContext::partitions). A partition's
    /// right side lies in memory while it is joined; the combinations do not.
    ///
    /// ```
    /// let context = batchmill::BatchContext::sequential();
    /// let users = context.batch(vec![(1, "ann"), (2, "bob")], 1);
    /// let clicks = context.batch(vec![(2, "/home"), (2, "/help"), (3, "/home")], 1);
    /// assert_eq!(users.join(clicks).collect()?, [(2, ("bob", "/home")), (2, ("bob", "/help"))]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn join<W: Data>(self, other: Batch<(K, W)>) -> Batch<(K, (V, W))> {
        self.join_at(other, None, Site::here("join"))
    }

    /// [`join`](Self::join) into `partitions` partitions; 0 counts as 1.
    #[must_use]
    #[track_caller]
    pub fn join_into<W: Data>(self, partitions: usize, other: Batch<(K, W)>) -> Batch<(K, (V, W))> {
        self.join_at(other, Some(partitions), Site::here("join_into"))
    }

    pub(crate) fn join_at<W: Data>(
        self,
        other: Batch<(K, W)>,
        partitions: Option<usize>,
        site: Site,
    ) -> Batch<(K, (V, W))> {
        let n = partitions.unwrap_or(self.context.partitions()).max(1);
        let left = by_hash(&self.context, self.node, n, site);
        let right = by_hash(&self.context, other.node, n, site);
        Batch::from_node(self.context.with_notes_of(&other.context), Join { left, right })
    }

    /// Each pair whose key is in `table` with the table's value; other pairs are dropped. Partitions and order stay,
    /// and nothing is shuffled: every task reads the same table.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Arc;
    ///
    /// let table = Arc::new(HashMap::from([("good", 3), ("bad", -3)]));
    /// let words = batchmill::BatchContext::sequential().batch(vec![("good", 2_u64), ("the", 9)], 1);
    /// assert_eq!(words.join_table(&table).collect()?, [("good", (2, 3))]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "broadcast")]
    #[must_use]
    #[track_caller]
    pub fn join_table<W, S>(self, table: &Arc<HashMap<K, W, S>>) -> Batch<(K, (V, W))>
    where
        W: Data,
        S: BuildHasher + Send + Sync + 'static,
    {
        self.join_table_at(Arc::clone(table), Site::here("join_table"))
    }

    pub(crate) fn join_table_at<W, S>(self, table: Arc<HashMap<K, W, S>>, site: Site) -> Batch<(K, (V, W))>
    where
        W: Data,
        S: BuildHasher + Send + Sync + 'static,
    {
        let find = move |(key, value)| {
            let found = table.get(&key).cloned();
            found.map(|other| (key, (value, other)))
        };
        self.flat_map_at(Arc::new(find), site)
    }
}

struct Join<K, V, W> {
    left: Node<(K, V)>,
    right: Node<(K, W)>,
}

impl<K: Data + Hash + Eq, V: Data, W: Data> Partitions<(K, (V, W))> for Join<K, V, W> {
    fn count(&self) -> usize {
        self.left.count()
    }

    fn weight(&self, run: &Run, partition: usize) -> u64 {
        self.left.weight(run, partition).saturating_add(self.right.weight(run, partition))
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, sole: bool) -> Result<(), TaskError> {
        prepare_parent(&self.left, run, wanted.clone(), sole)?;
        prepare_parent(&self.right, run, wanted, sole)
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<(K, (V, W))>>, Fault> {
        let right = group(run.context.hasher().clone(), self.right.open(run, partition)?)?;
        let left = self.left.open(run, partition)?;
        Ok(Box::new(Joined { left, right, more: true, input: Vec::new(), open: None }))
    }

    fn claim(&mut self) {
        claim_parent(&mut self.left);
        claim_parent(&mut self.right);
    }
}

/// The combinations of one partition, made as they are pulled.
struct Joined<K, V, W> {
    left: Box<dyn Chunks<(K, V)>>,
    right: Groups<K, W>,
    more: bool,
    /// Pairs of the left side not looked at yet, the last of them first.
    input: Vec<(K, V)>,
    /// The pair whose combinations did not fit into the last chunk, and how many of them are made.
    open: Option<(K, V, usize)>,
}

impl<K: Data + Hash + Eq, V: Data, W: Data> Chunks<(K, (V, W))> for Joined<K, V, W> {
    fn next(&mut self, out: &mut Vec<(K, (V, W))>) -> Result<bool, Fault> {
        if self.open.is_none() && self.input.is_empty() && self.more {
            self.more = self.left.next(&mut self.input)?;
            self.input.reverse();
        }
        while out.len() < CHUNK {
            let next = self.open.take().or_else(|| self.input.pop().map(|(key, value)| (key, value, 0)));
            let Some((key, value, made)) = next else { break };
            let others = &self.right.get(&key)[made..];
            let fits = others.len().min(CHUNK - out.len());
            out.extend(others[..fits].iter().map(|other| (key.clone(), (value.clone(), other.clone()))));
            if fits < others.len() {
                self.open = Some((key, value, made + fits));
            }
        }
        Ok(self.more || self.open.is_some() || !self.input.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn every_value_meets_every_value_of_its_key() {
        let context = BatchContext::sequential().with_partitions(3);
        let left = context.batch((0..40).map(|i| (i % 2, i)).collect(), 4);
        let right = context.batch((0..60).map(|i| (i % 3, -i)).collect(), 2);
        let mut expected = Vec::new();
        for l in 0..40 {
            expected.extend((0..60).filter(|r| r % 3 == l % 2).map(|r| (l % 2, (l, -r))));
        }
        expected.sort();
        assert_eq!(left.join(right).sorted().unwrap(), expected);
    }

    #[test]
    fn a_product_larger_than_memory_is_read_in_chunks() {
        let context = BatchContext::sequential();
        let side = || context.batch(vec![((), ()); 100_000], 1);
        assert_eq!(side().join(side()).take(1_000).unwrap().len(), 1_000);
    }

    #[test]
    fn a_side_without_records_joins_to_nothing() {
        let context = BatchContext::sequential();
        let some = context.batch(vec![(1, 1)], 1);
        assert_eq!(some.clone().join(context.empty::<(i32, i32)>()).collect().unwrap(), []);
        assert_eq!(context.empty::<(i32, i32)>().join(some).collect().unwrap(), []);
    }
}
