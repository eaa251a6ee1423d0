//! What a file source fails with. Made on the generate thread (the directory) or in a batch's tasks (the contents).
//!
//! Trouble with a single file that has nothing to do with its contents is no error but an event: see the module's
//! documentation.

use std::fmt;
use std::io;
use std::path::PathBuf;

use batchmill::SourceError;

/// Why a file source cannot go on. It is the cause of an [`Error::Source`](batchmill::Error::Source) where the
/// directory is at fault, and of an [`Error::Task`](batchmill::Error::Task) where the contents of a file are.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The directory is not there.
    NoSuchDirectory {
        /// The directory.
        dir: PathBuf,
    },
    /// The path is a file, or something else that is no directory.
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The directory cannot be listed.
    DirectoryUnreadable {
        /// The directory.
        dir: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The directory has more entries than a scan may list.
    TooManyEntries {
        /// The directory.
        dir: PathBuf,
        /// The limit, [`FileOptions::scan_limit`](super::FileOptions::scan_limit).
        limit: usize,
    },
    /// A line is longer than allowed, and the policy is [`LongLine::Fail`](batchmill::text::LongLine::Fail).
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Where in the file the line starts, in bytes.
        offset: u64,
        /// The longest line that is allowed, in bytes.
        limit: usize,
    },
    /// A line is not UTF-8, and the policy is [`Utf8Policy::Strict`](batchmill::text::Utf8Policy::Strict).
    InvalidUtf8 {
        /// The file.
        path: PathBuf,
        /// Where in the file the first wrong byte is, in bytes; a few bytes less where lines before it were cut.
        offset: u64,
    },
    /// A decoder or reader of the program's own refused what a file holds.
    Undecodable {
        /// The file.
        path: PathBuf,
        /// Where in the file the block starts that was refused, in bytes; none where a reader was at work.
        offset: Option<u64>,
        /// What it was refused with.
        cause: SourceError,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDirectory { dir } => no_such_directory(f, dir),
            Self::NotADirectory { path } => not_a_directory(f, path),
            Self::DirectoryUnreadable { dir, cause } => write!(f, "cannot list {}: {cause}", dir.display()),
            Self::TooManyEntries { dir, limit } => write!(
                f,
                "{} has more than {limit} entries; remove files that are done with, or raise scan_limit",
                dir.display()
            ),
            Self::LineTooLong { path, offset, limit } => {
                write!(f, "the line at byte {offset} of {} is longer than {limit} bytes", path.display())
            }
            Self::InvalidUtf8 { path, offset } => {
                write!(f, "byte {offset} of {} is not UTF-8", path.display())
            }
            Self::Undecodable { path, offset: Some(offset), cause } => {
                write!(f, "the block at byte {offset} of {}: {cause}", path.display())
            }
            Self::Undecodable { path, offset: None, cause } => write!(f, "{}: {cause}", path.display()),
        }
    }
}

fn no_such_directory(f: &mut fmt::Formatter<'_>, dir: &std::path::Path) -> fmt::Result {
    write!(f, "the directory {} does not exist", dir.display())?;
    if dir.as_os_str().as_encoded_bytes().iter().any(|b| b"*?[".contains(b)) {
        return f.write_str("; patterns are not expanded: give its directory, and a filter");
    }
    f.write_str("; create it, or set wait_for_dir")
}

fn not_a_directory(f: &mut fmt::Formatter<'_>, path: &std::path::Path) -> fmt::Result {
    write!(f, "{} is a file; give its directory", path.display())?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => write!(f, " {}", parent.display()),
        _ => Ok(()),
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::DirectoryUnreadable { cause, .. } => Some(cause),
            Self::Undecodable { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_place_of_a_directory_is_told_with_its_directory() {
        let error = FileError::NotADirectory { path: "/data/in/a.txt".into() };
        assert_eq!(error.to_string(), "/data/in/a.txt is a file; give its directory /data/in");
    }

    #[test]
    fn a_pattern_is_told_to_be_one() {
        let error = FileError::NoSuchDirectory { dir: "/data/*.txt".into() };
        assert!(error.to_string().ends_with("patterns are not expanded: give its directory, and a filter"));
    }
}
