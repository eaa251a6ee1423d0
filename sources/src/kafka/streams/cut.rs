//! What a batch takes of its partitions: a range of each, within the rates, fixed at the cut. On the generate thread.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{Batch, BatchContext, Data, PlanSize};

use super::decoder::RecordDecoder;
use super::feed::{RangeReader, Ranges};
use super::rates::{Rates, most};
use super::read_ahead::Seen;
use crate::kafka::offset_range::BatchRanges;
use crate::kafka::{OffsetRange, TopicPartition};

/// What an offset weighs before anything has come.
pub(super) const OFFSET_BYTES: f64 = 100.0;

/// A partition that a batch may take records of.
pub(super) struct Candidate<'a> {
    pub(super) partition: &'a TopicPartition,
    /// Where the range begins.
    pub(super) next: i64,
    /// Behind the last offset that the batch may take.
    pub(super) end: i64,
    pub(super) seen: &'a Seen,
}

impl Candidate<'_> {
    /// How many offsets there are to take.
    fn lag(&self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.next)).unwrap_or(0)
    }
}

/// What a batch holds.
pub(super) struct RangePlan {
    pub(super) ranges: Arc<Ranges>,
    /// About how many bytes each range has.
    weights: Vec<u64>,
}

/// Takes a range of each candidate, in their order; it ends before the candidate does where a rate says so. `budget` is how
/// many bytes are read ahead.
pub(super) fn cut(candidates: &[Candidate<'_>], rates: &Rates, interval: Duration, budget: u64) -> RangePlan {
    let lags: Vec<u64> = candidates.iter().map(Candidate::lag).collect();
    let caps = most(rates, interval, &lags);
    let mut ranges = Vec::with_capacity(candidates.len());
    let mut weights = Vec::with_capacity(candidates.len());
    let (mut all_here, mut bytes) = (true, 0);
    for (i, Candidate { partition, next, seen, .. }) in candidates.iter().enumerate() {
        let takes = caps.as_ref().map_or(lags[i], |caps| lags[i].min(caps[i]));
        let until = next.saturating_add(i64::try_from(takes).unwrap_or(i64::MAX));
        let mut range = OffsetRange::new(Arc::clone(&partition.topic), partition.partition, *next, until);
        range.leader_epoch = seen.leader_epoch;
        let weight = takes as f64 * seen.offset_bytes.unwrap_or(OFFSET_BYTES);
        all_here &= seen.position >= until;
        bytes += weight as u64;
        // What has records weighs something, else it would not be read.
        weights.push((weight as u64).max(u64::from(takes > 0)));
        ranges.push(range);
    }
    // What stays until the batch is done keeps the next one from being read ahead.
    let keep = all_here && bytes <= budget / 4;
    RangePlan { ranges: Arc::new(Ranges { ranges, keep }), weights }
}

impl RangePlan {
    pub(super) fn ranges(&self) -> &[OffsetRange] {
        &self.ranges.ranges
    }

    /// The plan as a batch, which knows its ranges.
    pub(super) fn batch<T: Data>(
        &self,
        reader: &Arc<RangeReader>,
        decoder: &Arc<dyn RecordDecoder<T>>,
        ctx: &BatchContext,
    ) -> Batch<T> {
        let (reader, ranges, decoder) = (Arc::clone(reader), Arc::clone(&self.ranges), Arc::clone(decoder));
        let ctx = ctx.with_note(Arc::new(BatchRanges(self.ranges().to_vec())));
        ctx.read_pieces(self.weights.clone(), move || Ok(reader.open(&ranges, &decoder, None)?))
    }

    /// Its size: offsets, for records are not counted before they are read; gaps make it more than there are.
    pub(super) fn size(&self) -> PlanSize {
        let records = self.ranges().iter().map(OffsetRange::offsets).sum();
        PlanSize { records: Some(records), bytes: Some(self.weights.iter().sum()) }
    }

    /// For a batch that has failed: its ranges that had records, as a program is told of them; none if there are none.
    pub(super) fn lost(&self) -> Option<String> {
        let lost: Vec<String> =
            self.ranges().iter().filter(|range| !range.is_empty()).map(ToString::to_string).collect();
        (!lost.is_empty()).then(|| lost.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(position: i64) -> Seen {
        Seen {
            end: None,
            position,
            leader_epoch: Some(3),
            offset_bytes: Some(10.0),
            held_back: Duration::ZERO,
            share: 1 << 20,
            failed: None,
        }
    }

    const NO_RATES: Rates = Rates { total: None, per_partition: None, at_least: 1 };

    #[test]
    fn a_range_reaches_to_the_end_unless_a_rate_says_so() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let (seen_a, seen_b) = (seen(20), seen(5));
        let candidates = [
            Candidate { partition: &a, next: 10, end: 20, seen: &seen_a },
            Candidate { partition: &b, next: 5, end: 5, seen: &seen_b },
        ];
        let all = cut(&candidates, &NO_RATES, SECOND, 1 << 20);
        assert_eq!(all.lost().unwrap(), "t-0 [10, 20)");
        assert_eq!(all.size(), PlanSize { records: Some(10), bytes: Some(100) });
        assert_eq!(all.ranges()[0].leader_epoch, Some(3));
        let slow = cut(&candidates, &Rates { per_partition: Some(4), ..NO_RATES }, SECOND, 1 << 20);
        assert_eq!(slow.lost().unwrap(), "t-0 [10, 14)");
    }

    #[test]
    fn blocks_stay_for_others_only_if_all_have_come_and_are_small() {
        let a = TopicPartition::new("t", 0);
        let keeps = |position, bytes| {
            let seen = seen(position);
            let candidate = [Candidate { partition: &a, next: 10, end: 20, seen: &seen }];
            cut(&candidate, &NO_RATES, SECOND, bytes).ranges.keep
        };
        assert!(keeps(20, 400));
        assert!(!keeps(19, 400), "not all has come");
        assert!(!keeps(20, 399), "it takes more than a quarter of the budget");
    }
}
