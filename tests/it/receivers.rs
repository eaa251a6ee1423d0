//! Receivers as a stranger writes them: what becomes of every record that was stored, and of the receiver itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{
    BlockContents, BlockDecoder, BlockId, Clock, Error, FixedRecords, ManualClock, Outcome, ReceiverHandle,
    SourceError, StreamingContext, StreamingContextBuilder, decode_with,
};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder, assert_no_threads, wait_until};

use crate::sources::{FnReceiver, counting, idle};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A second a batch on a clock that only the test moves.
fn manual() -> (Arc<ManualClock>, StreamingContextBuilder) {
    let clock = Arc::new(ManualClock::new());
    let builder = StreamingContext::builder().batch_interval(SECOND).clock(Arc::clone(&clock) as _);
    (clock, builder)
}

/// A receiver that does what it is sent, one request after another, and says when each is done.
struct Remote<T> {
    requests: crossbeam_channel::Sender<Request<T>>,
    done: mpsc::Receiver<()>,
}

type Request<T> = Box<dyn FnOnce(&ReceiverHandle<T>) + Send>;

impl<T: batchmill::Data> Remote<T> {
    fn new() -> (Self, impl batchmill::Receiver<T>) {
        let (requests, to_do) = crossbeam_channel::unbounded::<Request<T>>();
        let (tell, done) = mpsc::channel();
        let receiver = FnReceiver("remote", move |handle: &ReceiverHandle<T>| {
            loop {
                crossbeam_channel::select! {
                    recv(to_do) -> request => match request {
                        Ok(request) => request(handle),
                        Err(_) => return Ok(()),
                    },
                    recv(handle.stopped()) -> _ => return Ok(()),
                }
                // The test may be over.
                let _ = tell.send(());
            }
        });
        (Self { requests, done }, receiver)
    }

    /// Waits until it is done.
    fn run(&self, request: impl FnOnce(&ReceiverHandle<T>) + Send + 'static) {
        self.start(request);
        self.done.recv_timeout(DEADLINE).unwrap();
    }

    fn start(&self, request: impl FnOnce(&ReceiverHandle<T>) + Send + 'static) {
        self.requests.send(Box::new(request)).unwrap();
    }

    fn store(&self, items: impl IntoIterator<Item = T> + Send + 'static) {
        self.run(move |handle| items.into_iter().for_each(|item| handle.store(item).unwrap()));
    }
}

#[test]
fn what_store_returned_for_before_a_cut_is_in_that_batch() {
    let (clock, builder) = manual();
    let (tell, told) = mpsc::channel();
    let (answer, answered) = mpsc::channel::<()>();
    let receiver = FnReceiver("in-step", move |handle: &ReceiverHandle<u64>| {
        for n in 0.. {
            handle.store(n)?;
            if tell.send(n).is_err() || answered.recv_timeout(DEADLINE).is_err() {
                break;
            }
        }
        Ok(())
    });
    let ssc = builder.build().unwrap();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    for n in 0..5_000 {
        assert_eq!(told.recv_timeout(DEADLINE), Ok(n));
        clock.advance(SECOND);
        let batch = collected.take_timeout(DEADLINE).unwrap();
        assert_eq!((batch.0.as_ms(), batch.1), ((n as i64 + 1) * 1_000, vec![n]));
        answer.send(()).unwrap();
    }
    drop(answer);
    running.stop().unwrap();
}

#[test]
fn a_receiver_that_never_pauses_loses_nothing_and_keeps_its_order() {
    let ssc = StreamingContext::builder()
        .batch_interval(MS)
        .block_bytes(1_000)
        .max_unprocessed_bytes(100_000)
        .workers(2)
        .build()
        .unwrap();
    let stored = Arc::new(AtomicU64::new(0));
    let collected = ssc.receiver_stream(counting(Arc::clone(&stored))).map(|n| n).collect();
    let running = ssc.start().unwrap();
    let mut records = Vec::new();
    while records.len() < 1_000_000 {
        records.extend(collected.take_timeout(DEADLINE).unwrap().1);
    }
    assert!(running.stop_gracefully(DEADLINE).unwrap().is_clean());
    records.extend(collected.take_all());
    assert_eq!(records.len() as u64, stored.load(Ordering::Relaxed));
    assert!(records.iter().zip(0..).all(|(record, n)| *record == n), "in the order of store");
}

#[test]
fn records_of_every_kind_of_store_come_in_the_order_of_the_calls() {
    let (clock, builder) = manual();
    let ssc = builder.build().unwrap();
    let (remote, receiver) = Remote::<Vec<u8>>::new();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    let pairs: Arc<dyn BlockDecoder<Vec<u8>>> = Arc::new(FixedRecords::new(2));
    let whole: Arc<dyn BlockDecoder<Vec<u8>>> = Arc::new(decode_with(|bytes: &[u8], out: &mut Vec<_>| {
        out.push(bytes.to_vec());
        Ok(())
    }));
    remote.run(move |handle| {
        handle.store(b"a".to_vec()).unwrap();
        handle.store_bytes(b"bbcc", &pairs).unwrap();
        handle.store_bytes(b"dd", &pairs).unwrap();
        handle.store_block(BlockContents::Items(vec![b"e".to_vec(), b"f".to_vec()])).unwrap();
        handle.store(b"g".to_vec()).unwrap();
        handle.store_sized(b"h".to_vec(), 1_000).unwrap();
        handle.store_bytes(b"ii", &pairs).unwrap();
        handle.store_bytes(b"jj", &whole).unwrap();
        handle.store_bytes(b"", &whole).unwrap();
        handle.store_block(BlockContents::Bytes(b"kkll".to_vec(), Arc::clone(&pairs))).unwrap();
    });
    clock.advance(SECOND);
    let records = collected.take_timeout(DEADLINE).unwrap().1;
    let texts: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(record)).collect();
    assert_eq!(texts, ["a", "bb", "cc", "dd", "e", "f", "g", "h", "ii", "jj", "kk", "ll"]);
    running.stop().unwrap();
}

/// The sizes of the partitions of the next batch.
fn partitions_of(collected: &batchmill::Collected<usize>, clock: &ManualClock) -> Vec<usize> {
    clock.advance(SECOND);
    collected.take_timeout(DEADLINE).unwrap().1
}

#[test]
fn a_block_is_sealed_by_its_bytes_by_its_items_by_its_age_and_by_the_cut() {
    let (clock, builder) = manual();
    let ssc = builder.block_bytes(1_000).block_interval(Duration::from_millis(400)).build().unwrap();
    let (bytes, receiver) = Remote::<u64>::new();
    let (items, tiny) = Remote::<()>::new();
    let sizes = |records: Vec<_>| vec![records.len()];
    let of_bytes =
        ssc.receiver_stream(receiver).glom().map_partitions(move |it| it.flat_map(sizes)).collect();
    let of_items = ssc.receiver_stream(tiny).glom().map(|records| records.len()).collect();
    let running = ssc.start().unwrap();

    bytes.store(0..300);
    assert_eq!(partitions_of(&of_bytes, &clock), [125, 125, 50], "a block is full at 1,000 bytes");
    of_items.take_timeout(DEADLINE).unwrap();

    items.run(|handle| (0..300_000).for_each(|_| handle.store(()).unwrap()));
    clock.advance(SECOND);
    let sealed = of_items.take_timeout(DEADLINE).unwrap().1;
    assert_eq!(sealed.iter().sum::<usize>(), 300_000);
    assert!(sealed.iter().all(|items| (1..=1_000).contains(items)), "an item without size counts as a byte");
    of_bytes.take_timeout(DEADLINE).unwrap();
    running.stop().unwrap();
}

#[test]
fn a_block_is_sealed_at_the_block_interval() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder
        .block_interval(Duration::from_millis(400))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    let collected = ssc.receiver_stream(receiver).glom().collect();
    let ((first, ends_first), (second, ends_second)) = (Remote::<u64>::new(), Remote::new());
    ssc.receiver_stream(ends_first).union(ssc.receiver_stream(ends_second)).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    remote.store([1, 2]);
    clock.advance(Duration::from_millis(400));
    // Nothing tells of the seal. But the engine does one thing after the other: when it has told of two receivers that
    // ended after the clock was moved, all is done that it had to do about the first.
    for (n, ending) in [first, second].into_iter().enumerate() {
        drop(ending);
        recorder.wait_for("the end of a receiver", |events| {
            let ended = events.iter().filter(|event| matches!(event, Event::ReceiverStopped(_))).count();
            (ended > n).then_some(())
        });
    }
    remote.store([3]);
    clock.advance(Duration::from_millis(600));
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [vec![1, 2], vec![3]]);
    running.stop().unwrap();
}

#[test]
fn ids_count_blocks_and_completed_tells_of_each_once_in_order() {
    let (clock, builder) = manual();
    let ssc = builder.error_policy(batchmill::ErrorPolicy::continue_on_error()).build().unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    ssc.receiver_stream(receiver).for_each_batch(|batch| {
        assert!(!batch.collect()?.contains(&13), "planned");
        Ok::<_, Error>(())
    });
    let running = ssc.start().unwrap();
    let block =
        |items: Vec<u64>| move |handle: &ReceiverHandle<u64>| handle.store_block(BlockContents::Items(items));
    let id_of = |items: Vec<u64>| {
        let (tell, told) = mpsc::channel();
        let store = block(items);
        remote.run(move |handle| tell.send(store(handle)).unwrap());
        told.recv().unwrap().unwrap().as_u64()
    };
    type Done = Option<(BlockId, BlockId, Outcome)>;
    let ask = |f: fn(&ReceiverHandle<u64>) -> Done| {
        let (tell, told) = mpsc::channel();
        remote.run(move |handle| tell.send(f(handle)).unwrap());
        told.recv().unwrap().map(|(first, last, outcome)| (first.as_u64(), last.as_u64(), outcome))
    };
    let tried = |handle: &ReceiverHandle<u64>| {
        handle.try_completed().unwrap().map(|done| (done.first, done.last, done.outcome))
    };
    let waited = |handle: &ReceiverHandle<u64>| {
        handle.completed().ok().map(|done| (done.first, done.last, done.outcome))
    };
    let timed = |handle: &ReceiverHandle<u64>| {
        handle.completed_timeout(DEADLINE).unwrap().map(|done| (done.first, done.last, done.outcome))
    };

    assert_eq!(ask(tried), None);
    assert_eq!(
        ask(|handle| handle.completed_timeout(MS).unwrap().map(|done| (done.first, done.last, done.outcome))),
        None
    );
    assert_eq!((id_of(vec![1]), id_of(vec![]), id_of(vec![2, 3])), (0, 1, 2));
    clock.advance(SECOND);
    assert_eq!(ask(waited), Some((0, 2, Outcome::Succeeded)));
    remote.store([4, 5]);
    assert_eq!(id_of(vec![13]), 4, "what was stored before is a block of its own");
    clock.advance(SECOND);
    assert_eq!(ask(timed), Some((3, 4, Outcome::Failed)));
    assert_eq!(ask(tried), None);
    assert_eq!(id_of(vec![6]), 5);
    let begun = Gate::new();
    begun.open();
    let came = begun.clone();
    remote.start(move |handle| {
        came.pass();
        let end = handle.completed().map(|done| (done.first.as_u64(), done.outcome));
        assert_eq!(end, Ok((5, Outcome::Succeeded)), "the last cut");
        assert!(handle.completed().is_err() && handle.try_completed().is_err());
    });
    begun.wait_for(1);
    assert!(running.stop_gracefully(DEADLINE).unwrap().is_clean());
    assert_eq!(remote.done.recv_timeout(DEADLINE), Ok(()), "the assertions in the receiver held");
}

#[test]
fn a_full_budget_makes_store_wait_until_a_batch_is_done() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder.max_unprocessed_bytes(800).listener(Arc::clone(&recorder) as _).build().unwrap();
    let stored = Arc::new(AtomicU64::new(0));
    let collected = ssc.receiver_stream(counting(Arc::clone(&stored))).collect();
    let running = ssc.start().unwrap();
    for batch in 0..100 {
        wait_until("the full budget", || stored.load(Ordering::Relaxed) == (batch + 1) * 100);
        clock.advance(SECOND);
        let records = collected.take_timeout(DEADLINE).unwrap().1;
        assert_eq!(records, (batch * 100..(batch + 1) * 100).collect::<Vec<_>>());
    }
    let detail = recorder.wait_for("a source event", |events| {
        events.iter().find_map(|event| match event {
            Event::Source(event) if event.kind == "budget_wait" => Some(event.detail.clone()),
            _ => None,
        })
    });
    assert!(
        detail.contains("max_unprocessed_bytes (800 bytes)") && detail.contains("batch_interval (1s)"),
        "{detail}"
    );
    running.stop().unwrap();
}

#[test]
fn a_record_larger_than_the_budget_passes_alone() {
    let (clock, builder) = manual();
    let ssc = builder.max_unprocessed_bytes(10).build().unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    remote.run(|handle| handle.store_sized(1, 1_000).unwrap());
    remote.start(|handle| handle.store_sized(2, 1_000).unwrap());
    assert!(remote.done.try_recv().is_err(), "the second waits for the first");
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [1]);
    remote.done.recv_timeout(DEADLINE).unwrap();
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [2]);
    running.stop().unwrap();
}

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
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, []);
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
    assert_eq!(clock.wall().as_ms(), 1_000);
    running.stop().unwrap();
}
