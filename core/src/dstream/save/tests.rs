//! Scenarios on the stepped driver: what is in the directory after each batch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::{Error, ErrorPolicy, QueueHandle, SteppedContext, StreamingContext};

/// All files below a directory, and directories without any (with the contents `None`).
fn tree(dir: &Path) -> BTreeMap<String, Option<String>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let name = name.to_str().unwrap().to_owned();
        if !path.is_dir() {
            all.insert(name, Some(fs::read_to_string(path).unwrap()));
            continue;
        }
        let below = tree(&path);
        if below.is_empty() {
            all.insert(name, None);
        } else {
            all.extend(below.into_iter().map(|(below, contents)| (format!("{name}/{below}"), contents)));
        }
    }
    all
}

fn files<const N: usize>(files: [(&str, &str); N]) -> BTreeMap<String, Option<String>> {
    files.map(|(name, contents)| (name.to_owned(), Some(contents.to_owned()))).into()
}

/// A context that saves what is queued, one batch a second.
fn saving(options: SaveOptions, policy: ErrorPolicy) -> (SteppedContext, QueueHandle<u32>) {
    let ssc = StreamingContext::builder()
        .batch_interval(Duration::from_secs(1))
        .error_policy(policy)
        .build()
        .unwrap();
    let (queue, numbers) = ssc.queue_stream();
    numbers.save_as_text_files_with(options, |n, line| {
        assert_ne!(*n, 666, "no such number");
        write!(line, "{n}")
    });
    (ssc.start_stepped().unwrap(), queue)
}

/// What saving a batch failed with.
fn save_error(error: &Error) -> &SaveError {
    match error {
        Error::Task(task) => task.cause.downcast_ref().unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn each_partition_with_records_is_a_file_with_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("a/out"), "txt"), ErrorPolicy::stop());
    queue.push_partitions(vec![vec![1, 2], vec![], vec![3]]);
    test.run_batches(2).unwrap();
    assert_eq!(
        tree(&dir.path().join("a")),
        files([("out-1000.txt/part-00000", "1\n2\n"), ("out-1000.txt/part-00002", "3\n")])
    );
}

#[test]
fn a_batch_without_records_leaves_an_empty_directory_only_if_asked() {
    for (keep, expected) in [(false, vec![]), (true, vec![("out-1000".to_owned(), None)])] {
        let dir = tempfile::tempdir().unwrap();
        let options = SaveOptions::new(dir.path().join("out"), "");
        let options = if keep { options.keep_empty() } else { options };
        let (mut test, queue) = saving(options, ErrorPolicy::stop());
        queue.push_partitions(vec![vec![], vec![]]);
        test.step_batch().unwrap();
        assert_eq!(tree(dir.path()), expected.into_iter().collect());
    }
}

#[test]
fn a_directory_of_an_earlier_run_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let options = SaveOptions::new(dir.path().join("out"), "");
    for numbers in [vec![vec![1], vec![2]], vec![vec![3]]] {
        let (mut test, queue) = saving(options.clone(), ErrorPolicy::stop());
        queue.push_partitions(numbers);
        test.step_batch().unwrap();
    }
    assert_eq!(tree(dir.path()), files([("out-1000/part-00000", "3\n")]));
}

#[test]
fn a_run_that_fails_leaves_nothing_and_the_next_one_saves() {
    let dir = tempfile::tempdir().unwrap();
    let policy = ErrorPolicy::continue_on_error();
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("out"), ""), policy);
    queue.push_partitions(vec![vec![1], vec![666]]);
    test.step_batch().unwrap();
    assert!(tree(dir.path()).is_empty());
    queue.push([2]);
    test.step_batch().unwrap();
    assert_eq!(tree(dir.path()), files([("out-2000/part-00000", "2\n")]));
}

#[test]
fn what_a_killed_run_left_is_cleared_with_the_first_batch_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        [".out-500.txt.tmp", ".out-500.txt.old", ".out-600.txt.old", ".out-500.csv.tmp", "out-500.txt"]
    {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("part-00000"), "half").unwrap();
    }
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("out"), "txt"), ErrorPolicy::stop());
    queue.push([1]);
    test.step_batch().unwrap();
    assert_eq!(
        tree(dir.path()),
        files([
            (".out-500.csv.tmp/part-00000", "half"),
            ("out-1000.txt/part-00000", "1\n"),
            ("out-500.txt/part-00000", "half"),
            // It was put aside, and what was to replace it never came.
            ("out-600.txt/part-00000", "half"),
        ])
    );
}

#[test]
fn a_file_where_the_directory_should_be_is_an_error_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("out-1000"), "precious").unwrap();
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("out"), ""), ErrorPolicy::stop());
    queue.push([1]);
    let error = test.step_batch().unwrap_err();
    assert_eq!(save_error(&error).path, dir.path().join("out-1000"), "{error}");
    assert_eq!(tree(dir.path()), files([("out-1000", "precious")]));
}

#[test]
fn a_path_that_cannot_be_created_is_an_error_with_path_operator_and_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("file/out"), ""), ErrorPolicy::stop());
    queue.push([1]);
    let error = test.step_batch().unwrap_err();
    assert_eq!(save_error(&error).path, dir.path().join("file/.out-1000.tmp"));
    let text = error.to_string();
    assert!(
        text.starts_with("save_as_text_files_with at ") && text.contains("partition 0: cannot create"),
        "{text}"
    );
}

#[test]
#[cfg(unix)]
fn a_directory_that_may_not_be_written_to_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    // The superuser may write to it all the same.
    let forbidden = fs::create_dir(dir.path().join("try")).is_err();
    let (mut test, queue) = saving(SaveOptions::new(dir.path().join("out"), ""), ErrorPolicy::stop());
    queue.push([1]);
    let saved = test.step_batch();
    set(0o700);
    match saved {
        Ok(_) => assert!(!forbidden, "it was saved"),
        Err(error) => assert_eq!(save_error(&error).cause.kind(), io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn a_relative_prefix_lies_in_the_current_directory() {
    let time = BatchTime::from_ms(7);
    assert_eq!(SaveOptions::new("out", "").path_at(time), Path::new("out-7"));
    assert_eq!(SaveOptions::new("", "txt").path_at(time), Path::new("7.txt"));
}

#[test]
#[cfg(feature = "rayon")]
fn partitions_are_written_by_several_threads_into_one_directory() {
    use crate::{BatchContext, RayonExecutor};
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let context = BatchContext::new(std::sync::Arc::new(RayonExecutor::on(std::sync::Arc::new(pool))));
    let batch = context.with_inline_limit(0).batch((0..100_000_u32).collect(), 64);
    let dir = tempfile::tempdir().unwrap();
    let options = SaveOptions::new(dir.path().join("out"), "").without_sync();
    save(&batch, &options, &|n, line| write!(line, "{n}"), Site::here("save")).unwrap();
    let parts = tree(dir.path());
    assert_eq!(parts.len(), 64);
    let all: String = parts.into_values().flatten().collect();
    let expected: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(all, expected);
}
