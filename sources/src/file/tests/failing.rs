//! Batches that fail: what is read again, what is left, and that contents stay the same from run to run.

use std::collections::BTreeSet;

use batchmill::text::{LongLine, Utf8Policy};

use super::*;

/// Keeps what each run of each batch saw.
type Runs = Arc<Mutex<Vec<Vec<String>>>>;

/// A context whose output notes every run and fails as `fails` says.
fn noting(
    options: FileOptions,
    policy: ErrorPolicy,
    fails: impl Fn(usize, &[String]) -> bool + Send + Sync + 'static,
) -> (SteppedContext, Runs, Arc<Events>) {
    let (events, runs) = (Arc::new(Events::default()), Runs::default());
    let ssc = builder().listener(Arc::clone(&events) as Arc<_>).error_policy(policy).build().unwrap();
    let seen = Arc::clone(&runs);
    ssc.text_file_stream_with(options).for_each_batch(move |batch| {
        let lines: Vec<String> = batch.collect()?.iter().map(Text::to_string).collect();
        let failed = fails(seen.lock().len(), &lines);
        seen.lock().push(lines);
        if failed { Err(batchmill::SourceError::from("no")) } else { Ok(()) }
    });
    (ssc.start_stepped().unwrap(), runs, events)
}

#[test]
fn a_batch_that_runs_again_reads_the_same() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "one\ntwo\n", 1);
    write(&dir, "b", "three\n", 2);
    let policy = ErrorPolicy::retry(3);
    let (mut test, runs, events) = noting(at_once(&dir), policy, |run, _| run < 3);
    test.run_batches(2).unwrap();
    let same = vec!["one".to_owned(), "two".into(), "three".into()];
    assert_eq!(*runs.lock(), [same.clone(), same.clone(), same.clone(), same, vec![]]);
    assert!(events.take().is_empty());
}

#[test]
fn files_of_a_failed_batch_are_read_again_until_the_one_at_fault_is_alone() {
    let dir = TempDir::new().unwrap();
    for n in 0..8 {
        write(&dir, &n.to_string(), if n == 5 { "poison\n".into() } else { format!("{n}\n") }, n);
    }
    let fails = |_, lines: &[String]| lines.iter().any(|line| line == "poison");
    let (mut test, runs, events) = noting(at_once(&dir), ErrorPolicy::continue_on_error(), fails);
    test.run_batches(12).unwrap();
    let good: BTreeSet<String> =
        runs.lock().iter().filter(|lines| !fails(0, lines)).flatten().cloned().collect();
    assert_eq!(good, [0, 1, 2, 3, 4, 6, 7].map(|n| n.to_string()).into());
    let failed: Vec<usize> = runs.lock().iter().filter(|lines| fails(0, lines)).map(Vec::len).collect();
    assert_eq!(failed, [8, 4, 2, 1]);
    let events = events.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].0 == "file_skipped" && events[0].1.contains("5 was alone"), "{events:?}");
    write(&dir, "new", "new\n", 9);
    test.step_batch().unwrap();
    assert_eq!(runs.lock().last().unwrap(), &["new"], "later files are not held up");
}

#[test]
fn a_good_file_is_read_by_one_batch_that_succeeds() {
    let dir = TempDir::new().unwrap();
    for n in 0..5 {
        write(&dir, &n.to_string(), format!("{n}\n"), n);
    }
    let (mut test, runs, _) = noting(at_once(&dir), ErrorPolicy::continue_on_error(), |run, _| run == 0);
    test.run_batches(6).unwrap();
    let read: Vec<String> = runs.lock().iter().skip(1).flatten().cloned().collect();
    assert_eq!(read, ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_line_that_is_too_long_names_its_place_and_only_its_file_is_left() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "good\n", 1);
    write(&dir, "b", "short\nmuch too long\n", 2);
    write(&dir, "c", "fine\n", 3);
    let options = || at_once(&dir).max_line(8);
    let mut kit = lines(options());
    let error = kit.test.step_batch().unwrap_err();
    let path = dir.path().join("b");
    assert!(
        matches!(file_error(&error), FileError::LineTooLong { path: p, offset: 6, limit: 8 } if *p == path),
        "{error}"
    );

    let (mut test, runs, events) = noting(options(), ErrorPolicy::continue_on_error(), |_, _| false);
    test.run_batches(2).unwrap();
    assert_eq!(*runs.lock(), [["good", "fine"]], "the first batch failed before it saw a line");
    let events = events.take();
    assert!(
        events.len() == 1 && events[0].0 == "file_skipped" && events[0].1.contains("b was refused"),
        "{events:?}"
    );

    for (policy, second) in [(LongLine::Truncate, "much too"), (LongLine::Skip, "short")] {
        let mut kit = lines(options().long_line(policy));
        assert!(kit.step().contains(&second.into()));
        let events = kit.events.take();
        assert!(
            events.len() == 1 && events[0].0 == "long_lines" && events[0].1.starts_with("1 lines of"),
            "{events:?}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_are_treated_as_asked_and_told() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "good\n", 1);
    write(&dir, "b", b"be\xFF\nfine\n\xFE\n", 2);
    let mut kit = lines(at_once(&dir).utf8(Utf8Policy::Strict));
    let error = kit.test.step_batch().unwrap_err();
    let path = dir.path().join("b");
    assert!(
        matches!(file_error(&error), FileError::InvalidUtf8 { path: p, offset: 2 } if *p == path),
        "{error}"
    );

    for (policy, expected, what) in [
        (Utf8Policy::Lossy, vec!["good", "be\u{FFFD}", "fine", "\u{FFFD}"], "repaired"),
        (Utf8Policy::Skip, vec!["good", "fine"], "skipped"),
    ] {
        let options = at_once(&dir).utf8(policy);
        // Two outputs read it twice, and it is counted once.
        let mut kit = Kit::start(ErrorPolicy::retry(1), |ssc| {
            let lines = ssc.text_file_stream_with(options);
            lines.for_each_batch(|batch| drop(batch.len()));
            lines
        })
        .unwrap();
        assert_eq!(kit.step(), expected);
        let events = kit.events.take();
        assert_eq!(events.len(), 1, "{events:?}");
        let told =
            format!("2 lines of {} are not UTF-8 and were {what}, the first at byte 2", path.display());
        assert_eq!(events[0], ("invalid_utf8", told));
    }
}
