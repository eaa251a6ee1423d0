//! Shared parts of the scenario tests: what a test waits on, what it listens with, how it counts threads; and the doc
//! tests that belong to no published crate: what must not compile, and the READMEs.

#[cfg(doctest)]
mod compile_fail;
mod gate;
#[cfg(doctest)]
mod readme;
mod recorder;
mod threads;
mod transports;

use std::time::Duration;

use batchmill_sources::kafka::KafkaError;

pub use gate::Gate;
pub use recorder::{Event, Recorder};
pub use threads::{assert_no_threads, wait_until};
pub use transports::{Need, is_the_crates_turn, over_the_crate, over_the_turn, releases};

/// How long a test waits for what must happen, in real time. Only a test that fails waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The error of Kafka's in an error of a context.
pub fn kafka_error(error: &batchmill::Error) -> &KafkaError {
    let cause: &(dyn std::error::Error + 'static) = match error {
        batchmill::Error::Source { cause, .. } => &**cause,
        batchmill::Error::Task(task) => &*task.cause,
        other => panic!("{other}"),
    };
    cause.downcast_ref().unwrap_or_else(|| panic!("{error} is no error of Kafka's"))
}
