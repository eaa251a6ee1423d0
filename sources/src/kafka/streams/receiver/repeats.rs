//! What others read again: records of which the commit was skipped, for their partitions had gone to others before. Plain
//! values, part of the [holdings](super::holdings).

use std::collections::BTreeMap;

use crate::kafka::{OffsetRange, TopicPartition};

/// Counts what is repeated, and keeps what is to be told of it.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// So many offsets so far.
    total: u64,
    /// Of partitions that were taken away while a commit was under way: from where to where others read again if it is refused.
    in_doubt: BTreeMap<TopicPartition, (i64, i64)>,
    /// What was done and could not be committed any more.
    untold: Vec<OffsetRange>,
}

impl Repeats {
    /// Others read this again: so many offsets so far.
    pub(super) fn add(&mut self, range: &OffsetRange) -> u64 {
        self.total += range.offsets();
        self.total
    }

    /// A partition was taken away of which all before `done` is done, all before `given` was given to be committed, and all
    /// before `committed` is.
    pub(super) fn taken_away(
        &mut self,
        partition: &TopicPartition,
        committed: i64,
        given: Option<i64>,
        done: i64,
    ) {
        let given = given.map_or(committed, |given| given.max(committed));
        if committed < given {
            if let Some((from, until)) = self.in_doubt.insert(partition.clone(), (committed, given)) {
                self.add_untold(partition, from, until);
            }
        }
        self.add_untold(partition, given, done);
    }

    /// A commit up to this offset has succeeded, or can never succeed.
    pub(super) fn settled(&mut self, partition: &TopicPartition, offset: i64, is_committed: bool) {
        let Some((from, until)) = self.in_doubt.get_mut(partition) else { return };
        if *until == offset {
            let (from, until) = (*from, *until);
            self.in_doubt.remove(partition);
            if !is_committed {
                self.add_untold(partition, from, until);
            }
        } else if is_committed && offset < *until {
            *from = offset.max(*from);
        }
    }

    fn add_untold(&mut self, partition: &TopicPartition, from: i64, until: i64) {
        if from < until {
            let range = OffsetRange::new(&*partition.topic, partition.partition, from, until);
            self.add(&range);
            self.untold.push(range);
        }
    }

    /// What is to be told, if anything is: what was done and is read again, and how much it was so far.
    pub(super) fn take_untold(&mut self) -> Option<(Vec<OffsetRange>, u64)> {
        let untold = std::mem::take(&mut self.untold);
        (!untold.is_empty()).then_some((untold, self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn told(repeats: &mut Repeats) -> Vec<String> {
        let told = repeats.take_untold().map(|(ranges, total)| (ranges, format!("{total} so far")));
        told.into_iter()
            .flat_map(|(ranges, total)| ranges.into_iter().map(|r| r.to_string()).chain([total]))
            .collect()
    }

    #[test]
    fn what_was_done_and_never_given_is_repeated() {
        let mut repeats = Repeats::default();
        repeats.taken_away(&partition(), 5, None, 9);
        assert_eq!(told(&mut repeats), ["t-0 [5, 9)", "4 so far"]);
        assert!(told(&mut repeats).is_empty(), "it is told once");
        repeats.taken_away(&partition(), 9, Some(9), 9);
        assert!(told(&mut repeats).is_empty());
    }

    #[test]
    fn a_commit_under_way_decides_what_is_repeated() {
        for (is_committed, expected) in [(true, vec![]), (false, vec!["t-0 [6, 8)", "3 so far"])] {
            let mut repeats = Repeats::default();
            repeats.taken_away(&partition(), 5, Some(8), 9);
            assert_eq!(told(&mut repeats), ["t-0 [8, 9)", "1 so far"]);
            repeats.settled(&partition(), 7, false);
            assert!(told(&mut repeats).is_empty(), "that was an older one");
            repeats.settled(&partition(), 6, true);
            repeats.settled(&partition(), 8, is_committed);
            assert_eq!(told(&mut repeats), expected);
        }
    }
}
