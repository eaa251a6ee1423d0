//! Shared parts of the scenario tests: what a test waits on, what it listens with, how it counts threads; and the doc
//! tests that belong to no published crate: what must not compile, and the READMEs.

#[cfg(doctest)]
mod compile_fail;
mod gate;
#[cfg(doctest)]
mod readme;
mod recorder;
mod threads;

use std::time::Duration;

pub use gate::Gate;
pub use recorder::{Event, Recorder};
pub use threads::{assert_no_threads, wait_until};

/// How long a test waits for what must happen, in real time. Only a test that fails waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);
