//! Joins the words of each batch with a static table of sentiments and prints the happiest ones first (Spark's example of
//! the same name). The table lies in memory once and every task looks into it: nothing is shuffled for the join.
//!
//! ```console
//! $ cargo run --release --example network_word_join_sentiments
//! $ cargo run --release --example network_word_join_sentiments 127.0.0.1 9999 --table my-words.tsv
//! ```

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use batchmill::prelude::*;
use batchmill_examples::{Arguments, Failure, Options, TextSource, program, run};
use batchmill_sources::prelude::*;

const USAGE: &str =
    "network_word_join_sentiments [HOST PORT] [--table FILE] [--batch-ms MS] [--batches N] [--workers N]

Prints for each batch of lines from the server at HOST PORT (or HOST:PORT; without an address: from a server of its own)
the words that have a sentiment, and the sum of it, the happiest first. FILE has a word, a tab and a whole number in
each line; without it a small table is built in.
";

const BUILT_IN: &str = include_str!("sentiments.tsv");

fn main() -> ExitCode {
    program(USAGE, happiest_words)
}

fn happiest_words(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let table = arguments.option("--table")?;
    let mut source = TextSource::take(&mut arguments)?;
    arguments.end()?;
    let sentiments = Arc::new(load(table)?);

    let ssc = options.context()?;
    let lines = ssc.socket_text_stream(source.address()?);
    let words = lines.flat_map(|line| line.split_whitespace());
    let counts = words.map(|word| (word, 1i64)).reduce_by_key(|a, b| a + b);
    let joined = counts.join_table(&sentiments);
    let scores = joined.map(|(word, (count, sentiment))| (word, sentiment.saturating_mul(count)));
    happiest_first(scores).print();
    run(ssc)
}

/// The records of every batch in one partition, the highest scores first, equal ones by word.
fn happiest_first<'c>(scores: DStream<'c, (Text, i64)>) -> DStream<'c, (Text, i64)> {
    scores.repartition(1).map_partitions(|scores| {
        let mut scores: Vec<_> = scores.collect();
        scores.sort_by(|(word_a, a), (word_b, b)| b.cmp(a).then_with(|| word_a.cmp(word_b)));
        scores
    })
}

fn load(file: Option<OsString>) -> Result<HashMap<Text, i64>, Failure> {
    let Some(file) = file else { return parse(BUILT_IN).map_err(Failure::Other) };
    let file = Path::new(&file);
    let failed = |reason: String| Failure::Other(format!("table {}: {reason}", file.display()));
    let table = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    parse(&table).map_err(failed)
}

/// A word, a tab and a whole number in each line.
fn parse(table: &str) -> Result<HashMap<Text, i64>, String> {
    let entry = |line: &str| {
        let (word, value) = line.split_once('\t')?;
        Some((word.into(), value.parse().ok()?))
    };
    let wrong = |number, line| format!("line {number} is not a word, a tab and a whole number: {line:?}");
    (1..).zip(table.lines()).map(|(number, line)| entry(line).ok_or_else(|| wrong(number, line))).collect()
}
