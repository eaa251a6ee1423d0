//! Programs that read from memory and from files.

use std::fs::{self, OpenOptions};
use std::io::Write;

use crate::blocks::{records, sorted_records};
use crate::child::Child;

#[test]
fn a_queue_gives_one_dataset_a_batch_and_the_program_ends_behind_the_last() {
    let end = Child::start("queue_stream", &["--batch-ms", "20", "--batches", "3"]).end();
    let digits: Vec<_> = (0..10).map(|digit| format!("({digit}, 100)")).collect();
    assert_eq!((end.code, end.stderr), (Some(0), Vec::new()));
    assert_eq!(sorted_records(&end.stdout), [digits.clone(), digits.clone(), digits]);
}

#[test]
fn files_that_are_there_are_counted_or_skipped_as_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("old"), "a b a\n").unwrap();
    let arguments = [dir.path().to_str().unwrap(), "--batch-ms", "20", "--batches", "1"];
    let read = Child::start("file_word_count", &arguments).end();
    assert_eq!(read.code, Some(0), "{read:?}");
    assert_eq!(sorted_records(&read.stdout), [["(\"a\", 2)", "(\"b\", 1)"]]);

    let skip = Child::start("file_word_count", &[&arguments[..], &["--existing", "skip"]].concat());
    // The first batch has looked at the directory, so what is moved in now is new.
    skip.read_until("");
    fs::write(dir.path().join(".new"), "c\n").unwrap();
    fs::rename(dir.path().join(".new"), dir.path().join("new")).unwrap();
    let skip = skip.end();
    assert_eq!((skip.code, records(&skip.stdout)), (Some(0), vec![vec!["(\"c\", 1)".to_owned()]]));
}

#[test]
fn a_directory_that_is_none_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "a\n").unwrap();
    for (path, says) in
        [(file, "is a file; give its directory"), (dir.path().join("missing"), "does not exist")]
    {
        let end = Child::start("file_word_count", &[path.to_str().unwrap()]).end();
        let line = end.stderr.join("\n");
        assert_eq!((end.code, end.stdout.len(), end.stderr.len()), (Some(1), 0, 1), "{line}");
        assert!(line.starts_with("error: ") && line.contains(says), "{line}");
    }
}

#[test]
fn lines_appended_to_a_file_are_counted_once_over_several_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (log, position) = (dir.path().join("log"), dir.path().join("position"));
    let paths = [log.to_str().unwrap(), "--position", position.to_str().unwrap()];
    let arguments = [&paths[..], &["--batch-ms", "20", "--batches", "1"]].concat();

    fs::write(&log, "a b\na\nhalf").unwrap();
    let first = Child::start("custom_input", &arguments).end();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(sorted_records(&first.stdout), [["(\"a\", 2)", "(\"b\", 1)"]]);
    assert_eq!(fs::read_to_string(&position).unwrap(), "6\n");

    OpenOptions::new().append(true).open(&log).unwrap().write_all(b"-line\n").unwrap();
    let second = Child::start("custom_input", &arguments).end();
    assert_eq!(records(&second.stdout), [["(\"half-line\", 1)"]]);
}

#[test]
fn a_file_that_became_shorter_is_read_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    fs::write(&log, "before the cut\n").unwrap();
    let log = log.to_str().unwrap();
    let program = Child::start("custom_input", &[log, "--batch-ms", "20", "--batches", "2"]);
    program.read_until("(\"cut\", 1)");
    fs::write(log, "after\n").unwrap();
    let line = program.stderr_line();
    assert!(line.contains(log) && line.contains("became shorter"), "{line}");
    let end = program.end();
    assert!(end.stdout.iter().any(|line| line == "(\"after\", 1)"), "{end:?}");
}

#[test]
fn an_input_that_cannot_start_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    let end = Child::start("custom_input", &[missing]).end();
    let line = end.stderr.join("\n");
    assert_eq!((end.code, end.stdout.len(), end.stderr.len()), (Some(1), 0, 1), "{line}");
    assert!(line.starts_with("error: ") && line.contains(missing), "{line}");
}
