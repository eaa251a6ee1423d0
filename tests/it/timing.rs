//! When batches are cut and how they are labelled, on the thread driver with a clock that only the test moves.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{
    BatchTime, Clock, Collected, ManualClock, MissedTicks, RunningContext, StreamingContext,
    StreamingContextBuilder, Wall,
};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

struct Run {
    clock: Arc<ManualClock>,
    recorder: Arc<Recorder>,
    running: RunningContext,
    collected: Collected<u64>,
}

/// A context at a wall time whose batches hold what is queued one by one: 1, 2, 3, ...; `gate` holds the jobs.
fn start(
    at_ms: i64,
    gate: &Gate,
    set: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder,
) -> Run {
    let (clock, recorder) = (Arc::new(ManualClock::at_ms(at_ms)), Recorder::new());
    let builder =
        StreamingContext::builder().clock(Arc::clone(&clock) as _).listener(Arc::clone(&recorder) as _);
    let ssc = set(builder).build().unwrap();
    let (queue, numbers) = ssc.queue_stream();
    (1..100).for_each(|n| queue.push([n]));
    let gate = gate.clone();
    numbers.for_each_batch(move |_| gate.pass());
    let collected = numbers.collect();
    Run { clock, recorder, running: ssc.start().unwrap(), collected }
}

fn open_gate() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

impl Run {
    fn next(&self) -> (i64, Vec<u64>) {
        let (time, records) = self.collected.take_timeout(DEADLINE).unwrap();
        (time.as_ms(), records)
    }

    /// Waits until `n` batches are cut; their labels.
    fn cut(&self, n: usize) -> Vec<i64> {
        self.recorder.wait_for("cuts", |events| {
            let cut = events.iter().filter_map(|event| match event {
                Event::BatchSubmitted(info) => Some(info.time.as_ms()),
                _ => None,
            });
            let cut: Vec<_> = cut.collect();
            (cut.len() >= n).then_some(cut)
        })
    }
}

#[test]
fn labels_are_multiples_of_the_interval_strictly_after_the_start() {
    for (now, interval, first) in
        [(4_000, 2_000, 6_000), (5_999, 2_000, 6_000), (0, 1_000, 1_000), (-1, 1_000, 0), (-1_000, 1_000, 0)]
    {
        let interval = Duration::from_millis(interval);
        let run = start(now, &open_gate(), |builder| builder.batch_interval(interval));
        assert_eq!(run.running.first_batch(), BatchTime::from_ms(first));
        run.recorder.wait_for("the start", |events| {
            events.contains(&Event::StreamingStarted(BatchTime::from_ms(first))).then_some(())
        });
        run.clock.advance(Duration::from_millis(u64::try_from(first - now).unwrap()));
        assert_eq!(run.next(), (first, vec![1]));
        run.clock.advance(interval);
        assert_eq!(run.next(), (first + i64::try_from(interval.as_millis()).unwrap(), vec![2]));
        run.running.stop().unwrap();
    }
}

#[test]
fn a_batch_is_cut_at_its_tick_and_not_before() {
    let run = start(0, &open_gate(), |builder| builder.batch_interval(SECOND));
    run.clock.advance(SECOND - MS);
    assert_eq!(run.collected.take_timeout(MS), None);
    run.clock.advance(MS);
    assert_eq!(run.next(), (1_000, vec![1]));
    run.running.stop().unwrap();
}

#[test]
fn missed_ticks_merge_into_one_batch_that_stands_for_all() {
    let run = start(0, &open_gate(), |builder| builder.batch_interval(SECOND));
    run.clock.advance(SECOND);
    assert_eq!(run.next(), (1_000, vec![1]));
    // Suspended for eight hours.
    run.clock.advance(SECOND * 8 * 3_600);
    assert_eq!(run.next(), (28_801_000, vec![2]));
    run.clock.advance(SECOND);
    assert_eq!(run.next(), (28_802_000, vec![3]));
    let completed = run.recorder.wait_completed(3);
    let previous: Vec<_> = completed.iter().map(|info| info.previous.map(BatchTime::as_ms)).collect();
    assert_eq!(previous, [None, Some(1_000), Some(28_801_000)]);
    run.running.stop().unwrap();
}

#[test]
fn missed_ticks_can_each_get_a_batch() {
    let each =
        |builder: StreamingContextBuilder| builder.batch_interval(SECOND).missed_ticks(MissedTicks::Each);
    let run = start(0, &open_gate(), each);
    run.clock.advance(SECOND * 5 + MS);
    let batches: Vec<_> = (0..5).map(|_| run.next()).collect();
    assert_eq!(batches, [1i64, 2, 3, 4, 5].map(|n| (n * 1_000, vec![n.unsigned_abs()])));
    run.running.stop().unwrap();
}

#[test]
fn no_more_batches_wait_than_max_pending() {
    for pending in [1, 2, 5] {
        let gate = Gate::new();
        let run = start(0, &gate, |builder| builder.batch_interval(SECOND).max_pending_batches(pending));
        run.clock.advance(SECOND);
        gate.wait_for(1);
        for n in 1..=pending {
            run.clock.advance(SECOND);
            run.cut(n + 1);
        }
        // Nothing more is cut: when the gate opens, what has passed since is one batch.
        run.clock.advance(SECOND);
        run.clock.advance(SECOND * 6);
        gate.open();
        let mut labels: Vec<_> = (1..=i64::try_from(pending).unwrap() + 1).map(|n| n * 1_000).collect();
        labels.push((i64::try_from(pending).unwrap() + 8) * 1_000);
        let seen: Vec<_> = labels.iter().map(|_| run.next().0).collect();
        assert_eq!(seen, labels);
        assert_eq!(run.cut(labels.len()), labels);
        run.running.stop().unwrap();
    }
}

#[test]
fn under_each_no_tick_is_lost_while_batches_wait() {
    let gate = Gate::new();
    let each =
        |builder: StreamingContextBuilder| builder.batch_interval(SECOND).missed_ticks(MissedTicks::Each);
    let run = start(0, &gate, each);
    run.clock.advance(SECOND);
    gate.wait_for(1);
    (0..9).for_each(|_| run.clock.advance(SECOND));
    assert!(run.cut(3).len() == 3, "one runs and two wait");
    gate.open();
    let labels: Vec<_> = (0..10).map(|_| run.next().0).collect();
    assert_eq!(labels, (1..=10).map(|n| n * 1_000).collect::<Vec<_>>());
    run.running.stop().unwrap();
}

#[test]
fn a_step_of_the_wall_clock_never_repeats_a_label_and_keeps_the_pace() {
    let run = start(100_000, &open_gate(), |builder| builder.batch_interval(SECOND));
    run.clock.advance(SECOND);
    assert_eq!(run.next().0, 101_000);
    run.clock.set_wall(Wall::from_ms(50_500));
    run.clock.advance(SECOND);
    assert_eq!(run.next().0, 102_000);
    run.clock.advance(SECOND);
    assert_eq!(run.next().0, 103_000, "labels run ahead until the wall clock has caught up");
    run.clock.set_wall(Wall::from_ms(500_300));
    run.clock.advance(SECOND);
    assert_eq!(run.next().0, 501_000);
    run.clock.advance(Duration::from_millis(700));
    assert_eq!(run.next().0, 502_000, "aligned to the epoch again");
    run.running.stop().unwrap();
}

#[test]
fn the_last_batch_of_a_graceful_stop_has_the_next_label() {
    let run = start(0, &open_gate(), |builder| builder.batch_interval(SECOND));
    run.clock.advance(SECOND + Duration::from_millis(300));
    assert_eq!(run.next(), (1_000, vec![1]));
    assert!(run.running.stop_gracefully(DEADLINE).unwrap().is_clean());
    assert_eq!(run.collected.take_batches(), [(BatchTime::from_ms(2_000), vec![2])]);
}

#[test]
fn what_batches_hold_is_the_same_on_both_drivers() {
    let threads = start(0, &open_gate(), |builder| builder.batch_interval(SECOND));
    for n in 1..=20i64 {
        threads.clock.advance(SECOND);
        assert_eq!(threads.next(), (n * 1_000, vec![n.unsigned_abs()]));
    }
    threads.running.stop().unwrap();

    let ssc = StreamingContext::new(SECOND).unwrap();
    let (queue, numbers) = ssc.queue_stream();
    (1..100u64).for_each(|n| queue.push([n]));
    let collected = numbers.collect();
    let mut stepped = ssc.start_stepped().unwrap();
    stepped.run_batches(10).unwrap();
    stepped.advance(SECOND * 10).unwrap();
    let batches = collected.take_batches();
    let expected: Vec<_> =
        (1..=20).map(|n| (BatchTime::from_ms(n * 1_000), vec![n.unsigned_abs()])).collect();
    assert_eq!(batches, expected);
    assert_eq!(stepped.clock().wall(), Wall::from_ms(20_000));
}

#[test]
fn on_the_system_clock_batches_come_by_themselves_in_time_order() {
    let ssc = StreamingContext::new(MS).unwrap();
    let (tell, told) = mpsc::channel();
    ssc.constant_stream(vec![1]).for_each_batch(move |batch| tell.send(batch.time()).map_err(|_| "over"));
    let running = ssc.start().unwrap();
    let times: Vec<_> = (0..100).map(|_| told.recv_timeout(DEADLINE).unwrap()).collect();
    // On a busy machine ticks have merged.
    assert!(times[0] >= running.first_batch());
    assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
    running.stop().unwrap();
}
