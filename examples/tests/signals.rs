//! Programs that are ended from outside: Ctrl-C, a reader that goes away, a disk that is full.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

use crate::child::{Child, DEADLINE};

#[test]
fn ctrl_c_ends_a_program_with_success() {
    let program = Child::start("network_word_count", &["--batch-ms", "20"]);
    read_some_batches(&program);
    program.interrupt();
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(
        end.stderr.iter().any(|line| line.starts_with("stopping after the batch that is running")),
        "{end:?}"
    );
}

#[test]
fn ctrl_c_before_the_start_ends_a_program_at_once_with_success() {
    let dir = tempfile::tempdir().unwrap();
    let (log, position) = (dir.path().join("log"), dir.path().join("position"));
    fs::write(&log, "a\n").unwrap();
    make_fifo(&position);
    let paths = [log.to_str().unwrap(), "--position", position.to_str().unwrap()];
    let program = Child::start("custom_input", &paths);

    // The program reads its position from a pipe that says nothing, so it cannot start.
    let (sender, opened) = channel();
    std::thread::spawn(move || sender.send(fs::OpenOptions::new().write(true).open(position)));
    let silent = opened.recv_timeout(DEADLINE).expect("nobody opens the position").unwrap();
    program.interrupt();
    let end = program.end();
    assert_eq!((end.code, end.stderr), (Some(0), vec!["ended before it had started".to_owned()]));
    drop(silent);
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (log, position) = (dir.path().join("log"), dir.path().join("position"));
    let mut lines = fs::File::create(&log).unwrap();
    // The program writes its position into this first. Nobody reads it, so the batch cannot come to its end.
    make_fifo(&dir.path().join("position.next"));
    let paths = [log.to_str().unwrap(), "--position", position.to_str().unwrap(), "--batch-ms", "20"];
    let program = Child::start("custom_input", &paths);
    read_some_batches(&program);
    lines.write_all(b"a\n").unwrap();
    program.read_until("(\"a\", 1)");

    program.interrupt();
    assert_eq!(program.stderr_line(), "stopping after the batch that is running; Ctrl-C again ends at once");
    program.interrupt();
    let end = program.end();
    assert_eq!((end.code, end.stderr), (Some(130), Vec::new()));
}

/// Reads the empty line behind each of some batches: the program has started, and knows it.
fn read_some_batches(program: &Child) {
    (0..5).for_each(|_| program.read_until(""));
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_ends_a_program_with_success() {
    let program = Child::start_and_read("network_word_count", &["--batch-ms", "20"], 3);
    let end = program.end();
    assert_eq!((end.code, end.stdout.len()), (Some(0), 3), "{end:?}");
    assert!(!end.stderr.iter().any(|line| line.contains("error")), "{end:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line() {
    let program =
        Child::start_into("queue_stream", &["--batch-ms", "20"], fs::File::create("/dev/full").unwrap());
    let end = program.end();
    assert_eq!((end.code, end.stderr.len()), (Some(1), 1), "{end:?}");
    let line = &end.stderr[0];
    assert!(line.starts_with("error: print at ") && line.contains("No space left on device"), "{line}");
}
