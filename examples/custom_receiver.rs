//! A source of one's own that pushes: a [`Receiver`] that reads lines from a TCP server (Spark's `CustomReceiver`). It
//! needs the crate `batchmill` and nothing else, and may block where it likes.
//!
//! ```console
//! $ nc -lk 9999                                                    # on one terminal: type
//! $ cargo run --release --example custom_receiver 127.0.0.1 9999   # on another: read
//! ```

use std::io::{self, BufRead, BufReader};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;

use batchmill::prelude::*;
use batchmill::{Receiver, ReceiverHandle, SourceError};
use batchmill_examples::{Arguments, Failure, Options, TextSource, program, run};

const USAGE: &str = "custom_receiver [HOST PORT] [--batch-ms MS] [--batches N] [--workers N]

Counts words as network_word_count does, with a receiver that is written out in this program.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut source = TextSource::take(&mut arguments)?;
    arguments.end()?;

    let ssc = options.context()?;
    let lines = ssc.receiver_stream(LineReceiver { address: source.address()? });
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    run(ssc)
}

/// Connects to a server and stores the lines it sends.
struct LineReceiver {
    address: String,
}

impl Receiver<Text> for LineReceiver {
    fn name(&self) -> String {
        format!("lines of {}", self.address)
    }

    /// Runs on a thread of the engine. An error makes the engine call it again, after a pause that grows.
    fn run(&mut self, handle: &ReceiverHandle<Text>) -> Result<(), SourceError> {
        let said = |what: &str, error: io::Error| format!("{what} {}: {error}", self.address);
        let connection = TcpStream::connect(&self.address).map_err(|e| said("no connection to", e))?;
        // A read knows nothing of the engine's stop; shutting the socket down is the way out of it.
        let way_out = connection.try_clone()?;
        handle.on_stop(move || drop(way_out.shutdown(Shutdown::Both)));

        for line in BufReader::new(connection).lines() {
            let line = line.map_err(|e| said("the connection broke to", e))?;
            // Waits while the batches are behind, and fails when the context is stopping.
            let bytes = line.len();
            handle.store_sized(line.into(), bytes)?;
        }
        Err(format!("{} closed the connection", self.address).into())
    }
}
