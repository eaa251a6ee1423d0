//! Partitions of items that lie in memory: cloned chunk by chunk while somebody else may still read them, moved for
//! the last reader.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::chunks::{CHUNK, Chunks, FromIter};
use super::fault::Fault;
use super::partitions::Partitions;
use super::run::Run;
use crate::{Data, TaskError};

pub(crate) struct Items<T> {
    partitions: Vec<Arc<Vec<T>>>,
    /// The same, when the batch was claimed: each is taken out when it is opened.
    claimed: Vec<Mutex<Option<Arc<Vec<T>>>>>,
    weights: Vec<u64>,
}

impl<T: Data> Items<T> {
    pub(crate) fn new(partitions: Vec<Arc<Vec<T>>>) -> Self {
        let weights = partitions.iter().map(|p| weight_of::<T>(p.len())).collect();
        Self { partitions, claimed: Vec::new(), weights }
    }
}

impl<T: Data> Partitions<T> for Items<T> {
    fn count(&self) -> usize {
        self.weights.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        self.weights[partition]
    }

    fn prepare(&self, _: &Run, _: Range<usize>, _: bool) -> Result<(), TaskError> {
        Ok(())
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let items = match self.claimed.get(partition) {
            Some(claimed) => claimed.lock().take().expect("a claimed batch runs once"),
            None => Arc::clone(&self.partitions[partition]),
        };
        Ok(open_shared(items))
    }

    fn claim(&mut self) {
        self.claimed = self.partitions.drain(..).map(|p| Mutex::new(Some(p))).collect();
    }
}

/// The items of a partition: moved if nobody else holds them, else cloned.
pub(crate) fn open_shared<T: Data>(items: Arc<Vec<T>>) -> Box<dyn Chunks<T>> {
    match Arc::try_unwrap(items) {
        Ok(items) => Box::new(FromIter(items.into_iter())),
        Err(items) => Box::new(Cloned { items, at: 0 }),
    }
}

struct Cloned<T> {
    items: Arc<Vec<T>>,
    at: usize,
}

impl<T: Clone> Chunks<T> for Cloned<T> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        let end = self.items.len().min(self.at + CHUNK);
        out.extend_from_slice(&self.items[self.at..end]);
        self.at = end;
        Ok(end < self.items.len())
    }
}

/// What `n` items weigh; one of no size still is work.
pub(crate) fn weight_of<T>(n: usize) -> u64 {
    (n as u64).saturating_mul(size_of::<T>().max(1) as u64)
}

/// Cuts items into parts whose sizes differ by one at most; no part is empty.
pub(crate) fn cut<T>(mut items: Vec<T>, parts: usize) -> Vec<Vec<T>> {
    let parts = parts.min(items.len());
    if parts <= 1 {
        return if items.is_empty() { Vec::new() } else { vec![items] };
    }
    let (size, longer) = (items.len() / parts, items.len() % parts);
    let mut cut: Vec<_> =
        (1..parts).rev().map(|part| items.split_off(part * size + part.min(longer))).collect();
    cut.push(items);
    cut.reverse();
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_cut_evenly_and_in_order() {
        assert_eq!(cut((0..7).collect(), 3), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
        assert_eq!(cut(vec![1], 3), [[1]]);
        assert_eq!(cut(Vec::<u8>::new(), 3), Vec::<Vec<u8>>::new());
    }
}
