//! From the write of a line to the moment the output that counts has its words: 10,000 lines a second over loopback, each
//! written alone by a process of its own, 1 ms batches, default budget, flat_map, map and reduce_by_key. Every line has a
//! word with the time of its writing: probes in every tenth would keep step with the batches. Prints milliseconds; the last line is p99.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod peer;

use std::sync::Arc;
use std::time::Duration;

use batchmill::StreamingContext;
use batchmill_sources::prelude::*;
use crossbeam_channel as channel;
use parking_lot::Mutex;
use peer::{Send, Sender, nanos, quantile};

const LINES_A_SECOND: u64 = 10_000;
const SECONDS: u64 = 10;
/// Probes of the first second are not counted: the threads, the pool and the allocator warm up.
const WARM_UP: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    peer::serve_if_asked()?;
    let sender = Sender::start(Send::Probe { lines: LINES_A_SECOND, seconds: SECONDS })?;
    let probes = (LINES_A_SECOND * SECONDS) as usize;
    let latencies = Arc::new(Mutex::new(Vec::with_capacity(probes)));
    let (done, wait) = channel::bounded(1);

    let ssc = StreamingContext::new(Duration::from_millis(1))?;
    let counts = ssc
        .socket_text_stream(sender.addr())
        .flat_map(|line| line.split(' '))
        .map(|word| (word, 1_u64))
        .reduce_by_key(|a, b| a + b);
    let seen = Arc::clone(&latencies);
    counts.for_each_batch(move |batch| {
        let counts = batch.into_vec()?;
        let now = nanos();
        let sent = counts.iter().filter_map(|(word, _)| word.as_str().strip_prefix('@')?.parse::<u64>().ok());
        let mut latencies = seen.lock();
        latencies.extend(sent.map(|sent| now.saturating_sub(sent) as f64 / 1e6));
        if latencies.len() >= probes {
            let _ = done.try_send(());
        }
        Ok::<(), batchmill::Error>(())
    });
    let running = ssc.start()?;
    wait.recv_timeout(Duration::from_secs(SECONDS * 6))?;
    running.stop()?;

    let mut latencies = latencies.lock().split_off(WARM_UP);
    println!("probes                  {}", latencies.len());
    println!("p90, ms                 {:.3}", quantile(&mut latencies, 0.9));
    println!("p99.9, ms               {:.3}", quantile(&mut latencies, 0.999));
    println!("p50, ms (limit 1, aim 0.6): {:.3}", quantile(&mut latencies, 0.5));
    println!("p99, ms (limit 3, aim 1.5):");
    println!("{:.3}", quantile(&mut latencies, 0.99));
    Ok(())
}
