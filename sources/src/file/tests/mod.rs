//! Scenarios on the stepped driver: a temporary directory, files with given times, a batch at a time. Nothing waits.

mod choosing;
mod directory;
mod failing;
mod reading;
mod trouble;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use batchmill::{
    Collected, DStream, Data, Error, ErrorPolicy, SourceEvent, SteppedContext, StreamingContext,
    StreamingContextBuilder, StreamingListener, Text,
};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::{Existing, FileError, FileOptions, FileStreams};

/// The events of sources, as they come.
#[derive(Debug, Default)]
struct Events(Mutex<Vec<SourceEvent>>);

impl StreamingListener for Events {
    fn source_event(&self, event: &SourceEvent) {
        self.0.lock().push(event.clone());
    }
}

impl Events {
    /// Takes what was told: kind and detail.
    fn take(&self) -> Vec<(&'static str, String)> {
        self.0.lock().drain(..).map(|event| (event.kind, event.detail)).collect()
    }

    /// Takes what was told: the kinds.
    fn kinds(&self) -> Vec<&'static str> {
        self.take().into_iter().map(|(kind, _)| kind).collect()
    }
}

/// A directory and a context that reads it.
struct Kit<T> {
    events: Arc<Events>,
    read: Collected<T>,
    test: SteppedContext,
}

impl<T: Data> Kit<T> {
    /// One batch a second, of the stream that `build` makes; what else it adds runs before the records are collected.
    fn start(
        policy: ErrorPolicy,
        build: impl FnOnce(&StreamingContext) -> DStream<'_, T>,
    ) -> Result<Self, Error> {
        let events = Arc::new(Events::default());
        let ssc = builder().listener(Arc::clone(&events) as Arc<_>).error_policy(policy).build()?;
        let read = build(&ssc).collect();
        Ok(Self { events, read, test: ssc.start_stepped()? })
    }

    /// Runs the next batch and gives what it read.
    fn step(&mut self) -> Vec<T> {
        self.test.step_batch().unwrap();
        self.read.take_all()
    }
}

fn builder() -> StreamingContextBuilder {
    StreamingContext::builder().batch_interval(Duration::from_secs(1))
}

/// A context that reads the lines of files as the options say, and stops at an error.
fn lines(options: FileOptions) -> Kit<Text> {
    Kit::start(ErrorPolicy::stop(), |ssc| ssc.text_file_stream_with(options)).unwrap()
}

/// The files of a directory as they come: no settling.
fn at_once(dir: &TempDir) -> FileOptions {
    FileOptions::new(dir.path(), Existing::Read).settle(Duration::ZERO)
}

/// Does `act` in every batch, after its files are chosen and before they are read.
fn before_reading(ssc: &StreamingContext, act: impl FnMut() + Send + 'static) {
    let act = Mutex::new(act);
    ssc.constant_stream(vec![()]).for_each_batch(move |_| (act.lock())());
}

/// Writes a file that was changed `s` seconds after the epoch.
fn write(dir: impl AsRef<Path>, name: &str, contents: impl AsRef<[u8]>, s: u64) {
    let path = dir.as_ref().join(name);
    fs::write(&path, contents).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(s);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
}

/// The typed error inside an error of the engine.
fn file_error(error: &Error) -> &FileError {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(found) = cause.downcast_ref() {
            return found;
        }
        cause = cause.source().unwrap_or_else(|| panic!("no file error in {error}"));
    }
}
