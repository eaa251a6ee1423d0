//! Runs cases: the test starts this program again for each of them, some at a time, and the child runs the one that the
//! environment names. What the child says is what the test fails with.

use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use batchmill_sources::fake::kafka::FakeKafka;
use batchmill_sources::kafka::KafkaError;

use super::{CASE_DEADLINE, Case, Expected, RECORDS, tables};
use crate::kafka::params;

/// By which a child knows its case.
const CASE: &str = "BATCHMILL_HOSTILE_CASE";

/// What a child says when its case is as it should be.
const FINE: &str = "the case is fine";

/// How many cases run at a time: they wait more than they work.
const AT_A_TIME: usize = 12;

/// Runs the cases of a table, each in a child.
pub(super) fn run_table(name: &str) {
    let table = tables().into_iter().find(|(known, _)| *known == name).unwrap().1;
    let names: Vec<_> = table().iter().map(|case| case.name).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let output = run_child(name);
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

fn run_child(name: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["kafka::hostile::child::one_case", "--exact", "--nocapture"]).env(CASE, name);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn one_case() {
    let Ok(name) = std::env::var(CASE) else { return };
    let case = tables().iter().flat_map(|(_, table)| table()).find(|case| case.name == name).unwrap();
    // A panic of a thread of the client's is a failed case too.
    let panics = std::sync::Arc::new(AtomicUsize::new(0));
    let (count, report) = (std::sync::Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        report(info);
    }));
    let before = peak_mib();
    let mut requests = 0;
    for (reader, expected) in &case.expected {
        requests += run(&case, *reader, expected);
    }
    let took = peak_mib() - before;
    assert!(took <= case.memory_mib, "it took {took} MiB, more than the {} allowed", case.memory_mib);
    assert!(
        requests <= case.requests,
        "it made {requests} requests, more than the {} allowed",
        case.requests
    );
    assert_eq!(panics.load(Ordering::Relaxed), 0, "something panicked");
    println!("{FINE}: {took} MiB, {requests} requests");
}

/// Runs a reader against a spoilt cluster of its own: how many requests it made.
fn run(case: &Case, (name, reader): super::Reader, expected: &Expected) -> usize {
    let kafka = (case.cluster)(FakeKafka::builder().topic("lines", 1)).start().unwrap();
    for half in 0..2 {
        let values = (0..RECORDS / 2).map(|n| format!("{}", half * RECORDS / 2 + n));
        kafka.produce("lines", 0, values).unwrap();
    }
    (case.spoil)(&kafka);
    let patience = match expected {
        Expected::All | Expected::From(_) => CASE_DEADLINE,
        Expected::Fails(..) => Duration::from_millis(150),
    };
    let params = (case.params)(params().unavailable_for(patience).request_timeout(Duration::from_secs(2)));
    let (tell, told) = mpsc::channel();
    let result = thread::scope(|scope| {
        scope.spawn(|| tell.send(reader(&kafka, params)));
        match told.recv_timeout(CASE_DEADLINE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => panic!("{name} has panicked"),
            Err(RecvTimeoutError::Timeout) => {
                // The thread is not coming back, so that the scope would not end.
                println!(
                    "{name} has not ended; the last requests: {:?}",
                    kafka.requests().iter().rev().take(5)
                );
                std::process::exit(1);
            }
        }
    });
    judge(name, &result, expected);
    kafka.requests().len()
}

fn judge(name: &str, result: &Result<Vec<i64>, KafkaError>, expected: &Expected) {
    match (result, expected) {
        (Ok(offsets), Expected::All) => {
            assert!(offsets.iter().copied().eq(0..RECORDS), "{name} found {offsets:?}");
        }
        (Err(error), Expected::Fails(kind, says)) => {
            let (debug, text) = (format!("{error:?}"), error.to_string());
            println!("{name}: {text}");
            assert!(debug.contains(kind), "{name} failed, but with {debug}");
            let missing: Vec<_> = says.iter().filter(|part| !text.contains(**part)).collect();
            assert!(missing.is_empty(), "{name}: {missing:?} is not said in: {text}");
        }
        (Ok(offsets), Expected::From(first)) => {
            assert!(offsets.iter().copied().eq(*first..RECORDS), "{name} found {offsets:?}");
        }
        (Ok(offsets), Expected::Fails(kind, _)) => panic!("{name} found {offsets:?}, not {kind}"),
        (Err(error), Expected::All | Expected::From(_)) => panic!("{name} failed: {error}"),
    }
}

/// The most memory that this process has had so far; 0 where the system does not say.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
