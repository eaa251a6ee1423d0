//! The directory: wrong, missing, gone and back.

use super::*;

/// What the start of a stream of lines fails with.
fn start_error(options: FileOptions) -> Error {
    match Kit::start(ErrorPolicy::stop(), |ssc| ssc.text_file_stream_with(options)) {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[test]
fn a_file_in_place_of_the_directory_is_an_error_that_says_so() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.txt", "x\n", 1);
    let path = dir.path().join("a.txt");
    let error = start_error(FileOptions::new(&path, Existing::Read).wait_for_dir());
    assert!(matches!(file_error(&error), FileError::NotADirectory { path: p } if *p == path), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "source files {0}: {0} is a file; give its directory {1}",
            path.display(),
            dir.path().display()
        )
    );
}

#[test]
fn a_missing_directory_is_an_error_unless_it_is_waited_for() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("later");
    let error = start_error(FileOptions::new(&path, Existing::Read));
    assert!(matches!(file_error(&error), FileError::NoSuchDirectory { dir } if *dir == path), "{error}");

    let options = FileOptions::new(&path, Existing::Skip).settle(Duration::ZERO).wait_for_dir();
    let mut kit = lines(options);
    assert!(kit.step().is_empty());
    assert!(kit.step().is_empty());
    fs::create_dir(&path).unwrap();
    write(&path, "a", "new\n", 1);
    assert_eq!(kit.step(), ["new"], "what is there when it appears is new");
    assert_eq!(kit.events.kinds(), ["dir_missing", "dir_found"]);
}

#[test]
#[cfg(unix)]
fn a_directory_that_cannot_be_listed_is_an_error() {
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
    let error = start_error(FileOptions::new(dir.path().join("loop"), Existing::Read));
    assert!(matches!(file_error(&error), FileError::DirectoryUnreadable { .. }), "{error}");
}

#[test]
#[cfg(unix)]
fn a_directory_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o000);
    // The superuser may list it all the same.
    let forbidden = fs::read_dir(dir.path()).is_err();
    let started = Kit::start(ErrorPolicy::stop(), |ssc| ssc.text_file_stream(dir.path(), Existing::Read));
    set(0o700);
    match started {
        Ok(_) => assert!(!forbidden, "it started"),
        Err(error) => {
            assert!(matches!(file_error(&error), FileError::DirectoryUnreadable { .. }), "{error}");
        }
    }
}

#[test]
fn a_directory_that_goes_gives_empty_batches_until_it_is_back() {
    let parent = TempDir::new().unwrap();
    let (dir, aside) = (parent.path().join("dir"), parent.path().join("aside"));
    fs::create_dir(&dir).unwrap();
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(FileOptions::new(&dir, Existing::Read).settle(Duration::ZERO));
    assert_eq!(kit.step(), ["one"]);
    fs::rename(&dir, &aside).unwrap();
    assert!(kit.step().is_empty());
    assert!(kit.step().is_empty());
    assert_eq!(kit.events.kinds(), ["dir_vanished"]);
    write(&aside, "b", "two\n", 1);
    fs::rename(&aside, &dir).unwrap();
    assert_eq!(kit.step(), ["two"], "what was read before is remembered");
    assert_eq!(kit.events.kinds(), ["dir_found"]);
}

#[test]
#[cfg(unix)]
fn a_directory_that_cannot_be_listed_for_a_while_is_told_once_each_way() {
    let parent = TempDir::new().unwrap();
    let (dir, aside) = (parent.path().join("dir"), parent.path().join("aside"));
    fs::create_dir(&dir).unwrap();
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(FileOptions::new(&dir, Existing::Read).settle(Duration::ZERO));
    assert_eq!(kit.step(), ["one"]);
    fs::rename(&dir, &aside).unwrap();
    std::os::unix::fs::symlink("dir", &dir).unwrap();
    kit.test.run_batches(3).unwrap();
    fs::remove_file(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    kit.test.run_batches(3).unwrap();
    assert_eq!(kit.events.kinds(), ["dir_unreadable", "dir_found"]);
    assert!(kit.read.take_all().is_empty());
}

#[test]
fn an_empty_directory_in_its_place_makes_nothing_forgotten() {
    // As when a file system is unmounted: the directory it was mounted on is empty.
    let parent = TempDir::new().unwrap();
    let (dir, aside) = (parent.path().join("dir"), parent.path().join("aside"));
    fs::create_dir(&dir).unwrap();
    write(&dir, "a", "one\n", 1);
    let mut kit = lines(FileOptions::new(&dir, Existing::Read).settle(Duration::ZERO));
    assert_eq!(kit.step(), ["one"]);
    fs::rename(&dir, &aside).unwrap();
    fs::create_dir(&dir).unwrap();
    assert!(kit.step().is_empty());
    fs::remove_dir(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    assert!(kit.step().is_empty());
}

#[test]
fn too_many_entries_are_an_error_at_the_start_and_later() {
    let dir = TempDir::new().unwrap();
    for name in ["a", "b", "c"] {
        write(&dir, name, "x\n", 1);
    }
    let error = start_error(at_once(&dir).scan_limit(2));
    assert!(matches!(file_error(&error), FileError::TooManyEntries { limit: 2, .. }), "{error}");

    let mut kit = lines(at_once(&dir).scan_limit(3));
    assert_eq!(kit.step().len(), 3);
    write(&dir, "d", "x\n", 1);
    let error = kit.test.step_batch().unwrap_err();
    assert!(matches!(file_error(&error), FileError::TooManyEntries { limit: 3, .. }), "{error}");
}

#[test]
fn options_that_make_no_sense_are_told_with_their_line() {
    let dir = TempDir::new().unwrap();
    let error = start_error(at_once(&dir).max_files_per_batch(0));
    assert!(matches!(error, Error::Build(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("text_file_stream at ") && text.contains("max_files_per_batch"), "{text}");
    assert!(text.contains("directory.rs"), "{text}");

    let binary =
        Kit::start(ErrorPolicy::stop(), |ssc| ssc.binary_records_stream(dir.path(), 0, Existing::Read));
    let text = binary.map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("binary_records_stream at ") && text.contains("directory.rs"), "{text}");
}
