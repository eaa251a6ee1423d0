//! Files that appear in a directory, as a stream: [`FileStreams`].
//!
//! # Which files are read, and when
//!
//! At every batch the directory is listed, one level deep, on the thread `{name}-generate`. A file that was not there
//! before waits until it has [settled](FileOptions::settle) and goes into the next batch, those that changed least
//! recently first, up to the [limits](FileOptions::max_files_per_batch). Its age does not matter: a file that was moved
//! in is read though it is old.
//!
//! What is known of a file is its path, inode, size and time of change. A file in which one of these differs is another
//! file: one that was replaced, and one that was written to after it was read, is read (again), as a whole, the latter
//! with an event. So let files appear complete: write them under a name that starts with `.`, or in another directory
//! of the same file system, and rename them.
//!
//! Links are not followed and directories not entered; names that mean "not complete" are
//! [left alone](FileOptions::with_hidden).
//!
//! # What is read, and how
//!
//! Files are read in the tasks of a batch: large ones in several at the same time, small ones several in one. Records
//! keep the order of files, and of places in a file. A batch that runs again reads its files again.
//!
//! # When a file is done with
//!
//! A file is done with when a batch with it has succeeded, and only then. When a batch fails and the error policy lets
//! the context go on, its files are read again, by batches half as large: so the file at fault is found, and the other
//! ones are not lost. A file that was alone in a batch that failed, and a file whose contents were refused
//! ([`FileError`]), is left with an event. An output that succeeded in the failed batch sees the others' records again.
//!
//! # Trouble
//!
//! A file that goes away, changes or cannot be read between the cut of its batch and its reading is left out of the
//! batch, or what is left of it is; the other files are read. A directory that goes away gives empty batches until it
//! is back, and what was read then is not read again. These are told to the listener and logged, once for each file:
//!
//! | event | what has happened |
//! |---|---|
//! | `file_skipped` | it is never read: a link, a directory, refused, of a wrong size |
//! | `file_vanished` | it went away after it was put into a batch |
//! | `file_changed` | it changed after it was put into a batch, and is read again when it has settled |
//! | `file_unreadable` | the system does not let us; it is tried again after 1 s, which doubles to 60 s |
//! | `long_lines`, `invalid_utf8` | lines were truncated, skipped or repaired |
//! | `dir_missing`, `dir_vanished`, `dir_unreadable`, `dir_found` | the directory cannot be listed; it can again |
//!
//! On a file server a listing may be some seconds old. What matters is looked at again when the file is open, and then
//! it is fresh; its clock is never compared with ours.

mod error;
mod format;
mod input;
mod ledger;
mod lines;
mod options;
mod plan;
mod read;
mod records;
mod report;
mod scan;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use batchmill::{DStream, Data, StreamingContext, Text};

pub use error::FileError;
pub use format::FileFormat;
use input::FileInput;
pub use options::{Existing, FileOptions};
pub use records::FileContents;

/// Streams of the files that appear in a directory. The [module](self) says which files are read, when they are done
/// with, and what becomes of trouble.
///
/// A directory that is not there, is a file or cannot be listed is an error of
/// [`start`](StreamingContext::start): [`Error::Source`](batchmill::Error::Source) with a [`FileError`]. Options that
/// make no sense are an [`Error::Build`](batchmill::Error::Build).
pub trait FileStreams {
    /// The lines of the files that appear in `dir`, without their ends. With the default options: see [`FileOptions`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::file::Existing;
    /// use batchmill_sources::prelude::*;
    ///
    /// let dir = tempfile::tempdir()?;
    /// std::fs::write(dir.path().join("a.txt"), "to be\nor not\n")?;
    ///
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let lines = ssc.text_file_stream(dir.path(), Existing::Read).collect();
    /// let mut test = ssc.start_stepped()?;
    /// test.step_batch()?;
    /// assert_eq!(lines.take_all(), ["to be", "or not"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "textFileStream")]
    #[track_caller]
    fn text_file_stream(&self, dir: impl Into<PathBuf>, existing: Existing) -> DStream<'_, Text> {
        self.text_file_stream_with(FileOptions::new(dir, existing))
    }

    /// As [`text_file_stream`](Self::text_file_stream), with options.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::file::{Existing, FileOptions};
    /// use batchmill_sources::prelude::*;
    ///
    /// let dir = tempfile::tempdir()?;
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let options = FileOptions::new(dir.path(), Existing::Skip)
    ///     .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
    ///     .settle(Duration::ZERO);
    /// let lines = ssc.text_file_stream_with(options).collect();
    /// let mut test = ssc.start_stepped()?;
    ///
    /// std::fs::write(dir.path().join("a.log"), "a line\n")?;
    /// std::fs::write(dir.path().join("notes.txt"), "not read\n")?;
    /// test.step_batch()?;
    /// assert_eq!(lines.take_all(), ["a line"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn text_file_stream_with(&self, options: FileOptions) -> DStream<'_, Text>;

    /// The records of the files that appear in a directory, in a format of the program's own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use batchmill::{StreamingContext, decode_with};
    /// use batchmill_sources::file::{Existing, FileFormat, FileOptions};
    /// use batchmill_sources::prelude::*;
    ///
    /// let dir = tempfile::tempdir()?;
    /// std::fs::write(dir.path().join("numbers"), "7\n9\n")?;
    ///
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let format = FileFormat::lines(decode_with(|lines, out| {
    ///     for line in std::str::from_utf8(lines)?.lines() {
    ///         out.push(line.parse::<u64>()?);
    ///     }
    ///     Ok(())
    /// }));
    /// let numbers = ssc.file_stream(FileOptions::new(dir.path(), Existing::Read), format).collect();
    /// let mut test = ssc.start_stepped()?;
    /// test.step_batch()?;
    /// assert_eq!(numbers.take_all(), [7, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "fileStream")]
    #[track_caller]
    fn file_stream<T: Data>(&self, options: FileOptions, format: FileFormat<T>) -> DStream<'_, T>;

    /// The records of `record_len` bytes each in the files that appear in `dir`. A file whose size is no multiple of
    /// that is skipped, with an event.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::file::Existing;
    /// use batchmill_sources::prelude::*;
    ///
    /// let dir = tempfile::tempdir()?;
    /// std::fs::write(dir.path().join("a.bin"), [1, 2, 3, 4])?;
    ///
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let records = ssc.binary_records_stream(dir.path(), 2, Existing::Read).collect();
    /// let mut test = ssc.start_stepped()?;
    /// test.step_batch()?;
    /// assert_eq!(records.take_all(), [[1, 2], [3, 4]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "binaryRecordsStream")]
    #[track_caller]
    fn binary_records_stream(
        &self,
        dir: impl Into<PathBuf>,
        record_len: usize,
        existing: Existing,
    ) -> DStream<'_, Vec<u8>>;
}

impl FileStreams for StreamingContext {
    #[track_caller]
    fn text_file_stream_with(&self, options: FileOptions) -> DStream<'_, Text> {
        let format = FileFormat::text(options.utf8);
        add(self, "text_file_stream", options, format)
    }

    #[track_caller]
    fn file_stream<T: Data>(&self, options: FileOptions, format: FileFormat<T>) -> DStream<'_, T> {
        add(self, "file_stream", options, format)
    }

    #[track_caller]
    fn binary_records_stream(
        &self,
        dir: impl Into<PathBuf>,
        record_len: usize,
        existing: Existing,
    ) -> DStream<'_, Vec<u8>> {
        let options = FileOptions::new(dir, existing);
        add(self, "binary_records_stream", options, FileFormat::binary(record_len))
    }
}

#[track_caller]
fn add<'c, T: Data>(
    context: &'c StreamingContext,
    operator: &'static str,
    options: FileOptions,
    format: FileFormat<T>,
) -> DStream<'c, T> {
    if let Err(reason) = options.check().and_then(|()| format.check()) {
        context.invalid_argument(operator, reason);
    }
    context.input_stream(FileInput::new(options, format))
}
