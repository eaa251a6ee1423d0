//! What a program says about the directory it wants read: [`FileOptions`]. Built before the start, looked at on the
//! generate thread and in tasks.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use batchmill::text::{LongLine, Utf8Policy};

/// What becomes of files that are in the directory when the context starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Existing {
    /// They are read, like those that come later.
    Read,
    /// They are never read, unless they change.
    Skip,
}

type Filter = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// The entries a scan lists at most.
const SCAN_LIMIT: usize = 100_000;

/// Which files of a directory are read, when, and how many at a time.
///
/// ```
/// use std::time::Duration;
/// use batchmill_sources::file::{Existing, FileOptions};
///
/// let options = FileOptions::new("/data/in", Existing::Skip)
///     .filter(|path| path.extension().is_some_and(|ext| ext == "csv"))
///     .settle(Duration::from_secs(5))
///     .max_files_per_batch(1_000);
/// assert_eq!(options.dir(), std::path::Path::new("/data/in"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct FileOptions {
    pub(super) dir: PathBuf,
    pub(super) existing: Existing,
    filter: Option<Filter>,
    hidden: bool,
    pub(super) settle: Duration,
    pub(super) max_files: usize,
    pub(super) max_bytes: Option<u64>,
    pub(super) wait_for_dir: bool,
    pub(super) scan_interval: Duration,
    pub(super) scan_limit: usize,
    pub(super) seen_limit: usize,
    pub(super) utf8: Utf8Policy,
    pub(super) max_line: usize,
    pub(super) long_line: LongLine,
}

impl FileOptions {
    /// The files directly in `dir`, with the defaults named below. `dir` may be a link to a directory; links in it are
    /// not followed, and directories in it not entered.
    pub fn new(dir: impl Into<PathBuf>, existing: Existing) -> Self {
        Self {
            dir: dir.into(),
            existing,
            filter: None,
            hidden: false,
            settle: Duration::from_secs(1),
            max_files: usize::MAX,
            max_bytes: None,
            wait_for_dir: false,
            scan_interval: Duration::ZERO,
            scan_limit: SCAN_LIMIT,
            seen_limit: SCAN_LIMIT,
            utf8: Utf8Policy::default(),
            max_line: 1 << 20,
            long_line: LongLine::default(),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads only files whose path `wanted` accepts. It is asked at every scan, on the thread `{name}-generate`; what
    /// [`with_hidden`](Self::with_hidden) leaves out it is not asked about.
    pub fn filter(mut self, wanted: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(wanted));
        self
    }

    /// Reads files too whose names start with `.` or `_`, or end with `.tmp` or `._COPYING_`. By default these are
    /// left alone, for under such names tools write files that they rename when they are complete.
    pub fn with_hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// How long a file must have been the same (inode, size, time of change) before it is read. Default 1 s; zero
    /// reads a file at the first batch that finds it.
    ///
    /// It keeps files that are still written, a copy under way above all, from being read in part. It is measured
    /// between scans, in batch times, and never by comparing a file's time with this machine's clock: the clock of a
    /// file server is another one. A file therefore waits at least one batch longer than it must. Files that only
    /// appear by a rename are complete when they appear, and zero is right for them.
    ///
    /// What is in the directory at the start is looked at then, and read with the first batch if it has not changed.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// How many files a batch takes at most; the others wait for the next. Default: no limit.
    pub fn max_files_per_batch(mut self, files: usize) -> Self {
        self.max_files = files;
        self
    }

    /// How many bytes a batch takes at most, but for a file that is larger by itself: it is taken alone. Default: the
    /// context's [`max_unprocessed_bytes`](batchmill::StreamingContextBuilder::max_unprocessed_bytes).
    pub fn max_bytes_per_batch(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Lets the context start though the directory is not there yet; what is in it when it appears counts as new.
    /// Default: a missing directory is an error of the start.
    pub fn wait_for_dir(mut self) -> Self {
        self.wait_for_dir = true;
        self
    }

    /// Lists the directory at most once in this time, measured in batch times. Default: at every batch. A scan costs
    /// some microseconds for each file that is there, read or not (100,000 files: a third of a second), and on a file
    /// server a lot more: remove files that are done with, or scan less often.
    pub fn scan_interval(mut self, interval: Duration) -> Self {
        self.scan_interval = interval;
        self
    }

    /// How many entries a scan lists at most. A directory with more is an error of the start or of the batch, for
    /// entries left out of a listing might never be read. Default 100,000.
    pub fn scan_limit(mut self, entries: usize) -> Self {
        self.scan_limit = entries;
        self.seen_limit = self.seen_limit.max(entries);
        self
    }

    /// How many files are remembered to have been read; at least [`scan_limit`](Self::scan_limit), so that files that
    /// are there are never forgotten. Beyond it, files that have gone are forgotten, those first that went first: a
    /// forgotten one that comes back is read again. Default 100,000, at about 150 bytes each.
    pub fn seen_limit(mut self, files: usize) -> Self {
        self.seen_limit = files;
        self
    }

    /// What becomes of lines that are not UTF-8; for text only. Default: what is wrong is replaced by U+FFFD.
    pub fn utf8(mut self, policy: Utf8Policy) -> Self {
        self.utf8 = policy;
        self
    }

    /// The longest line that is allowed, in bytes without its end. Default 1 MiB.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// What becomes of longer lines. Default: the batch fails with [`FileError::LineTooLong`](super::FileError).
    pub fn long_line(mut self, policy: LongLine) -> Self {
        self.long_line = policy;
        self
    }

    /// Says what is wrong with the options, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        let positive = [
            ("max_files_per_batch", self.max_files as u64),
            ("max_bytes_per_batch", self.max_bytes.unwrap_or(1)),
            ("scan_limit", self.scan_limit as u64),
            ("max_line", self.max_line as u64),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} must be at least 1"));
        }
        if self.seen_limit < self.scan_limit {
            let (seen, scan) = (self.seen_limit, self.scan_limit);
            return Err(format!("seen_limit ({seen}) must be at least scan_limit ({scan})"));
        }
        Ok(())
    }

    /// Whether an entry of this name is to be read if it is a file.
    pub(super) fn wants(&self, name: &OsStr) -> bool {
        (self.hidden || !is_hidden(name))
            && self.filter.as_ref().is_none_or(|wanted| wanted(&self.dir.join(name)))
    }
}

/// Whether a name says that the file is not complete, or not meant to be read.
fn is_hidden(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".")
        || name.starts_with(b"_")
        || name.ends_with(b".tmp")
        || name.ends_with(b"._COPYING_")
}

impl fmt::Debug for FileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOptions")
            .field("dir", &self.dir)
            .field("existing", &self.existing)
            .field("settle", &self.settle)
            .field("max_files", &self.max_files)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_incomplete_files_are_left_alone_unless_asked_for() {
        let options = FileOptions::new("d", Existing::Read);
        let names = ["a.txt", ".a.txt", "_SUCCESS", "a.tmp", "a.txt._COPYING_", "a_b.c"];
        let wanted = |options: &FileOptions| -> Vec<&str> {
            names.into_iter().filter(|name| options.wants(OsStr::new(name))).collect()
        };
        assert_eq!(wanted(&options), ["a.txt", "a_b.c"]);
        assert_eq!(wanted(&options.clone().with_hidden()), names);
        let filtered = options.filter(|path| path == Path::new("d/a_b.c"));
        assert_eq!(wanted(&filtered), ["a_b.c"]);
    }

    #[test]
    fn a_limit_of_zero_or_a_short_memory_is_refused() {
        let options = FileOptions::new("d", Existing::Read);
        assert_eq!(options.check(), Ok(()));
        assert_eq!(
            options.clone().max_files_per_batch(0).check(),
            Err("max_files_per_batch must be at least 1".to_owned())
        );
        assert_eq!(
            options.clone().seen_limit(10).check(),
            Err("seen_limit (10) must be at least scan_limit (100000)".to_owned())
        );
        assert_eq!(options.scan_limit(1_000_000).check(), Ok(()));
    }
}
