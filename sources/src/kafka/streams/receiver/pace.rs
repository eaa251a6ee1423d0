//! How much a batch takes besides what was received before its cut. Plain values, on the generate thread.
//!
//! What the broker had at the cut may stream into the running batch, so that a stream that has fallen behind is not held to
//! one budget an interval. It is bounded, for it is what others repeat when they take over, and what makes a batch late: a batch
//! shall take about what gets done within an interval. How much that is, the batches before it have shown.

use std::time::Duration;

use crate::kafka::streams::cut::OFFSET_BYTES;
use crate::kafka::streams::read_ahead::Seen;

/// What is taken besides, in shares of the budget, before any batch has shown how long that takes.
const FIRST: f64 = 0.5;
/// How many intervals after its cut a batch shall be done, the wait for the one before it included. With a little more than one
/// the tasks never wait for a cut: at one, whatever is done early is time lost, and batches of one size differ by half.
const TARGET: f64 = 1.25;
/// What part of the time after which its member counts as stuck a batch may take.
const PATIENCE: u32 = 4;
/// The least, so that it can grow again.
const LEAST: f64 = 1.0 / 64.0;
/// The most, which only keeps it a number.
const MOST: f64 = (1 << 22) as f64;

/// The bound of the next batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// So many times a partition's share of the budget.
    shares: f64,
    /// How long after its cut a batch shall be done.
    target: Duration,
}

impl Pace {
    /// `longest`: a member whose batch takes as long counts as stuck.
    pub(super) fn new(interval: Duration, longest: Duration) -> Self {
        Self { shares: FIRST, target: interval.mul_f64(TARGET).min(longest / PATIENCE) }
    }

    /// Behind the last offset that a batch may take of a partition: what was received before the cut, and what the broker is
    /// known to have by then, as far as the bound lets it.
    pub(super) fn takes_until(&self, seen: &Seen) -> i64 {
        let end = seen.end.unwrap_or(seen.position);
        let besides = self.shares * seen.share as f64 / seen.offset_bytes.unwrap_or(OFFSET_BYTES).max(1.0);
        seen.position.saturating_add(besides as i64).min(end)
    }

    /// A batch is done so long after its cut. `reached`: it took all that the bound let it, and there was more.
    pub(super) fn done(&mut self, reached: bool, took: Duration) {
        let fits = self.target.as_secs_f64() / took.as_secs_f64().max(1e-6);
        if reached || fits < 1.0 {
            // By the root of what would be right, for one batch says little; far from it by half of that.
            let factor = fits.sqrt().max(fits / 2.0).clamp(0.5, 16.0);
            self.shares = (self.shares * factor).clamp(LEAST, MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn pace() -> Pace {
        Pace::new(INTERVAL, Duration::from_secs(300))
    }

    /// A partition of records of 10 bytes, received up to 50, that the broker has up to `end`; a share is 1,000 bytes.
    fn seen(end: Option<i64>) -> Seen {
        Seen {
            end,
            position: 50,
            leader_epoch: None,
            offset_bytes: Some(10.0),
            held_back: Duration::ZERO,
            share: 1_000,
            failed: None,
        }
    }

    #[test]
    fn a_batch_takes_what_was_received_and_so_many_shares() {
        let pace = pace();
        assert_eq!(pace.takes_until(&seen(None)), 50, "what the broker has is not known");
        assert_eq!(pace.takes_until(&seen(Some(60))), 60);
        assert_eq!(pace.takes_until(&seen(Some(1_000_000))), 50 + 50);
    }

    #[test]
    fn batches_grow_until_tasks_never_wait_for_a_cut() {
        let mut pace = pace();
        // A share takes so long, beside something that every batch takes.
        let took = |pace: Pace| Duration::from_secs_f64(0.005 + pace.shares * 0.001);
        (0..50).for_each(|_| pace.done(true, took(pace)));
        assert!((119.0..121.0).contains(&pace.shares), "{pace:?}");
    }

    #[test]
    fn batches_that_are_late_shrink_and_can_grow_again() {
        let mut pace = pace();
        for _ in 0..100 {
            pace.done(false, 10 * INTERVAL);
        }
        assert_eq!(pace.takes_until(&seen(Some(1_000_000))), 50 + 1);
        pace.done(true, Duration::ZERO);
        assert_eq!(pace.shares, 16.0 * LEAST);
    }

    #[test]
    fn no_batch_becomes_so_long_that_its_member_counts_as_stuck() {
        let mut pace = Pace::new(Duration::from_secs(3_600), Duration::from_secs(300));
        let took = |pace: Pace| Duration::from_secs_f64(pace.shares);
        (0..50).for_each(|_| pace.done(true, took(pace)));
        assert!(took(pace) < Duration::from_secs(76), "{pace:?}");
    }

    #[test]
    fn a_batch_that_did_not_take_all_it_could_shows_nothing() {
        let mut pace = pace();
        pace.done(false, INTERVAL / 100);
        assert_eq!(pace.shares, FIRST);
    }
}
