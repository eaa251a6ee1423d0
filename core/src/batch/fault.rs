//! What goes wrong inside a task, and which operator it went wrong in.
//!
//! Operators name themselves once a chunk in a thread-local place; a panic leaves the name there, and the task that
//! catches it finds it. The chunk loops and the task run on the same thread.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::Panicked;
use crate::{BatchTime, Site, SourceError, TaskError};

/// A failure inside a task, before the task adds its batch time and partition.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    site: Option<Site>,
    cause: Arc<dyn StdError + Send + Sync + 'static>,
}

impl Fault {
    pub(crate) fn new(site: Option<Site>, cause: SourceError) -> Self {
        Self { site, cause: Arc::from(cause) }
    }

    /// The end of a task whose result nobody needs, because an earlier partition failed.
    pub(crate) fn halted() -> Self {
        Self { site: None, cause: Arc::new(Halted) }
    }

    pub(crate) fn into_error(self, time: BatchTime, partition: Option<usize>) -> TaskError {
        TaskError { site: self.site, time, partition, cause: self.cause }
    }
}

#[derive(Debug)]
struct Halted;

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended early because another partition failed")
    }
}

impl StdError for Halted {}

thread_local! {
    static AT_WORK: Cell<Option<Site>> = const { Cell::new(None) };
}

/// Runs user code on behalf of the operator `site`, so that a panic can be put down to it. Costs a few nanoseconds:
/// meant for a chunk, not for a record.
#[inline]
pub(crate) fn at<R>(site: Site, work: impl FnOnce() -> R) -> R {
    let before = AT_WORK.replace(Some(site));
    let result = work();
    // On a panic this line is not reached, and `guarded` finds the name.
    AT_WORK.set(before);
    result
}

/// Runs a task's work and turns a panic into a fault of the operator that was at work.
pub(crate) fn guarded<R>(work: impl FnOnce() -> Result<R, Fault>) -> Result<R, Fault> {
    let before = AT_WORK.take();
    let result = catch_unwind(AssertUnwindSafe(work));
    let site = AT_WORK.replace(before);
    match result {
        Ok(result) => result,
        Err(payload) => Err(match payload.downcast::<Fault>() {
            // A fault that went through a user's closure, see `Records`.
            Ok(fault) => *fault,
            Err(payload) => Fault { site, cause: Arc::new(Panicked::from_payload(&*payload)) },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_put_down_to_the_innermost_operator() {
        let (outer, inner) = (Site::here("outer"), Site::here("inner"));
        let fault = guarded(|| {
            at(outer, || at(inner, || assert_eq!(1, 2, "sums differ")));
            Ok(())
        });
        let error = fault.unwrap_err().into_error(BatchTime::from_ms(5), Some(3));
        assert_eq!(error.site, Some(inner));
        assert!(error.to_string().contains("partition 3: panicked: "), "{error}");
        assert_eq!(AT_WORK.get(), None);
    }

    #[test]
    fn after_an_inner_operator_the_outer_one_is_at_work_again() {
        let (outer, inner) = (Site::here("outer"), Site::here("inner"));
        let fault = guarded::<()>(|| {
            at(outer, || {
                at(inner, || ());
                panic!("late");
            })
        });
        assert_eq!(fault.unwrap_err().site, Some(outer));
    }
}
