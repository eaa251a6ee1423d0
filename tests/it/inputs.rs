//! Pull sources as a stranger writes them, and the inputs that core brings: what they are asked, when, and what a
//! batch makes of the answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{
    Batch, BatchContext, BatchTime, Error, ErrorPolicy, FixedRecords, InputDStream, InputHandle, ManualClock,
    Outcome, PlanLimits, QueueMode, SourceError, StreamingContext,
};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder};

use crate::sources::{Asked, Numbers};

const SECOND: Duration = Duration::from_secs(1);

fn time(seconds: i64) -> BatchTime {
    BatchTime::from_ms(seconds * 1_000)
}

#[test]
fn an_input_is_started_planned_for_each_batch_told_of_each_end_and_stopped() {
    let ssc = StreamingContext::new(SECOND).unwrap();
    let (numbers, asked) = Numbers::new(2);
    let collected = ssc.input_stream(numbers).collect();
    let mut test = ssc.start_stepped().unwrap();
    test.run_batches(2).unwrap();
    test.stop_gracefully().unwrap();
    assert_eq!(collected.take_all(), (0..6).collect::<Vec<_>>());
    let done = |n: i64, from| Asked::Completed(time(n), from..from + 2, Outcome::Succeeded);
    let planned = |n| Asked::Planned(time(n));
    let all = [
        Asked::Started,
        planned(1),
        done(1, 0),
        planned(2),
        done(2, 2),
        planned(3),
        done(3, 4),
        Asked::Stopped,
    ];
    assert_eq!(asked.iter().collect::<Vec<_>>(), all);
}

#[test]
fn all_that_an_input_is_asked_is_asked_on_one_thread_of_its_own() {
    struct Where(mpsc::Sender<Option<String>>);
    impl Where {
        fn note(&self) {
            self.0.send(std::thread::current().name().map(str::to_owned)).unwrap();
        }
    }
    impl InputDStream<u64> for Where {
        type Plan = ();
        fn name(&self) -> String {
            "where".to_owned()
        }
        fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
            self.note();
            let limits = handle.limits();
            assert_eq!((limits.batch_interval, limits.bytes), (Duration::from_millis(1), 1_000));
            Ok(())
        }
        fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<(), SourceError> {
            self.note();
            Ok(())
        }
        fn batch(&mut self, (): &(), ctx: &BatchContext) -> Result<Batch<u64>, SourceError> {
            self.note();
            Ok(ctx.empty())
        }
        fn completed(&mut self, _: BatchTime, (): &(), _: Outcome) -> Result<(), SourceError> {
            self.note();
            Ok(())
        }
        fn stop(&mut self) {
            self.note();
        }
    }

    let (tell, told) = mpsc::channel();
    let ssc = StreamingContext::builder()
        .name("in-where")
        .batch_interval(Duration::from_millis(1))
        .max_unprocessed_bytes(1_000)
        .build()
        .unwrap();
    let collected = ssc.input_stream(Where(tell)).collect();
    let running = ssc.start().unwrap();
    collected.take_timeout(DEADLINE).unwrap();
    running.stop_gracefully(DEADLINE).unwrap();
    let names: Vec<_> = told.iter().collect();
    assert!(names.len() >= 5);
    assert!(names.iter().all(|name| name.as_deref() == Some("in-where-generate")), "{names:?}");
}

#[test]
fn a_hard_stop_tells_inputs_of_the_batches_that_never_ran() {
    let (clock, recorder, gate) = (Arc::new(ManualClock::new()), Recorder::new(), Gate::new());
    let ssc = StreamingContext::builder()
        .clock(Arc::clone(&clock) as _)
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let (numbers, asked) = Numbers::new(1);
    let door = gate.clone();
    ssc.input_stream(numbers).for_each_batch(move |_| door.pass());
    let stop = ssc.stop_handle();
    let running = ssc.start().unwrap();
    for n in 1..=3 {
        clock.advance(SECOND);
        gate.wait_for(1);
        let planned = Asked::Planned(time(n));
        while asked.recv_timeout(DEADLINE).unwrap() != planned {}
    }
    stop.stop();
    gate.open();
    let report = running.await_termination().unwrap();
    assert_eq!((report.abandoned_batches, report.is_clean()), (2, false), "{report}");
    let ends: Vec<_> = asked.iter().filter(|asked| matches!(asked, Asked::Completed(..))).collect();
    let end = |n: i64, outcome| Asked::Completed(time(n), n.unsigned_abs() - 1..n.unsigned_abs(), outcome);
    assert_eq!(ends, [end(1, Outcome::Succeeded), end(2, Outcome::Abandoned), end(3, Outcome::Abandoned)]);
    assert_eq!(recorder.outcomes(), [Outcome::Succeeded, Outcome::Abandoned, Outcome::Abandoned].map(Some));
}

/// Every batch is the same three partitions, which are counted when they are opened.
struct Lazy {
    opened: Arc<AtomicU64>,
    fails: Arc<AtomicU64>,
}

impl InputDStream<Vec<u8>> for Lazy {
    type Plan = ();

    fn name(&self) -> String {
        "lazy".to_owned()
    }

    fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<(), SourceError> {
        Ok(())
    }

    fn batch(&mut self, (): &(), ctx: &BatchContext) -> Result<Batch<Vec<u8>>, SourceError> {
        let (opened, fails) = (Arc::clone(&self.opened), Arc::clone(&self.fails));
        let open = move |partition: usize| {
            opened.fetch_add(1, Ordering::Relaxed);
            let digit = b'0' + u8::try_from(partition)?;
            // The second block of partition 1 cannot be read at first.
            let fail = partition == 1 && fails.swap(0, Ordering::Relaxed) == 1;
            let second = if fail { Err("the disk is away".into()) } else { Ok(vec![b'y', digit]) };
            Ok(vec![Ok(vec![b'x', digit]), second].into_iter())
        };
        Ok(ctx.read_blocks(vec![4; 3], open, FixedRecords::new(2)))
    }
}

fn lazy(fails: u64) -> (Lazy, Arc<AtomicU64>) {
    let opened = Arc::new(AtomicU64::new(0));
    (Lazy { opened: Arc::clone(&opened), fails: Arc::new(AtomicU64::new(fails)) }, opened)
}

fn text(records: &[Vec<u8>]) -> String {
    String::from_utf8(records.concat()).unwrap()
}

#[test]
fn a_batch_is_read_by_its_tasks_and_only_as_far_as_an_output_asks() {
    let ssc = StreamingContext::new(SECOND).unwrap();
    let (input, opened) = lazy(0);
    let (tell, told) = mpsc::channel();
    ssc.input_stream(input)
        .for_each_batch(move |batch| tell.send(text(&batch.take(3)?)).map_err(|_| SourceError::from("over")));
    ssc.start_stepped().unwrap().step_batch().unwrap();
    assert_eq!(told.recv().unwrap(), "x0y0x1");
    assert_eq!(opened.load(Ordering::Relaxed), 2, "the third partition is not opened");
}

#[test]
fn a_batch_that_nobody_reads_is_not_read() {
    let ssc = StreamingContext::new(SECOND).unwrap();
    let (input, opened) = lazy(0);
    let _ = ssc.input_stream(input).map(|record| record);
    ssc.constant_stream(vec![1]).for_each_batch(|_| ());
    ssc.start_stepped().unwrap().run_batches(3).unwrap();
    assert_eq!(opened.load(Ordering::Relaxed), 0);
}

#[test]
fn what_cannot_be_read_fails_its_task_and_is_read_again_with_the_job() {
    let error = {
        let ssc = StreamingContext::new(SECOND).unwrap();
        ssc.input_stream(lazy(1).0).collect();
        ssc.start_stepped().unwrap().step_batch().unwrap_err()
    };
    let Error::Task(error) = error else { panic!("{error}") };
    assert_eq!((error.time, error.partition), (time(1), Some(1)), "{error}");
    assert_eq!(error.cause.to_string(), "the disk is away");

    let ssc = StreamingContext::builder().error_policy(ErrorPolicy::retry(1)).build().unwrap();
    let collected = ssc.input_stream(lazy(1).0).collect();
    ssc.start_stepped().unwrap().step_batch().unwrap();
    assert_eq!(text(&collected.take_all()), "x0y0x1y1x2y2");
}

#[test]
fn an_input_that_cannot_say_what_its_plan_holds_is_told_that_it_failed() {
    struct Vague(u64, crossbeam_channel::Sender<(u64, Outcome)>);
    impl InputDStream<u64> for Vague {
        type Plan = u64;
        fn name(&self) -> String {
            "vague".to_owned()
        }
        fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<u64, SourceError> {
            self.0 += 1;
            Ok(self.0)
        }
        fn batch(&mut self, plan: &u64, ctx: &BatchContext) -> Result<Batch<u64>, SourceError> {
            if *plan == 1 { Err("cannot say".into()) } else { Ok(ctx.batch(vec![*plan], 1)) }
        }
        fn completed(&mut self, _: BatchTime, plan: &u64, outcome: Outcome) -> Result<(), SourceError> {
            self.1.send((*plan, outcome))?;
            Err("not acknowledged".into())
        }
    }

    let recorder = Recorder::new();
    let ssc = StreamingContext::builder()
        .error_policy(ErrorPolicy::retry(3))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let (tell, told) = crossbeam_channel::unbounded();
    let collected = ssc.input_stream(Vague(0, tell)).collect();
    ssc.start_stepped().unwrap().run_batches(2).unwrap();
    assert_eq!(collected.take_all(), [2, 3]);
    let ends = [(1, Outcome::Failed), (2, Outcome::Succeeded), (3, Outcome::Succeeded)];
    assert_eq!(told.iter().collect::<Vec<_>>(), ends);
    let complaints = recorder.events().into_iter().filter(|event| {
        matches!(event, Event::Source(event) if event.kind == "complete_failed" && event.detail == "not acknowledged")
    });
    assert_eq!(complaints.count(), 2, "an error of completed is told, and nothing stops for it");
}

#[test]
fn a_queue_gives_one_dataset_a_batch_or_all_and_its_default_when_it_is_empty() {
    let ssc = StreamingContext::new(SECOND).unwrap();
    let (one, ones) = ssc.queue_stream_with(QueueMode::OneAtATime, Some(vec![0]));
    let (all, alls) = ssc.queue_stream_with(QueueMode::All, None);
    let partitions = |batch: Batch<i32>| batch.glom();
    let (ones, alls) = (ones.transform(partitions).collect(), alls.transform(partitions).collect());
    let constant = ssc.constant_stream(vec![7]).collect();
    let mut test = ssc.start_stepped().unwrap();
    for queue in [&one, &all] {
        queue.push([1, 2]);
        queue.push_partitions(vec![vec![3], vec![], vec![4]]);
        assert_eq!((queue.len(), queue.is_empty()), (2, false));
    }
    test.run_batches(3).unwrap();
    let of = |batches: Vec<(BatchTime, Vec<Vec<i32>>)>| -> Vec<_> {
        batches.into_iter().map(|(_, partitions)| partitions).collect()
    };
    assert_eq!(of(ones.take_batches()), [vec![vec![1, 2]], vec![vec![3], vec![], vec![4]], vec![vec![0]]]);
    assert_eq!(of(alls.take_batches()), [vec![vec![1, 2], vec![3], vec![], vec![4]], vec![], vec![]]);
    assert_eq!(constant.take_all(), [7, 7, 7]);
    assert!(one.is_empty() && all.is_empty());
}

/// Has a thread that does not come back at the stop.
struct WithThread(Option<InputHandle>);

impl InputDStream<u64> for WithThread {
    type Plan = ();

    fn name(&self) -> String {
        "with thread".to_owned()
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        self.0 = Some(handle.clone());
        Ok(())
    }

    fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<(), SourceError> {
        Ok(())
    }

    fn batch(&mut self, (): &(), ctx: &BatchContext) -> Result<Batch<u64>, SourceError> {
        Ok(ctx.empty())
    }

    fn stop(&mut self) {
        self.0.take().unwrap().abandon_thread("foreign-call");
    }
}

#[test]
fn a_thread_that_an_input_gives_up_is_named_in_the_report() {
    let ssc = StreamingContext::new(SECOND).unwrap();
    ssc.input_stream(WithThread(None)).count().collect();
    let report = ssc.start().unwrap().stop_gracefully(DEADLINE).unwrap();
    assert_eq!(report.abandoned_threads, ["foreign-call"]);

    let ssc = StreamingContext::new(SECOND).unwrap();
    ssc.input_stream(WithThread(None)).count().collect();
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    assert_eq!(test.stop_gracefully().unwrap().abandoned_threads, ["foreign-call"]);
}
