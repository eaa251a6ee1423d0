//! [`Topic`] and [`Partition`]: who leads a partition, in which epochs, and what its log holds. Called under the cluster's
//! lock.

use std::collections::BTreeMap;

use super::ErrorCode;
use super::log::PartitionLog;
use super::sequence::Producers;
use crate::kafka::wire::Uuid;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) id: Uuid,
    pub(super) partitions: Vec<Partition>,
    /// The broker's time goes into the records instead of the producer's.
    pub(super) log_append_time: bool,
}

impl Topic {
    pub(super) fn new(id: Uuid) -> Self {
        Self { id, partitions: Vec::new(), log_append_time: false }
    }
}

/// A transaction that was aborted: its producer, its first offset, and that of its marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
}

#[derive(Debug)]
pub(super) struct Partition {
    /// The id of the broker that leads it, or [`NO_LEADER`](Self::NO_LEADER).
    pub(super) leader: i32,
    pub(super) leader_epoch: i32,
    pub(super) replicas: Vec<i32>,
    /// Each epoch in which something was written, and the offset at which it began.
    epochs: Vec<(i32, i64)>,
    pub(super) log: PartitionLog,
    /// When something was appended, which is the time of the one segment that the log has.
    pub(super) modified_ms: i64,
    pub(super) producers: Producers,
    /// Transactions that are open: the first offset of each, by its producer's id.
    pub(super) open: BTreeMap<i64, i64>,
    pub(super) aborted: Vec<Aborted>,
}

impl Partition {
    pub(super) const NO_LEADER: i32 = -1;

    pub(super) fn new(replicas: Vec<i32>, leader: Option<i32>) -> Self {
        Self {
            leader: leader.unwrap_or(Self::NO_LEADER),
            leader_epoch: 0,
            replicas,
            epochs: Vec::new(),
            log: PartitionLog::default(),
            modified_ms: 0,
            producers: Producers::default(),
            open: BTreeMap::new(),
            aborted: Vec::new(),
        }
    }

    /// Checks the epoch that a client believes in; -1 is none.
    pub(super) fn check_epoch(&self, epoch: i32) -> Result<(), ErrorCode> {
        match epoch {
            -1 => Ok(()),
            _ if epoch < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH),
            _ if epoch > self.leader_epoch => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }

    /// Makes this broker its leader, in a new epoch.
    pub(super) fn elect(&mut self, leader: i32) {
        self.leader = leader;
        self.leader_epoch += 1;
    }

    /// Notes that something is about to be written in the present epoch.
    pub(super) fn begin_epoch(&mut self) {
        if self.epochs.last().is_none_or(|(epoch, _)| *epoch < self.leader_epoch) {
            self.epochs.push((self.leader_epoch, self.log.end_offset()));
        }
    }

    /// Loses all from `offset` on.
    pub(super) fn truncate(&mut self, offset: i64) {
        self.log.truncate(offset);
        self.epochs.retain(|(_, start)| *start < offset);
        self.open.retain(|_, first| *first < offset);
        self.aborted.retain(|aborted| aborted.last_offset < offset);
        self.producers = Producers::default();
    }

    /// The end of what a reader of committed records may see: that of the log, or the first offset of a transaction that
    /// is open.
    pub(super) fn last_stable_offset(&self) -> i64 {
        self.open.values().copied().min().unwrap_or_else(|| self.log.end_offset())
    }

    /// The largest epoch up to `epoch`, and the offset at which it ended; -1 each if that is unknown.
    pub(super) fn end_of_epoch(&self, epoch: i32) -> (i32, i64) {
        if epoch == self.leader_epoch {
            return (epoch, self.log.end_offset());
        }
        let next = self.epochs.partition_point(|(own, _)| *own <= epoch);
        match (next.checked_sub(1).map(|at| self.epochs[at]), self.epochs.get(next)) {
            (Some((found, _)), Some((_, end))) => (found, *end),
            // Nothing was written since: the last epoch that was written in ends where the log does.
            (Some((found, _)), None) if epoch < self.leader_epoch => (found, self.log.end_offset()),
            // Older than the oldest: nothing of it is left.
            (None, Some((_, start))) if epoch < self.leader_epoch => (epoch, *start),
            _ => (-1, -1),
        }
    }

    /// The epoch of the batch at this offset, for ListOffsets.
    pub(super) fn epoch_at(&self, offset: i64) -> i32 {
        let next = self.epochs.partition_point(|(_, start)| *start <= offset);
        next.checked_sub(1).map_or(-1, |at| self.epochs[at].0)
    }

    /// The aborted transactions that touch offsets from `from` to `upper`.
    pub(super) fn aborted_between(&self, from: i64, upper: i64) -> impl Iterator<Item = &Aborted> {
        self.aborted.iter().filter(move |aborted| aborted.last_offset >= from && aborted.first_offset < upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::kafka::codec::Batch;

    fn write(partition: &mut Partition, batches: i64) {
        partition.begin_epoch();
        for _ in 0..batches {
            let offset = partition.log.end_offset();
            let bytes = b"batch".to_vec();
            let batch = Batch { bytes, magic: 2, base_offset: offset, last_offset: offset, max_timestamp: 0 };
            partition.log.append(&batch);
        }
    }

    #[test]
    fn an_epoch_ends_where_the_next_that_was_written_in_begins() {
        let mut partition = Partition::new(vec![1, 2], Some(1));
        write(&mut partition, 3);
        partition.elect(2);
        partition.elect(1);
        write(&mut partition, 2);
        partition.elect(2);
        let ends: Vec<_> = (0..5).map(|epoch| partition.end_of_epoch(epoch)).collect();
        assert_eq!(ends, [(0, 3), (0, 3), (2, 5), (3, 5), (-1, -1)]);
        assert_eq!([0, 2, 3, 9].map(|offset| partition.epoch_at(offset)), [0, 0, 2, 2]);
    }

    #[test]
    fn a_lost_tail_takes_its_epochs_along() {
        let mut partition = Partition::new(vec![1], Some(1));
        write(&mut partition, 3);
        partition.elect(1);
        write(&mut partition, 3);
        partition.truncate(2);
        partition.elect(1);
        assert_eq!(partition.end_of_epoch(0), (0, 2));
        assert_eq!(partition.end_of_epoch(1), (0, 2));
        write(&mut partition, 1);
        assert_eq!(partition.end_of_epoch(1), (0, 2));
    }
}
