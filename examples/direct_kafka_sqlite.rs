//! Counts words exactly once: results and offsets are written in one transaction of an SQLite database, and a start goes
//! on where the database says. This is the pattern of Spark's guide for exactly-once output, as a whole program: kill it
//! at any moment, start it again, and every word has been counted once.
//!
//! ```console
//! $ cargo run --release --features sqlite --example direct_kafka_sqlite localhost:9092 lines counts.db
//! $ sqlite3 counts.db 'SELECT word, number FROM counts ORDER BY number DESC LIMIT 10'
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use batchmill::{SourceError, Text};
use batchmill_examples::{Arguments, Failure, KafkaSource, Options, UsageError, program, run};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, KafkaParams, OffsetRange, OffsetRanges, TopicPartition, text_values,
};
use rusqlite::{Connection, Transaction, params};

const USAGE: &str = "direct_kafka_sqlite BROKERS TOPICS DATABASE [--from earliest|latest] [--param NAME=VALUE]
                    [--batch-ms MS] [--batches N] [--workers N]

Counts the words of all messages in TOPICS (names with commas between them) of the Kafka cluster at BROKERS into the
table counts of the SQLite file DATABASE, which is made if it is not there. The table offsets says how far it has come.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let mut source = KafkaSource::take(&mut arguments)?;
    let database = arguments.positional()?.ok_or_else(|| UsageError::new("DATABASE is missing"))?;
    arguments.end()?;
    let store =
        Store::open(database.into()).map_err(|error| Failure::Other(format!("the database: {error}")))?;

    let ssc = options.context()?;
    let (brokers, topics) = source.cluster()?;
    let begin = store.offsets().map_err(|error| Failure::Other(format!("the database: {error}")))?;
    let topics = ConsumerStrategy::subscribe(topics).starting_at(begin);
    let params = source.params(KafkaParams::new());
    let messages = kafka::create_direct_stream_with(&ssc, brokers, topics, params, text_values());
    let words = messages.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.for_each_batch(move |batch| store.add(&batch.collect()?, &batch.offset_ranges()));
    run(ssc)
}

/// The database.
struct Store {
    connection: Arc<std::sync::Mutex<Connection>>,
}

impl Store {
    fn open(path: PathBuf) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS counts (word TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS offsets (
                 topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, part)
             ) WITHOUT ROWID;",
        )?;
        Ok(Self { connection: Arc::new(std::sync::Mutex::new(connection)) })
    }

    /// Where every partition goes on.
    fn offsets(&self) -> rusqlite::Result<Vec<(TopicPartition, i64)>> {
        let connection = self.connection.lock().expect("nothing panics while it holds the lock");
        let mut rows = connection.prepare("SELECT topic, part, next FROM offsets")?;
        let rows = rows.query_map([], |row| {
            Ok((TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?), row.get(2)?))
        })?;
        rows.collect()
    }

    /// Adds the counts of a batch, and says that its ranges are done: both or neither.
    fn add(&self, counts: &[(Text, u64)], ranges: &[OffsetRange]) -> Result<(), SourceError> {
        let mut connection = self.connection.lock().expect("nothing panics while it holds the lock");
        let transaction = connection.transaction()?;
        advance(&transaction, ranges)?;
        let mut insert = transaction.prepare(
            "INSERT INTO counts VALUES (?1, ?2) ON CONFLICT (word) DO UPDATE SET number = number + ?2",
        )?;
        for (word, number) in counts {
            insert.execute(params![word.as_str(), i64::try_from(*number)?])?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }
}

/// Moves the offsets on. That they stood where the ranges begin is what makes a batch count once, even if two programs
/// write to the same database by mistake.
fn advance(transaction: &Transaction<'_>, ranges: &[OffsetRange]) -> Result<(), SourceError> {
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        let known: Option<i64> = transaction
            .query_row(
                "SELECT next FROM offsets WHERE topic = ?1 AND part = ?2",
                params![&*range.topic, range.partition],
                |row| row.get(0),
            )
            .map(Some)
            .or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(None),
                error => Err(error),
            })?;
        if let Some(known) = known.filter(|known| *known != range.from) {
            return Err(
                format!("the database is at offset {known}, and the batch begins with {range}").into()
            );
        }
        transaction.execute(
            "INSERT INTO offsets VALUES (?1, ?2, ?3) ON CONFLICT (topic, part) DO UPDATE SET next = ?3",
            params![&*range.topic, range.partition, range.until],
        )?;
    }
    Ok(())
}
