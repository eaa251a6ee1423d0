//! Streams data that the program has already, through a queue: each batch takes one dataset out of it (Spark's
//! `QueueStream`). A test of your own job feeds it the same way.
//!
//! ```console
//! $ cargo run --release --example queue_stream
//! ```

use std::process::ExitCode;

use batchmill_examples::{Arguments, Failure, Options, program, run};

const USAGE: &str = "queue_stream [--batch-ms MS] [--batches N] [--workers N]

Queues N datasets of the numbers from 1 to 1000 (default 5) and counts, batch by batch, how many have each last digit.
";

fn main() -> ExitCode {
    program(USAGE, last_digits)
}

fn last_digits(mut arguments: Arguments) -> Result<(), Failure> {
    let mut options = Options::take(&mut arguments)?;
    arguments.end()?;
    let datasets = *options.batches.get_or_insert(5);

    let ssc = options.context()?;
    let (queue, numbers) = ssc.queue_stream();
    let counts = numbers.map(|number: u32| (number % 10, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    for _ in 0..datasets {
        queue.push(1..=1000);
    }
    run(ssc)
}
