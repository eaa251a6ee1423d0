//! [`Options`]: what every example can be told, and the context that keeps to it.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{Error, StreamingContext, StreamingContextBuilder, StreamingListener};

use crate::arguments::{Arguments, UsageError};
use crate::console::Console;

/// What the common options mean, for the help of every program that has them.
const HELP: &str = "
options:
  --batch-ms MS   milliseconds between two batches, from 1 (default 1000)
  --batches N     stop after N batches that had records; all that was received before the stop is in a batch
  --workers N     threads that compute, from 1 (default: one for every core)
  -h, --help      this text
Ctrl-C stops after the batch that is running, a second one ends the program at once; so does the first one before the
program has started, as long as it connects.

exit codes: 0 done, also after Ctrl-C; 1 failed; 2 wrong arguments; 130 after a second Ctrl-C
";

/// What is to be said after a usage: nothing where it names none of these options.
pub(crate) fn help(usage: &str) -> &'static str {
    if usage.contains("--batch-ms") { HELP } else { "" }
}

/// The options `--batch-ms`, `--batches` and `--workers`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The time between two batches.
    pub batch_interval: Duration,
    /// Stop after so many batches that had records.
    pub batches: Option<usize>,
    /// How many threads compute.
    pub workers: Option<usize>,
}

const DAY_MS: usize = 24 * 60 * 60 * 1000;

impl Options {
    /// Takes them out of the arguments.
    ///
    /// # Errors
    /// When one has no value or a wrong one.
    pub fn take(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let batch_ms = arguments.number("--batch-ms", "whole milliseconds", 1..=DAY_MS)?.unwrap_or(1000);
        Ok(Self {
            batch_interval: Duration::from_millis(batch_ms as u64),
            batches: arguments.number("--batches", "a number", 1..=usize::MAX)?,
            workers: arguments.number("--workers", "a number", 1..=4096)?,
        })
    }

    /// A context with these options that says on standard error what its sources report, and that stops gracefully
    /// after [`batches`](Self::batches).
    ///
    /// # Errors
    /// What the context has against its settings.
    pub fn context(&self) -> Result<StreamingContext, Error> {
        self.context_from(StreamingContext::builder())
    }

    /// As [`context`](Self::context), and tells another listener too.
    ///
    /// # Errors
    /// As [`context`](Self::context).
    pub fn context_with(&self, listener: impl StreamingListener) -> Result<StreamingContext, Error> {
        self.context_from(StreamingContext::builder().listener(Arc::new(listener)))
    }

    fn context_from(&self, builder: StreamingContextBuilder) -> Result<StreamingContext, Error> {
        // At least as long as ten batches take (Spark's rule), and never less than the library's own deadline.
        let stop_within = (self.batch_interval * 10).max(Duration::from_secs(10));
        let console = Arc::new(Console::new(self.batches, stop_within));
        let listener = Arc::clone(&console);
        let mut builder = builder.batch_interval(self.batch_interval).listener(listener);
        if let Some(workers) = self.workers {
            builder = builder.workers(workers);
        }
        let ssc = builder.build()?;
        console.stops(ssc.stop_handle());
        Ok(ssc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_not_given_have_their_defaults() {
        let mut arguments = Arguments::new(["localhost", "--batches", "3"]);
        let options = Options::take(&mut arguments).unwrap();
        let expected = Options { batch_interval: Duration::from_secs(1), batches: Some(3), workers: None };
        assert_eq!(options, expected);
        assert_eq!(arguments.positional(), Ok(Some("localhost".into())));
    }

    #[test]
    fn the_longest_interval_is_the_librarys() {
        let context = |ms: &str| {
            let mut arguments = Arguments::new(["--batch-ms", ms]);
            Options::take(&mut arguments).map(|options| options.context().is_ok())
        };
        assert_eq!(context("86400000"), Ok(true));
        assert!(context("86400001").is_err());
    }
}
