//! Runs cases in which a server answers what no server should, each in a process of its own, a child of the test's: so its
//! memory is its own, and one that aborts or hangs is a case that fails. The test starts this program again for each case,
//! some at a time, and the child runs the one that the environment names. What the child says is what the test fails with.

use std::fmt;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A case that is not done by then has failed.
pub(crate) const CASE_DEADLINE: Duration = Duration::from_secs(60);

/// By which a child knows its case.
const CASE: &str = "BATCHMILL_HOSTILE_CASE";

/// What a child says when its case is as it should be.
const FINE: &str = "the case is fine";

/// How many cases run at a time: they wait more than they work.
const AT_A_TIME: usize = 12;

/// Runs cases, each in a child. `one_case` is the test, by its whole path, that runs [`this_case`].
pub(crate) fn run_cases(one_case: &str, names: &[&str]) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let output = run_child(one_case, name);
                    let said = String::from_utf8_lossy(&output.stdout).into_owned();
                    if !output.status.success() || !said.contains(FINE) {
                        let more = String::from_utf8_lossy(&output.stderr).into_owned();
                        failures.lock().unwrap().push(format!("{name}: {}\n{said}{more}", output.status));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
}

fn run_child(one_case: &str, name: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args([one_case, "--exact", "--nocapture"]).env(CASE, name);
    command.stdin(Stdio::null()).output().unwrap()
}

/// The name of the case that this process is the child for; `None` if it is nobody's child.
pub(crate) fn this_case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// What a case may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Above what its process takes before it, in MiB.
    pub(crate) memory_mib: u64,
    pub(crate) requests: usize,
    /// Threads whose names begin so may panic: the client contains it.
    pub(crate) may_panic: Option<&'static str>,
}

/// Runs the case of a child, within its limits and without a panic of a thread that may not. `run` tells how many requests it made.
pub(crate) fn run_within(limits: Limits, run: impl FnOnce() -> usize) {
    // A panic of a thread of the client's is a failed case too.
    let panics = Arc::new(AtomicUsize::new(0));
    let (count, report) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        let is_contained =
            limits.may_panic.zip(thread.name()).is_some_and(|(may, name)| name.starts_with(may));
        count.fetch_add(usize::from(!is_contained), Ordering::Relaxed);
        report(info);
    }));
    let before = peak_mib();
    let requests = run();
    let took = peak_mib() - before;
    assert!(took <= limits.memory_mib, "it took {took} MiB, more than the {} allowed", limits.memory_mib);
    assert!(
        requests <= limits.requests,
        "it made {requests} requests, more than the {} allowed",
        limits.requests
    );
    assert_eq!(panics.load(Ordering::Relaxed), 0, "something panicked");
    println!("{FINE}: {took} MiB, {requests} requests");
}

/// What `run` returns, which it must within the deadline; `requests` tells of the last ones if it does not.
pub(crate) fn in_time<R: Send>(
    name: &str,
    requests: impl Fn() -> String,
    run: impl FnOnce() -> R + Send,
) -> R {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || tell.send(run()));
        match told.recv_timeout(CASE_DEADLINE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => panic!("{name} has panicked"),
            Err(RecvTimeoutError::Timeout) => {
                // The thread is not coming back, so that the scope would not end.
                println!("{name} has not ended; the last requests: {}", requests());
                std::process::exit(1);
            }
        }
    })
}

/// An error must be of this kind, and these words must be in it.
pub(crate) fn check_error(name: &str, error: &(impl fmt::Debug + fmt::Display), kind: &str, says: &[&str]) {
    let (debug, text) = (format!("{error:?}"), error.to_string());
    println!("{name}: {text}");
    assert!(debug.contains(kind), "{name} failed, but with {debug}");
    let missing: Vec<_> = says.iter().filter(|part| !text.contains(**part)).collect();
    assert!(missing.is_empty(), "{name}: {missing:?} is not said in: {text}");
}

/// The most memory that this process has had so far; 0 where the system does not say.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
