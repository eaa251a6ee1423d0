//! Counting the threads of a context. Tests run side by side in one process, so each gives its context a name of its
//! own and looks for that.

use std::time::Duration;

use batchmill::{Clock, SystemClock};

use crate::DEADLINE;

/// Waits until no thread of this process has a name that begins with `prefix`, which has at most 15 bytes: Linux keeps
/// no more. A thread that was joined may be listed for a moment longer, hence the wait. On other systems it looks at
/// nothing.
///
/// # Panics
/// At [`DEADLINE`], with the names that are left.
pub fn assert_no_threads(prefix: &str) {
    let mut left = Vec::new();
    let none_left = || {
        left = threads_named(prefix);
        left.is_empty()
    };
    let gone = poll(none_left);
    assert!(gone, "threads left behind: {left:?}");
}

/// Waits until `holds`, which nothing announces: the state of the operating system, or of a method that only answers
/// when it is asked. Where there is an event to wait for, wait for that.
///
/// # Panics
/// At [`DEADLINE`].
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    assert!(poll(holds), "{what} has not come");
}

fn poll(mut holds: impl FnMut() -> bool) -> bool {
    let clock = SystemClock::new();
    let (_never, wake) = crossbeam_channel::bounded(0);
    let deadline = clock.mono() + DEADLINE;
    let mut pause = Duration::from_micros(20);
    loop {
        if holds() {
            return true;
        }
        if clock.mono() >= deadline {
            return false;
        }
        clock.wait_until(Some(clock.mono() + pause), &wake);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
fn threads_named(prefix: &str) -> Vec<String> {
    assert!(prefix.len() <= 15, "Linux cuts names of threads");
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    // A thread may end between the listing and the reading.
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim_end().to_owned()).filter(|name| name.starts_with(prefix)).collect()
}

#[cfg(not(target_os = "linux"))]
fn threads_named(_: &str) -> Vec<String> {
    Vec::new()
}
