//! Counts the words of text files as they appear in a directory (Spark's `hdfs_wordcount`).
//!
//! ```console
//! $ mkdir /tmp/in
//! $ cargo run --release --example file_word_count /tmp/in      # on one terminal
//! $ cp README.md /tmp/in/                                      # on another
//! ```

use std::process::ExitCode;

use batchmill_examples::{Arguments, Failure, Options, UsageError, program, run};
use batchmill_sources::file::Existing;
use batchmill_sources::prelude::*;

const USAGE: &str = "file_word_count DIR [--existing read|skip] [--batch-ms MS] [--batches N] [--workers N]

Counts the words of the files that appear in the directory DIR; --existing says whether those that are there already
are read (the default) or skipped. A file is read as a whole when it has not changed for a second, so write it elsewhere
and move it in, or under a name that begins with a dot and rename it.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let existing = existing(&mut arguments)?;
    let dir = arguments.positional()?.ok_or_else(|| UsageError::new("DIR is missing"))?;
    arguments.end()?;

    let ssc = options.context()?;
    let lines = ssc.text_file_stream(dir, existing);
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    run(ssc)
}

fn existing(arguments: &mut Arguments) -> Result<Existing, UsageError> {
    match arguments.option("--existing")? {
        None => Ok(Existing::Read),
        Some(choice) if choice == "read" => Ok(Existing::Read),
        Some(choice) if choice == "skip" => Ok(Existing::Skip),
        Some(choice) => Err(UsageError::new(format!("--existing is read or skip, not {choice:?}"))),
    }
}
