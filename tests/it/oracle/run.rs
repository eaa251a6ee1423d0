//! Batches through a context, on either driver.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{BatchTime, DStream, ErrorPolicy, ManualClock, StreamingContext};
use batchmill_tests::wait_until;

use super::ops::{Case, Input, Pair};
use super::pipeline::{Piped, apply};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) enum Driver {
    Stepped,
    Threads { workers: usize },
}

/// One batch as an output saw it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) time: BatchTime,
    pub(super) partitions: Vec<Vec<Pair>>,
}

/// What all outputs saw.
pub(super) struct AllSeen {
    pub(super) tap: Vec<Seen>,
    pub(super) end: Vec<Seen>,
    pub(super) collected: Vec<(BatchTime, Vec<Pair>)>,
}

/// An output that keeps partitions apart.
fn observe(stream: DStream<'_, Pair>) -> mpsc::Receiver<Seen> {
    let (tell, told) = mpsc::channel();
    stream.for_each_batch(move |batch| {
        let (time, count) = (batch.time(), batch.partition_count());
        let partitions = batch.into_partitions()?;
        assert_eq!(partitions.len(), count);
        // The test may be over.
        let _ = tell.send(Seen { time, partitions });
        Ok::<_, batchmill::Error>(())
    });
    told
}

/// Starts on the driver, runs so many batches, and stops.
fn drive(driver: Driver, policy: ErrorPolicy, batches: usize, build: impl FnOnce(&StreamingContext)) {
    let clock = Arc::new(ManualClock::new());
    let builder = StreamingContext::builder().error_policy(policy).clock(Arc::clone(&clock) as _);
    match driver {
        Driver::Stepped => {
            let ssc = builder.build().unwrap();
            build(&ssc);
            ssc.start_stepped().unwrap().run_batches(batches).unwrap();
        }
        Driver::Threads { workers } => {
            let ssc = builder.workers(workers).build().unwrap();
            build(&ssc);
            // The last output of all: when it has seen a batch, so have the others.
            let ticks = ssc.constant_stream(vec![()]).collect();
            let running = ssc.start().unwrap();
            for _ in 0..batches {
                clock.advance(SECOND);
                // A context that has stopped with an error says so at once.
                wait_until("the batch", || {
                    running.await_termination_timeout(Duration::ZERO).unwrap();
                    ticks.take_timeout(SECOND).is_some()
                });
            }
            running.stop().unwrap();
        }
    }
}

pub(super) fn run(case: &Case, driver: Driver, policy: ErrorPolicy) -> AllSeen {
    let mut outputs = None;
    drive(driver, policy, case.batches.len(), |ssc| {
        let (first, stream) = ssc.queue_stream();
        let (second, other) = ssc.queue_stream();
        for (left, right) in &case.batches {
            first.push_partitions(left.clone());
            second.push_partitions(right.clone());
        }
        let mut piped = Piped { stream, ordered: true };
        let mut tap = None;
        for (n, op) in case.ops.iter().enumerate() {
            if n == case.tap {
                tap = Some(observe(piped.stream));
            }
            piped = apply(ssc, op, piped, other);
        }
        let tap = tap.unwrap_or_else(|| observe(piped.stream));
        outputs = Some((tap, observe(piped.stream), piped.stream.collect()));
    });
    let (tap, end, collected) = outputs.unwrap();
    AllSeen {
        tap: tap.try_iter().collect(),
        end: end.try_iter().collect(),
        collected: collected.take_batches(),
    }
}

/// The sums of all keys over all batches.
pub(super) fn sums(batches: &[Input], into: usize, driver: Driver) -> BTreeMap<i64, i64> {
    let mut collected = None;
    drive(driver, ErrorPolicy::stop(), batches.len(), |ssc| {
        let (queue, pairs) = ssc.queue_stream();
        batches.iter().for_each(|batch| queue.push_partitions(batch.clone()));
        collected = Some(pairs.reduce_by_key_into(into, |a, b| a + b).collect());
    });
    let mut sums = BTreeMap::new();
    for (key, sum) in collected.unwrap().take_all() {
        *sums.entry(key).or_insert(0) += sum;
    }
    sums
}
