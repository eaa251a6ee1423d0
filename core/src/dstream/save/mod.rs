//! Saving outputs: a directory of text files for each batch. On the job thread; the files are written in tasks.

mod directory;
mod part;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::DStream;
use crate::error::{Site, SourceError};
use crate::{Batch, BatchTime, Data};
use directory::BatchDir;

impl<T: Data> DStream<'_, T> {
    /// Saves every batch that has records as a directory of text files, a line for each record as `Display` shows it.
    ///
    /// The directory is `prefix-<batch time in ms>.suffix`; a part that is empty is left out with its `-` or `.`, also
    /// after a `prefix` that ends with a `/`. It has a file `part-<number>` for each partition with records. The files
    /// are written at the same time, into a hidden directory beside it, brought to disk, and then the directory gets
    /// its name: whoever sees it sees all of it. A directory of that name, from an earlier run of the batch, is
    /// replaced.
    ///
    /// An output that cannot write, because the disk is full or something else is in the way, fails its job with a
    /// [`SaveError`] that names the path, and leaves nothing behind. What a run that was killed has left under a hidden
    /// name is removed when the next context with the same prefix and suffix saves its first batch; so two contexts
    /// that run at the same time must not share them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let dir = tempfile::tempdir()?;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, words) = ssc.queue_stream::<&str>();
    /// words.save_as_text_files(dir.path().join("words"), "txt");
    /// let mut test = ssc.start_stepped()?;
    /// queue.push(["to", "be"]);
    /// test.run_batches(2)?;
    /// assert_eq!(std::fs::read_to_string(dir.path().join("words-1000.txt/part-00000"))?, "to\nbe\n");
    /// assert!(!dir.path().join("words-2000.txt").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "saveAsTextFiles")]
    #[track_caller]
    pub fn save_as_text_files(self, prefix: impl Into<PathBuf>, suffix: impl Into<String>)
    where
        T: fmt::Display,
    {
        let format = |record: &T, line: &mut dyn fmt::Write| write!(line, "{record}");
        self.save_at(Site::here("save_as_text_files"), SaveOptions::new(prefix, suffix), format);
    }

    /// As [`save_as_text_files`](Self::save_as_text_files), with options, and with each record as `format` writes it;
    /// the line end is added.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use batchmill::SaveOptions;
    ///
    /// let dir = tempfile::tempdir()?;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, counts) = ssc.queue_stream::<(&str, u64)>();
    /// let options = SaveOptions::new(dir.path().join("counts"), "").keep_empty();
    /// counts.save_as_text_files_with(options, |(word, n), line| write!(line, "{word}\t{n}"));
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([("to", 2)]);
    /// test.run_batches(2)?;
    /// assert_eq!(std::fs::read_to_string(dir.path().join("counts-1000/part-00000"))?, "to\t2\n");
    /// assert!(dir.path().join("counts-2000").is_dir());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_text_files_with(
        self,
        options: SaveOptions,
        format: impl Fn(&T, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
    ) {
        self.save_at(Site::here("save_as_text_files_with"), options, format);
    }

    fn save_at(
        self,
        site: Site,
        options: SaveOptions,
        format: impl Fn(&T, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
    ) {
        let tidy = AtomicBool::new(false);
        self.output(site, move |batch| {
            if !tidy.swap(true, Ordering::Relaxed) {
                directory::clear_leftovers(&options);
            }
            save(&batch, &options, &format, site)
        });
    }
}

/// Saves one batch; on an error nothing of it is left.
fn save<T: Data>(
    batch: &Batch<T>,
    options: &SaveOptions,
    format: &(impl Fn(&T, &mut dyn fmt::Write) -> fmt::Result + Sync),
    site: Site,
) -> Result<(), SourceError> {
    let dir = BatchDir::new(options.path_at(batch.time()), options.sync);
    dir.clear()?;
    let saved = batch
        .for_each_partition_at(
            &|partition, mut records| {
                let Some(first) = records.next() else { return Ok(()) };
                dir.create()?;
                let path = dir.part(partition);
                Ok(part::write(&path, std::iter::once(first).chain(records), format, options.sync)?)
            },
            site,
        )
        .map_err(SourceError::from)
        .and_then(|()| {
            if options.keep_empty {
                dir.create()?;
            }
            Ok(dir.publish()?)
        });
    if saved.is_err() {
        if let Err(error) = dir.discard() {
            log::warn!("{error}");
        }
    }
    saved
}

/// Where and how [`DStream::save_as_text_files_with`] saves batches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SaveOptions {
    prefix: PathBuf,
    suffix: String,
    keep_empty: bool,
    sync: bool,
}

impl SaveOptions {
    /// Directories `prefix-<batch time in ms>.suffix`, see [`DStream::save_as_text_files`].
    pub fn new(prefix: impl Into<PathBuf>, suffix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), suffix: suffix.into(), keep_empty: false, sync: true }
    }

    /// Makes a directory for a batch without records too, an empty one. By default there is none.
    pub fn keep_empty(mut self) -> Self {
        self.keep_empty = true;
        self
    }

    /// Leaves it to the system when files reach the disk: faster, but after a power loss a directory may be there
    /// whose files are not whole. By default they are on disk before the directory gets its name.
    pub fn without_sync(mut self) -> Self {
        self.sync = false;
        self
    }

    /// The directory of the batch labelled `time`.
    ///
    /// ```
    /// use std::path::Path;
    /// use batchmill::{BatchTime, SaveOptions};
    ///
    /// let path = |prefix: &str, suffix| SaveOptions::new(prefix, suffix).path_at(BatchTime::from_ms(1_000));
    /// assert_eq!(path("out/words", "txt"), Path::new("out/words-1000.txt"));
    /// assert_eq!(path("out/words", ""), Path::new("out/words-1000"));
    /// assert_eq!(path("out/", "txt"), Path::new("out/1000.txt"));
    /// ```
    pub fn path_at(&self, time: BatchTime) -> PathBuf {
        let (head, tail) = self.around_time();
        let mut path = self.prefix.clone().into_os_string();
        path.push(format!("{head}{}{tail}", time.as_ms()));
        path.into()
    }

    /// What stands between prefix and time, and what behind the time.
    fn around_time(&self) -> (&'static str, String) {
        let prefix = self.prefix.as_os_str().as_encoded_bytes();
        let whole_directory = prefix.last().is_none_or(|last| std::path::is_separator(char::from(*last)));
        let tail = if self.suffix.is_empty() { String::new() } else { format!(".{}", self.suffix) };
        (if whole_directory { "" } else { "-" }, tail)
    }
}

/// Why a batch could not be saved.
#[derive(Debug)]
#[non_exhaustive]
pub struct SaveError {
    /// What was tried.
    pub action: &'static str,
    /// The file or directory it was tried on.
    pub path: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}

impl SaveError {
    /// For `map_err`: `action` was tried on `path`.
    fn of(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self { action, path, cause }
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.cause)
    }
}

impl std::error::Error for SaveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests;
