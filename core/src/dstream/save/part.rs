//! One part of a saved batch: a text file, written in a task from its first record to its last.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::SaveError;

/// How many bytes of lines are put together for a write.
const BUFFER: usize = 64 << 10;

/// Writes a line for each record, and brings the file to disk if `sync` says so.
pub(super) fn write<T>(
    path: &Path,
    records: impl Iterator<Item = T>,
    format: &impl Fn(&T, &mut dyn fmt::Write) -> fmt::Result,
    sync: bool,
) -> Result<(), SaveError> {
    let mut file = File::create(path).map_err(SaveError::of("create", path))?;
    let mut lines = String::new();
    for record in records {
        format(&record, &mut lines)
            .map_err(|error| SaveError::of("format a record for", path)(io::Error::other(error)))?;
        lines.push('\n');
        if lines.len() >= BUFFER {
            file.write_all(lines.as_bytes()).map_err(SaveError::of("write", path))?;
            lines.clear();
        }
    }
    file.write_all(lines.as_bytes()).map_err(SaveError::of("write", path))?;
    if sync {
        file.sync_all().map_err(SaveError::of("bring to disk", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let lines = |n: usize| std::iter::repeat_n("a line", n);
        let format = |line: &&str, out: &mut dyn fmt::Write| out.write_str(line);
        for records in [1, 1_000_000] {
            let error = write(Path::new("/dev/full"), lines(records), &format, false).unwrap_err();
            assert_eq!(error.cause.kind(), io::ErrorKind::StorageFull);
            assert!(error.to_string().starts_with("cannot write /dev/full: "), "{error}");
        }
    }

    #[test]
    fn a_formatter_that_fails_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let error = write(&path, std::iter::once(1), &|_, _| Err(fmt::Error), false).unwrap_err();
        assert_eq!((error.action, error.path), ("format a record for", path));
    }
}
