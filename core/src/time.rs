//! The label of a batch: milliseconds since the Unix epoch, aligned to the batch interval.

use std::fmt;
use std::time::Duration;

/// The time a batch is labelled with, in whole milliseconds since the Unix epoch (Spark's `Time`).
///
/// ```
/// use batchmill::BatchTime;
///
/// let time = BatchTime::from_ms(4_000);
/// assert_eq!(time.to_string(), "4000 ms");
/// assert_eq!((time + std::time::Duration::from_secs(2)).as_ms(), 6_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchTime(i64);

impl BatchTime {
    /// The batch time `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Rounds down to a multiple of `interval`, which is taken in whole milliseconds and must be at least one.
    pub fn floor(self, interval: Duration) -> Self {
        Self(self.0 - self.0.rem_euclid(whole_ms(interval).max(1)))
    }
}

impl std::ops::Add<Duration> for BatchTime {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(whole_ms(rhs)))
    }
}

impl std::ops::Sub for BatchTime {
    type Output = Duration;

    /// The time from `rhs` to `self`; zero if `rhs` is the later one.
    fn sub(self, rhs: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(rhs.0)).unwrap_or(0))
    }
}

impl fmt::Display for BatchTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

fn whole_ms(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_rounds_towards_the_past_on_both_sides_of_the_epoch() {
        let s = Duration::from_secs(1);
        assert_eq!(BatchTime::from_ms(1_999).floor(s), BatchTime::from_ms(1_000));
        assert_eq!(BatchTime::from_ms(-1).floor(s), BatchTime::from_ms(-1_000));
    }

    #[test]
    fn a_difference_never_is_negative() {
        assert_eq!(BatchTime::from_ms(1) - BatchTime::from_ms(5), Duration::ZERO);
    }
}
