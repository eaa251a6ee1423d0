//! A token bucket in records a second. It may run into debt by one call, so that a block is never split for it.

use std::time::Duration;

use crate::clock::Mono;

/// Allows `per_second` records a second on average, and no more than one second's worth at once after a pause.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    per_second: f64,
    tokens: f64,
    last: Mono,
}

impl RateLimiter {
    /// A limiter that starts with a tenth of a second's worth, at least one record.
    pub(crate) fn new(per_second: u32, now: Mono) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, tokens: (per_second / 10.0).max(1.0), last: now }
    }

    /// Takes `n` tokens if the bucket is not in debt; else tells when it will be out of it.
    pub(crate) fn take(&mut self, n: u64, now: Mono) -> Result<(), Mono> {
        let gained = (now - self.last).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second.max(1.0));
        self.last = now;
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.per_second);
            return Err(now + wait.max(Duration::from_nanos(1)));
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of records is far below 2^52")]
        let n = n as f64;
        self.tokens -= n;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_hundred_a_second_lets_a_hundred_pass_in_a_second() {
        let mut limiter = RateLimiter::new(100, at(0));
        let mut now = at(0);
        let mut passed = 0;
        while now < at(10_000) {
            match limiter.take(1, now) {
                Ok(()) => passed += 1,
                Err(until) => now = until,
            }
        }
        assert!((1_000..=1_011).contains(&passed), "{passed}");
    }

    #[test]
    fn a_large_block_passes_and_is_paid_for_afterwards() {
        let mut limiter = RateLimiter::new(10, at(0));
        assert_eq!(limiter.take(21, at(0)), Ok(()));
        let until = limiter.take(1, at(0)).unwrap_err();
        assert!(until > at(2_000) && until <= at(2_101), "{until:?}");
    }
}
