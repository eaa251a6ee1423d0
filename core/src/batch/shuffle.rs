//! What all shuffles share: how input partitions are grouped into tasks, and how a run keeps the parcels for the
//! stage that reads them.

use std::ops::Range;

use parking_lot::Mutex;

use super::chunks::Reader;
use super::exchange::{Parcels, exchange};
use super::fault::Fault;
use super::items::weight_of;
use super::partitions::{Node, Partitions, prepare_parent};
use super::run::{Halt, Run};
use crate::TaskError;

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

/// Reads all partitions of `parent` in contiguous groups, about one for each worker and of about the same weight:
/// `begin` makes what a group collects into, `read` adds one partition to it, `end` makes its parcels.
///
/// The order of the groups is the order of the partitions. A batch that does not pay for the pool is one group.
pub(crate) fn read_groups<T: 'static, G, R: Send>(
    run: &Run,
    parent: &Node<T>,
    begin: impl Fn(u64) -> G + Sync,
    read: impl Fn(&mut G, usize, &mut Reader<'_, T>) -> Result<(), Fault> + Sync,
    end: impl Fn(G) -> Parcels<R> + Sync,
) -> Result<Vec<Parcels<R>>, TaskError> {
    let all = 0..parent.count();
    prepare_parent(parent, run, all.clone(), true)?;
    let weights: Vec<u64> = all.map(|p| parent.weight(run, p)).collect();
    let total = weights.iter().copied().fold(0, u64::saturating_add);
    let groups = group(&weights, run.context.workers_for(total));
    run.stage(total, groups.len(), |i, halt| {
        let partitions = groups[i].clone();
        let mut group = begin(weights[partitions.clone()].iter().copied().fold(0, u64::saturating_add));
        for partition in partitions {
            read_into(run, &**parent, partition, halt, &mut group, &read)?;
        }
        Ok(end(group))
    })
}

fn read_into<T: 'static, G>(
    run: &Run,
    parent: &dyn Partitions<T>,
    partition: usize,
    halt: &Halt<'_>,
    group: &mut G,
    read: &impl Fn(&mut G, usize, &mut Reader<'_, T>) -> Result<(), Fault>,
) -> Result<(), TaskError> {
    run.read_one(parent, partition, halt, |_, records| read(group, partition, records))
}

/// Cuts partitions of the given weights into at most `groups` contiguous groups of about the same weight.
fn group(weights: &[u64], groups: usize) -> Vec<Range<usize>> {
    let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    let (mut cut, mut start, mut sum) = (Vec::with_capacity(groups), 0, 0_u128);
    for (partition, weight) in weights.iter().enumerate() {
        let middle_twice = 2 * sum + u128::from(*weight);
        sum += u128::from(*weight);
        // This partition opens a new group if most of it lies behind the group's fair share.
        if partition > start && middle_twice * groups as u128 > 2 * total * (cut.len() as u128 + 1) {
            cut.push(start..partition);
            start = partition;
        }
    }
    if start < weights.len() {
        cut.push(start..weights.len());
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_contiguous_and_balanced() {
        assert_eq!(group(&[1; 10], 2), [0..5, 5..10]);
        assert_eq!(group(&[10, 1, 1, 1, 1, 1, 1, 1, 1, 2], 2), [0..1, 1..10]);
        assert_eq!(group(&[1, 1, 8], 2), [0..2, 2..3]);
        assert_eq!(group(&[5], 4).len(), 1);
        assert_eq!(group(&[], 4), []);
        assert_eq!(group(&[0, 0], 2).len(), 1);
        assert_eq!(group(&[u64::MAX, u64::MAX], 2), [0..1, 1..2]);
        assert_eq!(group(&[3; 7], 1).len(), 1);
    }

    #[test]
    fn there_are_never_more_groups_than_asked_for() {
        for n in 0..40 {
            let weights: Vec<u64> = (0..n).map(|i| i * 7919 % 13).collect();
            for groups in 1..6 {
                let cut = group(&weights, groups);
                assert!(cut.len() <= groups, "{weights:?} into {groups}: {cut:?}");
                assert_eq!(
                    cut.into_iter().flatten().collect::<Vec<_>>(),
                    (0..n as usize).collect::<Vec<_>>()
                );
            }
        }
    }
}
