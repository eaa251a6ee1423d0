//! Counts the words of the messages in topics of a Kafka cluster, batch by batch, received as a member of a consumer group:
//! Spark's `KafkaWordCount`. Start it twice with the same group, and each gets a part of the messages.
//!
//! ```console
//! $ cargo run --release --example kafka_word_count                                             # alone, with a cluster of its own
//! $ cargo run --release --example kafka_word_count localhost:2181 counters lines 1             # a group in ZooKeeper, up to 3.9
//! $ cargo run --release --example kafka_word_count -- --brokers localhost:9092 counters lines 1   # a group of brokers, from 0.9 on
//! $ kcat -P -b localhost:9092 -t lines                                                         # on another terminal: type
//! ```

use std::process::ExitCode;

use batchmill_examples::{Arguments, Failure, GroupSource, Options, program, run};
use batchmill_sources::kafka::{self, KafkaParams, text_values};

const USAGE: &str =
    "kafka_word_count [ZK GROUP TOPICS THREADS] [--from earliest|latest] [--param NAME=VALUE] [--batch-ms MS]
                 [--batches N] [--workers N]
kafka_word_count --brokers BROKERS GROUP TOPICS THREADS [...]

Counts the words of each batch of messages in TOPICS (names with commas between them), which it reads as a member of the
consumer group GROUP. The group is kept in the ZooKeeper ZK (HOST:PORT,.../CHROOT), where the brokers are found too, or
brokers of the list BROKERS (HOST:PORT) coordinate it. Members share the partitions of each topic by their THREADS. What
the group has committed is where it goes on. Without a group the program starts a cluster with a ZooKeeper of its own, in
memory, and writes lines to it.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut source = GroupSource::take(&mut arguments)?;
    arguments.end()?;

    let ssc = options.context()?;
    let group = source.group()?;
    let params = source.params(KafkaParams::new());
    let (servers, topics) = (group.servers, group.topics);
    let messages =
        kafka::create_reliable_stream_with(&ssc, servers, group.name, topics, params, text_values());
    let words = messages.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    run(ssc)
}
