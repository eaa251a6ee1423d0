//! Every error a caller of the engine can meet, sorted by what the caller can do about it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::BatchTime;

/// What a source fails with. A connector puts its own typed error in the box, and a caller may downcast to it.
pub type SourceError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An operator and the line of the caller's program that made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The operator's name, as the method is called.
    pub operator: &'static str,
    /// Where it was called.
    pub location: &'static Location<'static>,
}

impl Site {
    #[track_caller]
    pub(crate) fn here(operator: &'static str) -> Self {
        Self { operator, location: Location::caller() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.operator, self.location.file(), self.location.line())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A task of a batch that failed: a panic in a user's closure, a record source that could not be read, or an
/// output that returned an error.
#[derive(Clone, Debug)]
pub struct TaskError {
    /// The operator that was at work, when one was.
    pub site: Option<Site>,
    /// The batch it was at work on.
    pub time: BatchTime,
    /// The partition it was at work on; none for work on a whole batch.
    pub partition: Option<usize>,
    /// What went wrong.
    pub cause: Arc<dyn std::error::Error + Send + Sync + 'static>,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Some(site) => write!(f, "{site}")?,
            None => f.write_str("a task")?,
        }
        write!(f, " failed in batch {}", self.time)?;
        if let Some(partition) = self.partition {
            write!(f, ", partition {partition}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for TaskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// The payload of a panic in a user's closure, as a cause of a [`TaskError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked(pub(crate) String);

impl Panicked {
    /// Takes the message out of what `catch_unwind` returned.
    pub(crate) fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

/// One mistake in the building of a stream graph.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Streams of two contexts were combined.
    ForeignStream {
        /// The combining operator.
        site: Site,
    },
    /// An operator over several streams was given none.
    NoStreams {
        /// The operator.
        site: Site,
    },
    /// A setting of an operator or input is not valid.
    InvalidArgument {
        /// The operator or input.
        site: Site,
        /// What is wrong with which argument.
        reason: String,
    },
    /// Nothing would ever run: no output is registered.
    NoOutput,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignStream { site } => write!(f, "{site} combines streams of two contexts"),
            Self::NoStreams { site } => write!(f, "{site} needs at least one stream"),
            Self::InvalidArgument { site, reason } => write!(f, "{site}: {reason}"),
            Self::NoOutput => f.write_str(
                "no output is registered, so nothing would run: call print, for_each_batch or another output",
            ),
        }
    }
}

impl std::error::Error for BuildError {}

/// All mistakes that were found in a stream graph; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildErrors(pub Vec<BuildError>);

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// What the engine returns to its caller.
///
/// Its `Debug` says what its `Display` says, for a `main` that returns it shows that to the user.
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// A setting is not valid.
    Config {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The stream graph has mistakes; each names its line.
    Build(BuildErrors),
    /// A task of a batch failed, as often as the policy lets it run.
    Task(TaskError),
    /// A source could not start, plan or stop.
    Source {
        /// The name of the source.
        source: String,
        /// What it failed with.
        cause: Arc<dyn std::error::Error + Send + Sync + 'static>,
    },
    /// A thread could not be started.
    Thread {
        /// The name the thread was to have.
        name: String,
        /// What the system said.
        cause: Arc<std::io::Error>,
    },
    /// The context is stopped or stopping.
    Stopped,
    /// A thread of the context asked to wait for the end of the context, which would be a wait for itself. A method
    /// that consumes the running context has signalled the stop all the same.
    OwnThread,
    /// The engine itself failed: a mistake in this library, worth a report.
    Internal {
        /// What it says.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { setting, reason } => write!(f, "{setting}: {reason}"),
            Self::Build(errors) => write!(f, "the stream graph cannot run: {errors}"),
            Self::Task(error) => error.fmt(f),
            Self::Source { source, cause } => write!(f, "source {source}: {cause}"),
            Self::Thread { name, cause } => write!(f, "thread {name} could not be started: {cause}"),
            Self::Stopped => f.write_str("the context is stopped"),
            Self::OwnThread => f.write_str("a thread of the context cannot wait for the end of the context"),
            Self::Internal { reason } => write!(f, "the engine failed, please report it: {reason}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Task(error) => Some(error),
            Self::Source { cause, .. } => Some(&**cause),
            Self::Thread { cause, .. } => Some(&**cause),
            Self::Config { .. }
            | Self::Build(_)
            | Self::Stopped
            | Self::OwnThread
            | Self::Internal { .. } => None,
        }
    }
}

impl From<TaskError> for Error {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_an_error_shows_its_message() {
        let cause: SourceError = "nobody answers at localhost:9092".into();
        let error = Error::Source { source: "lines".to_owned(), cause: cause.into() };
        let shown = format!("Error: {error:?}");
        assert_eq!(shown, "Error: source lines: nobody answers at localhost:9092");
    }
}
