//! Mistakes in settings and graphs: found before anything runs, all at once, with the lines of the program.

use std::time::Duration;

use batchmill::{BuildError, BuildErrors, Error, StreamingContext, StreamingContextBuilder};

const SECOND: Duration = Duration::from_secs(1);

fn ssc() -> StreamingContext {
    StreamingContext::new(SECOND).unwrap()
}

#[test]
fn every_setting_that_is_not_valid_is_refused_by_name() {
    type Set = fn(StreamingContextBuilder) -> StreamingContextBuilder;
    let cases: [(&str, Set); 17] = [
        ("batch_interval", |b| b.batch_interval(Duration::ZERO)),
        ("batch_interval", |b| b.batch_interval(Duration::from_micros(999))),
        ("batch_interval", |b| b.batch_interval(Duration::from_micros(1_001))),
        ("batch_interval", |b| b.batch_interval(Duration::from_secs(86_401))),
        ("batch_interval", |b| b.batch_interval(Duration::MAX)),
        ("block_interval", |b| b.block_interval(Duration::ZERO)),
        ("block_interval", |b| b.block_interval(Duration::MAX)),
        ("block_bytes", |b| b.block_bytes(0)),
        ("max_unprocessed_bytes", |b| b.max_unprocessed_bytes(0)),
        ("max_pending_batches", |b| b.max_pending_batches(0)),
        ("workers", |b| b.workers(0)),
        ("workers", |b| b.workers(usize::MAX)),
        ("default_partitions", |b| b.default_partitions(0)),
        ("receiver_max_rate", |b| b.receiver_max_rate(0)),
        ("receiver_backoff", |b| b.receiver_backoff(Duration::ZERO, SECOND)),
        ("max_pending_batches", |b| b.max_pending_batches(usize::MAX)),
        ("default_partitions", |b| b.default_partitions(usize::MAX)),
    ];
    for (name, set) in cases {
        let result = set(StreamingContext::builder()).build();
        let Err(Error::Config { setting, reason }) = result else { panic!("{name} passed: {result:?}") };
        assert_eq!(setting, name, "{reason}");
        assert!(!reason.is_empty());
    }
    assert!(StreamingContext::new(Duration::ZERO).is_err());
}

#[test]
fn a_graph_without_an_output_does_not_start() {
    let ssc = ssc();
    let _ = ssc.constant_stream(vec![1]).map(|n| n + 1);
    let Err(Error::Build(errors)) = ssc.start() else { panic!("it started") };
    assert_eq!(errors, BuildErrors(vec![BuildError::NoOutput]));
    assert!(errors.to_string().contains("no output is registered"), "{errors}");
}

#[test]
fn all_mistakes_come_at_once_each_with_its_line() {
    let (ssc, other) = (ssc(), ssc());
    let (ours, theirs) = (ssc.constant_stream(vec![1]), other.constant_stream(vec![2]));
    let first = line!() + 1;
    let _ = ours.union(theirs);
    let _ = ours.transform_with(theirs, |batch, _: batchmill::Batch<i32>| batch);
    let _ = ssc.union(&[ours, theirs]);
    let _ = ssc.transform(&[ours, theirs], |mut batches| batches.remove(0));
    let _ = ssc.union::<i32>(&[]);
    ssc.invalid_argument("my_source", "the port is missing");
    let Err(Error::Build(BuildErrors(errors))) = ssc.start_stepped() else { panic!("it started") };
    let told: Vec<_> = errors
        .iter()
        .map(|error| match error {
            BuildError::ForeignStream { site } => ("foreign", site.operator, site.location.line() - first),
            BuildError::NoStreams { site } => ("none", site.operator, site.location.line() - first),
            BuildError::InvalidArgument { site, .. } => {
                ("argument", site.operator, site.location.line() - first)
            }
            BuildError::NoOutput => ("no output", "", 6),
            _ => ("unknown", "", 0),
        })
        .collect();
    assert_eq!(
        told,
        [
            ("foreign", "union", 0),
            ("foreign", "transform_with", 1),
            ("foreign", "union", 2),
            ("foreign", "transform", 3),
            ("none", "union", 4),
            ("argument", "my_source", 5),
            ("no output", "", 6),
        ]
    );
    let file = |error: &BuildError| error.to_string().contains("mistakes.rs:");
    assert!(errors[..6].iter().all(file), "{errors:?}");
}

#[test]
fn a_receiver_cannot_be_stepped_and_the_error_names_it() {
    let ssc = ssc();
    ssc.receiver_stream(crate::sources::idle::<u32>()).for_each_batch(|_| ());
    let error = ssc.start_stepped().unwrap_err().to_string();
    assert!(error.contains("receiver idle"), "{error}");
}
