//! Counts the words of lines from a TCP server, batch by batch: the program every text on DStreams begins with.
//!
//! ```console
//! $ nc -lk 9999                                                              # on one terminal: type
//! $ cargo run --release --example network_word_count 127.0.0.1 9999          # on another: read
//! $ cargo run --release --example network_word_count                         # alone, with a server of its own
//! ```

use std::process::ExitCode;

use batchmill_examples::{Arguments, Failure, Options, TextSource, program, run};
use batchmill_sources::prelude::*;

const USAGE: &str = "network_word_count [HOST PORT] [--batch-ms MS] [--batches N] [--workers N]

Counts the words of each batch of lines that the server at HOST PORT (or HOST:PORT) sends; `nc -lk PORT` is such a
server. Without an address the program starts a text server of its own.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut source = TextSource::take(&mut arguments)?;
    arguments.end()?;

    let ssc = options.context()?;
    let lines = ssc.socket_text_stream(source.address()?);
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    run(ssc)
}
