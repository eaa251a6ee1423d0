//! Until when something may take. Deadlines are real monotonic time; all of them are read from one clock, so that they can
//! be handed from thread to thread.

use std::sync::OnceLock;
use std::time::Duration;

use batchmill::{Clock, Mono, SystemClock};

/// Monotonic time now, for the whole connector.
pub(crate) fn now() -> Mono {
    static CLOCK: OnceLock<SystemClock> = OnceLock::new();
    CLOCK.get_or_init(SystemClock::new).mono()
}

/// A moment by which a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Mono);

impl Deadline {
    /// The moment `wait` from now.
    pub(crate) fn after(wait: Duration) -> Self {
        Self(now() + wait)
    }

    /// At a moment of [`now`]'s clock.
    pub(crate) fn at(moment: Mono) -> Self {
        Self(moment)
    }

    /// The time left; zero when it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0 - now()
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_zero_is_over() {
        assert!(Deadline::after(Duration::ZERO).is_over());
        let later = Deadline::after(Duration::from_secs(3_600));
        assert!(!later.is_over() && later.left() <= Duration::from_secs(3_600));
        assert!(Deadline::at(now()) < later);
    }
}
