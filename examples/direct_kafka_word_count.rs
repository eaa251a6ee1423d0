//! Counts the words of the messages in topics of a Kafka cluster, batch by batch, read from the brokers without a
//! receiver: Spark's `DirectKafkaWordCount`.
//!
//! ```console
//! $ cargo run --release --example direct_kafka_word_count                              # alone, with a cluster of its own
//! $ cargo run --release --example direct_kafka_word_count localhost:9092 lines         # with yours
//! $ kcat -P -b localhost:9092 -t lines                                                 # on another terminal: type
//! ```

use std::process::ExitCode;

use batchmill_examples::{Arguments, Failure, KafkaSource, Options, program, run};
use batchmill_sources::kafka::{self, ConsumerStrategy, KafkaParams, text_values};

const USAGE: &str = "direct_kafka_word_count [BROKERS TOPICS] [--group ID] [--from earliest|latest] [--param NAME=VALUE]
                        [--batch-ms MS] [--batches N] [--workers N]

Counts the words of each batch of messages in TOPICS (names with commas between them), which the Kafka cluster at
BROKERS (a list of HOST:PORT) keeps. With --group it goes on where the last run with that group has stopped. Without
brokers and topics the program starts a cluster of its own, in memory, and writes lines to it.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut source = KafkaSource::take(&mut arguments)?;
    arguments.end()?;

    let ssc = options.context()?;
    let (brokers, topics) = source.cluster()?;
    let topics = ConsumerStrategy::subscribe(topics);
    let messages = kafka::create_direct_stream_with(
        &ssc,
        brokers,
        topics,
        source.params(KafkaParams::new()),
        text_values(),
    );
    let words = messages.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    source.commit_after(&messages);
    run(ssc)
}
