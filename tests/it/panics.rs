//! What fails in user code, and how it is told: with operator, line, batch and partition, and with harm to nothing else.

use std::fmt;
use std::sync::Arc;

use batchmill::{
    Batch, BatchTime, DStream, Error, ErrorPolicy, Executor, ManualClock, StreamingListener, TaskError,
};
use batchmill_tests::{DEADLINE, Recorder};

use crate::policy::{builder, drain};
use crate::sources::Numbers;

/// A number that cannot be printed.
#[derive(Clone)]
struct Unprintable;

impl fmt::Debug for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("planned")
    }
}

/// Runs a graph until its error, over batches whose second partition makes closures panic: 0, 1 | 2, 3.
fn error_of(build: impl Fn(DStream<'_, u64>)) -> TaskError {
    let ssc = builder(ErrorPolicy::stop()).build().unwrap();
    let (queue, numbers) = ssc.queue_stream();
    build(numbers);
    queue.push_partitions(vec![vec![0, 1], vec![2, 3]]);
    let mut test = ssc.start_stepped_at(Arc::new(ManualClock::at_ms(41))).unwrap();
    let Err(Error::Task(error)) = test.step_batch() else { panic!("the panic is lost") };
    error
}

fn fails(n: u64) -> u64 {
    if n == 2 { panic!("planned") } else { n }
}

fn no_batch() -> Batch<u64> {
    panic!("planned")
}

/// Checks everything a task error says: operator, line, batch, partition, cause.
fn assert_error(error: &TaskError, operator: &str, line: u32, partition: Option<usize>) {
    let site = error.site.expect("a closure of an operator panicked");
    assert_eq!((site.operator, site.location.line()), (operator, line), "{error}");
    assert!(site.location.file().ends_with("panics.rs"), "{error}");
    assert_eq!((error.time, error.partition), (BatchTime::from_ms(42), partition), "{error}");
    assert_eq!(error.cause.to_string(), "panicked: planned", "{error}");
}

#[test]
fn a_panic_in_a_narrow_operator_names_operator_line_batch_and_partition() {
    type Build = fn(DStream<'_, u64>);
    let cases: [(&str, u32, Build); 9] = [
        ("map", line!(), |s| drain(s.map(fails))),
        ("filter", line!(), |s| drain(s.filter(|n| fails(*n) == 0))),
        ("flat_map", line!(), |s| drain(s.flat_map(|n| [fails(n)]))),
        ("map_partitions", line!(), |s| drain(s.map_partitions(|it| it.map(fails)))),
        ("map_partitions_with_index", line!(), |s| drain(s.map_partitions_with_index(|_, it| it.map(fails)))),
        ("try_map", line!(), |s| drain(s.try_map(|n| Ok::<_, fmt::Error>(fails(*n))))),
        ("map_values", line!(), |s| drain(s.map(|n| ((), n)).map_values(fails))),
        ("flat_map_values", line!(), |s| drain(s.map(|n| ((), n)).flat_map_values(|n| Some(fails(n))))),
        ("flat_map", line!(), |s| drain(s.flat_map(|n| (0..2).map(move |_| fails(n))))),
    ];
    for (operator, line, build) in cases {
        assert_error(&error_of(build), operator, line, Some(1));
    }
}

#[test]
fn a_panic_in_a_combining_operator_names_operator_line_and_batch() {
    type Build = fn(DStream<'_, u64>);
    let cases: [(&str, u32, Build); 5] = [
        ("reduce", line!(), |s| drain(s.reduce(|a, b| fails(a) + fails(b)))),
        ("reduce_by_key", line!(), |s| drain(s.map(|n| ((), n)).reduce_by_key(|a, b| fails(a) + fails(b)))),
        ("combine_by_key", line!(), |s| drain(s.map(|n| (n, n)).combine_by_key(fails, |a, _| a, |a, _| a))),
        ("transform", line!(), |s| drain(s.transform(|_| no_batch()))),
        ("transform_with", line!(), |s| drain(s.transform_with(s, |_, _| no_batch()))),
    ];
    for (operator, line, build) in cases {
        let error = error_of(build);
        // Which task combines is the library's affair.
        assert_error(&error, operator, line, error.partition);
    }
}

#[test]
fn a_panic_in_an_output_names_output_line_and_batch() {
    type Build = fn(DStream<'_, u64>);
    let cases: [(&str, u32, Build); 3] = [
        ("for_each_batch", line!(), |s| s.for_each_batch(|_| -> () { panic!("planned") })),
        ("print", line!(), |s| s.map(|_| Unprintable).print()),
        ("print_with", line!(), |s| s.print_with(3, |n| fails(*n).to_string())),
    ];
    for (operator, line, build) in cases {
        assert_error(&error_of(build), operator, line, None);
    }
}

#[test]
fn a_panic_in_a_task_of_the_pool_names_the_first_partition_that_failed() {
    let ssc = builder(ErrorPolicy::stop()).workers(2).build().unwrap();
    let (queue, numbers) = ssc.queue_stream();
    let line = line!() + 1;
    drain(numbers.map(fails));
    let large = |fails: bool| vec![if fails { 2 } else { 0 }; 50_000];
    queue.push_partitions(vec![large(false), large(true), large(true), large(false)]);
    let Err(Error::Task(error)) = ssc.start().unwrap().await_termination() else {
        panic!("the panic is lost")
    };
    assert_eq!(error.partition, Some(1), "{error}");
    assert_eq!(error.site.unwrap().location.line(), line);
    let text = error.to_string();
    assert!(text.starts_with("map at ") && text.ends_with("partition 1: panicked: planned"), "{text}");
}

#[test]
fn an_error_of_an_output_can_be_downcast() {
    #[derive(Debug, PartialEq)]
    struct Full(u32);
    impl fmt::Display for Full {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} bytes too many", self.0)
        }
    }
    impl std::error::Error for Full {}

    let ssc = builder(ErrorPolicy::stop()).build().unwrap();
    ssc.constant_stream(vec![1]).for_each_batch(|_| Err(Full(7)));
    let Err(Error::Task(error)) = ssc.start().unwrap().await_termination() else {
        panic!("the error is lost")
    };
    assert_eq!(error.cause.downcast_ref(), Some(&Full(7)));
    assert!(std::error::Error::source(&Error::Task(error)).is_some());
}

#[derive(Debug)]
struct Panicking;

impl StreamingListener for Panicking {
    fn batch_submitted(&self, _: &batchmill::BatchInfo) {
        panic!("planned")
    }
}

#[test]
fn a_listener_that_panics_keeps_nobody_from_being_told() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::stop())
        .listener(Arc::new(Panicking))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let collected = ssc.constant_stream(vec![1]).collect();
    let running = ssc.start().unwrap();
    recorder.wait_completed(2);
    assert!(running.stop().unwrap().abandoned_threads.is_empty());
    assert!(collected.take_all().len() >= 2);
}

#[test]
fn a_hosts_executor_that_panics_fails_the_job() {
    #[derive(Debug)]
    struct Broken;
    impl Executor for Broken {
        fn run(&self, _: &mut dyn Iterator<Item = usize>, _: &(dyn Fn(usize) + Sync)) {
            panic!("planned")
        }
        fn parallelism(&self) -> usize {
            2
        }
    }

    let ssc = builder(ErrorPolicy::stop()).executor(Arc::new(Broken)).build().unwrap();
    let numbers = ssc.constant_stream(vec![0u64; 100_000]);
    numbers.union(numbers).for_each_batch(|batch| batch.len().map(drop));
    let error = ssc.start().unwrap().await_termination().unwrap_err();
    assert!(error.to_string().contains("panicked: planned"), "{error}");
}

/// A record whose destructor panics.
#[derive(Clone)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("planned");
        }
    }
}

#[test]
fn records_that_panic_when_they_are_dropped_fail_their_batch_and_nothing_else() {
    let recorder = Recorder::new();
    let ssc = builder(ErrorPolicy::continue_on_error()).listener(Arc::clone(&recorder) as _).build().unwrap();
    let (queue, bombs) = ssc.queue_stream();
    queue.push([Bomb]);
    bombs.for_each_batch(|_| ());
    let numbers = ssc.input_stream(Numbers::new(1).0).collect();
    let running = ssc.start().unwrap();
    recorder.wait_completed(3);
    assert!(running.stop_gracefully(DEADLINE).unwrap().is_clean());
    assert_eq!(numbers.take_all()[..3], [0, 1, 2]);
}

#[test]
fn records_that_no_batch_has_taken_are_dropped_where_a_panic_does_no_harm() {
    let stored = batchmill_tests::Gate::new();
    let ssc = builder(ErrorPolicy::stop()).clock(Arc::new(ManualClock::new())).build().unwrap();
    ssc.receiver_stream(crate::sources::stores_then_waits(vec![Bomb], stored.clone())).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    stored.wait_for(1);
    let report = running.stop().unwrap();
    assert_eq!((report.unprocessed_blocks, report.abandoned_threads), (1, vec![]));
}
