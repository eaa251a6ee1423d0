//! Peak resident memory of a process that only counts words from a socket, with the default budget of 64 MiB. The sender is
//! a process of its own. Prints MB; the last line is the peak with 1 s batches and a sender paced at 10 MB a batch of
//! 100,000 different words. Above it: a sender that never pauses, 100 MB at 1 s and at 10 ms batches, every word's count
//! checked; and what a process that starts a context and does nothing has.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod peer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{StreamingContext, Text};
use batchmill_sources::prelude::*;
use crossbeam_channel as channel;
use parking_lot::Mutex;
use peer::{LINE, Send, Sender, WORDS};

const PACED: Send = Send::Pace { megabytes: 10, seconds: 10 };
const BLAST: Send = Send::Blast { megabytes: 100 };
/// What either of them sends.
const BYTES: u64 = 100_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    peer::serve_if_asked()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [job, addr, interval_ms] = &arguments[..] {
        let interval = Duration::from_millis(interval_ms.parse().unwrap_or(1_000));
        match job.as_str() {
            "nothing" => return do_nothing(),
            "count" => return count_words(addr, interval, false),
            "check" => return count_words(addr, interval, true),
            _ => {}
        }
    }
    println!("a context that does nothing, MB                     {:.1}", peak_of("nothing", None, 1_000)?);
    let second = peak_of("check", Some(BLAST), 1_000)?;
    println!("never pausing, checked, 1 s batches, MB (limit 128) {second:.1}");
    let short = peak_of("check", Some(BLAST), 10)?;
    println!("never pausing, checked, 10 ms batches, MB (128)     {short:.1}");
    let paced = peak_of("count", Some(PACED), 1_000)?;
    println!("10 MB a batch, 1 s batches, MB (limit 64, aim 32):");
    println!("{paced:.1}");
    Ok(())
}

/// The peak of a process that does this job with what such a sender sends, in MB.
fn peak_of(job: &str, send: Option<Send>, interval_ms: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let sender = send.map(Sender::start).transpose()?;
    let addr = sender.as_ref().map_or("", Sender::addr);
    let job = peer::this_program(&[job, addr, &interval_ms.to_string()]).spawn()?.wait_with_output()?;
    if !job.status.success() {
        return Err(format!("the job failed: {}", job.status).into());
    }
    let kib: f64 = String::from_utf8(job.stdout)?.trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

fn do_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let ssc = StreamingContext::new(Duration::from_secs(1))?;
    ssc.constant_stream(vec![0_u8]).for_each_batch(|_| ());
    ssc.start()?.stop()?;
    println!("{}", peak_kib());
    Ok(())
}

/// The job: its process runs nothing else. Prints its peak in KiB. `checked` keeps a total for every word.
fn count_words(addr: &str, interval: Duration, checked: bool) -> Result<(), Box<dyn std::error::Error>> {
    let (lines, came) = (BYTES / LINE as u64, Arc::new(Mutex::new(Came::default())));
    let ssc = StreamingContext::new(interval)?;
    let counts = ssc
        .socket_text_stream(addr)
        .flat_map(|line| line.split(' '))
        .map(|word| (word, 1_u64))
        .reduce_by_key(|a, b| a + b);
    let (done, wait) = channel::bounded(1);
    let sums = Arc::clone(&came);
    counts.for_each_batch(move |batch| {
        let came = &mut *sums.lock();
        for (word, count) in batch.into_vec()? {
            came.words += count;
            if checked {
                *came.totals.entry(word).or_insert(0) += count;
            }
        }
        if came.words >= lines * 10 {
            let _ = done.try_send(());
        }
        Ok::<(), batchmill::Error>(())
    });
    let running = ssc.start()?;
    wait.recv_timeout(Duration::from_secs(120))?;
    running.stop()?;
    println!("{}", peak_kib());
    let came = came.lock();
    assert_eq!(came.words, lines * 10, "no word comes twice");
    if checked {
        check(&came.totals, lines);
    }
    Ok(())
}

#[derive(Default)]
struct Came {
    words: u64,
    totals: HashMap<Text, u64>,
}

/// Every word must have come as often as it was sent. Text comes in pieces of 10 MB, each from the first word on.
fn check(totals: &HashMap<Text, u64>, lines: u64) {
    let lines_a_piece = 10_000_000 / LINE as u64;
    let mut expected: HashMap<String, u64> = HashMap::new();
    for rank in 0..WORDS {
        expected.insert(peer::word(rank), 0);
    }
    let (pieces, rest) = (lines / lines_a_piece, lines % lines_a_piece);
    for (times, lines) in [(pieces, lines_a_piece), (1, rest)] {
        for n in 0..lines * 10 {
            *expected.get_mut(&peer::word(n)).expect("all words are known") += times;
        }
    }
    assert_eq!(totals.len() as u64, WORDS, "all words came");
    for (word, count) in totals {
        assert_eq!(expected.get(word.as_str()), Some(count), "{word}");
    }
}

/// `VmHWM`: the most this process has had in memory.
fn peak_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("this bench needs Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has it");
    peak.trim().trim_end_matches(" kB").to_owned()
}
