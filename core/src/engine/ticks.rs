//! The recurring timer of a context, as values: which labels are due, and when to look again.
//!
//! Ticks are aligned to the epoch and strictly in the future (Spark's `RecurringTimer`). Pace is monotonic time;
//! labels follow the wall clock and never repeat: a step forward merges, a step back lets labels run ahead.

use std::time::Duration;

use crate::BatchTime;
use crate::clock::{Mono, Now};

/// Labels that are due, from the first to the last, one interval apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueTicks {
    pub(crate) first: BatchTime,
    pub(crate) last: BatchTime,
}

#[derive(Debug)]
pub(crate) struct Ticks {
    interval: Duration,
    /// The label of the next tick.
    next: BatchTime,
    /// When it will be due.
    at: Mono,
    due: Option<DueTicks>,
}

impl Ticks {
    /// The first tick is the first multiple of `interval` after now.
    pub(crate) fn new(interval: Duration, now: Now) -> Self {
        let next = BatchTime::from_ms(now.wall.as_ms()).floor(interval) + interval;
        let mut ticks = Self { interval, next, at: now.mono, due: None };
        ticks.at = ticks.at_wall(next, now).unwrap_or(now.mono + interval);
        ticks
    }

    pub(crate) fn next_label(&self) -> BatchTime {
        self.next
    }

    pub(crate) fn next_at(&self) -> Mono {
        self.at
    }

    /// Moves on to now and notes what has become due.
    pub(crate) fn advance(&mut self, now: Now) {
        if now.mono < self.at {
            return;
        }
        let missed = (now.mono - self.at).as_nanos() / self.interval.as_nanos();
        let paced = self.next + self.interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        // A tick that is a little late must not be taken for a missed one: only whole intervals count, on
        // either clock.
        let by_wall = BatchTime::from_ms(now.wall.as_ms()).floor(self.interval);
        let last = paced.max(by_wall);
        let first = self.due.map_or(self.next, |due| due.first);
        self.due = Some(DueTicks { first, last });
        self.next = last + self.interval;
        self.at = self.at_wall(self.next, now).unwrap_or_else(|| {
            self.at + self.interval.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX))
        });
    }

    /// When the wall clock will read `label`, if that is within one interval from now.
    fn at_wall(&self, label: BatchTime, now: Now) -> Option<Mono> {
        let ns = label.as_ms().checked_mul(1_000_000)?.checked_sub(now.wall.as_ns())?;
        let wait = Duration::from_nanos(u64::try_from(ns).ok()?);
        (wait <= self.interval).then(|| now.mono + wait)
    }

    pub(crate) fn has_due(&self) -> bool {
        self.due.is_some()
    }

    /// Takes all due ticks as one: the label of the last.
    pub(crate) fn take_merged(&mut self) -> Option<BatchTime> {
        self.due.take().map(|due| due.last)
    }

    /// Takes the first due tick.
    pub(crate) fn take_first(&mut self) -> Option<BatchTime> {
        let due = self.due?;
        let rest = due.first + self.interval;
        self.due = (rest <= due.last).then_some(DueTicks { first: rest, last: due.last });
        Some(due.first)
    }

    /// Takes the next tick before its time, and with it all that are due.
    pub(crate) fn take_early(&mut self) -> BatchTime {
        self.due = None;
        let label = self.next;
        self.next = label + self.interval;
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;

    fn now(mono_ms: u64, wall_ms: i64) -> Now {
        Now { mono: Mono::from_origin(Duration::from_millis(mono_ms)), wall: Wall::from_ms(wall_ms) }
    }

    fn label(ms: i64) -> BatchTime {
        BatchTime::from_ms(ms)
    }

    const S2: Duration = Duration::from_secs(2);

    #[test]
    fn the_first_tick_is_aligned_and_strictly_in_the_future() {
        let ticks = Ticks::new(S2, now(0, 4_000));
        assert_eq!((ticks.next_label(), ticks.next_at()), (label(6_000), now(2_000, 0).mono));
        let ticks = Ticks::new(S2, now(0, 5_999));
        assert_eq!((ticks.next_label(), ticks.next_at()), (label(6_000), now(1, 0).mono));
    }

    #[test]
    fn missed_ticks_merge_into_the_last_or_come_one_by_one() {
        let mut ticks = Ticks::new(S2, now(0, 4_000));
        ticks.advance(now(7_000, 11_000));
        assert_eq!(ticks.due, Some(DueTicks { first: label(6_000), last: label(10_000) }));
        assert_eq!(ticks.take_first(), Some(label(6_000)));
        assert_eq!(ticks.take_merged(), Some(label(10_000)));
        assert_eq!(ticks.take_first(), None);
        assert_eq!((ticks.next_label(), ticks.next_at()), (label(12_000), now(8_000, 0).mono));
    }

    #[test]
    fn a_step_of_the_wall_clock_forward_merges_the_hours_in_between() {
        let mut ticks = Ticks::new(S2, now(0, 0));
        ticks.advance(now(2_000, 8 * 3_600_000 + 1_000));
        assert_eq!(ticks.take_merged(), Some(label(8 * 3_600_000)));
        assert_eq!((ticks.next_label(), ticks.next_at()), (label(8 * 3_600_000 + 2_000), now(3_000, 0).mono));
    }

    #[test]
    fn a_step_of_the_wall_clock_back_never_repeats_a_label_and_keeps_the_pace() {
        let mut ticks = Ticks::new(S2, now(0, 100_000));
        ticks.advance(now(2_000, 102_000));
        assert_eq!(ticks.take_merged(), Some(label(102_000)));
        ticks.advance(now(4_000, 50_000));
        assert_eq!(ticks.take_merged(), Some(label(104_000)));
        assert_eq!((ticks.next_label(), ticks.next_at()), (label(106_000), now(6_000, 0).mono));
    }

    #[test]
    fn an_early_tick_takes_the_next_label_and_what_was_due() {
        let mut ticks = Ticks::new(S2, now(0, 0));
        ticks.advance(now(2_100, 2_100));
        assert_eq!(ticks.take_early(), label(4_000));
        assert!(!ticks.has_due());
    }
}
