//! What all shuffles share: how a run keeps the parcels for the stage that reads them.

use parking_lot::Mutex;

use super::exchange::{Parcels, exchange};
use super::items::weight_of;

/// The parcels a shuffle left for its output partitions, until the run is over.
pub(crate) struct Shuffled<R> {
    partitions: Vec<Mutex<Vec<Vec<R>>>>,
    weights: Vec<u64>,
    /// Whether each partition is read once, so that its parcels may be moved.
    sole: bool,
}

impl<R: Clone> Shuffled<R> {
    pub(crate) fn new(made: Vec<Parcels<R>>, partitions: usize, sole: bool) -> Self {
        let received = exchange(made, partitions);
        let weight = |parcels: &Vec<Vec<R>>| weight_of::<R>(parcels.iter().map(Vec::len).sum());
        Self {
            weights: received.iter().map(weight).collect(),
            partitions: received.into_iter().map(Mutex::new).collect(),
            sole,
        }
    }

    pub(crate) fn weight(&self, partition: usize) -> u64 {
        self.weights[partition]
    }

    /// The parcels of a partition, in the order of the input partitions they came from.
    pub(crate) fn parcels(&self, partition: usize) -> Vec<Vec<R>> {
        let mut parcels = self.partitions[partition].lock();
        if self.sole { std::mem::take(&mut *parcels) } else { parcels.clone() }
    }
}
