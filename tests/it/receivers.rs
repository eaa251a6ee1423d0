//! The life of a receiver: how its waits end, how it is run again, how fast it may go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{BlockContents, ReceiverHandle, SourceError, StreamingContext};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder, assert_no_threads, wait_until};

use crate::sources::{FnReceiver, counting, idle, manual};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_stop_ends_every_wait_of_a_receiver() {
    for round in 0..200 {
        let (_clock, builder) = manual();
        let builder = builder.name("rc-wait").max_unprocessed_bytes(8).receiver_max_rate(1);
        let ssc = builder.build().unwrap();
        let waiting = Gate::new();
        waiting.open();
        let came = waiting.clone();
        let receiver = FnReceiver("waits", move |handle: &ReceiverHandle<u64>| {
            handle.store(0)?;
            came.pass();
            match round % 5 {
                0 => assert!(handle.store(1).is_err(), "the rate limit"),
                1 => assert!(handle.store_block(BlockContents::Items(vec![1])).is_err(), "the budget"),
                2 => assert!(!handle.pause(Duration::MAX)),
                3 => assert!(handle.completed().is_ok() && handle.completed().is_err()),
                _ => assert!(handle.stopped().recv().is_err()),
            }
            assert!(handle.is_stopped());
            came.pass();
            Ok(())
        });
        ssc.receiver_stream(receiver).for_each_batch(|_| ());
        let running = ssc.start().unwrap();
        waiting.wait_for(1);
        let report = running.stop_gracefully(DEADLINE).unwrap();
        assert!(report.is_clean(), "{report}");
        waiting.wait_for(2);
    }
    assert_no_threads("rc-wait");
}

#[test]
fn a_way_out_is_run_once_at_the_stop_and_at_once_after_it() {
    let ssc = StreamingContext::builder().name("rc-hook").batch_interval(MS).build().unwrap();
    let (tell, told) = mpsc::channel();
    let ran = Gate::new();
    let (came, ways) = (ran.clone(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&ways);
    let receiver = FnReceiver("hooks", move |handle: &ReceiverHandle<u64>| {
        // Something that knows nothing of the handle: only the way out ends the wait.
        let (wake, asleep) = mpsc::channel::<()>();
        let count = Arc::clone(&count);
        let tell = tell.clone();
        handle.on_stop(move || {
            count.fetch_add(1, Ordering::Relaxed);
            tell.send(std::thread::current().name().map(str::to_owned)).unwrap();
            drop(wake);
        });
        came.pass();
        assert!(asleep.recv_timeout(DEADLINE).is_err());
        let late = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&late);
        handle.on_stop(move || seen.store(1, Ordering::Relaxed));
        assert_eq!(late.load(Ordering::Relaxed), 1, "a way out that comes too late is taken at once");
        Ok(())
    });
    ssc.receiver_stream(receiver).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    ran.open();
    ran.wait_for(1);
    assert!(running.stop().unwrap().abandoned_threads.is_empty());
    assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("rc-hook-on-stop"));
    assert_eq!(ways.load(Ordering::Relaxed), 1);
    assert_no_threads("rc-hook");
}

#[test]
fn a_way_out_of_a_run_that_is_over_is_forgotten() {
    let ssc = StreamingContext::builder().batch_interval(MS).receiver_backoff(MS, MS).build().unwrap();
    let ways = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ways);
    let third = Gate::new();
    third.open();
    let (came, mut runs) = (third.clone(), 0);
    let receiver = FnReceiver("again", move |handle: &ReceiverHandle<u64>| {
        let count = Arc::clone(&count);
        runs += 1;
        let run = runs;
        handle.on_stop(move || {
            count.fetch_add(run, Ordering::Relaxed);
        });
        if runs < 3 {
            return Err("again".into());
        }
        came.pass();
        let _ = handle.stopped().recv();
        Ok(())
    });
    ssc.receiver_stream(receiver).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    third.wait_for(1);
    running.stop().unwrap();
    // The last run's may be forgotten too, when that run came back before the ways out were taken.
    assert!([0, 3].contains(&ways.load(Ordering::Relaxed)), "{ways:?}");
}

#[test]
fn a_rate_limit_lets_through_so_many_records_a_second() {
    let (clock, builder) = manual();
    let ssc = builder.receiver_max_rate(100).build().unwrap();
    let stored = Arc::new(AtomicU64::new(0));
    let collected = ssc.receiver_stream(counting(Arc::clone(&stored))).count().collect();
    let running = ssc.start().unwrap();
    // A tenth of a second's worth may pass at once.
    wait_until("the limit", || stored.load(Ordering::Relaxed) == 10);
    for step in 1..=30 {
        clock.advance(Duration::from_millis(100));
        wait_until("the limit", || stored.load(Ordering::Relaxed) == 10 + step * 10);
        if step % 10 == 0 {
            let count = collected.take_timeout(DEADLINE).unwrap().1[0];
            // What the last step let through came before the cut or after it.
            assert!((90..=120).contains(&count), "{count}");
        }
    }
    assert!(stored.load(Ordering::Relaxed) <= 310);
    running.stop().unwrap();
}

/// What a listener was told of a receiver's failures: attempt, error, pause.
fn failures(events: &[Event]) -> Vec<(u32, String, Option<Duration>)> {
    let told = events.iter().filter_map(|event| match event {
        Event::ReceiverError(info) => Some((info.attempt, info.last_error.clone()?, info.restart_in)),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_receiver_that_fails_is_run_again_after_a_pause_that_doubles_and_is_told() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder
        .batch_interval(Duration::from_secs(3_600))
        .receiver_backoff(SECOND, Duration::from_secs(4))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let mut runs = 0;
    let receiver = FnReceiver("flaky", move |handle: &ReceiverHandle<u64>| {
        runs += 1;
        match runs {
            1 | 3 => Err(SourceError::from("refused")),
            2 => panic!("planned"),
            4 => {
                handle.store(runs)?;
                Err("gone".into())
            }
            _ => {
                let _ = handle.stopped().recv();
                Ok(())
            }
        }
    });
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    for n in 1..=4 {
        let told =
            recorder.wait_for("a failure", |events| Some(failures(events)).filter(|told| told.len() == n));
        clock.advance(told[n - 1].2.unwrap());
    }
    recorder.wait_for("the fifth run", |events| {
        let runs = events.iter().filter(|event| matches!(event, Event::ReceiverStarted(_))).count();
        (runs == 5).then_some(())
    });
    running.stop_gracefully(DEADLINE).unwrap();
    assert_eq!(collected.take_all(), [4]);
    let told = failures(&recorder.events());
    let attempts: Vec<_> = told.iter().map(|(attempt, error, _)| (*attempt, error.as_str())).collect();
    let expected = [
        (1, "source flaky: refused"),
        (2, "source flaky: panicked: planned"),
        (3, "source flaky: refused"),
        (1, "source flaky: gone"),
    ];
    assert_eq!(attempts, expected, "what was stored begins a new count");
    for ((_, _, pause), base) in told.iter().zip([1, 2, 4, 1]) {
        let (pause, base) = (pause.unwrap(), Duration::from_secs(base));
        assert!(pause >= base.mul_f64(0.8) && pause <= base.mul_f64(1.2), "{pause:?} {base:?}");
    }
}

#[test]
fn restarts_without_a_record_end_at_their_limit_with_the_receivers_error() {
    let recorder = Recorder::new();
    let ssc = StreamingContext::builder()
        .batch_interval(MS)
        .receiver_backoff(MS, MS)
        .receiver_max_restarts(2)
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let runs = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&runs);
    let receiver = FnReceiver("absent", move |_: &ReceiverHandle<u64>| {
        count.fetch_add(1, Ordering::Relaxed);
        Err("refused".into())
    });
    ssc.union(&[ssc.receiver_stream(receiver), ssc.receiver_stream(idle())]).for_each_batch(|_| ());
    let error = ssc.start().unwrap().await_termination().unwrap_err();
    assert_eq!(error.to_string(), "source absent: refused");
    assert_eq!(runs.load(Ordering::Relaxed), 3, "one run and two more");
    let stopped = recorder.events().into_iter().filter_map(|event| match event {
        Event::ReceiverStopped(info) => Some((info.name.to_string(), info.last_error)),
        _ => None,
    });
    let stopped: Vec<_> = stopped.collect();
    assert_eq!(stopped[0], ("absent".to_owned(), Some("refused".to_owned())));
    assert_eq!(stopped[1], ("idle".to_owned(), None));
}

#[test]
fn a_receiver_that_has_finished_is_not_run_again_and_its_records_are_processed() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder.listener(Arc::clone(&recorder) as _).build().unwrap();
    let receiver = FnReceiver("short", |handle: &ReceiverHandle<u64>| {
        handle.store(1)?;
        handle.report_error(&"a hiccup".into());
        handle.source_event("the_end", "nothing more");
        Ok(())
    });
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    recorder.wait_for("the end", |events| {
        events
            .iter()
            .any(|event| matches!(event, Event::ReceiverStopped(info) if info.last_error.is_none()))
            .then_some(())
    });
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [1]);
    clock.advance(Duration::from_secs(60));
    assert!(collected.take_timeout(DEADLINE).unwrap().1.is_empty());
    running.stop_gracefully(DEADLINE).unwrap();
    let events = recorder.events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::ReceiverStarted(_))).count(), 1);
    assert_eq!(failures(&events), [(1, "a hiccup".to_owned(), None)]);
    assert!(events.iter().any(|event| matches!(event, Event::Source(event) if event.kind == "the_end")));
}

#[test]
fn a_handle_may_be_shared_by_threads_of_the_receivers_own() {
    let (clock, builder) = manual();
    let ssc = builder.build().unwrap();
    let done = Gate::new();
    done.open();
    let came = done.clone();
    let receiver = FnReceiver("many", move |handle: &ReceiverHandle<(u64, u64)>| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let handle = handle.clone();
                std::thread::spawn(move || (0..1_000).try_for_each(|n| handle.store((thread, n))))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
        came.pass();
        Ok(())
    });
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    done.wait_for(1);
    clock.advance(SECOND);
    let records = collected.take_timeout(DEADLINE).unwrap().1;
    for thread in 0..4 {
        let own: Vec<u64> = records.iter().filter(|(of, _)| *of == thread).map(|(_, n)| *n).collect();
        assert_eq!(own, (0..1_000).collect::<Vec<_>>(), "one thread's records keep their order");
    }
    running.stop().unwrap();
}

#[test]
fn a_channel_is_a_source_until_it_is_disconnected() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder.listener(Arc::clone(&recorder) as _).build().unwrap();
    let (sender, records) = crossbeam_channel::bounded(1);
    let collected = ssc.channel_stream(records).collect();
    let running = ssc.start().unwrap();
    (0..1_000).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    recorder.wait_for("the end", |events| {
        events.iter().any(|event| matches!(event, Event::ReceiverStopped(_))).then_some(())
    });
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, (0..1_000).collect::<Vec<_>>());
    running.stop().unwrap();
}
