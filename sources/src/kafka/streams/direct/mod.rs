//! The direct stream: no receiver and no group members; every batch has its offset ranges, fixed at the cut.
//!
//! | file | what | runs on |
//! |---|---|---|
//! | `strategy` | which partitions, as a program says it | before the start |
//! | `topics` | which they are | generate thread, keeper |
//! | `input` | what a batch takes | generate thread |
//! | `commit` | offsets that wait to be committed | job thread puts in, keeper takes out |
//! | `keeper` | new partitions, commits, lost offsets | its own thread |

mod commit;
mod input;
mod keeper;
mod strategy;
mod topics;

use std::ops::Deref;
use std::sync::Arc;

use batchmill::{DStream, Data, StreamingContext};

use self::commit::Commits;
pub use self::commit::OffsetCommitter;
use self::input::DirectInput;
pub use self::strategy::ConsumerStrategy;
pub(in crate::kafka) use self::topics::unknown as unknown_topic;
use super::decoder::{RecordDecoder, whole_records};
use crate::kafka::client;
use crate::kafka::{KafkaParams, KafkaRecord};

/// A direct stream. It is its [`DStream`], and knows how to commit.
#[derive(Debug)]
pub struct DirectStream<'c, T> {
    stream: DStream<'c, T>,
    ssc: &'c StreamingContext,
    commits: Arc<Commits>,
}

impl<'c, T> DirectStream<'c, T> {
    /// The stream of its records.
    pub fn stream(&self) -> DStream<'c, T> {
        self.stream
    }

    /// The way to commit offsets, to be moved into an output. Without a `group.id` it is an error of
    /// [`start`](StreamingContext::start).
    #[track_caller]
    pub fn committer(&self) -> OffsetCommitter {
        if self.commits.group.is_none() {
            self.ssc.invalid_argument("committer", "offsets are committed for a group: set group.id");
        }
        OffsetCommitter { commits: Arc::clone(&self.commits) }
    }
}

impl<'c, T> Deref for DirectStream<'c, T> {
    type Target = DStream<'c, T>;

    fn deref(&self) -> &DStream<'c, T> {
        &self.stream
    }
}

/// The records of topics, read from the brokers without a receiver: Spark's `KafkaUtils.createDirectStream`.
///
/// `brokers` is a list of `host:port`; if it is empty, `bootstrap.servers` or `metadata.broker.list` of the parameters
/// is used. One partition of a batch is one partition of a topic, in the order of topic and number.
///
/// What cannot be read (a topic that does not exist, brokers that do not answer, an offset that is gone) is an
/// [`Error::Source`](batchmill::Error::Source) of [`start`](StreamingContext::start) with a
/// [`KafkaError`](crate::kafka::KafkaError); wrong parameters are an [`Error::Build`](batchmill::Error::Build) with
/// the line of this call. What fails later fails a batch, as the error policy says.
///
/// See [`OffsetRanges`](crate::kafka::OffsetRanges) for the ranges of a batch, [`OffsetCommitter`] for commits and
/// [`ConsumerStrategy::starting_at`] for offsets that are stored elsewhere.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, OffsetReset};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["to be or", "not to be"])?;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest).end_offsets(EndOffsets::Asked);
/// let topics = ConsumerStrategy::subscribe(["lines"]);
/// let records = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params);
/// let words = records.flat_map(|record| record.value_text().split(' '));
/// let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b).collect();
/// ssc.start_stepped()?.step_batch()?;
/// assert_eq!(counts.take_sorted()[..2], [("be".into(), 2), ("not".into(), 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "createDirectStream")]
#[track_caller]
pub fn create_direct_stream(
    ssc: &StreamingContext,
    brokers: impl Into<String>,
    strategy: ConsumerStrategy,
    params: KafkaParams,
) -> DirectStream<'_, KafkaRecord> {
    direct(ssc, "create_direct_stream", brokers.into(), strategy, params, whole_records())
}

/// As [`create_direct_stream`], with what `decoder` makes of each record while it is still in its block: Spark's
/// `messageHandler`. A closure is a decoder, and [`text_values`](crate::kafka::text_values) is one.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, OffsetReset, RecordRef};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["to be", "or not"])?;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest).end_offsets(EndOffsets::Asked);
/// let topics = ConsumerStrategy::subscribe(["lines"]);
/// let length = |record: RecordRef<'_>| (record.offset(), record.value().map_or(0, <[u8]>::len));
/// let lengths = kafka::create_direct_stream_with(&ssc, cluster.bootstrap(), topics, params, length).collect();
/// ssc.start_stepped()?.step_batch()?;
/// assert_eq!(lengths.take_all(), [(0, 5), (1, 6)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn create_direct_stream_with<T: Data>(
    ssc: &StreamingContext,
    brokers: impl Into<String>,
    strategy: ConsumerStrategy,
    params: KafkaParams,
    decoder: impl RecordDecoder<T>,
) -> DirectStream<'_, T> {
    direct(ssc, "create_direct_stream", brokers.into(), strategy, params, decoder)
}

#[track_caller]
fn direct<'c, T: Data>(
    ssc: &'c StreamingContext,
    operator: &'static str,
    brokers: String,
    strategy: ConsumerStrategy,
    params: KafkaParams,
    decoder: impl RecordDecoder<T>,
) -> DirectStream<'c, T> {
    let settings = params.client_settings(&brokers);
    // Not in closures: they would hide the caller's line.
    for mistake in [
        strategy.check(),
        params.check(),
        params.check_direct(),
        settings.as_ref().map(|_| ()).map_err(Clone::clone),
    ] {
        if let Err(reason) = mistake {
            ssc.invalid_argument(operator, reason);
        }
    }
    for name in params.unused() {
        log::info!("{operator}: {name} has no meaning here and is ignored");
    }
    let commits = Arc::new(Commits::new(params.group_id.as_deref().map(Arc::from)));
    let connect = move || {
        let settings = settings.expect("a context with a mistake does not start");
        Ok(client::connect(settings))
    };
    let input =
        DirectInput::new(strategy, params, Arc::new(decoder), Arc::clone(&commits), Box::new(connect));
    DirectStream { stream: ssc.input_stream(input), ssc, commits }
}
