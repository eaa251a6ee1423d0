//! The settings of a context, checked once when it is built.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::executor::Executor;
use crate::listener::StreamingListener;

/// What becomes of ticks that passed while no batch could be cut: the machine was suspended, the clock stepped, or
/// [`max_pending_batches`](crate::StreamingContextBuilder::max_pending_batches) batches were waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTicks {
    /// One batch stands for all of them and carries the last of their times.
    #[default]
    Merge,
    /// Each gets a batch of its own; the first takes what was received meanwhile, the others are empty (Spark).
    Each,
}

/// What happens when a job of a batch fails.
///
/// The unit of a retry is one output of one batch, run anew from the same inputs.
///
/// ```
/// use batchmill::ErrorPolicy;
///
/// let strict = ErrorPolicy::stop();
/// let patient = ErrorPolicy::retry(3).then_continue();
/// assert_ne!(strict, patient);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPolicy {
    pub(crate) retries: u32,
    pub(crate) on_failure: OnFailure,
    pub(crate) backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Stop,
    Continue,
}

impl ErrorPolicy {
    /// One run; a failure fails the batch and stops the context with the error. The default.
    pub const fn stop() -> Self {
        Self { retries: 0, on_failure: OnFailure::Stop, backoff: Backoff::DEFAULT }
    }

    /// One run; a failure fails the batch, is reported to the listener and logged, and the next output and the
    /// next batch go on. This is what Spark does.
    pub const fn continue_on_error() -> Self {
        Self { retries: 0, on_failure: OnFailure::Continue, backoff: Backoff::DEFAULT }
    }

    /// Up to `times` more runs, with a pause of 100 ms that doubles to 30 s between them; then as
    /// [`stop`](Self::stop).
    pub const fn retry(times: u32) -> Self {
        Self { retries: times, ..Self::stop() }
    }

    /// Lets the context go on when the runs are used up.
    pub const fn then_continue(self) -> Self {
        Self { on_failure: OnFailure::Continue, ..self }
    }

    /// The pause before the first retry, and the limit it doubles to.
    pub const fn backoff(self, first: Duration, limit: Duration) -> Self {
        Self { backoff: Backoff { first, limit }, ..self }
    }
}

impl Default for ErrorPolicy {
    fn default() -> Self {
        Self::stop()
    }
}

/// A delay that doubles with every attempt up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) limit: Duration,
}

impl Backoff {
    pub(crate) const DEFAULT: Self =
        Self { first: Duration::from_millis(100), limit: Duration::from_secs(30) };

    /// The delay before attempt `attempt + 1`, where the first attempt is 1.
    pub(crate) fn delay(self, attempt: u32) -> Duration {
        let factor = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.limit)
    }
}

/// Checked settings; made by the builder only.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) batch_interval: Duration,
    pub(crate) block_interval: Duration,
    pub(crate) block_bytes: usize,
    pub(crate) max_unprocessed_bytes: usize,
    pub(crate) max_pending_batches: usize,
    pub(crate) missed_ticks: MissedTicks,
    pub(crate) error_policy: ErrorPolicy,
    pub(crate) receiver_max_rate: Option<u32>,
    pub(crate) receiver_backoff: Backoff,
    pub(crate) receiver_max_restarts: Option<u32>,
    pub(crate) workers: usize,
    pub(crate) executor: Option<Arc<dyn Executor>>,
    pub(crate) default_partitions: Option<usize>,
    pub(crate) hash_seed: Option<u64>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listeners: Vec<Arc<dyn StreamingListener>>,
    pub(crate) stop_deadline: Duration,
    pub(crate) drop_deadline: Duration,
}

impl Config {
    pub(crate) fn new(batch_interval: Duration) -> Self {
        Self {
            name: "bm".to_owned(),
            batch_interval,
            block_interval: Duration::from_millis(200),
            block_bytes: 1 << 20,
            max_unprocessed_bytes: 64 << 20,
            max_pending_batches: 2,
            missed_ticks: MissedTicks::default(),
            error_policy: ErrorPolicy::default(),
            receiver_max_rate: None,
            receiver_backoff: Backoff::DEFAULT,
            receiver_max_restarts: None,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            executor: None,
            default_partitions: None,
            hash_seed: None,
            clock: Arc::new(SystemClock::new()),
            listeners: Vec::new(),
            stop_deadline: Duration::from_secs(10),
            drop_deadline: Duration::from_secs(2),
        }
    }

    /// Checks every setting; the first that is not valid is returned as an error that names it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let day = Duration::from_secs(24 * 60 * 60);
        whole_ms("batch_interval", self.batch_interval, day)?;
        whole_ms("block_interval", self.block_interval, day)?;
        positive("block_bytes", self.block_bytes)?;
        positive("max_unprocessed_bytes", self.max_unprocessed_bytes)?;
        positive("max_pending_batches", self.max_pending_batches)?;
        at_most("max_pending_batches", self.max_pending_batches, 4096)?;
        positive("workers", self.workers)?;
        at_most("workers", self.workers, 4096)?;
        if let Some(n) = self.default_partitions {
            positive("default_partitions", n)?;
            at_most("default_partitions", n, 1 << 16)?;
        }
        if self.receiver_max_rate == Some(0) {
            return Err(invalid(
                "receiver_max_rate",
                "0 would let no record in; leave it unset for no limit",
            ));
        }
        if self.receiver_backoff.first.is_zero() {
            return Err(invalid("receiver_backoff", "the first delay must be longer than zero"));
        }
        Ok(())
    }
}

fn whole_ms(setting: &'static str, value: Duration, limit: Duration) -> Result<(), Error> {
    if value < Duration::from_millis(1) {
        return Err(invalid(setting, format!("{value:?} is too short: the shortest is 1 ms")));
    }
    if value > limit {
        return Err(invalid(setting, format!("{value:?} is too long: the longest is {limit:?}")));
    }
    if value.subsec_nanos() % 1_000_000 != 0 {
        return Err(invalid(setting, format!("{value:?} is not a whole number of milliseconds")));
    }
    Ok(())
}

fn positive(setting: &'static str, value: usize) -> Result<(), Error> {
    if value == 0 { Err(invalid(setting, "must be at least 1")) } else { Ok(()) }
}

fn at_most(setting: &'static str, value: usize, limit: usize) -> Result<(), Error> {
    if value > limit { Err(invalid(setting, format!("{value} is more than {limit}"))) } else { Ok(()) }
}

fn invalid(setting: &'static str, reason: impl Into<String>) -> Error {
    Error::Config { setting, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_must_be_a_whole_number_of_milliseconds_up_to_a_day() {
        for (interval, valid) in [
            (Duration::ZERO, false),
            (Duration::from_micros(999), false),
            (Duration::from_micros(1_500), false),
            (Duration::from_millis(1), true),
            (Duration::from_secs(86_400), true),
            (Duration::from_secs(86_401), false),
            (Duration::MAX, false),
        ] {
            assert_eq!(Config::new(interval).check().is_ok(), valid, "{interval:?}");
        }
    }

    #[test]
    fn a_rate_of_zero_is_refused_with_a_reason() {
        let mut config = Config::new(Duration::from_secs(1));
        config.receiver_max_rate = Some(0);
        assert!(config.check().unwrap_err().to_string().contains("receiver_max_rate"));
    }

    #[test]
    fn a_backoff_doubles_up_to_its_limit() {
        let b = Backoff { first: Duration::from_millis(100), limit: Duration::from_millis(350) };
        assert_eq!([1, 2, 3, 64].map(|n| b.delay(n).as_millis()), [100, 200, 350, 350]);
    }
}
