//! The inputs of the fuzz targets, tried on stable Rust: seeds, and whatever once made a target fail.

use std::fs;

use batchmill_fuzz::{TARGETS, corpus_dir};

#[test]
fn every_input_of_every_corpus_holds() {
    for target in TARGETS {
        let dir = corpus_dir().join(target.name);
        let inputs = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let mut tried = 0;
        for input in inputs {
            let path = input.unwrap().path();
            // The output of a failing test then ends with the input's name.
            println!("{}", path.display());
            (target.run)(&fs::read(&path).unwrap());
            tried += 1;
        }
        assert!(tried > 0, "{} has no input", dir.display());
    }
}

#[test]
fn every_corpus_and_program_has_a_target() {
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    names.sort();
    assert_eq!(names_in("corpus"), names);
    assert_eq!(names_in("targets"), names);
}

/// The names of what lies in a folder of the fuzz package, without their extension, sorted.
fn names_in(folder: &str) -> Vec<String> {
    let folder = corpus_dir().with_file_name(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
