//! From the cut of a batch with one record to the end of its last job: five operators with a shuffle, thread driver,
//! system clock. Prints microseconds; the last line is the median.
//!
//! The time is the one the engine itself reports: scheduling delay plus processing delay, from the moment the batch is
//! cut on the timer thread to the moment its last output has returned on the job thread.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use batchmill::{BatchInfo, StreamingContext, StreamingListener};
use crossbeam_channel as channel;

const LIMIT_US: f64 = 100.0;
const AIM_US: f64 = 25.0;
const BATCHES: usize = 3_000;

#[derive(Debug)]
struct Delays {
    seen: channel::Sender<(Duration, Duration)>,
}

impl StreamingListener for Delays {
    fn batch_completed(&self, info: &BatchInfo) {
        if let (Some(scheduling), Some(processing)) = (info.scheduling_delay, info.processing_delay) {
            // A full channel only loses a sample.
            let _ = self.seen.try_send((scheduling, processing));
        }
    }
}

fn main() -> Result<(), batchmill::Error> {
    let (seen, delays) = channel::bounded(BATCHES * 2);
    let ssc = StreamingContext::builder()
        .batch_interval(Duration::from_millis(1))
        .listener(Arc::new(Delays { seen }))
        .build()?;
    let total = Arc::new(AtomicU64::new(0));
    let sum = Arc::clone(&total);
    ssc.constant_stream(vec!["a line of text".to_owned()])
        .flat_map(|line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| !word.is_empty())
        .map(|word| (word, 1_u64))
        .reduce_by_key(|a, b| a + b)
        .map_values(|n| n * 2)
        .for_each_batch(move |batch| {
            let counts = batch.into_vec()?;
            sum.fetch_add(counts.iter().map(|(_, n)| n).sum(), Ordering::Relaxed);
            Ok::<(), batchmill::Error>(())
        });
    let running = ssc.start()?;
    let mut samples = Vec::with_capacity(BATCHES);
    while samples.len() < BATCHES {
        samples.push(delays.recv().expect("the context runs"));
    }
    running.stop()?;
    assert!(total.load(Ordering::Relaxed) >= 8 * BATCHES as u64, "every batch counts its words");

    let us = |f: fn(&(Duration, Duration)) -> Duration, p: f64| {
        let mut all: Vec<f64> = samples.iter().map(|s| f(s).as_secs_f64() * 1e6).collect();
        all.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        all[((all.len() - 1) as f64 * p) as usize]
    };
    let total = |s: &(Duration, Duration)| s.0 + s.1;
    println!("batches                      {BATCHES}");
    println!("cut to first job, median us  {:.1}", us(|s| s.0, 0.5));
    println!("first job to done, median us {:.1}", us(|s| s.1, 0.5));
    println!("cut to done, p99 us          {:.1}", us(total, 0.99));
    println!("cut to done, median us (limit {LIMIT_US}, aim {AIM_US}):");
    println!("{:.1}", us(total, 0.5));
    Ok(())
}
