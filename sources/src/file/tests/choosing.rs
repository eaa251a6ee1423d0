//! Which files are read, in which batch, and in which order.

use super::*;

#[test]
fn a_file_that_was_moved_in_is_read_though_it_is_old() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut kit = lines(at_once(&dir));
    assert!(kit.step().is_empty());
    write(&elsewhere, "old", "from long ago\n", 1_000);
    fs::rename(elsewhere.path().join("old"), dir.path().join("old")).unwrap();
    assert_eq!(kit.step(), ["from long ago"]);
}

#[test]
fn existing_files_are_read_or_skipped_as_the_program_says() {
    for (existing, first) in [(Existing::Read, vec!["old"]), (Existing::Skip, vec![])] {
        let dir = TempDir::new().unwrap();
        write(&dir, "a", "old\n", 1);
        let mut kit = lines(FileOptions::new(dir.path(), existing).settle(Duration::ZERO));
        assert_eq!(kit.step(), first);
        write(&dir, "b", "new\n", 0);
        assert_eq!(kit.step(), ["new"]);
    }
}

#[test]
fn a_skipped_file_is_read_when_it_changes() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "old\n", 1);
    let mut kit = lines(FileOptions::new(dir.path(), Existing::Skip).settle(Duration::ZERO));
    assert!(kit.step().is_empty());
    write(&dir, "a", "old\nnew\n", 2);
    assert_eq!(kit.step(), ["old", "new"]);
}

#[test]
fn a_file_under_a_hidden_name_is_read_when_it_is_renamed() {
    let dir = TempDir::new().unwrap();
    let mut kit = lines(at_once(&dir));
    for hidden in [".a", "_a", "a.tmp", "a._COPYING_"] {
        write(&dir, hidden, "half", 1);
        assert!(kit.step().is_empty(), "{hidden}");
        write(&dir, hidden, "whole\n", 2);
        fs::rename(dir.path().join(hidden), dir.path().join(format!("from{hidden}.txt"))).unwrap();
        assert_eq!(kit.step(), ["whole"], "{hidden}");
    }
    assert!(kit.events.take().is_empty());
}

#[test]
fn a_file_that_grows_is_read_once_when_it_has_settled() {
    let dir = TempDir::new().unwrap();
    let mut kit = lines(FileOptions::new(dir.path(), Existing::Read).settle(Duration::from_secs(2)));
    for part in 1..=5 {
        write(&dir, "a", "line\n".repeat(part), part as u64);
        assert!(kit.step().is_empty(), "it has changed in each of the first five batches");
    }
    assert!(kit.step().is_empty(), "it has been the same for a second");
    assert_eq!(kit.step().len(), 5);
    assert!(kit.step().is_empty());
}

#[test]
fn by_default_a_file_is_read_when_two_batches_a_second_apart_have_seen_it_alike() {
    let dir = TempDir::new().unwrap();
    write(&dir, "there", "at the start\n", 1);
    let mut kit = lines(FileOptions::new(dir.path(), Existing::Read));
    write(&dir, "new", "a new one\n", 2);
    assert_eq!(kit.step(), ["at the start"]);
    assert_eq!(kit.step(), ["a new one"]);
}

#[test]
fn a_file_is_read_however_late_it_appears() {
    let dir = TempDir::new().unwrap();
    let mut kit = lines(at_once(&dir));
    kit.test.advance(Duration::from_secs(300)).unwrap();
    write(&dir, "a", "late\n", 10);
    assert_eq!(kit.step(), ["late"]);
}

#[test]
fn a_file_is_read_once_whatever_else_comes() {
    let dir = TempDir::new().unwrap();
    let mut kit = lines(at_once(&dir));
    for n in 0..50 {
        write(&dir, &format!("{n}"), format!("{n}\n"), 7);
        assert_eq!(kit.step(), [n.to_string()]);
    }
    assert!(kit.step().is_empty());
}

#[test]
fn odd_entries_are_told_once_and_cost_no_other_file() {
    let dir = TempDir::new().unwrap();
    write(&dir, "_x", "not read\n", 1);
    write(&dir, "a", "read\n", 1);
    fs::create_dir_all(dir.path().join("nested/deeper")).unwrap();
    write(dir.path().join("nested"), "b", "not read\n", 1);
    let mut kit = lines(at_once(&dir));
    assert_eq!(kit.step(), ["read"]);
    write(dir.path().join("nested"), "c", "not read\n", 1);
    assert!(kit.step().is_empty());
    let events = kit.events.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].0, "file_skipped");
    assert!(events[0].1.contains("nested is a directory"), "{events:?}");
}

#[test]
#[cfg(unix)]
fn links_are_not_followed() {
    let (dir, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&outside, "secret", "not read\n", 1);
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    link(&outside.path().join("secret"), "to-a-file");
    link(Path::new("loop"), "loop");
    link(Path::new(".."), "up");
    let mut kit = lines(at_once(&dir));
    kit.test.run_batches(3).unwrap();
    assert!(kit.read.take_all().is_empty());
    let events = kit.events.take();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events.iter().all(|(kind, why)| *kind == "file_skipped" && why.contains("symbolic link")));
}

#[test]
fn a_directory_behind_a_link_is_read() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("real")).unwrap();
    write(dir.path().join("real"), "a", "read\n", 1);
    #[cfg(unix)]
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    #[cfg(not(unix))]
    fs::rename(dir.path().join("real"), dir.path().join("link")).unwrap();
    let mut kit = lines(FileOptions::new(dir.path().join("link"), Existing::Read));
    assert_eq!(kit.step(), ["read"]);
}

#[test]
fn files_come_in_the_order_of_time_and_name_so_many_a_batch() {
    let dir = TempDir::new().unwrap();
    for n in 0..1_000 {
        // Two of each time.
        write(&dir, &format!("{:03}", 999 - n), format!("{n}\n"), 500 - n / 2);
    }
    let mut kit = lines(at_once(&dir).max_files_per_batch(300));
    let batches: Vec<_> = (0..5).map(|_| kit.step()).collect();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [300, 300, 300, 100, 0]);
    let all: Vec<String> = batches.concat().iter().map(Text::to_string).collect();
    let expected: Vec<String> = (0..1_000).rev().map(|n| n.to_string()).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_batch_keeps_to_its_bytes_and_a_larger_file_goes_alone() {
    let dir = TempDir::new().unwrap();
    for (i, bytes) in [40, 40, 40, 500, 10].into_iter().enumerate() {
        write(&dir, &i.to_string(), format!("{}\n", "x".repeat(bytes - 1)), i as u64);
    }
    let mut kit = lines(at_once(&dir).max_bytes_per_batch(100));
    let sizes: Vec<Vec<usize>> =
        (0..5).map(|_| kit.step().iter().map(|line| line.len() + 1).collect()).collect();
    assert_eq!(sizes, [vec![40, 40], vec![40], vec![500], vec![10], vec![]]);
}

#[test]
fn the_limit_of_bytes_is_that_of_the_context_by_default() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "x\n", 1);
    write(&dir, "b", "y\n", 2);
    let ssc = builder().max_unprocessed_bytes(3).build().unwrap();
    let read = ssc.text_file_stream(dir.path(), Existing::Read).collect();
    let mut test = ssc.start_stepped().unwrap();
    test.run_batches(2).unwrap();
    let batches: Vec<_> = read.take_batches().into_iter().map(|(_, lines)| lines).collect();
    assert_eq!(batches, [["x"], ["y"]]);
}

#[test]
fn a_file_that_was_written_to_is_read_again_as_a_whole_and_told() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(at_once(&dir));
    assert_eq!(kit.step(), ["one"]);
    write(&dir, "a", "one\ntwo\n", 2);
    assert_eq!(kit.step(), ["one", "two"]);
    assert!(kit.step().is_empty());
    assert_eq!(kit.events.kinds(), ["file_changed"]);
}

#[test]
fn a_file_that_was_replaced_is_another_one() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(at_once(&dir));
    assert_eq!(kit.step(), ["one"]);
    write(&dir, ".a", "two\n", 1);
    fs::rename(dir.path().join(".a"), dir.path().join("a")).unwrap();
    assert_eq!(kit.step(), ["two"], "it differs by its inode only");
    assert!(kit.events.take().is_empty());
}

#[test]
fn a_file_that_went_and_came_back_is_not_read_twice() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(at_once(&dir));
    assert_eq!(kit.step(), ["one"]);
    fs::rename(dir.path().join("a"), elsewhere.path().join("a")).unwrap();
    assert!(kit.step().is_empty());
    fs::rename(elsewhere.path().join("a"), dir.path().join("a")).unwrap();
    assert!(kit.step().is_empty());
}

#[test]
fn between_scans_the_directory_is_not_listed_and_what_waits_is_read() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "a\n", 1);
    write(&dir, "b", "b\n", 2);
    let options = at_once(&dir).scan_interval(Duration::from_secs(3)).max_files_per_batch(1);
    let mut kit = lines(options);
    assert_eq!(kit.step(), ["a"]);
    write(&dir, "c", "c\n", 0);
    assert_eq!(kit.step(), ["b"]);
    assert!(kit.step().is_empty());
    assert_eq!(kit.step(), ["c"]);
}

#[test]
fn only_files_that_the_filter_accepts_are_read() {
    let dir = TempDir::new().unwrap();
    for name in ["a.csv", "b.txt", "_c.csv"] {
        write(&dir, name, format!("{name}\n"), 1);
    }
    fs::create_dir(dir.path().join("d")).unwrap();
    let csv = |path: &Path| path.extension().is_some_and(|ext| ext == "csv");
    let mut kit = lines(at_once(&dir).filter(csv));
    assert_eq!(kit.step(), ["a.csv"]);
    let mut kit = lines(at_once(&dir).filter(csv).with_hidden());
    assert_eq!(kit.step(), ["_c.csv", "a.csv"]);
    assert!(kit.events.take().is_empty(), "what the filter leaves out is not told of");
}
