//! User code that does not come back: the stop ends at its deadline all the same and says who is still out.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{
    BatchTime, Error, ManualClock, ReceiverHandle, StopReport, StreamingContext, StreamingContextBuilder,
    StreamingListener,
};
use batchmill_tests::{DEADLINE, Gate, assert_no_threads, wait_until};

use crate::sources::{FnReceiver, Numbers};

/// Long enough for whoever does come back, short enough for a test that must wait for all of it.
const SOON: Duration = Duration::from_millis(200);

fn builder(name: &str) -> StreamingContextBuilder {
    StreamingContext::builder()
        .name(name)
        .batch_interval(Duration::from_millis(1))
        .workers(2)
        .stop_deadline(SOON)
}

/// All of `names` are among the threads that were left. On a busy machine one that was told to end at the deadline may
/// be late as well.
fn assert_abandoned(report: &StopReport, names: &[&str]) {
    for name in names {
        assert!(report.abandoned_threads.iter().any(|left| left == name), "{name}: {report}");
    }
}

#[test]
fn a_job_that_does_not_come_back_is_named_in_the_report() {
    let ssc = builder("stuck-job").build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    ssc.constant_stream(vec![1]).for_each_batch(move |_| door.pass());
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    let report = running.stop().unwrap();
    assert_abandoned(&report, &["stuck-job-job"]);
    assert!(report.abandoned_batches >= 1, "{report}");
    gate.open();
    assert_no_threads("stuck-job");
}

#[test]
fn a_graceful_stop_reports_the_batches_it_had_no_time_for() {
    let clock = Arc::new(ManualClock::new());
    let ssc = builder("stuck-grace").clock(Arc::clone(&clock) as _).build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    let (queue, numbers) = ssc.queue_stream::<u32>();
    numbers.for_each_batch(move |_| door.pass());
    queue.push([1]);
    queue.push([2]);
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_millis(1));
    gate.wait_for(1);
    let report = running.stop_gracefully(SOON).unwrap();
    assert_eq!(report.abandoned_batches, 2, "the one that runs and the last cut: {report}");
    assert_abandoned(&report, &["stuck-grace-job"]);
    gate.open();
    assert_no_threads("stuck-grace");
}

#[test]
fn a_drop_ends_at_its_deadline_though_a_job_does_not_come_back() {
    let ssc = builder("stuck-drop").drop_deadline(SOON).build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    ssc.constant_stream(vec![1]).for_each_batch(move |_| door.pass());
    let stop = ssc.stop_handle();
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    drop(running);
    wait_until("the end of the context", || stop.is_stopped());
    gate.open();
    assert_no_threads("stuck-drop");
}

#[test]
fn await_termination_ends_at_the_stop_deadline_though_a_job_does_not_come_back() {
    let ssc = builder("stuck-await").build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    let stop = ssc.stop_handle();
    ssc.constant_stream(vec![1]).for_each_batch(move |_| {
        stop.stop();
        door.pass();
    });
    let report = ssc.start().unwrap().await_termination().unwrap();
    assert_abandoned(&report, &["stuck-await-job"]);
    gate.open();
    assert_no_threads("stuck-await");
}

/// A receiver that stores one record and then sits in a call that knows nothing of the stop.
fn deaf(gate: &Gate) -> impl batchmill::Receiver<u64> + use<> {
    let gate = gate.clone();
    FnReceiver("deaf", move |handle: &ReceiverHandle<u64>| {
        handle.store(1)?;
        gate.pass();
        Ok(())
    })
}

#[test]
fn a_receiver_that_does_not_come_back_is_named_in_the_report() {
    let ssc = builder("stuck-recv").build().unwrap();
    let gate = Gate::new();
    ssc.receiver_stream(deaf(&gate)).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    assert_abandoned(&running.stop().unwrap(), &["stuck-recv-receiver-deaf-0"]);
    gate.open();
    assert_no_threads("stuck-recv");
}

#[test]
fn what_is_stored_is_processed_though_its_receiver_does_not_come_back() {
    let clock = Arc::new(ManualClock::new());
    let ssc = builder("stuck-last").clock(clock).build().unwrap();
    let gate = Gate::new();
    let collected = ssc.receiver_stream(deaf(&gate)).collect();
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    let report = running.stop_gracefully(SOON * 10).unwrap();
    assert_eq!(collected.take_all(), [1], "{report}");
    assert_abandoned(&report, &["stuck-last-receiver-deaf-0"]);
    assert_eq!((report.unprocessed_blocks, report.abandoned_batches), (0, 0), "{report}");
    gate.open();
    assert_no_threads("stuck-last");
}

#[test]
fn a_way_out_that_does_not_come_back_holds_up_no_stop() {
    let ssc = builder("stuck-hook").build().unwrap();
    let (gate, hook) = (Gate::new(), Gate::new());
    let (inside, outside) = (gate.clone(), hook.clone());
    let receiver = FnReceiver("hooked", move |handle: &ReceiverHandle<u64>| {
        let hook = outside.clone();
        handle.on_stop(move || hook.pass());
        inside.pass();
        Ok(())
    });
    ssc.receiver_stream(receiver).for_each_batch(|_| ());
    let stop = ssc.stop_handle();
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    stop.stop();
    hook.wait_for(1);
    let (done, ended) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || done.send(running.await_termination()).unwrap());
    let ended = ended.recv_timeout(DEADLINE / 4);
    gate.open();
    hook.open();
    waiter.join().unwrap();
    let report = ended.expect("await_termination ends at the stop deadline").unwrap();
    assert_abandoned(&report, &["stuck-hook-receiver-hooked-0", "stuck-hook-on-stop"]);
    assert_no_threads("stuck-hook");
}

#[test]
fn an_input_that_does_not_come_back_from_planning_is_named_in_the_report() {
    let ssc = builder("stuck-plan").build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    let (mut numbers, _asked) = Numbers::new(1);
    numbers.on_plan = Box::new(move || {
        door.pass();
        Ok(())
    });
    ssc.input_stream(numbers).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    let report = running.stop().unwrap();
    assert_abandoned(&report, &["stuck-plan-generate"]);
    assert!(report.abandoned_batches >= 1, "{report}");
    gate.open();
    assert_no_threads("stuck-plan");
}

#[test]
fn an_input_that_does_not_come_back_from_planning_holds_up_no_tick() {
    let clock = Arc::new(ManualClock::new());
    let ssc = builder("stuck-tick").clock(Arc::clone(&clock) as _).build().unwrap();
    let recorder = batchmill_tests::Recorder::new();
    let gate = Gate::new();
    let door = gate.clone();
    let (mut numbers, _asked) = Numbers::new(1);
    numbers.on_plan = Box::new(move || {
        door.pass();
        Ok(())
    });
    let collected = ssc.input_stream(numbers).collect();
    let running = ssc.start().unwrap();
    running.add_listener(Arc::clone(&recorder) as _);
    clock.advance(Duration::from_millis(1));
    gate.wait_for(1);
    clock.advance(Duration::from_millis(1));
    let submitted = |time| {
        recorder.wait_for("cut", |events| {
            events.iter().find(|event| matches!(event, batchmill_tests::Event::BatchSubmitted(info) if info.time == time)).cloned()
        })
    };
    submitted(BatchTime::from_ms(2));
    gate.open();
    assert_eq!(collected.take_timeout(DEADLINE).unwrap(), (BatchTime::from_ms(1), vec![0]));
    assert_eq!(collected.take_timeout(DEADLINE).unwrap(), (BatchTime::from_ms(2), vec![1]));
    running.stop().unwrap();
}

#[test]
fn a_task_that_does_not_come_back_is_named_in_the_report() {
    let ssc = builder("stuck-task").build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    // Two large partitions, so that both go to the pool.
    let numbers = ssc.constant_stream(vec![0u64; 100_000]);
    numbers.transform(|batch| batch.clone().union(batch)).for_each_batch(move |batch| {
        batch.for_each_partition(|_, _| {
            door.pass();
            Ok(())
        })
    });
    let running = ssc.start().unwrap();
    gate.wait_for(2);
    let report = running.stop().unwrap();
    assert_abandoned(&report, &["stuck-task-job", "stuck-task-worker-0", "stuck-task-worker-1"]);
    gate.open();
    assert_no_threads("stuck-task");
}

#[derive(Debug)]
struct StuckListener(Gate);

impl StreamingListener for StuckListener {
    fn streaming_started(&self, _: BatchTime) {
        self.0.pass();
    }
}

#[test]
fn a_listener_that_does_not_come_back_holds_up_no_batch_and_is_named_in_the_report() {
    let gate = Gate::new();
    let ssc = builder("stuck-list").listener(Arc::new(StuckListener(gate.clone()))).build().unwrap();
    let collected = ssc.constant_stream(vec![1]).collect();
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    for _ in 0..3 {
        assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [1]);
    }
    assert_abandoned(&running.stop().unwrap(), &["stuck-list-listener"]);
    gate.open();
    assert_no_threads("stuck-list");
}

#[test]
fn a_thread_that_comes_back_after_the_end_can_store_nothing() {
    let ssc = builder("stuck-late").build().unwrap();
    let gate = Gate::new();
    let door = gate.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let receiver = FnReceiver("late", move |handle: &ReceiverHandle<u64>| {
        door.pass();
        tell.send((handle.store(1), handle.completed(), handle.try_completed())).unwrap();
        Ok(())
    });
    ssc.receiver_stream(receiver).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    running.stop().unwrap();
    gate.open();
    let (stored, completed, tried) = told.recv_timeout(DEADLINE).unwrap();
    assert!(stored.is_err() && completed.is_err() && tried.is_err());
    assert_no_threads("stuck-late");
}

#[test]
fn an_error_stop_does_not_wait_longer_than_the_deadline_for_a_receiver() {
    let ssc = builder("stuck-err").build().unwrap();
    let gate = Gate::new();
    ssc.receiver_stream(deaf(&gate)).for_each_batch(|batch| assert_eq!(batch.len().unwrap(), 0, "planned"));
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    let error = running.await_termination().unwrap_err();
    assert!(matches!(error, Error::Task(_)), "{error}");
    gate.open();
    assert_no_threads("stuck-err");
}

#[test]
fn records_that_do_not_come_back_from_their_destructor_hold_up_no_stop() {
    #[derive(Clone)]
    struct Slow(Gate);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.pass();
        }
    }

    let ssc = builder("stuck-dtor").clock(Arc::new(ManualClock::new())).build().unwrap();
    let (gate, stored) = (Gate::new(), Gate::new());
    let (slow, came) = (gate.clone(), stored.clone());
    stored.open();
    let receiver = FnReceiver("slow", move |handle: &ReceiverHandle<Slow>| {
        handle.store(Slow(slow.clone()))?;
        came.pass();
        Ok(())
    });
    ssc.receiver_stream(receiver).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    stored.wait_for(1);
    let report = running.stop().unwrap();
    assert_eq!(report.unprocessed_blocks, 1, "{report}");
    assert_abandoned(&report, &["stuck-dtor-job"]);
    gate.open();
    assert_no_threads("stuck-dtor");
}
