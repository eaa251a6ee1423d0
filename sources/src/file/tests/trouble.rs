//! Files that change between the cut of a batch and their reading: an event, and the other files are read.

use super::*;

/// Three files; before they are read in the first batch, `act` is done to the directory.
fn disturbed(dir: &TempDir, act: impl Fn(&Path) + Send + 'static) -> Kit<Text> {
    for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
        write(dir, name, format!("{name}1\n{name}2\n"), i as u64 + 1);
    }
    let path = dir.path().to_owned();
    let mut first = true;
    let options = at_once(dir);
    Kit::start(ErrorPolicy::stop(), |ssc| {
        before_reading(ssc, move || {
            if std::mem::take(&mut first) {
                act(&path);
            }
        });
        ssc.text_file_stream_with(options)
    })
    .unwrap()
}

#[test]
fn a_file_that_goes_away_is_told() {
    let dir = TempDir::new().unwrap();
    let mut kit = disturbed(&dir, |dir| fs::remove_file(dir.join("b")).unwrap());
    assert_eq!(kit.step(), ["a1", "a2", "c1", "c2"]);
    let events = kit.events.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].0, "file_vanished");
    assert!(events[0].1.contains(&dir.path().join("b").display().to_string()), "{events:?}");
    assert!(kit.step().is_empty());
    write(&dir, "b", "b\n", 2);
    assert_eq!(kit.step(), ["b"], "a file of its name is a new one");
}

#[test]
fn a_file_that_grows_or_shrinks_is_told_and_read_later_as_a_whole() {
    for (contents, what) in [("b1\nb2\nb3\n", "went from 6 to 9 bytes"), ("b1\n", "went from 6 to 3 bytes")] {
        let dir = TempDir::new().unwrap();
        let mut kit = disturbed(&dir, move |dir| fs::write(dir.join("b"), contents).unwrap());
        assert_eq!(kit.step(), ["a1", "a2", "c1", "c2"]);
        assert_eq!(kit.step(), contents.lines().collect::<Vec<_>>());
        assert!(kit.step().is_empty());
        let events = kit.events.take();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].0 == "file_changed" && events[0].1.contains(what), "{events:?}");
    }
}

#[test]
fn a_file_that_is_replaced_or_touched_is_told_and_read_later() {
    let replace = |dir: &Path| {
        write(dir, ".b", "b1\nb2\n", 2);
        fs::rename(dir.join(".b"), dir.join("b")).unwrap();
    };
    let touch = |dir: &Path| write(dir, "b", "b1\nb2\n", 77);
    for (act, what) in [(replace as fn(&Path), "was replaced"), (touch, "was written to")] {
        let dir = TempDir::new().unwrap();
        let mut kit = disturbed(&dir, act);
        assert_eq!(kit.step(), ["a1", "a2", "c1", "c2"]);
        assert_eq!(kit.step(), ["b1", "b2"]);
        let events = kit.events.take();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].0 == "file_changed" && events[0].1.contains(what), "{events:?}");
    }
}

#[test]
fn a_changed_file_has_to_settle_again() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "half", 1);
    let (path, mut first) = (dir.path().to_owned(), true);
    let options = FileOptions::new(dir.path(), Existing::Read).settle(Duration::from_secs(2));
    let mut kit = Kit::start(ErrorPolicy::stop(), |ssc| {
        before_reading(ssc, move || {
            if std::mem::take(&mut first) {
                write(&path, "a", "whole\n", 2);
            }
        });
        ssc.text_file_stream_with(options)
    })
    .unwrap();
    assert!(kit.step().is_empty());
    assert!(kit.step().is_empty());
    assert!(kit.step().is_empty());
    assert_eq!(kit.step(), ["whole"]);
}

#[test]
#[cfg(unix)]
fn a_file_that_cannot_be_opened_is_told_and_tried_again_after_a_pause() {
    let (dir, aside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&dir, "a", "a\n", 1);
    write(&dir, "b", "b\n", 2);
    let (file, kept) = (dir.path().join("b"), aside.path().join("b"));
    let broken = Arc::new(Mutex::new(true));
    let (options, is_broken) = (at_once(&dir), Arc::clone(&broken));
    let events = Arc::new(Events::default());
    let ssc = builder().listener(Arc::clone(&events) as Arc<_>).build().unwrap();
    // A link to itself in the file's place, while files are read: nobody may open that, not even the superuser.
    let (f, k, broken_now) = (file.clone(), kept.clone(), Arc::clone(&is_broken));
    before_reading(&ssc, move || {
        if *broken_now.lock() {
            fs::rename(&f, &k).unwrap();
            std::os::unix::fs::symlink("b", &f).unwrap();
        }
    });
    let read = ssc.text_file_stream_with(options).collect();
    before_reading(&ssc, move || {
        if *is_broken.lock() {
            fs::rename(&kept, &file).unwrap();
        }
    });
    let mut test = ssc.start_stepped().unwrap();
    // It is tried in the first, second and fourth batch: pauses of 1 and 2 s.
    test.run_batches(4).unwrap();
    assert_eq!(read.take_all(), ["a"]);
    assert_eq!(events.kinds(), ["file_unreadable"]);
    *broken.lock() = false;
    test.run_batches(3).unwrap();
    assert!(read.take_all().is_empty());
    test.step_batch().unwrap();
    assert_eq!(read.take_all(), ["b"]);
}

#[test]
#[cfg(unix)]
fn a_file_without_permission_is_told_and_costs_no_other_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "a\n", 1);
    write(&dir, "b", "b\n", 2);
    fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    let forbidden = File::open(dir.path().join("a")).is_err();
    let mut kit = lines(at_once(&dir));
    let (read, events) = (kit.step(), kit.events.kinds());
    if forbidden {
        assert_eq!((read, events), (vec!["b".into()], vec!["file_unreadable"]));
    } else {
        assert_eq!((read, events), (vec!["a".into(), "b".into()], vec![]));
    }
}

/// A file of so many lines of a thousand bytes, and a small one; `act` is done to the large one while its lines are
/// seen.
fn disturbed_while_read(
    dir: &TempDir,
    lines: usize,
    act: impl Fn(&File) + Send + Sync + 'static,
) -> Kit<Text> {
    write(dir, "a", format!("{}\n", "x".repeat(999)).repeat(lines), 1);
    write(dir, "b", "b\n", 2);
    let (path, options) = (dir.path().join("a"), at_once(dir));
    Kit::start(ErrorPolicy::stop(), |ssc| {
        ssc.text_file_stream_with(options).map(move |line: Text| {
            if line.len() == 999 {
                act(&File::options().append(true).open(&path).unwrap());
            }
            line
        })
    })
    .unwrap()
}

#[test]
fn a_file_that_is_cut_while_it_is_read_ends_early_and_is_told() {
    let dir = TempDir::new().unwrap();
    // The first of its four partitions is larger than a block, so that its second block is missed.
    let mut kit = disturbed_while_read(&dir, 6_000, |file| file.set_len(1_000).unwrap());
    let lines = kit.step();
    assert!((1_000..1_100).contains(&lines.len()), "{}", lines.len());
    assert_eq!(lines.last().unwrap(), "b");
    assert_eq!(kit.events.kinds(), ["file_changed"]);
    assert_eq!(kit.step().len(), 1, "it is read as it is now");
}

#[test]
fn a_file_that_grows_while_it_is_read_gives_what_was_planned_and_is_read_again() {
    let dir = TempDir::new().unwrap();
    let once = Mutex::new(true);
    let mut kit = disturbed_while_read(&dir, 50, move |mut file| {
        if std::mem::take(&mut *once.lock()) {
            std::io::Write::write_all(&mut file, b"more\n").unwrap();
        }
    });
    assert_eq!(kit.step().len(), 51);
    assert_eq!(kit.events.kinds(), ["file_changed"]);
    let again = kit.step();
    assert_eq!((again.len(), again.last()), (51, Some(&"more".into())));
    assert!(kit.step().is_empty());
}
