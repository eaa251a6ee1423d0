//! Start, stop, drop, wait: in every order, from every thread, and nothing left behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use batchmill::{
    DStream, Error, ManualClock, RunningContext, StopReport, StreamingContext, StreamingContextBuilder,
};
use batchmill_tests::{DEADLINE, Gate, assert_no_threads};

use crate::sources::{Asked, FnReceiver, Numbers, counting, idle, stores_then_waits};

const MS: Duration = Duration::from_millis(1);

/// Batches of a millisecond on two workers, with every kind of thread a context can have.
fn builder(name: &str) -> StreamingContextBuilder {
    StreamingContext::builder().name(name).batch_interval(MS).workers(2)
}

/// Streams of a receiver, a pull source and a queue as one.
fn all_kinds(ssc: &StreamingContext) -> DStream<'_, u64> {
    let (queue, queued) = ssc.queue_stream();
    queue.push([1]);
    let received = ssc.receiver_stream(idle());
    let pulled = ssc.input_stream(Numbers::new(1).0);
    ssc.union(&[queued, received, pulled])
}

#[test]
fn a_thousand_starts_and_stops_leave_no_thread() {
    for round in 0..1_000 {
        let ssc = builder("lc-stop").build().unwrap();
        all_kinds(&ssc).for_each_batch(|_| ());
        let running = ssc.start().unwrap();
        let report = if round % 2 == 0 { running.stop() } else { running.stop_gracefully(DEADLINE) };
        let StopReport { abandoned_threads, .. } = report.unwrap();
        assert_eq!(abandoned_threads, Vec::<String>::new(), "round {round}");
    }
    assert_no_threads("lc-stop");
}

#[test]
fn a_thousand_starts_and_drops_leave_no_thread() {
    for _ in 0..1_000 {
        let ssc = builder("lc-drop").drop_deadline(DEADLINE).build().unwrap();
        all_kinds(&ssc).for_each_batch(|_| ());
        drop(ssc.start().unwrap());
    }
    assert_no_threads("lc-drop");
}

#[test]
fn a_thousand_panics_in_closures_leave_no_thread() {
    for round in 0..1_000 {
        let ssc = builder("lc-panic").build().unwrap();
        let stream = all_kinds(&ssc);
        match round % 3 {
            0 => stream.map(|_| -> u64 { panic!("planned") }).for_each_batch(|batch| batch.len().map(drop)),
            1 => stream.for_each_batch(|_| -> () { panic!("planned") }),
            _ => stream.transform(|_| -> batchmill::Batch<u64> { panic!("planned") }).for_each_batch(|_| ()),
        }
        let error = ssc.start().unwrap().await_termination().unwrap_err();
        assert!(error.to_string().contains("planned"), "{error}");
    }
    assert_no_threads("lc-panic");
}

#[test]
fn a_start_that_fails_leaves_no_thread() {
    for _ in 0..100 {
        let ssc = builder("lc-nout").workers(4).build().unwrap();
        let _ = all_kinds(&ssc);
        let stop = ssc.stop_handle();
        assert!(matches!(ssc.start(), Err(Error::Build(_))));
        assert!(stop.is_stopped());
    }
    assert_no_threads("lc-nout");
}

#[test]
fn an_input_that_cannot_start_fails_the_start_and_stops_those_before_it() {
    struct Broken;
    impl batchmill::InputDStream<u64> for Broken {
        type Plan = ();
        fn name(&self) -> String {
            "broken".to_owned()
        }
        fn start(&mut self, _: &batchmill::InputHandle) -> Result<(), batchmill::SourceError> {
            Err("no such place".into())
        }
        fn plan(
            &mut self,
            _: batchmill::BatchTime,
            _: &batchmill::PlanLimits,
        ) -> Result<(), batchmill::SourceError> {
            unreachable!("it never started")
        }
        fn batch(
            &mut self,
            (): &(),
            _: &batchmill::BatchContext,
        ) -> Result<batchmill::Batch<u64>, batchmill::SourceError> {
            unreachable!("it never started")
        }
    }

    let ssc = builder("lc-start").build().unwrap();
    let (first, asked) = Numbers::new(1);
    let streams = [ssc.input_stream(first), ssc.input_stream(Broken), ssc.input_stream(Numbers::new(1).0)];
    ssc.union(&streams).for_each_batch(|_| ());
    let stop = ssc.stop_handle();
    let error = ssc.start().unwrap_err();
    assert_eq!(error.to_string(), "source broken: no such place");
    assert_eq!(asked.iter().collect::<Vec<_>>(), [Asked::Started, Asked::Stopped]);
    assert!(stop.is_stopped());
    assert_no_threads("lc-start");
}

#[test]
fn a_stop_asked_for_before_the_start_comes_right_after_it() {
    for graceful in [false, true] {
        let ssc = builder("lc-early").build().unwrap();
        all_kinds(&ssc).for_each_batch(|_| ());
        let stop = ssc.stop_handle();
        if graceful {
            stop.stop_gracefully(DEADLINE);
        } else {
            stop.stop();
        }
        assert!(!stop.is_stopped(), "nothing has started");
        let report = ssc.start().unwrap().await_termination().unwrap();
        assert!(report.is_clean(), "{report}");
        assert!(stop.is_stopped());
    }
    assert_no_threads("lc-early");
}

#[test]
fn a_context_that_is_never_started_has_no_thread_and_is_not_stopped() {
    let ssc = builder("lc-never").build().unwrap();
    all_kinds(&ssc).for_each_batch(|_| ());
    let stop = ssc.stop_handle();
    drop(ssc);
    stop.stop();
    assert!(!stop.is_stopped());
    assert_no_threads("lc-never");
}

#[test]
fn a_stop_from_another_thread_ends_await_termination() {
    let ssc = builder("lc-other").build().unwrap();
    all_kinds(&ssc).for_each_batch(|_| ());
    let stop = ssc.stop_handle();
    let running = ssc.start().unwrap();
    assert!(running.is_running() && !stop.is_stopped());
    let stopper = std::thread::spawn(move || stop.stop());
    assert_eq!(running.await_termination().unwrap().abandoned_threads, Vec::<String>::new());
    stopper.join().unwrap();
    assert_no_threads("lc-other");
}

#[test]
fn await_termination_with_a_timeout_says_whether_it_has_stopped() {
    let ssc = builder("lc-timeout").build().unwrap();
    all_kinds(&ssc).for_each_batch(|_| ());
    let stop = ssc.stop_handle();
    let running = ssc.start().unwrap();
    assert!(!running.await_termination_timeout(MS).unwrap());
    stop.stop();
    stop.stop();
    assert!(running.await_termination_timeout(DEADLINE).unwrap());
    assert!(!running.is_running());
    assert!(running.await_termination_timeout(Duration::ZERO).unwrap(), "it stays stopped");
    drop(running);
    stop.stop_gracefully(MS);
    assert_no_threads("lc-timeout");
}

#[test]
fn an_error_ends_every_wait_with_that_error() {
    let ssc = builder("lc-error").build().unwrap();
    ssc.constant_stream(vec![1]).for_each_batch(|_| Err::<(), _>("no room"));
    let running = ssc.start().unwrap();
    let error = running.await_termination_timeout(DEADLINE).unwrap_err().to_string();
    assert!(error.starts_with("for_each_batch at ") && error.ends_with(": no room"), "{error}");
    assert!(!running.is_running());
    assert_eq!(running.stop().unwrap_err().to_string(), error);
    assert_no_threads("lc-error");
}

/// What a batch function does to its own context, and what it was told.
fn in_a_batch_function<R: Send + 'static>(
    name: &str,
    f: impl Fn(RunningContext) -> R + Send + Sync + 'static,
) -> R {
    let ssc = builder(name).build().unwrap();
    let (hand_over, handed) = mpsc::channel::<RunningContext>();
    let (tell, told) = mpsc::channel();
    let handed = Mutex::new(handed);
    all_kinds(&ssc).for_each_batch(move |_| {
        if let Ok(running) = handed.lock().unwrap().recv_timeout(DEADLINE) {
            tell.send(f(running)).unwrap();
        }
    });
    let stop = ssc.stop_handle();
    hand_over.send(ssc.start().unwrap()).unwrap();
    let told = told.recv_timeout(DEADLINE).unwrap();
    drop(hand_over);
    batchmill_tests::wait_until("the end of the context", || stop.is_stopped());
    assert_no_threads(name);
    told
}

#[test]
fn a_wait_for_the_own_end_inside_a_batch_function_is_an_error_and_stops_the_context() {
    let own = |result: Result<StopReport, Error>| assert!(matches!(result, Err(Error::OwnThread)));
    in_a_batch_function("lc-own-stop", move |running| own(running.stop()));
    in_a_batch_function("lc-own-grace", move |running| own(running.stop_gracefully(DEADLINE)));
    in_a_batch_function("lc-own-await", move |running| own(running.await_termination()));
    in_a_batch_function("lc-own-timeout", |running| {
        assert!(matches!(running.await_termination_timeout(DEADLINE), Err(Error::OwnThread)));
        assert!(running.is_running(), "this one consumes nothing and stops nothing");
    });
}

#[test]
fn a_context_dropped_inside_its_batch_function_ends_by_itself() {
    for _ in 0..20 {
        in_a_batch_function("lc-own-drop", drop);
    }
}

#[test]
fn a_stop_from_a_task_of_the_pool_is_an_error_too() {
    let ssc = builder("lc-own-task").build().unwrap();
    let (hand_over, handed) = mpsc::channel::<RunningContext>();
    let (tell, told) = mpsc::channel();
    let handed = Mutex::new(handed);
    let here = std::thread::current().id();
    // Enough records for the pool.
    ssc.constant_stream((0..100_000u64).collect()).repartition_for_test().for_each_batch(move |batch| {
        batch.for_each_partition(|_, _| {
            assert_ne!(std::thread::current().id(), here);
            if let Ok(running) = handed.lock().unwrap().recv_timeout(DEADLINE) {
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                tell.send((name, matches!(running.stop(), Err(Error::OwnThread)))).unwrap();
            }
            Ok(())
        })
    });
    hand_over.send(ssc.start().unwrap()).unwrap();
    drop(hand_over);
    let (name, refused) = told.recv_timeout(DEADLINE).unwrap();
    assert!(refused, "{name}");
    assert!(name.starts_with("lc-own-task-worker-"), "{name}");
    assert_no_threads("lc-own-task");
}

/// Cuts a stream of one partition into eight.
trait Spread {
    fn repartition_for_test(self) -> Self;
}

impl Spread for DStream<'_, u64> {
    fn repartition_for_test(self) -> Self {
        self.transform(|batch| {
            let context = batch.context().clone();
            context.batch(batch.collect().unwrap(), 8)
        })
    }
}

#[test]
fn a_batch_function_may_stop_another_context() {
    let other = builder("lc-two-b").build().unwrap();
    all_kinds(&other).for_each_batch(|_| ());
    let other = Mutex::new(Some(other.start().unwrap()));
    let ssc = builder("lc-two-a").build().unwrap();
    let stop = ssc.stop_handle();
    all_kinds(&ssc).for_each_batch(move |_| {
        let Some(other) = other.lock().unwrap().take() else { return Ok(()) };
        stop.stop();
        other.stop().map(|report| assert_eq!(report.abandoned_threads, Vec::<String>::new()))
    });
    ssc.start().unwrap().await_termination().unwrap();
    assert_no_threads("lc-two-");
}

#[test]
fn two_contexts_run_side_by_side_and_stop_apart() {
    let (first, second) = (builder("lc-side-a").build().unwrap(), builder("lc-side-b").build().unwrap());
    let numbers = first.constant_stream(vec![1]).collect();
    let others = second.constant_stream(vec![2]).collect();
    let (first, second) = (first.start().unwrap(), second.start().unwrap());
    assert_eq!(numbers.take_timeout(DEADLINE).unwrap().1, [1]);
    first.stop().unwrap();
    assert_no_threads("lc-side-a");
    others.take_batches();
    for _ in 0..3 {
        assert_eq!(others.take_timeout(DEADLINE).unwrap().1, [2]);
    }
    second.stop().unwrap();
    assert_no_threads("lc-side-b");
}

#[test]
fn a_graceful_stop_processes_everything_that_was_stored() {
    for round in 0..300 {
        let ssc = StreamingContext::builder()
            .name("lc-all")
            .batch_interval(if round % 2 == 0 { MS } else { Duration::from_secs(3_600) })
            .block_interval(MS)
            .max_unprocessed_bytes(64 << 10)
            .build()
            .unwrap();
        let (stored, counted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&counted);
        let enough = Gate::new();
        let arrived = enough.clone();
        let total = Arc::clone(&stored);
        enough.open();
        ssc.receiver_stream(counting(Arc::clone(&stored))).for_each_batch(move |batch| {
            count.fetch_add(batch.len()?, Ordering::Relaxed);
            Ok::<_, Error>(())
        });
        // A second receiver only tells that the first has come far enough for this round.
        let watch = FnReceiver("watch", move |handle: &batchmill::ReceiverHandle<u64>| {
            while total.load(Ordering::Relaxed) < round % 50 * 100 && !handle.is_stopped() {
                std::thread::yield_now();
            }
            arrived.pass();
            Ok(())
        });
        ssc.receiver_stream(watch).for_each_batch(|_| ());
        let running = ssc.start().unwrap();
        enough.wait_for(1);
        let report = running.stop_gracefully(DEADLINE).unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(counted.load(Ordering::Relaxed), stored.load(Ordering::Relaxed), "round {round}");
    }
    assert_no_threads("lc-all");
}

#[test]
fn a_hard_stop_reports_what_no_batch_has_taken() {
    let ssc = builder("lc-left").clock(Arc::new(ManualClock::new())).build().unwrap();
    let stored = Gate::new();
    ssc.receiver_stream(stores_then_waits((0..100u64).collect(), stored.clone())).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    stored.wait_for(1);
    let report = running.stop().unwrap();
    let left = (report.unprocessed_blocks, report.unprocessed_bytes, report.abandoned_batches);
    assert_eq!(left, (1, 800, 0), "{report}");
    assert!(report.to_string().contains("1 blocks (800 bytes)"), "{report}");
    assert_no_threads("lc-left");
}

#[test]
fn inputs_are_told_of_every_batch_and_then_stopped() {
    let ssc = builder("lc-told").build().unwrap();
    let (numbers, asked) = Numbers::new(2);
    let collected = ssc.input_stream(numbers).collect();
    let running = ssc.start().unwrap();
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [0, 1]);
    running.stop_gracefully(DEADLINE).unwrap();
    let asked: Vec<_> = asked.iter().collect();
    assert_eq!((asked.first(), asked.last()), (Some(&Asked::Started), Some(&Asked::Stopped)));
    let planned = asked.iter().filter(|asked| matches!(asked, Asked::Planned(_))).count();
    let completed = asked.iter().filter(|asked| matches!(asked, Asked::Completed(..))).count();
    assert_eq!(planned, completed, "{asked:?}");
    assert_no_threads("lc-told");
}

#[test]
fn a_name_that_no_thread_can_have_is_made_one_that_it_can() {
    let ssc = builder("lc-\0name").build().unwrap();
    let (tell, told) = mpsc::channel();
    let named = FnReceiver("a\0b", move |_: &batchmill::ReceiverHandle<u64>| {
        tell.send(std::thread::current().name().map(str::to_owned)).unwrap();
        Ok(())
    });
    ssc.receiver_stream(named).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("lc-?name-receiver-a?b-0"));
    running.stop().unwrap();
    assert_no_threads("lc-?name");
}
