//! [`Console`]: says on standard error, in one line each, what a running context reports, and asks for the stop after
//! a number of batches. Called on the listener thread of the context.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use batchmill::{BatchInfo, ReceiverInfo, SourceEvent, StopHandle, StopReport, StreamingListener};

/// Writes one line to standard error. Where that is closed there is nobody to tell.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The listener of every example.
#[derive(Debug)]
pub(crate) struct Console {
    /// After how many batches with records to stop.
    batches: Option<usize>,
    /// How long that stop may take.
    stop_within: Duration,
    /// Batches with records so far.
    done: AtomicUsize,
    stop: OnceLock<StopHandle>,
}

impl Console {
    pub(crate) fn new(batches: Option<usize>, stop_within: Duration) -> Self {
        Self { batches, stop_within, done: AtomicUsize::new(0), stop: OnceLock::new() }
    }

    /// Which context to stop; told before it starts.
    pub(crate) fn stops(&self, handle: StopHandle) {
        let _ = self.stop.set(handle);
    }
}

impl StreamingListener for Console {
    fn receiver_error(&self, info: &ReceiverInfo) {
        say(receiver_line(info));
    }

    fn source_event(&self, event: &SourceEvent) {
        // No example retries a batch, so this one ends the context, and the program says why it ended.
        if event.kind == "plan_failed" {
            return;
        }
        say(event_line(event));
    }

    fn batch_completed(&self, info: &BatchInfo) {
        if !had_records(info) {
            return;
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.batches == Some(done) {
            if let Some(stop) = self.stop.get() {
                stop.stop_gracefully(self.stop_within);
            }
        }
    }
}

/// Whether any input gave something. A source that counts neither records nor bytes does not tell.
fn had_records(info: &BatchInfo) -> bool {
    info.inputs.iter().any(|input| input.bytes > 0 || input.records.is_some_and(|records| records > 0))
}

/// An error of a receiver: what happened, which attempt it was, when the next one follows.
fn receiver_line(info: &ReceiverInfo) -> String {
    let error = info.last_error.as_deref().unwrap_or("it failed");
    // The errors of our sources name the address themselves.
    let error = error.strip_prefix(&format!("source {}: ", info.name)).unwrap_or(error);
    match info.restart_in {
        Some(pause) => format!("{error}; attempt {}, trying again in {}", info.attempt, Rounded(pause)),
        None => format!("{}: {error}", info.name),
    }
}

fn event_line(event: &SourceEvent) -> String {
    format!("{}: {}: {}", event.source, event.kind.replace('_', " "), event.detail)
}

/// What a stop left undone.
pub(crate) fn report_line(report: &StopReport) -> String {
    let mut left = Vec::new();
    if report.abandoned_batches > 0 {
        left.push(format!("batches that did not run to their end: {}", report.abandoned_batches));
    }
    if report.unprocessed_blocks > 0 {
        left.push(format!("bytes that were received and are in no batch: {}", report.unprocessed_bytes));
    }
    if !report.abandoned_threads.is_empty() {
        left.push(format!("threads that are still busy: {}", report.abandoned_threads.join(", ")));
    }
    format!("stopped; {}", left.join("; "))
}

/// A duration as a person says it.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms @ 0..1000 => write!(f, "{ms} ms"),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded() {
        assert_eq!(Rounded(Duration::from_micros(87_654)).to_string(), "87 ms");
        assert_eq!(Rounded(Duration::from_millis(6_449)).to_string(), "6.4 s");
    }
}
