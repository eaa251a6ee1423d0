//! What a listener is told, in which order, and that it holds up nobody.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{
    BatchTime, ErrorPolicy, ManualClock, Outcome, ReceiverHandle, StreamingContext, StreamingListener,
};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder};

use crate::sources::{FnReceiver, Numbers};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// An event of a batch as a word; none for other events.
fn word(event: &Event) -> Option<String> {
    match event {
        Event::BatchSubmitted(info) => Some(format!("submitted {}", info.time.as_ms())),
        Event::BatchStarted(info) => Some(format!("started {}", info.time.as_ms())),
        Event::BatchCompleted(info) => Some(format!("completed {}", info.time.as_ms())),
        Event::OutputStarted(info) => Some(format!("output {} started {}", info.output, info.time.as_ms())),
        Event::OutputCompleted(info) => {
            Some(format!("output {} completed {}", info.output, info.time.as_ms()))
        }
        _ => None,
    }
}

fn story(batch: i64, outputs: usize) -> Vec<String> {
    let mut words = vec![format!("submitted {batch}"), format!("started {batch}")];
    for output in 0..outputs {
        words.push(format!("output {output} started {batch}"));
        words.push(format!("output {output} completed {batch}"));
    }
    words.push(format!("completed {batch}"));
    words
}

#[test]
fn a_batch_is_submitted_then_started_then_its_outputs_run_in_order_then_it_is_completed() {
    for stepped in [false, true] {
        let (clock, recorder) = (Arc::new(ManualClock::new()), Recorder::new());
        let ssc = StreamingContext::builder()
            .clock(Arc::clone(&clock) as _)
            .listener(Arc::clone(&recorder) as _)
            .build()
            .unwrap();
        let numbers = ssc.constant_stream(vec![1]);
        (0..3).for_each(|_| numbers.for_each_batch(|_| ()));
        if stepped {
            ssc.start_stepped_at(clock).unwrap().run_batches(3).unwrap();
        } else {
            let running = ssc.start().unwrap();
            for n in 1..=3 {
                clock.advance(SECOND);
                recorder.wait_completed(n);
            }
            running.stop().unwrap();
        }
        let events = recorder.events();
        assert_eq!(events[0], Event::StreamingStarted(BatchTime::from_ms(1_000)));
        let words: Vec<_> = events.iter().filter_map(word).collect();
        assert_eq!(words, [1_000, 2_000, 3_000].map(|batch| story(batch, 3)).concat());
    }
}

/// With batches that wait, the order holds for each batch, and starts and ends come in time order.
#[test]
fn the_order_of_a_batchs_events_holds_under_load() {
    let recorder = Recorder::new();
    let ssc =
        StreamingContext::builder().batch_interval(MS).listener(Arc::clone(&recorder) as _).build().unwrap();
    let numbers = ssc.constant_stream(vec![1]);
    (0..2).for_each(|_| numbers.for_each_batch(|_| std::thread::yield_now()));
    let running = ssc.start().unwrap();
    recorder.wait_completed(200);
    running.stop().unwrap();
    let events = recorder.events();
    let mut times: Vec<_> = recorder.completed().iter().map(|info| info.time).collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "in time order");
    times.truncate(200);
    for time in times {
        let suffix = format!(" {}", time.as_ms());
        let words: Vec<_> = events.iter().filter_map(word).filter(|word| word.ends_with(&suffix)).collect();
        assert_eq!(words, story(time.as_ms(), 2));
    }
}

#[test]
fn a_batch_is_told_with_its_inputs_its_delays_and_its_end() {
    let (clock, recorder, gate) = (Arc::new(ManualClock::new()), Recorder::new(), Gate::new());
    let ssc = StreamingContext::builder()
        .clock(Arc::clone(&clock) as _)
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let (queue, queued) = ssc.queue_stream();
    let stored = Gate::new();
    stored.open();
    let came = stored.clone();
    let receiver = FnReceiver("words", move |handle: &ReceiverHandle<u64>| {
        handle.store_sized(1, 100)?;
        handle.store(2)?;
        came.pass();
        let _ = handle.stopped().recv();
        Ok(())
    });
    let all = ssc.union(&[queued, ssc.receiver_stream(receiver), ssc.input_stream(Numbers::new(3).0)]);
    let door = gate.clone();
    all.for_each_batch(move |_| door.pass());
    queue.push([1, 2, 3, 4]);
    let running = ssc.start().unwrap();
    stored.wait_for(1);
    clock.advance(SECOND);
    gate.wait_for(1);
    clock.advance(SECOND);
    recorder.wait_for("the second cut", |events| {
        (events.iter().filter(|event| matches!(event, Event::BatchSubmitted(_))).count() == 2).then_some(())
    });
    clock.advance(Duration::from_millis(500));
    gate.open();
    let completed = recorder.wait_completed(2);
    running.stop().unwrap();

    let inputs: Vec<_> =
        completed[0].inputs.iter().map(|input| (&*input.name, input.bytes, input.records)).collect();
    assert_eq!(inputs, [("queue", 32, Some(4)), ("words", 108, Some(2)), ("numbers", 24, Some(3))]);
    let inputs: Vec<_> = completed[1].inputs.iter().map(|input| (input.bytes, input.records)).collect();
    assert_eq!(inputs, [(0, Some(0)), (0, Some(0)), (24, Some(3))]);
    let told: Vec<_> = completed
        .iter()
        .map(|info| (info.time.as_ms(), info.previous.map(BatchTime::as_ms), info.outcome))
        .collect();
    let succeeded = Some(Outcome::Succeeded);
    assert_eq!(told, [(1_000, None, succeeded), (2_000, Some(1_000), succeeded)]);
    let delays: Vec<_> =
        completed.iter().map(|info| (info.scheduling_delay, info.processing_delay)).collect();
    let ms = |ms| Some(Duration::from_millis(ms));
    assert_eq!(delays, [(ms(0), ms(1_500)), (ms(500), ms(0))]);
    assert_eq!(completed[1].total_delay(), ms(500));
    let submitted = recorder.events().into_iter().find_map(|event| match event {
        Event::BatchSubmitted(info) => Some((info.scheduling_delay, info.processing_delay, info.outcome)),
        _ => None,
    });
    assert_eq!(submitted, Some((None, None, None)), "not known yet");
}

#[test]
fn an_output_is_told_with_its_name_its_attempt_and_its_failure() {
    let recorder = Recorder::new();
    let ssc = StreamingContext::builder()
        .listener(Arc::clone(&recorder) as _)
        .error_policy(ErrorPolicy::retry(1).then_continue())
        .build()
        .unwrap();
    let numbers = ssc.constant_stream(vec![1]);
    numbers.for_each_batch(|_| Err::<(), _>("no room"));
    numbers.collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    let outputs = recorder.events().into_iter().filter_map(|event| match event {
        Event::OutputStarted(info) => Some((info.output, info.name, info.attempt, info.duration, None)),
        Event::OutputCompleted(info) => {
            let failure = info.failure.map(|failure| failure.ends_with(": no room"));
            Some((info.output, info.name, info.attempt, info.duration, Some(failure)))
        }
        _ => None,
    });
    let (none, zero) = (None, Some(Duration::ZERO));
    assert_eq!(
        outputs.collect::<Vec<_>>(),
        [
            (0, "for_each_batch", 1, none, None),
            (0, "for_each_batch", 1, zero, Some(Some(true))),
            (0, "for_each_batch", 2, none, None),
            (0, "for_each_batch", 2, zero, Some(Some(true))),
            (1, "collect", 1, none, None),
            (1, "collect", 1, zero, Some(None)),
        ]
    );
    assert_eq!(recorder.outcomes(), [Some(Outcome::Failed)]);
}

/// A listener that waits at a gate in every call.
#[derive(Debug)]
struct Slow(Gate);

impl StreamingListener for Slow {
    fn batch_submitted(&self, _: &batchmill::BatchInfo) {
        self.0.pass();
    }
}

#[test]
fn a_slow_listener_holds_up_no_batch_and_misses_no_event_that_fits() {
    let (gate, recorder) = (Gate::new(), Recorder::new());
    let ssc = StreamingContext::builder()
        .batch_interval(MS)
        .listener(Arc::new(Slow(gate.clone())))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let collected = ssc.constant_stream(vec![1]).collect();
    let running = ssc.start().unwrap();
    gate.wait_for(1);
    let times: Vec<_> = (0..100).map(|_| collected.take_timeout(DEADLINE).unwrap().0).collect();
    assert!(recorder.completed().is_empty(), "the listener still thinks about the first cut");
    gate.open();
    let told: Vec<_> = recorder.wait_completed(100)[..100].iter().map(|info| info.time).collect();
    assert_eq!(told, times);
    running.stop().unwrap();
}

#[test]
fn after_the_stop_nothing_is_told() {
    for _ in 0..50 {
        let recorder = Recorder::new();
        let ssc = StreamingContext::builder()
            .batch_interval(MS)
            .listener(Arc::clone(&recorder) as _)
            .build()
            .unwrap();
        let idle = ssc.receiver_stream(crate::sources::idle::<u64>());
        idle.union(ssc.input_stream(Numbers::new(1).0)).for_each_batch(|_| ());
        let running = ssc.start().unwrap();
        recorder.wait_completed(1);
        running.stop().unwrap();
        let told = recorder.events();
        assert!(matches!(told[0], Event::StreamingStarted(_) | Event::Source(_)), "{:?}", told[0]);
        let count = |is: fn(&Event) -> bool| told.iter().filter(|event| is(event)).count();
        let submitted = count(|event| matches!(event, Event::BatchSubmitted(_)));
        assert_eq!(submitted, count(|event| matches!(event, Event::BatchCompleted(_))), "{told:#?}");
        assert_eq!(count(|event| matches!(event, Event::ReceiverStopped(_))), 1);
        std::thread::yield_now();
        assert_eq!(recorder.events().len(), told.len());
    }
}

#[test]
fn listeners_come_and_go_while_the_context_runs() {
    let (first, second) = (Recorder::new(), Recorder::new());
    let ssc = StreamingContext::new(MS).unwrap();
    ssc.constant_stream(vec![1]).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    let listener: Arc<dyn StreamingListener> = Arc::clone(&first) as _;
    running.add_listener(Arc::clone(&listener));
    first.wait_completed(2);
    running.add_listener(Arc::clone(&second) as _);
    second.wait_completed(2);
    assert!(running.remove_listener(&listener));
    assert!(!running.remove_listener(&listener));
    // An event that was being delivered may still have come.
    let told = second.completed().len();
    second.wait_completed(told + 2);
    let known = first.completed().len();
    second.wait_completed(told + 5);
    assert_eq!(first.completed().len(), known);
    running.stop().unwrap();
}
