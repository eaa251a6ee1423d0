//! From the start of the process to the first batch armed: inputs started, threads running, the timer set. Runs itself
//! as a child process many times; the last line is the median in milliseconds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use batchmill::StreamingContext;

const LIMIT_MS: f64 = 20.0;
const AIM_MS: f64 = 3.0;
const RUNS: usize = 100;

fn main() {
    if std::env::args().any(|arg| arg == "--child") {
        child().expect("the child starts its context");
        return;
    }
    let mut samples: Vec<f64> = (0..RUNS).map(|_| one_run()).collect();
    samples.sort_by(f64::total_cmp);
    println!("runs                                 {RUNS}");
    println!("spawn to armed, fastest ms           {:.3}", samples[0]);
    println!("spawn to armed, p90 ms               {:.3}", samples[RUNS * 9 / 10]);
    println!("spawn to armed, median ms (limit {LIMIT_MS}, aim {AIM_MS}):");
    println!("{:.3}", samples[RUNS / 2]);
}

/// The word count of the README, up to the moment it waits.
fn child() -> Result<(), batchmill::Error> {
    let ssc = StreamingContext::new(Duration::from_secs(1))?;
    let (_queue, lines) = ssc.queue_stream::<String>();
    let words = lines.flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.map(|word| (word, 1_u64)).reduce_by_key(|a, b| a + b).print();
    let running = ssc.start()?;
    println!("armed");
    running.stop()?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads time")]
fn one_run() -> f64 {
    let program = std::env::current_exe().expect("a running program has a path");
    let begin = Instant::now();
    let mut child = Command::new(program).arg("--child").stdout(Stdio::piped()).spawn().expect("it runs");
    let mut first = [0; 1];
    child.stdout.take().expect("piped above").read_exact(&mut first).expect("it says that it is armed");
    let elapsed = begin.elapsed();
    assert!(child.wait().expect("it ends").success());
    elapsed.as_secs_f64() * 1e3
}
