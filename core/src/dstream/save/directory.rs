//! The directory of a saved batch: filled under a hidden name, then renamed. On the job thread, `create` in tasks.

use std::ffi::{OsStr, OsString};
use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{SaveError, SaveOptions};

/// How the hidden names end: of a directory that is being filled, and of one that is being replaced.
const FILLING: &str = ".tmp";
const REPLACED: &str = ".old";

/// The directory of one batch.
#[derive(Debug)]
pub(super) struct BatchDir {
    path: PathBuf,
    filling: PathBuf,
    replaced: PathBuf,
    sync: bool,
}

impl BatchDir {
    pub(super) fn new(path: PathBuf, sync: bool) -> Self {
        let (filling, replaced) = (hidden(&path, FILLING), hidden(&path, REPLACED));
        Self { path, filling, replaced, sync }
    }

    /// Removes what an earlier run of this batch has left under the hidden names.
    pub(super) fn clear(&self) -> Result<(), SaveError> {
        self.discard()?;
        remove(&self.replaced)
    }

    /// Removes what this run has written and not published.
    pub(super) fn discard(&self) -> Result<(), SaveError> {
        remove(&self.filling)
    }

    /// Makes the hidden directory, and those it lies in, if they are not there. From several tasks at once.
    pub(super) fn create(&self) -> Result<(), SaveError> {
        fs::create_dir_all(&self.filling).map_err(SaveError::of("create", &self.filling))
    }

    /// The file of a partition.
    pub(super) fn part(&self, partition: usize) -> PathBuf {
        self.filling.join(format!("part-{partition:05}"))
    }

    /// Gives the hidden directory its name, if there is one. A directory of that name is replaced; between the two
    /// renames, a few microseconds, there is none.
    pub(super) fn publish(&self) -> Result<(), SaveError> {
        if !self.filling.is_dir() {
            return Ok(());
        }
        self.bring_to_disk(&self.filling)?;
        if let Err(cause) = fs::rename(&self.filling, &self.path) {
            if !fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_dir()) {
                return Err(SaveError::of("create", &self.path)(cause));
            }
            self.replace()?;
        }
        self.bring_to_disk(parent(&self.path))
    }

    fn replace(&self) -> Result<(), SaveError> {
        fs::rename(&self.path, &self.replaced).map_err(SaveError::of("replace", &self.path))?;
        if let Err(cause) = fs::rename(&self.filling, &self.path) {
            // What was there is better than nothing.
            if let Err(error) = fs::rename(&self.replaced, &self.path) {
                log::error!("{} is left as {}: {error}", self.path.display(), self.replaced.display());
            }
            return Err(SaveError::of("replace", &self.path)(cause));
        }
        remove(&self.replaced)
    }

    /// Makes the entries of a directory last.
    fn bring_to_disk(&self, dir: &Path) -> Result<(), SaveError> {
        #[cfg(unix)]
        if self.sync {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(SaveError::of("bring to disk", dir))?;
        }
        // Elsewhere a directory cannot be opened as a file.
        let _ = (dir, self.sync);
        Ok(())
    }
}

/// Clears away what killed runs have left under the hidden names of any batch. What was about to be replaced and was
/// not gets its name back. Where that fails things stay as they are: they are in nobody's way.
pub(super) fn clear_leftovers(options: &SaveOptions) {
    let example = options.path_at(crate::BatchTime::from_ms(0));
    let (_, tail) = options.around_time();
    let Some(head) = head(&example, &tail) else { return };
    let Ok(entries) = fs::read_dir(parent(&example)) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(time) = leftover_time(&name, &head, &tail) else { continue };
        if !entry.file_type().is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let saved = options.path_at(crate::BatchTime::from_ms(time));
        let cleared = if path == hidden(&saved, REPLACED) && !saved.exists() {
            fs::rename(&path, &saved).map_err(SaveError::of("restore", saved))
        } else {
            remove(&path)
        };
        match cleared {
            Ok(()) => log::info!("cleared {}, left by a run that was killed", path.display()),
            Err(error) => log::warn!("{error}"),
        }
    }
}

/// What stands before the time in the name of a directory.
fn head(path_at_0: &Path, tail: &str) -> Option<Vec<u8>> {
    let name = path_at_0.file_name()?.as_encoded_bytes();
    Some(name.strip_suffix(format!("0{tail}").as_bytes())?.to_vec())
}

/// The batch time in milliseconds, if a name is a hidden one of some batch.
fn leftover_time(name: &OsStr, head: &[u8], tail: &str) -> Option<i64> {
    let visible = name.as_encoded_bytes().strip_prefix(b".")?;
    let ends = [FILLING, REPLACED];
    let visible = ends.into_iter().find_map(|end| visible.strip_suffix(end.as_bytes()))?;
    let time = visible.strip_prefix(head)?.strip_suffix(tail.as_bytes())?;
    if !time.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(time).ok()?.parse().ok()
}

fn hidden(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(end);
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes a directory with all that is in it; none there is as good.
fn remove(path: &Path) -> Result<(), SaveError> {
    match fs::remove_dir_all(path) {
        Err(cause) if !is_absent(&cause) => Err(SaveError::of("remove", path)(cause)),
        _ => Ok(()),
    }
}

/// Whether an error says that there is no such directory, nor one it could be in.
fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hidden_names_of_this_prefix_and_suffix_are_leftovers() {
        let time = |name: &str| leftover_time(OsStr::new(name), b"out-", ".txt");
        assert_eq!([".out-1000.txt.tmp", ".out-1.txt.old"].map(time), [Some(1_000), Some(1)]);
        let others = [
            "out-1000.txt",
            ".out-1000.txt",
            ".out-.txt.tmp",
            ".out-1x.txt.tmp",
            ".out-1.tmp",
            ".o-1.txt.tmp",
        ];
        assert_eq!(others.map(time), [None; 6]);
    }

    #[test]
    fn a_hidden_name_lies_beside_the_visible_one() {
        assert_eq!(hidden(Path::new("a/out-1.txt"), FILLING), Path::new("a/.out-1.txt.tmp"));
        assert_eq!(parent(Path::new("out-1")), Path::new("."));
    }
}
