//! What the error policy makes of a failure: stop, go on, run again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchmill::{DStream, ErrorPolicy, ManualClock, Outcome, StreamingContext, StreamingContextBuilder};
use batchmill_tests::{DEADLINE, Event, Recorder};

use crate::sources::{Asked, FnReceiver, Numbers};

const MS: Duration = Duration::from_millis(1);

/// Batches of a millisecond, whose failed jobs run again a millisecond later.
pub(crate) fn builder(policy: ErrorPolicy) -> StreamingContextBuilder {
    StreamingContext::builder().name("errors").batch_interval(MS).error_policy(policy.backoff(MS, MS))
}

/// An output that asks for all records.
pub(crate) fn drain<T: batchmill::Data>(stream: DStream<'_, T>) {
    stream.for_each_batch(|batch| batch.len().map(drop));
}

#[test]
fn the_default_policy_stops_the_context_at_the_first_error() {
    let recorder = Recorder::new();
    let ssc =
        StreamingContext::builder().batch_interval(MS).listener(Arc::clone(&recorder) as _).build().unwrap();
    let (numbers, asked) = Numbers::new(1);
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let numbers = ssc.input_stream(numbers);
    numbers.for_each_batch(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>("no room")
    });
    let second = numbers.collect();
    ssc.start().unwrap().await_termination().unwrap_err();
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert!(second.take_all().is_empty(), "no output runs after one that failed");
    assert_eq!(recorder.outcomes()[0], Some(Outcome::Failed));
    assert!(recorder.outcomes()[1..].iter().all(|outcome| *outcome == Some(Outcome::Abandoned)));
    let told = asked.iter().filter_map(|asked| match asked {
        Asked::Completed(_, plan, outcome) => Some((plan, outcome)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>()[0], (0..1, Outcome::Failed));
}

#[test]
fn under_continue_the_other_outputs_and_the_next_batches_go_on() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::continue_on_error()).listener(Arc::clone(&recorder) as _).build().unwrap();
    let (numbers, asked) = Numbers::new(1);
    let numbers = ssc.input_stream(numbers);
    let first = numbers.collect();
    numbers.for_each_batch(|batch| {
        batch.map(|n| if n == 1 { panic!("planned") } else { n }).collect().map(drop)
    });
    let third = numbers.collect();
    let running = ssc.start().unwrap();
    recorder.wait_completed(3);
    running.stop_gracefully(DEADLINE).unwrap();
    let (first, third) = (first.take_all(), third.take_all());
    assert_eq!(first, third);
    assert_eq!(first[..3], [0, 1, 2]);
    let expected = (0..first.len()).map(|n| Some(if n == 1 { Outcome::Failed } else { Outcome::Succeeded }));
    assert_eq!(recorder.outcomes(), expected.clone().collect::<Vec<_>>());
    let told = asked.iter().filter_map(|asked| match asked {
        Asked::Completed(_, _, outcome) => Some(Some(outcome)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let failures = recorder.events().into_iter().filter_map(|event| match event {
        Event::OutputCompleted(info) => info.failure.map(|failure| (info.output, info.name, failure)),
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].0, failures[0].1), (1, "for_each_batch"));
    assert!(failures[0].2.ends_with("panicked: planned"), "{failures:?}");
}

/// Runs streams of every kind of input under `retry`, where the first runs of every batch fail half way.
#[test]
fn a_job_that_runs_again_sees_the_same_records() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::retry(3)).listener(Arc::clone(&recorder) as _).workers(2).build().unwrap();
    let (queue, queued) = ssc.queue_stream();
    queue.push_partitions(vec![vec![100, 101], vec![102]]);
    let receiver = FnReceiver("once", |handle: &batchmill::ReceiverHandle<u64>| {
        for n in 200..210 {
            handle.store(n)?;
        }
        let _ = handle.stopped().recv();
        Ok(())
    });
    let all = ssc.union(&[queued, ssc.receiver_stream(receiver), ssc.input_stream(Numbers::new(2).0)]);
    let (seen, calls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU32::new(0)));
    let see = Arc::clone(&seen);
    let shared = all.map(move |n| {
        // Fails twice in the middle of a batch, on the way to an output.
        let call = calls.fetch_add(1, Ordering::Relaxed);
        if call == 1 || call == 3 { panic!("planned") } else { n }
    });
    let sums = shared.map(|n| (n % 2, n)).reduce_by_key(|a, b| a + b).collect();
    let all = shared.collect();
    shared.for_each_batch(move |batch| {
        let mut seen = see.lock().unwrap();
        seen.push((batch.time(), batch.collect()?));
        // The first run of each batch fails after it has read everything.
        let first = seen.iter().filter(|(time, _)| *time == batch.time()).count() == 1;
        if first { Err(Box::<dyn std::error::Error + Send + Sync>::from("again")) } else { Ok(()) }
    });
    let running = ssc.start().unwrap();
    recorder.wait_for("all records", |events| {
        let records = |event: &Event| match event {
            Event::BatchCompleted(info) => info.inputs.iter().map(|input| input.records.unwrap()).sum(),
            _ => 0,
        };
        (events.iter().map(records).sum::<u64>() >= 13 + 6).then_some(())
    });
    running.stop_gracefully(DEADLINE).unwrap();
    assert!(recorder.outcomes().iter().all(|outcome| *outcome == Some(Outcome::Succeeded)));
    let all = all.take_batches();
    for (time, records) in &all {
        let runs: Vec<_> = seen.lock().unwrap().iter().filter(|(of, _)| of == time).cloned().collect();
        assert_eq!(runs, [(*time, records.clone()), (*time, records.clone())]);
    }
    let mut records: Vec<u64> = all.into_iter().flat_map(|(_, records)| records).collect();
    assert_eq!(sums.take_all().into_iter().map(|(_, sum)| sum).sum::<u64>(), records.iter().sum::<u64>());
    records.sort_unstable();
    let pulled = records.len() as u64 - 13;
    assert_eq!(records, (0..pulled).chain(100..103).chain(200..210).collect::<Vec<_>>());
}

#[test]
fn retries_end_and_then_the_context_stops_or_goes_on() {
    for go_on in [false, true] {
        let policy = ErrorPolicy::retry(2);
        let recorder = Recorder::new();
        let ssc = builder(if go_on { policy.then_continue() } else { policy })
            .listener(Arc::clone(&recorder) as _)
            .build()
            .unwrap();
        let numbers = ssc.input_stream(Numbers::new(1).0);
        numbers.for_each_batch(|batch| {
            if batch.collect()? == [0] { Err("never")? } else { Ok::<_, batchmill::SourceError>(()) }
        });
        let collected = numbers.collect();
        let running = ssc.start().unwrap();
        if go_on {
            recorder.wait_completed(2);
            running.stop_gracefully(DEADLINE).unwrap();
            assert_eq!(collected.take_all()[..2], [0, 1]);
        } else {
            let error = running.await_termination().unwrap_err();
            assert!(error.to_string().ends_with("never"), "{error}");
            assert!(collected.take_all().is_empty());
        }
        let attempts = recorder.events().into_iter().filter_map(|event| match event {
            Event::OutputCompleted(info) if info.failure.is_some() => Some((info.output, info.attempt)),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), [(0, 1), (0, 2), (0, 3)]);
        assert_eq!(recorder.outcomes()[0], Some(Outcome::Failed));
    }
}

#[test]
fn later_batches_wait_while_a_job_is_run_again() {
    let clock = Arc::new(ManualClock::new());
    let recorder = Recorder::new();
    let ssc = StreamingContext::builder()
        .batch_interval(Duration::from_secs(1))
        .error_policy(ErrorPolicy::retry(1).backoff(Duration::from_millis(2_500), Duration::from_secs(60)))
        .clock(Arc::clone(&clock) as _)
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let fail = AtomicU32::new(1);
    let (queue, numbers) = ssc.queue_stream();
    let collected = numbers.collect();
    numbers.for_each_batch(move |_| match fail.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err("once"),
    });
    (1..=3).for_each(|n| queue.push([n]));
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_secs(1));
    recorder.wait_for("the failure", |events| {
        events
            .iter()
            .any(|event| matches!(event, Event::OutputCompleted(info) if info.failure.is_some()))
            .then_some(())
    });
    for n in 2..=3 {
        clock.advance(Duration::from_secs(1));
        recorder.wait_for("the cut", |events| {
            (events.iter().filter(|event| matches!(event, Event::BatchSubmitted(_))).count() == n)
                .then_some(())
        });
    }
    assert_eq!(collected.take_all(), [1], "the pause is not over");
    // The pause may have begun as late as now.
    clock.advance(Duration::from_millis(2_500));
    let completed = recorder.wait_completed(3);
    let times: Vec<_> = completed[..3].iter().map(|info| (info.time.as_ms(), info.outcome)).collect();
    assert_eq!(times, [1_000, 2_000, 3_000].map(|ms| (ms, Some(Outcome::Succeeded))));
    assert_eq!(collected.take_all()[..2], [2, 3]);
    running.stop().unwrap();
}

#[test]
fn a_stream_whose_transform_failed_for_one_output_has_its_records_for_the_next() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::continue_on_error()).listener(Arc::clone(&recorder) as _).build().unwrap();
    let (queue, numbers) = ssc.queue_stream();
    queue.push([1, 2, 3]);
    let fail = AtomicU32::new(1);
    let shared = numbers.transform(move |batch| match fail.swap(0, Ordering::Relaxed) {
        0 => batch,
        _ => panic!("planned"),
    });
    let first = shared.collect();
    let second = shared.collect();
    let running = ssc.start().unwrap();
    recorder.wait_completed(1);
    running.stop().unwrap();
    assert_eq!(second.take().unwrap().1, [1, 2, 3]);
    assert!(first.take_all().is_empty(), "its batch failed, and the ones after it are empty");
    assert_eq!(recorder.outcomes()[0], Some(Outcome::Failed));
}

#[test]
fn a_stream_whose_operator_failed_for_one_output_has_its_records_for_the_next() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::continue_on_error()).listener(Arc::clone(&recorder) as _).build().unwrap();
    let (queue, numbers) = ssc.queue_stream();
    queue.push([1, 2, 3]);
    let fail = AtomicU32::new(1);
    let shared = numbers
        .map(move |n| if n == 2 && fail.swap(0, Ordering::Relaxed) == 1 { panic!("planned") } else { n });
    drain(shared);
    let second = shared.collect();
    let running = ssc.start().unwrap();
    recorder.wait_completed(1);
    running.stop().unwrap();
    assert_eq!(second.take().unwrap().1, [1, 2, 3]);
    assert_eq!(recorder.outcomes()[0], Some(Outcome::Failed));
}

#[test]
fn an_input_that_cannot_plan_is_asked_again_and_loses_nothing() {
    let ssc = builder(ErrorPolicy::retry(5)).build().unwrap();
    let (mut numbers, _asked) = Numbers::new(2);
    let mut calls = 0;
    numbers.on_plan = Box::new(move || {
        calls += 1;
        match calls {
            1 => Err("not there".into()),
            2 => panic!("planned"),
            _ => Ok(()),
        }
    });
    let collected = ssc.input_stream(numbers).collect();
    let running = ssc.start().unwrap();
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [0, 1]);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [2, 3]);
    running.stop().unwrap();
}

#[test]
fn a_batch_whose_input_could_not_be_planned_goes_on_without_it_or_stops_the_context() {
    for go_on in [true, false] {
        let policy = if go_on { ErrorPolicy::continue_on_error() } else { ErrorPolicy::stop() };
        let recorder = Recorder::new();
        let ssc = builder(policy).listener(Arc::clone(&recorder) as _).build().unwrap();
        let (mut broken, broken_asked) = Numbers::new(2);
        broken.next = 100;
        let mut calls = 0;
        broken.on_plan = Box::new(move || {
            calls += 1;
            if calls == 1 { Err("not there".into()) } else { Ok(()) }
        });
        let (numbers, asked) = Numbers::new(1);
        let collected = ssc.input_stream(broken).union(ssc.input_stream(numbers)).collect();
        let running = ssc.start().unwrap();
        if go_on {
            assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [0]);
            assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [100, 101, 1]);
            recorder.wait_completed(2);
            running.stop_gracefully(DEADLINE).unwrap();
            assert_eq!(recorder.outcomes()[..2], [Some(Outcome::Failed), Some(Outcome::Succeeded)]);
        } else {
            let error = running.await_termination().unwrap_err();
            assert_eq!(error.to_string(), "source numbers: not there");
            assert!(collected.take_all().is_empty(), "no output has run");
        }
        let first = asked.iter().find(|asked| matches!(asked, Asked::Completed(..)));
        assert!(matches!(first, Some(Asked::Completed(_, _, Outcome::Failed))), "{first:?}");
        let unplanned = broken_asked.iter().find(|asked| matches!(asked, Asked::Completed(..)));
        assert!(!matches!(unplanned, Some(Asked::Completed(_, _, Outcome::Failed))), "it planned nothing");
        let told = recorder.events().into_iter().any(|event| {
            matches!(event, Event::Source(event) if event.kind == "plan_failed" && event.detail == "not there")
        });
        assert!(told);
    }
}
