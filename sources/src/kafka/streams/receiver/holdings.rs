//! What a stream has of its group's partitions: where batches go on, what of them is done, and what is committed. Plain
//! values; [`Shared`](super::shared::Shared) keeps them behind its lock.
//!
//! A partition may be taken away while batches that were cut have ranges of it. Those run all the same; that nothing is
//! committed for them is decided by the [`Right`] under which they were cut.

use std::collections::{BTreeMap, BTreeSet};

use super::repeats::Repeats;
use crate::kafka::client::transport::Committed;
use crate::kafka::{OffsetRange, TopicPartition};

/// The number of an assignment: a partition that comes back is held under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Right(u64);

/// When offsets of a partition count as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoneWhen {
    /// A batch holds them.
    Cut,
    /// The outputs of their batch are done.
    Completed,
}

/// All partitions of a stream.
#[derive(Debug)]
pub(super) struct Holdings {
    done_when: DoneWhen,
    rights: u64,
    held: BTreeMap<TopicPartition, Held>,
    /// Taken away, with how many batches still have a range of it.
    given_up: BTreeMap<TopicPartition, usize>,
    /// Members whose partitions may go to others any moment.
    paused: BTreeSet<usize>,
    /// What others read again.
    repeats: Repeats,
}

#[derive(Debug)]
struct Held {
    right: Right,
    /// Which of the stream's members has it.
    member: usize,
    stage: Stage,
    /// It is to be given up.
    is_going: bool,
    /// Where the next batch begins.
    next: i64,
    /// How many batches have a range and are not done.
    in_flight: usize,
    /// How many of these have offsets in it.
    in_flight_with_offsets: usize,
    /// All before it is done.
    done: Position,
    /// What was last given to be committed.
    given: Option<i64>,
    /// All before it is committed.
    committed: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody knows yet where it begins.
    Assigned,
    /// Somebody asks.
    Asked,
    /// It begins where the settings say, and that is to be committed before a batch is cut.
    Committing,
    /// Batches take of it.
    Reading,
}

impl Stage {
    fn has_begun(self) -> bool {
        matches!(self, Self::Committing | Self::Reading)
    }
}

#[derive(Clone, Copy, Debug)]
struct Position {
    offset: i64,
    leader_epoch: Option<i32>,
}

impl Position {
    fn behind(range: &OffsetRange) -> Self {
        Self { offset: range.until, leader_epoch: range.leader_epoch }
    }
}

/// What is to become of what was read ahead of a partition that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// It was never read.
    Nothing,
    /// All of it goes.
    All,
    /// What lies from here on goes; batches have what lies before.
    From(i64),
}

/// What the end of a batch means for one of its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The partition is still held under the range's right.
    Ours,
    /// Others have the partition by now, and read the range again; so many offsets were repeated so far. With `last` no
    /// batch has a range of it any more.
    Others { repeated: u64, last: bool },
}

impl Holdings {
    pub(super) fn new(done_when: DoneWhen) -> Self {
        let (held, given_up, paused, repeats) = Default::default();
        Self { done_when, rights: 0, held, given_up, paused, repeats }
    }

    /// One of the members was assigned these. Where another one had them and was not told yet, what is to become of what was
    /// read ahead for that one.
    pub(super) fn assigned(
        &mut self,
        member: usize,
        partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, Dropped)> {
        self.paused.remove(&member);
        let mut dropped = Vec::new();
        for partition in partitions {
            dropped.extend(self.give_up(partition));
            self.rights += 1;
            let held = Held {
                right: Right(self.rights),
                member,
                stage: Stage::Assigned,
                is_going: false,
                next: 0,
                in_flight: 0,
                in_flight_with_offsets: 0,
                done: Position { offset: 0, leader_epoch: None },
                given: None,
                committed: 0,
            };
            self.held.insert(partition.clone(), held);
        }
        dropped
    }

    /// The partitions whose beginning is to be found now, with their rights and members; each is told once. One that came
    /// back waits until the batches from before are done, so that their blocks do not meet its own.
    pub(super) fn take_assigned(&mut self) -> Vec<(TopicPartition, Right, usize)> {
        let mut found = Vec::new();
        for (partition, held) in &mut self.held {
            if held.stage == Stage::Assigned && !self.given_up.contains_key(partition) {
                held.stage = Stage::Asked;
                found.push((partition.clone(), held.right, held.member));
            }
        }
        found
    }

    /// Whether [`take_assigned`](Self::take_assigned) has something to tell.
    pub(super) fn has_assigned(&self) -> bool {
        let waits = |(partition, held): (&TopicPartition, &Held)| {
            held.stage == Stage::Assigned && !self.given_up.contains_key(partition)
        };
        self.held.iter().any(waits)
    }

    /// The beginning could not be found: it is to be looked for again.
    pub(super) fn ask_again(&mut self, partition: &TopicPartition, right: Right) {
        if let Some(held) = self.held_under(partition, right) {
            held.stage = Stage::Assigned;
        }
    }

    /// A partition begins here. With `commit_first` no batch takes of it before the beginning is committed. `false` if it
    /// was taken away meanwhile.
    pub(super) fn begin(
        &mut self,
        partition: &TopicPartition,
        right: Right,
        offset: i64,
        leader_epoch: Option<i32>,
        commit_first: bool,
    ) -> bool {
        let Some(held) = self.held_under(partition, right) else { return false };
        held.stage = if commit_first { Stage::Committing } else { Stage::Reading };
        held.next = offset;
        held.done = Position { offset, leader_epoch };
        held.given = (!commit_first).then_some(offset);
        held.committed = offset;
        true
    }

    fn held_under(&mut self, partition: &TopicPartition, right: Right) -> Option<&mut Held> {
        self.held.get_mut(partition).filter(|held| held.right == right)
    }

    /// These are a member's no longer.
    pub(super) fn take_away(
        &mut self,
        member: usize,
        partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, Dropped)> {
        self.paused.remove(&member);
        // One may be another member's of the same stream by now.
        let is_its = |p: &&TopicPartition| self.held.get(*p).is_some_and(|held| held.member == member);
        let its: Vec<_> = partitions.iter().filter(is_its).collect();
        its.into_iter().filter_map(|partition| self.give_up(partition)).collect()
    }

    fn give_up(&mut self, partition: &TopicPartition) -> Option<(TopicPartition, Dropped)> {
        let held = self.held.remove(partition)?;
        self.repeats.taken_away(partition, held.committed, held.given, held.done.offset);
        let what = match held.in_flight {
            _ if !held.stage.has_begun() => Dropped::Nothing,
            0 => Dropped::All,
            in_flight => {
                self.given_up.insert(partition.clone(), in_flight);
                Dropped::From(held.next)
            }
        };
        Some((partition.clone(), what))
    }

    /// The partitions that a batch may take of, in order, and where it goes on in each.
    pub(super) fn readable(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        let reading = |(_, held): &(&TopicPartition, &Held)| {
            held.stage == Stage::Reading && !held.is_going && !self.paused.contains(&held.member)
        };
        self.held.iter().filter(reading).map(|(partition, held)| (partition, held.next))
    }

    /// All partitions of which something is read ahead.
    pub(super) fn read_ahead(&self) -> Vec<TopicPartition> {
        let held = self.held.iter().filter(|(_, held)| held.stage.has_begun()).map(|(name, _)| name);
        let all: BTreeSet<_> = held.chain(self.given_up.keys()).cloned().collect();
        all.into_iter().collect()
    }

    /// A batch takes this range of a partition that is [readable](Self::readable).
    pub(super) fn cut(&mut self, range: &OffsetRange) -> Option<Right> {
        let held = self.held.get_mut(&range.topic_partition())?;
        held.next = range.until;
        held.in_flight += 1;
        held.in_flight_with_offsets += usize::from(!range.is_empty());
        if self.done_when == DoneWhen::Cut {
            held.done = Position::behind(range);
        }
        Some(held.right)
    }

    /// A batch with this range, cut under this right, has ended; `done` if it counts.
    pub(super) fn completed(&mut self, range: &OffsetRange, right: Right, done: bool) -> Ended {
        let (partition, done_when) = (range.topic_partition(), self.done_when);
        if let Some(held) = self.held_under(&partition, right) {
            held.in_flight -= 1;
            held.in_flight_with_offsets -= usize::from(!range.is_empty());
            if done && done_when == DoneWhen::Completed {
                held.done = Position::behind(range);
            }
            return Ended::Ours;
        }
        let mut last = false;
        if let Some(in_flight) = self.given_up.get_mut(&partition) {
            *in_flight -= 1;
            last = *in_flight == 0;
        }
        if last {
            self.given_up.remove(&partition);
        }
        // What counts as done when it is cut was counted when the partition was taken away.
        let repeated = (done_when == DoneWhen::Completed).then(|| self.repeats.add(range));
        Ended::Others { repeated: repeated.unwrap_or_default(), last }
    }

    /// What is done of a member's partitions (of `only` these, if some are named) and was not given to be committed. It
    /// counts as given from now on.
    pub(super) fn take_done(
        &mut self,
        member: usize,
        only: Option<&[TopicPartition]>,
    ) -> Vec<(TopicPartition, Committed)> {
        let mut due = Vec::new();
        for (partition, held) in &mut self.held {
            let is_meant = held.member == member && only.is_none_or(|only| only.contains(partition));
            let Position { offset, leader_epoch } = held.done;
            if is_meant && held.stage.has_begun() && held.given != Some(offset) {
                held.given = Some(offset);
                let committed = Committed { offset, leader_epoch, metadata: String::new() };
                due.push((partition.clone(), committed));
            }
        }
        due
    }

    /// No batch takes any more of these partitions of a member; with none named of no partition of it, before the member is
    /// assigned some, or none, or loses some.
    pub(super) fn pause(&mut self, member: usize, partitions: Option<&[TopicPartition]>) {
        let Some(partitions) = partitions else {
            self.paused.insert(member);
            return;
        };
        for partition in partitions {
            if let Some(held) = self.held.get_mut(partition).filter(|held| held.member == member) {
                held.is_going = true;
            }
        }
    }

    /// Whether batches have offsets of a member's partitions (of `only` these, if some are named) that are not done.
    pub(super) fn is_running(&self, member: usize, only: Option<&[TopicPartition]>) -> bool {
        let runs = |(partition, held): (&TopicPartition, &Held)| {
            let is_meant = held.member == member && only.is_none_or(|only| only.contains(partition));
            is_meant && held.in_flight_with_offsets > 0
        };
        self.done_when == DoneWhen::Completed && self.held.iter().any(runs)
    }

    /// These were committed, or could not be: then they are to be given again, as far as the partitions are still held.
    pub(super) fn committed(&mut self, offsets: &[(TopicPartition, Committed)], is_done: bool) {
        for (partition, committed) in offsets {
            self.repeats.settled(partition, committed.offset, is_done);
            let Some(held) = self.held.get_mut(partition) else { continue };
            if is_done {
                held.committed = held.committed.max(committed.offset);
            }
            if held.given != Some(committed.offset) {
                continue;
            }
            match is_done {
                true if held.stage == Stage::Committing => held.stage = Stage::Reading,
                true => {}
                false => held.given = None,
            }
        }
    }

    /// What was done and could not be committed any more, with how many offsets are read again so far, unless it was taken
    /// already.
    pub(super) fn take_repeats(&mut self) -> Option<(Vec<OffsetRange>, u64)> {
        self.repeats.take_untold()
    }

    /// All that is done is to be given again: brokers forget what has not changed for long.
    pub(super) fn give_all_again(&mut self) {
        self.held.values_mut().for_each(|held| held.given = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn range(from: i64, until: i64) -> OffsetRange {
        OffsetRange::new("t", 0, from, until)
    }

    /// Partition 0 of member 0, read from offset 10 on.
    fn reading(done_when: DoneWhen) -> Holdings {
        let mut holdings = Holdings::new(done_when);
        holdings.assigned(0, &[partition(0)]);
        let (_, right, _) = holdings.take_assigned()[0];
        assert!(holdings.begin(&partition(0), right, 10, None, false));
        holdings
    }

    fn done(holdings: &mut Holdings) -> Vec<i64> {
        holdings.take_done(0, None).into_iter().map(|(_, committed)| committed.offset).collect()
    }

    const NONE: [i64; 0] = [];

    #[test]
    fn a_beginning_is_looked_for_once() {
        let mut holdings = Holdings::new(DoneWhen::Completed);
        holdings.assigned(0, &[partition(0), partition(1)]);
        let found = holdings.take_assigned();
        assert_eq!(found.len(), 2);
        assert_eq!(holdings.take_assigned(), []);
        holdings.ask_again(&partition(1), found[1].1);
        assert_eq!(holdings.take_assigned(), [found[1].clone()]);
    }

    #[test]
    fn a_beginning_that_comes_too_late_is_of_no_use() {
        let mut holdings = Holdings::new(DoneWhen::Completed);
        holdings.assigned(0, &[partition(0)]);
        let (_, right, _) = holdings.take_assigned()[0];
        assert_eq!(holdings.take_away(0, &[partition(0)]), [(partition(0), Dropped::Nothing)]);
        holdings.assigned(0, &[partition(0)]);
        assert!(!holdings.begin(&partition(0), right, 10, None, false));
    }

    #[test]
    fn a_beginning_of_the_settings_is_committed_before_a_batch_takes_of_it() {
        let mut holdings = Holdings::new(DoneWhen::Completed);
        holdings.assigned(0, &[partition(0)]);
        let (_, right, _) = holdings.take_assigned()[0];
        assert!(holdings.begin(&partition(0), right, 10, None, true));
        assert_eq!(holdings.readable().count(), 0);
        let due = holdings.take_done(0, None);
        assert_eq!(due[0].1.offset, 10);
        holdings.committed(&due, false);
        assert_eq!((holdings.readable().count(), done(&mut holdings)), (0, vec![10]), "it is given again");
        holdings.committed(&due, true);
        assert_eq!(holdings.readable().count(), 1);
    }

    #[test]
    fn offsets_are_done_when_their_batch_is() {
        let mut holdings = reading(DoneWhen::Completed);
        let right = holdings.cut(&range(10, 15)).unwrap();
        let later = holdings.cut(&range(15, 20)).unwrap();
        assert_eq!(done(&mut holdings), NONE);
        assert_eq!(holdings.completed(&range(10, 15), right, true), Ended::Ours);
        assert_eq!(done(&mut holdings), [15]);
        assert_eq!(done(&mut holdings), NONE, "what was given is not given again");
        holdings.completed(&range(15, 20), later, false);
        assert_eq!(done(&mut holdings), NONE, "an abandoned batch is not done");
    }

    #[test]
    fn offsets_may_be_done_when_a_batch_holds_them() {
        let mut holdings = reading(DoneWhen::Cut);
        holdings.cut(&range(10, 15)).unwrap();
        assert_eq!(done(&mut holdings), [15]);
    }

    #[test]
    fn what_no_batch_holds_of_a_lost_partition_is_dropped() {
        let mut holdings = reading(DoneWhen::Completed);
        assert_eq!(holdings.take_away(0, &[partition(0)]), [(partition(0), Dropped::All)]);
        assert_eq!(holdings.read_ahead(), []);
        assert_eq!(done(&mut holdings), NONE);
    }

    #[test]
    fn a_batch_that_was_cut_runs_and_is_not_committed() {
        let mut holdings = reading(DoneWhen::Completed);
        let right = holdings.cut(&range(10, 15)).unwrap();
        assert_eq!(holdings.take_away(0, &[partition(0)]), [(partition(0), Dropped::From(15))]);
        assert_eq!(holdings.read_ahead(), [partition(0)]);
        let ended = holdings.completed(&range(10, 15), right, true);
        assert_eq!(ended, Ended::Others { repeated: 5, last: true });
        assert_eq!((holdings.read_ahead(), done(&mut holdings)), (vec![], vec![]));
    }

    #[test]
    fn a_partition_that_comes_back_waits_for_the_batches_from_before() {
        let mut holdings = reading(DoneWhen::Completed);
        let old = holdings.cut(&range(10, 15)).unwrap();
        holdings.take_away(0, &[partition(0)]);
        holdings.assigned(0, &[partition(0)]);
        assert_eq!((holdings.has_assigned(), holdings.take_assigned()), (false, vec![]));
        holdings.completed(&range(10, 15), old, true);
        assert!(holdings.has_assigned());
        let (_, right, _) = holdings.take_assigned()[0];
        assert!(holdings.begin(&partition(0), right, 10, None, false));
        assert_ne!(old, right);
        assert_eq!(done(&mut holdings), NONE);
    }

    #[test]
    fn a_partition_that_moved_to_another_member_of_the_stream_stays_there() {
        let mut holdings = reading(DoneWhen::Completed);
        // The first member has not noticed yet that its session is over.
        assert_eq!(holdings.assigned(1, &[partition(0)]), [(partition(0), Dropped::All)]);
        assert_eq!(holdings.take_away(0, &[partition(0)]), []);
        assert_eq!(holdings.take_assigned().len(), 1);
    }

    #[test]
    fn no_batch_takes_of_what_may_go_to_others() {
        let mut holdings = reading(DoneWhen::Completed);
        holdings.pause(0, None);
        assert_eq!(holdings.readable().count(), 0);
        holdings.assigned(0, &[]);
        assert_eq!(holdings.readable().count(), 1, "the group has shared out, and it stays");
        holdings.pause(1, Some(&[partition(0)]));
        assert_eq!(holdings.readable().count(), 1, "it is another member's");
        holdings.pause(0, Some(&[partition(0)]));
        assert_eq!(holdings.readable().count(), 0);
    }

    #[test]
    fn a_partition_runs_while_a_batch_has_a_range_that_is_not_done() {
        let mut holdings = reading(DoneWhen::Completed);
        holdings.cut(&range(10, 10)).unwrap();
        assert!(!holdings.is_running(0, None), "a batch without records of it is not waited for");
        let right = holdings.cut(&range(10, 15)).unwrap();
        let runs = |holdings: &Holdings| {
            [(0, None), (0, Some(0)), (0, Some(1)), (1, None)].map(|(member, only): (_, Option<i32>)| {
                let only = only.map(|number| vec![partition(number)]);
                holdings.is_running(member, only.as_deref())
            })
        };
        assert_eq!(runs(&holdings), [true, true, false, false]);
        holdings.completed(&range(10, 15), right, true);
        assert_eq!(runs(&holdings), [false; 4]);

        let mut holdings = reading(DoneWhen::Cut);
        holdings.cut(&range(10, 15)).unwrap();
        assert_eq!(runs(&holdings), [false; 4], "what is done when it is cut is not waited for");
    }

    #[test]
    fn what_is_done_is_given_by_member_and_partition() {
        let mut holdings = Holdings::new(DoneWhen::Cut);
        holdings.assigned(0, &[partition(0), partition(1)]);
        holdings.assigned(1, &[partition(2)]);
        for (partition, right, _) in holdings.take_assigned() {
            holdings.begin(&partition, right, 5, None, true);
        }
        let given = |holdings: &mut Holdings, member, only: Option<&[TopicPartition]>| {
            let given = holdings.take_done(member, only).into_iter();
            given.map(|(partition, _)| partition.partition).collect::<Vec<_>>()
        };
        assert_eq!(given(&mut holdings, 0, Some(&[partition(1), partition(2)])), [1]);
        assert_eq!(given(&mut holdings, 0, None), [0]);
        assert_eq!(given(&mut holdings, 1, None), [2]);
        holdings.give_all_again();
        assert_eq!(given(&mut holdings, 0, None), [0, 1]);
    }
}
