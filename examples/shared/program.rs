//! [`program`]: the frame of every example, from its arguments to its exit code; [`run`]: a context's life in it.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batchmill::{Error, StopHandle, StreamingContext};

use crate::arguments::{Arguments, UsageError};
use crate::console::{report_line, say};
use crate::options;

/// What ends a program before its time.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It was called wrongly.
    Usage(UsageError),
    /// The context failed, or could not start.
    Context(Error),
    /// Something of the program's own failed; said in one line.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Context(error) => error.fmt(f),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Context(error)
    }
}

/// The exit code of a mistake in the arguments, as shells and GNU's tools have it.
const USAGE_EXIT: u8 = 2;

/// The exit code of a program that a signal ended: 128 and SIGINT's 2.
const INTERRUPTED_EXIT: i32 = 130;

/// Runs `body` with the arguments of the process and turns what it returns into an exit code and, if it failed, into
/// one line on standard error; see the table in the crate's documentation. `usage` begins with the synopsis, which goes
/// up to the first empty line and begins with the program's name.
pub fn program(usage: &str, body: impl FnOnce(Arguments) -> Result<(), Failure>) -> ExitCode {
    let synopsis = usage.split("\n\n").next().unwrap_or_default().trim_end();
    let arguments = Arguments::of_process();
    if arguments.asks_for_help() {
        // A reader that has gone away has seen enough.
        let _ = write!(io::stdout().lock(), "usage: {usage}{}", options::help(usage));
        return ExitCode::SUCCESS;
    }
    match body(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            say(format_args!("error: {error}\nusage: {synopsis}"));
            ExitCode::from(USAGE_EXIT)
        }
        Err(Failure::Context(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(failure) => {
            say(format_args!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Starts the context and waits for its end: by Ctrl-C (SIGTERM and SIGHUP count as that), by `--batches`, by an error.
/// What a stop left undone is said in one line. As long as the context starts, Ctrl-C ends the process at once.
///
/// # Errors
/// What the context could not start with, or stopped with.
pub fn run(ssc: StreamingContext) -> Result<(), Failure> {
    let has_started = Arc::new(AtomicBool::new(false));
    stop_on_ctrl_c(ssc.stop_handle(), Arc::clone(&has_started))?;
    let running = ssc.start()?;
    has_started.store(true, Ordering::Relaxed);
    let report = running.await_termination()?;
    if !report.is_clean() {
        say(report_line(&report));
    }
    Ok(())
}

/// A library installs no signal handlers, so a program does. The handler runs on a thread of the crate's own.
fn stop_on_ctrl_c(stop: StopHandle, has_started: Arc<AtomicBool>) -> Result<(), Failure> {
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED_EXIT);
        }
        if !has_started.load(Ordering::Relaxed) {
            // An input may wait long for its server, and no batch is there that could be left half done.
            say("ended before it had started");
            std::process::exit(0);
        }
        say("stopping after the batch that is running; Ctrl-C again ends at once");
        stop.stop();
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Other(format!("no way to see Ctrl-C: {error}")))
}

/// Whether an output failed because the reader of standard output has gone away.
fn is_closed_pipe(error: &Error) -> bool {
    let Error::Task(task) = error else { return false };
    let cause = task.cause.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
