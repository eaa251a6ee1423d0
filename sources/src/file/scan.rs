//! One look at the directory: which files are there, and what tells each from another. On the generate thread.

use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::time::SystemTime;

use super::FileError;
use super::options::FileOptions;

/// What tells a file from another of the same path, and from itself before it was changed.
///
/// The device is not part of it: its number changes when a file server is mounted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// 0 where the system has none.
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            inode: inode(metadata),
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// What a look at the directory found, apart from what the options leave out.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files that can be read, in the system's order.
    pub(super) files: Vec<(OsString, Identity)>,
    /// What cannot be read, and why.
    pub(super) odd: Vec<(OsString, Odd)>,
}

/// An entry that is no file, or cannot be looked at.
#[derive(Debug)]
pub(super) enum Odd {
    Directory,
    Link,
    Special,
    Unknown(io::Error),
}

impl Odd {
    fn of(file_type: FileType) -> Option<Self> {
        if file_type.is_file() {
            None
        } else if file_type.is_dir() {
            Some(Self::Directory)
        } else if file_type.is_symlink() {
            Some(Self::Link)
        } else {
            Some(Self::Special)
        }
    }
}

/// Lists the directory, one level, without following links.
///
/// # Errors
/// [`FileError`] if it cannot be listed as a whole: half a listing would look like files that have gone.
pub(super) fn list(options: &FileOptions) -> Result<Listing, FileError> {
    let unreadable = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => FileError::NoSuchDirectory { dir: options.dir.clone() },
        io::ErrorKind::NotADirectory if !options.dir.exists() => {
            FileError::NoSuchDirectory { dir: options.dir.clone() }
        }
        io::ErrorKind::NotADirectory => FileError::NotADirectory { path: options.dir.clone() },
        _ => FileError::DirectoryUnreadable { dir: options.dir.clone(), cause },
    };
    let mut listing = Listing::default();
    for (n, entry) in fs::read_dir(&options.dir).map_err(unreadable)?.enumerate() {
        let entry = entry.map_err(unreadable)?;
        if n >= options.scan_limit {
            return Err(FileError::TooManyEntries { dir: options.dir.clone(), limit: options.scan_limit });
        }
        let name = entry.file_name();
        if !options.wants(&name) {
            continue;
        }
        match entry.metadata() {
            Ok(metadata) => match Odd::of(metadata.file_type()) {
                None => listing.files.push((name, Identity::of(&metadata))),
                Some(odd) => listing.odd.push((name, odd)),
            },
            // It has gone between the two calls, and so was never there.
            Err(cause) if is_gone(&cause) => {}
            Err(cause) => listing.odd.push((name, Odd::Unknown(cause))),
        }
    }
    Ok(listing)
}

/// Whether an error says that there is no such file any more, here or at the file server.
pub(super) fn is_gone(cause: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, StaleNetworkFileHandle};
    matches!(cause.kind(), NotFound | NotADirectory | StaleNetworkFileHandle)
}
