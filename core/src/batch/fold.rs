//! A stage that folds records, in their order: the records of a partition, or of several that follow each other, become
//! one state. Every stage that can begin in the middle of a partition is one, so that pieces of it are read at the same
//! time; only what hands a partition to a closure as a whole is not.

use std::ops::Range;

use super::arriving::fold_arriving;
use super::chunks::Reader;
use super::fault::Fault;
use super::partitions::Partitions;
use super::run::Run;
use crate::TaskError;

/// How records become a state. Folding a stretch of records, and another one that follows it, and joining the two states is
/// the same as folding both stretches in one.
pub(crate) trait Fold<T>: Sync {
    type State: Send;

    /// The state of no records; about so many bytes of them will come.
    fn begin(&self, weight: u64) -> Self::State;

    /// Adds the records that follow, which are of this partition.
    fn read(
        &self,
        state: &mut Self::State,
        partition: usize,
        records: &mut Reader<'_, T>,
    ) -> Result<(), Fault>;

    /// Adds the state of the stretch that follows.
    fn join(&self, state: &mut Self::State, next: Self::State);

    /// Whether what becomes of a record hangs on its place in its partition, which must then be read in one go.
    fn is_whole(&self) -> bool {
        false
    }
}

/// All records in a vector.
pub(crate) struct Append;

impl<T: Send> Fold<T> for Append {
    type State = Vec<T>;

    fn begin(&self, _: u64) -> Vec<T> {
        Vec::new()
    }

    fn read(&self, all: &mut Vec<T>, _: usize, records: &mut Reader<'_, T>) -> Result<(), Fault> {
        records.append_to(all)
    }

    fn join(&self, all: &mut Vec<T>, mut next: Vec<T>) {
        all.append(&mut next);
    }
}

/// How many records there are.
pub(crate) struct Count;

impl<T> Fold<T> for Count {
    type State = u64;

    fn begin(&self, _: u64) -> u64 {
        0
    }

    fn read(&self, count: &mut u64, _: usize, records: &mut Reader<'_, T>) -> Result<(), Fault> {
        while let Some(chunk) = records.next_chunk()? {
            *count += chunk.len() as u64;
        }
        Ok(())
    }

    fn join(&self, count: &mut u64, next: u64) {
        *count += next;
    }
}

impl Run {
    /// A stage that folds each of the partitions `wanted`, which are prepared, and gives what `end` makes of their states.
    /// `end` runs in the task that has read the partition, so what it keeps is kept though another partition fails.
    pub(crate) fn fold<T: 'static, F: Fold<T>, R: Send>(
        &self,
        node: &dyn Partitions<T>,
        wanted: Range<usize>,
        fold: &F,
        end: impl Fn(usize, F::State) -> R + Sync,
    ) -> Result<Vec<R>, TaskError> {
        let weight = self.weight(node, wanted.clone());
        let first = wanted.start;
        if let Some(arriving) = self.arriving(node, &wanted, weight, fold.is_whole())? {
            let states = fold_arriving(self, &*arriving, wanted, weight, fold, false)?;
            let states = states.into_iter().map(|state| state.unwrap_or_else(|| fold.begin(0)));
            return Ok(states.enumerate().map(|(i, state)| end(first + i, state)).collect());
        }
        self.stage(weight, wanted.len(), |i, halt| {
            let mut state = fold.begin(node.weight(self, first + i));
            self.read_one(node, first + i, halt, |partition, records| {
                fold.read(&mut state, partition, records)
            })?;
            Ok(end(first + i, state))
        })
    }

    /// A stage that folds the partitions `wanted`, which are prepared, in contiguous groups: about one for each worker, of
    /// about the same weight. Gives what `end` makes of each group, in order, in the group's task.
    pub(crate) fn fold_groups<T: 'static, F: Fold<T>, R: Send>(
        &self,
        node: &dyn Partitions<T>,
        wanted: Range<usize>,
        fold: &F,
        end: impl Fn(F::State) -> R + Sync,
    ) -> Result<Vec<R>, TaskError> {
        let weight = self.weight(node, wanted.clone());
        if let Some(arriving) = self.arriving(node, &wanted, weight, fold.is_whole())? {
            let states = fold_arriving(self, &*arriving, wanted, weight, fold, true)?;
            let states: Vec<_> =
                states.into_iter().flatten().map(|state| parking_lot::Mutex::new(Some(state))).collect();
            let take = |i: usize| states[i].lock().take().expect("a task is run once");
            return self.stage(weight, states.len(), |i, _| self.guard(None, || Ok(end(take(i)))));
        }
        let weights: Vec<u64> = wanted.clone().map(|p| node.weight(self, p)).collect();
        let groups = group(&weights, self.context.workers_for(weight));
        self.stage(weight, groups.len(), |i, halt| {
            let mut state = fold.begin(sum(weights[groups[i].clone()].iter().copied()));
            for partition in groups[i].clone() {
                self.read_one(node, wanted.start + partition, halt, |partition, records| {
                    fold.read(&mut state, partition, records)
                })?;
            }
            Ok(end(state))
        })
    }

    pub(crate) fn weight<T>(&self, node: &dyn Partitions<T>, wanted: Range<usize>) -> u64 {
        sum(wanted.map(|partition| node.weight(self, partition)))
    }
}

fn sum(weights: impl Iterator<Item = u64>) -> u64 {
    weights.fold(0, u64::saturating_add)
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
