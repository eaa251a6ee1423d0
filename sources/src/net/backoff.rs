//! Pauses between attempts: each about twice as long as the one before, and none foreseeable, so that the clients of a
//! broker that comes back do not come all at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The shortest and the longest pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackoffRange {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

/// The pauses of one thing that is tried again and again.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    range: BackoffRange,
    /// The next pause, before it is varied.
    next: Duration,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(range: BackoffRange) -> Self {
        Self::seeded(range, random_seed())
    }

    /// With pauses that follow from the seed.
    pub(crate) fn seeded(range: BackoffRange, seed: u64) -> Self {
        Self { range, next: range.first, random: seed | 1 }
    }

    /// How long to wait before the next attempt: from half to one and a half of the pause in turn, and never more than the
    /// longest.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.range.longest);
        // xorshift: the numbers only have to differ between clients.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = (self.random >> 32) as u32 % 1_000;
        (pause / 2 + pause * share / 1_000).min(self.range.longest)
    }

    /// The attempt was good: the next pause is short again.
    pub(crate) fn reset(&mut self) {
        self.next = self.range.first;
    }
}

/// A number that nobody foresees.
pub(crate) fn random_seed() -> u64 {
    // The standard library's random keys are the only source of randomness without a dependency.
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let range = BackoffRange { first: Duration::from_millis(100), longest: Duration::from_secs(10) };
        let mut backoff = Backoff::new(range);
        for pause_ms in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            let pause = backoff.pause();
            let middle = Duration::from_millis(pause_ms);
            assert!(pause >= middle / 2 && pause <= (middle * 3 / 2).min(range.longest), "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(150));
    }

    #[test]
    fn two_clients_wait_differently() {
        let range = BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        let pauses = |mut backoff: Backoff| std::array::from_fn::<_, 8, _>(|_| backoff.pause());
        assert_ne!(pauses(Backoff::new(range)), pauses(Backoff::new(range)));
    }
}
