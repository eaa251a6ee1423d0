//! Partitions of items that lie in memory: cloned chunk by chunk while somebody else may still read them, moved for
//! the last reader.

use std::sync::Arc;

use super::chunks::{CHUNK, Chunks, FromIter};
use super::fault::Fault;
use crate::Data;

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
