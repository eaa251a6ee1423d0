//! How many offsets of each partition a batch takes at most. Pure; called at the cut, on the generate thread.
//!
//! The rule is Spark's (`DirectKafkaInputDStream.maxMessagesPerPartition`): a total rate is shared out by how far each
//! partition lags behind, no share is above the rate per partition, and the result is per second of the batch interval.

use std::time::Duration;

/// What limits a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    /// Records a second of all partitions together.
    pub(super) total: Option<u64>,
    /// Records a second of each partition.
    pub(super) per_partition: Option<u64>,
    /// Records a batch of each partition that has so many, whatever the rates say.
    pub(super) at_least: u64,
}

/// The most offsets that a batch takes of each partition, by its lag (the offsets it has not given yet); `None` is no
/// limit, for all of them.
pub(super) fn most(rates: &Rates, interval: Duration, lags: &[u64]) -> Option<Vec<u64>> {
    let lag: u128 = lags.iter().map(|lag| u128::from(*lag)).sum();
    if lag == 0 || (rates.total.is_none() && rates.per_partition.is_none()) {
        return None;
    }
    let of = |own: u64| {
        // Multiplied before it is divided, so that small shares do not vanish.
        let share = rates.total.map(|total| scaled(u128::from(total) * u128::from(own), interval) / lag);
        let cap = rates.per_partition.map(|rate| scaled(u128::from(rate), interval));
        let most = share.into_iter().chain(cap).min().unwrap_or(u128::MAX);
        u64::try_from(most).unwrap_or(u64::MAX).max(rates.at_least)
    };
    Some(lags.iter().map(|own| of(*own)).collect())
}

/// A figure a second, for an interval.
fn scaled(per_second: u128, interval: Duration) -> u128 {
    per_second.saturating_mul(interval.as_millis()) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rates(total: Option<u64>, per_partition: Option<u64>) -> Rates {
        Rates { total, per_partition, at_least: 1 }
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        assert_eq!(most(&rates(None, None), SECOND, &[5, 7]), None);
    }

    #[test]
    fn without_lag_there_is_no_limit() {
        assert_eq!(most(&rates(Some(10), None), SECOND, &[0, 0]), None);
    }

    #[test]
    fn a_total_is_shared_out_by_lag() {
        assert_eq!(most(&rates(Some(100), None), SECOND, &[300, 100]), Some(vec![75, 25]));
    }

    #[test]
    fn no_share_is_above_the_rate_of_a_partition() {
        assert_eq!(most(&rates(Some(100), Some(50)), SECOND, &[300, 100]), Some(vec![50, 25]));
        assert_eq!(most(&rates(None, Some(50)), SECOND, &[300, 0]), Some(vec![50, 50]));
    }

    #[test]
    fn rates_are_for_the_interval() {
        let tenth = Duration::from_millis(100);
        assert_eq!(most(&rates(None, Some(50)), tenth, &[300]), Some(vec![5]));
        assert_eq!(most(&rates(Some(100), None), 10 * SECOND, &[300, 100]), Some(vec![750, 250]));
    }

    #[test]
    fn a_partition_always_gives_the_least_it_may() {
        assert_eq!(most(&rates(Some(10), None), SECOND, &[1_000_000, 1]), Some(vec![9, 1]));
        let slow = Rates { at_least: 3, ..rates(None, Some(1)) };
        assert_eq!(most(&slow, SECOND, &[9]), Some(vec![3]));
    }

    #[test]
    fn huge_figures_do_not_overflow() {
        let most = most(&rates(Some(u64::MAX), None), 1000 * SECOND, &[u64::MAX, u64::MAX]).unwrap();
        assert!(most[0] == most[1] && most[0] > 1 << 50, "{most:?}");
    }
}
