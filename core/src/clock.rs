//! The only place that reads time. The engine is handed a [`Now`]; drivers wait on a [`Clock`].
//!
//! [`SystemClock`] is what a running program uses, [`ManualClock`] what a test moves by hand. Deadlines of stop,
//! drop and await are real time on every clock: see `RealDeadline`.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel as channel;
use parking_lot::Mutex;

/// A moment of monotonic time, as nanoseconds since an origin of the clock's own. It never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(u64);

impl Mono {
    /// The moment `since_origin` after the clock's origin.
    pub fn from_origin(since_origin: Duration) -> Self {
        Self(u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time since the clock's origin.
    pub fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Mono {
    type Output = Duration;

    /// The time from `rhs` to `self`; zero if `rhs` is the later one.
    fn sub(self, rhs: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(rhs.0))
    }
}

/// A moment of wall-clock time, as nanoseconds since the Unix epoch. It may step in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

impl Wall {
    /// The moment `ns` nanoseconds after the Unix epoch.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// The moment `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Both times at one moment, as the engine is given them with every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time: paces ticks and delays.
    pub mono: Mono,
    /// Wall-clock time: labels batches.
    pub wall: Wall,
}

/// Where the engine's time comes from.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Monotonic time now.
    fn mono(&self) -> Mono;

    /// Wall-clock time now.
    fn wall(&self) -> Wall;

    /// Waits until `at`, for ever if there is none. A message on `wake`, or the loss of its last sender, ends
    /// the wait early.
    fn wait_until(&self, at: Option<Mono>, wake: &channel::Receiver<()>);

    /// Both times now.
    fn now(&self) -> Now {
        Now { mono: self.mono(), wall: self.wall() }
    }
}

/// The computer's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    pub fn new() -> Self {
        Self { origin: real_now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn mono(&self) -> Mono {
        Mono::from_origin(real_now().duration_since(self.origin))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Wall {
        let ns = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, std::ops::Neg::neg),
        };
        Wall(ns)
    }

    fn wait_until(&self, at: Option<Mono>, wake: &channel::Receiver<()>) {
        // Whether woken, timed out or disconnected: the caller looks at its state and at the time again.
        let _ = match at.and_then(|at| self.origin.checked_add(at.since_origin())) {
            Some(at) => wake.recv_deadline(at).ok(),
            None => wake.recv().ok(),
        };
    }
}

/// A clock that stands still until it is moved, for tests.
///
/// ```
/// use std::time::Duration;
/// use batchmill::{Clock, ManualClock};
///
/// let clock = ManualClock::at_ms(4_000);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.wall().as_ms(), 6_000);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<ManualState>,
}

#[derive(Debug, Default)]
struct ManualState {
    now: Now,
    /// One for each thread that waits; dropped, and so woken, when time moves.
    waiting: Vec<channel::Sender<()>>,
}

impl ManualClock {
    /// A clock that stands at the Unix epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock whose wall time stands `ms` milliseconds after the Unix epoch, its monotonic time at its origin.
    pub fn at_ms(ms: i64) -> Self {
        let now = Now { mono: Mono::default(), wall: Wall::from_ms(ms) };
        Self { state: Mutex::new(ManualState { now, waiting: Vec::new() }) }
    }

    /// Moves both times on by `d`.
    pub fn advance(&self, d: Duration) {
        let ns = i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
        self.change(|now| {
            now.mono = now.mono + d;
            now.wall = Wall(now.wall.0.saturating_add(ns));
        });
    }

    /// Steps the wall clock alone, as an operator or a time service does; monotonic time stands.
    pub fn set_wall(&self, wall: Wall) {
        self.change(|now| now.wall = wall);
    }

    fn change(&self, f: impl FnOnce(&mut Now)) {
        let mut state = self.state.lock();
        f(&mut state.now);
        state.waiting.clear();
    }
}

impl Clock for ManualClock {
    fn mono(&self) -> Mono {
        self.state.lock().now.mono
    }

    fn wall(&self) -> Wall {
        self.state.lock().now.wall
    }

    fn now(&self) -> Now {
        self.state.lock().now
    }

    fn wait_until(&self, at: Option<Mono>, wake: &channel::Receiver<()>) {
        loop {
            let moved = {
                let mut state = self.state.lock();
                if at.is_some_and(|at| state.now.mono >= at) {
                    return;
                }
                let (sender, moved) = channel::bounded(0);
                state.waiting.push(sender);
                moved
            };
            channel::select! {
                recv(wake) -> _ => return,
                recv(moved) -> _ => {}
            }
        }
    }
}

/// A deadline in real monotonic time, for waits that must end whatever the context's clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RealDeadline(Option<Instant>);

impl RealDeadline {
    /// The deadline `d` from now; none if that is beyond what the system can express.
    pub(crate) fn after(d: Duration) -> Self {
        Self(real_now().checked_add(d))
    }

    /// The later of two deadlines; no deadline is the latest of all.
    pub(crate) fn later(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a.max(b)))
    }

    /// Receives one message, or gives up at the deadline.
    pub(crate) fn recv<T>(self, from: &channel::Receiver<T>) -> Result<T, channel::RecvTimeoutError> {
        match self.0 {
            Some(at) => from.recv_deadline(at),
            None => from.recv().map_err(channel::RecvTimeoutError::from),
        }
    }

    /// Waits on `condvar` until notified or until the deadline; `false` when the deadline has passed.
    pub(crate) fn wait<T>(
        self,
        condvar: &parking_lot::Condvar,
        guard: &mut parking_lot::MutexGuard<'_, T>,
    ) -> bool {
        match self.0 {
            Some(at) => !condvar.wait_until(guard, at).timed_out(),
            None => {
                condvar.wait(guard);
                true
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn real_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_wait_on_the_manual_clock_ends_when_time_is_moved_past_it() {
        let clock = Arc::new(ManualClock::new());
        let (_keep, wake) = channel::bounded(1);
        let waiter = {
            let clock = Arc::clone(&clock);
            std::thread::spawn(move || {
                clock.wait_until(Some(Mono::from_origin(Duration::from_secs(2))), &wake);
                clock.mono()
            })
        };
        clock.advance(Duration::from_secs(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(waiter.join().unwrap().since_origin(), Duration::from_secs(2));
    }

    #[test]
    fn a_wake_ends_a_wait_on_either_clock() {
        for clock in [Box::new(ManualClock::new()) as Box<dyn Clock>, Box::new(SystemClock::new())] {
            let (sender, wake) = channel::bounded(1);
            sender.send(()).unwrap();
            clock.wait_until(None, &wake);
            drop(sender);
            clock.wait_until(None, &wake);
        }
    }

    #[test]
    fn a_step_of_the_wall_clock_leaves_monotonic_time_alone() {
        let clock = ManualClock::at_ms(10_000);
        clock.set_wall(Wall::from_ms(5_000));
        assert_eq!(clock.now(), Now { mono: Mono::default(), wall: Wall::from_ms(5_000) });
    }
}
