//! [`Producers`]: the sequence numbers of idempotent producers at one partition, as a broker checks them. Called under the
//! cluster's lock.

use std::collections::{BTreeMap, VecDeque};

/// What is known of each producer, by its id.
#[derive(Debug, Default)]
pub(super) struct Producers {
    known: BTreeMap<i64, Producer>,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// The first and the last sequence number of the last batches, and the offset of the first record.
    batches: VecDeque<(i32, i32, i64)>,
}

/// A batch of an idempotent producer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) records: i32,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Append,
    /// It is not the first of its producer, which is not known (any more).
    Unknown,
    /// It was appended before, at this offset.
    Again(i64),
    /// There is a gap before it, or it is of long ago: no release of a broker tells these apart.
    OutOfOrder,
    OldEpoch,
}

impl Numbered {
    /// Sequence numbers begin at 0 again after `i32::MAX`.
    fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence) + i64::from(self.records.max(1)) - 1;
        i32::try_from(last % (i64::from(i32::MAX) + 1)).unwrap_or(i32::MAX)
    }
}

impl Producers {
    /// Judges a batch.
    pub(super) fn judge(&self, batch: &Numbered) -> Verdict {
        let Some(producer) = self.known.get(&batch.producer_id) else {
            return if batch.base_sequence == 0 { Verdict::Append } else { Verdict::Unknown };
        };
        if batch.producer_epoch < producer.epoch {
            return Verdict::OldEpoch;
        }
        if batch.producer_epoch > producer.epoch {
            return if batch.base_sequence == 0 { Verdict::Append } else { Verdict::OutOfOrder };
        }
        let same = (batch.base_sequence, batch.last_sequence());
        if let Some((_, _, offset)) = producer.batches.iter().find(|(first, last, _)| (*first, *last) == same)
        {
            return Verdict::Again(*offset);
        }
        let Some((_, last, _)) = producer.batches.back() else { return Verdict::Append };
        let next = last.checked_add(1).unwrap_or(0);
        if batch.base_sequence == next { Verdict::Append } else { Verdict::OutOfOrder }
    }

    /// Remembers a batch that was appended at this offset, among at most so many of its producer.
    pub(super) fn remember(&mut self, batch: &Numbered, offset: i64, most: usize) {
        let new = || Producer { epoch: batch.producer_epoch, batches: VecDeque::new() };
        let producer = self.known.entry(batch.producer_id).or_insert_with(new);
        if producer.epoch != batch.producer_epoch {
            *producer = new();
        }
        producer.batches.push_back((batch.base_sequence, batch.last_sequence(), offset));
        if producer.batches.len() > most {
            producer.batches.pop_front();
        }
    }

    /// Forgets all producers, as a broker does after a time.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_sequence: i32, records: i32) -> Numbered {
        Numbered { producer_id: 7, producer_epoch: 0, base_sequence, records }
    }

    #[test]
    fn batches_are_taken_in_order_and_once() {
        let mut producers = Producers::default();
        for (n, base) in [0, 10, 20].into_iter().enumerate() {
            assert_eq!(producers.judge(&batch(base, 10)), Verdict::Append);
            producers.remember(&batch(base, 10), 100 + n as i64, 2);
        }
        assert_eq!(producers.judge(&batch(10, 10)), Verdict::Again(101));
        assert_eq!(producers.judge(&batch(0, 10)), Verdict::OutOfOrder, "only two are remembered");
        assert_eq!(producers.judge(&batch(40, 10)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&batch(12, 3)), Verdict::OutOfOrder);
        producers.forget();
        assert_eq!(producers.judge(&batch(30, 10)), Verdict::Unknown);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_begins_at_zero() {
        let mut producers = Producers::default();
        let at = |producer_epoch, base_sequence| Numbered { producer_epoch, ..batch(base_sequence, 1) };
        producers.remember(&at(1, 0), 0, 5);
        assert_eq!(producers.judge(&at(0, 1)), Verdict::OldEpoch);
        assert_eq!(producers.judge(&at(2, 1)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&at(2, 0)), Verdict::Append);
    }

    #[test]
    fn sequence_numbers_begin_again_after_the_largest() {
        let mut producers = Producers::default();
        producers.remember(&batch(i32::MAX - 1, 4), 0, 5);
        assert_eq!(producers.judge(&batch(2, 1)), Verdict::Append);
    }
}
