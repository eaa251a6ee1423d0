//! The receiver stream: it is a member of a consumer group, reads the partitions that the group gives to it, and a batch holds
//! what has come by its cut.
//!
//! | file | what | runs on |
//! |---|---|---|
//! | `servers` | who coordinates the group, as a program says it | before the start |
//! | `broker_group` | the way into a group that brokers coordinate | generate thread, at the start |
//! | `zookeeper_group` | the way into a group that ZooKeeper coordinates | generate thread, at the start |
//! | `input` | what a batch takes | generate thread |
//! | `pace` | how much a batch takes besides what was received, as values | generate thread |
//! | `holdings`, `repeats` | what is held, done and committed, and what is read twice, as values | behind the lock of `shared` |
//! | `batches` | whether batches come to their end, as values | behind the lock of `shared` |
//! | `shared` | what the threads share | all of them |
//! | `giving_up` | what waits for running batches before it is given up | all of them |
//! | `member` | what a membership tells the stream | the member's threads |
//! | `put_off` | what cannot begin yet, and for how long it may not | the starter's thread |
//! | `starter` | where partitions begin, lost offsets, commits by the clock | a thread of its own |

mod batches;
mod broker_group;
mod giving_up;
mod holdings;
mod input;
mod member;
mod pace;
mod put_off;
mod repeats;
mod servers;
mod shared;
mod starter;
#[cfg(feature = "zookeeper")]
mod zookeeper_group;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{DStream, Data, StreamingContext};

use self::broker_group::BrokerGroup;
use self::holdings::DoneWhen;
use self::input::{Entrance, ReceiverInput};
pub use self::servers::KafkaServers;
use super::decoder::{RecordDecoder, whole_records};
use crate::kafka::{KafkaParams, KafkaRecord, Transport};
use crate::net::address::Address;

/// How often offsets are committed unless the program says so: as Java's client does, and as the old consumer.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
const COMMIT_EVERY_ZOOKEEPER: Duration = Duration::from_secs(60);

/// The records of topics, received as a member of a consumer group: Spark's `KafkaUtils.createStream`. What the group has
/// committed when the program ends is where it goes on.
///
/// `servers` coordinate the group: a bare string is a ZooKeeper quorum, as in Spark, [`KafkaServers::brokers`] names brokers.
/// `topics` are names, each with a number of threads: so many shares of the topic's partitions this stream gets, against
/// one for each thread of each other program in the group. (As in Spark the number has nothing to do with how parallel a
/// batch is processed: that is by partition of the topic.) Several streams of one group share its partitions too; unite
/// them with [`union`](StreamingContext::union).
///
/// Offsets are committed on a timer ([`commit_interval`](KafkaParams::commit_interval)), and at the stop, as soon as a batch
/// holds them: a program that crashes, or stops without waiting for its batches, loses what those held.
/// [`create_reliable_stream`] commits later.
///
/// When the group shares out anew, what was received of a partition that goes to another member, and is in no batch yet, is
/// dropped: the other one reads it. [Events](crate::kafka#events) tell of it.
///
/// End a program by its [`StopHandle`](batchmill::StopHandle), at Ctrl-C too: then others take over at once. One that is
/// killed keeps its share until its session is over ([`session_timeout`](KafkaParams::session_timeout)), even from itself when it
/// is started again.
///
/// A batch takes of each partition what was received before the cut, and what the broker had besides, as far as the last answer
/// told, but no more of that than gets done within about an interval, and within a quarter of
/// [`max_poll_interval`](KafkaParams::max_poll_interval), going by the batches before. The first may take half of what
/// [`max_unprocessed_bytes`](batchmill::StreamingContextBuilder::max_unprocessed_bytes) has room for.
/// [`max_rate_per_partition`](KafkaParams::max_rate_per_partition) makes it less.
///
/// A topic that does not exist and servers that do not answer are errors of [`start`](StreamingContext::start), wrong
/// parameters too, with the line of this call. What fails later fails a batch, as the error policy says.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{KafkaParams, KafkaServers, OffsetReset};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["to be or", "not to be"])?;
///
/// let ssc = StreamingContext::new(Duration::from_millis(20))?;
/// let servers = KafkaServers::brokers(cluster.bootstrap());
/// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest);
/// let records = kafka::create_stream(&ssc, servers, "counters", [("lines", 1)], params);
/// let words = records.flat_map(|record| record.value_text().split(' '));
/// let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
/// let (seen, first) = std::sync::mpsc::channel();
/// counts.for_each_batch(move |batch| {
///     let counts = batch.collect()?;
///     // Before the group has shared out its partitions, batches are empty.
///     if !counts.is_empty() { let _ = seen.send(counts); }
///     Ok::<(), batchmill::Error>(())
/// });
/// let running = ssc.start()?;
/// assert!(first.recv()?.contains(&("be".into(), 2)));
/// running.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "createStream")]
#[track_caller]
pub fn create_stream<S: Into<String>>(
    ssc: &StreamingContext,
    servers: impl Into<KafkaServers>,
    group: impl Into<String>,
    topics: impl IntoIterator<Item = (S, usize)>,
    params: KafkaParams,
) -> DStream<'_, KafkaRecord> {
    let group = Group::new(servers, group, topics, params, DoneWhen::Cut);
    receiver(ssc, "create_stream", group, whole_records())
}

/// As [`create_stream`], but offsets are committed when all outputs of their batch are done: a program that crashes, or is
/// taken for dead, repeats records and never loses one.
///
/// What is repeated is bounded: the batches that were not done at a crash; the ranges of a batch that was cut before a
/// rebalance gave their partitions to others; and what was done by then and could not be committed any more. The event
/// `commit_skipped` names these ranges and counts their offsets; [`rebalance_wait`](KafkaParams::rebalance_wait) makes them
/// fewer. A batch that fails is committed only when the error policy lets the stream go on and a later batch succeeds; the
/// event `batch_lost` names its ranges before.
///
/// The commits of the last batches are sent before the context has stopped.
#[doc(alias = "spark.streaming.receiver.writeAheadLog.enable")]
#[track_caller]
pub fn create_reliable_stream<S: Into<String>>(
    ssc: &StreamingContext,
    servers: impl Into<KafkaServers>,
    group: impl Into<String>,
    topics: impl IntoIterator<Item = (S, usize)>,
    params: KafkaParams,
) -> DStream<'_, KafkaRecord> {
    let group = Group::new(servers, group, topics, params, DoneWhen::Completed);
    receiver(ssc, "create_reliable_stream", group, whole_records())
}

/// As [`create_stream`], with what `decoder` makes of each record while it is still in its block. A closure is a decoder,
/// and [`text_values`](crate::kafka::text_values) is one.
#[track_caller]
pub fn create_stream_with<S: Into<String>, T: Data>(
    ssc: &StreamingContext,
    servers: impl Into<KafkaServers>,
    group: impl Into<String>,
    topics: impl IntoIterator<Item = (S, usize)>,
    params: KafkaParams,
    decoder: impl RecordDecoder<T>,
) -> DStream<'_, T> {
    let group = Group::new(servers, group, topics, params, DoneWhen::Cut);
    receiver(ssc, "create_stream", group, decoder)
}

/// As [`create_reliable_stream`], with a decoder as in [`create_stream_with`].
#[track_caller]
pub fn create_reliable_stream_with<S: Into<String>, T: Data>(
    ssc: &StreamingContext,
    servers: impl Into<KafkaServers>,
    group: impl Into<String>,
    topics: impl IntoIterator<Item = (S, usize)>,
    params: KafkaParams,
    decoder: impl RecordDecoder<T>,
) -> DStream<'_, T> {
    let group = Group::new(servers, group, topics, params, DoneWhen::Completed);
    receiver(ssc, "create_reliable_stream", group, decoder)
}

/// What a program says of its group.
struct Group {
    servers: KafkaServers,
    topics: BTreeMap<Arc<str>, usize>,
    /// A name that is there twice.
    twice: Option<Arc<str>>,
    params: KafkaParams,
    done_when: DoneWhen,
}

impl Group {
    fn new<S: Into<String>>(
        servers: impl Into<KafkaServers>,
        name: impl Into<String>,
        topics: impl IntoIterator<Item = (S, usize)>,
        params: KafkaParams,
        done_when: DoneWhen,
    ) -> Self {
        let (mut all, mut twice) = (BTreeMap::new(), None);
        for (topic, threads) in topics {
            let topic: Arc<str> = topic.into().into();
            if all.insert(Arc::clone(&topic), threads).is_some() {
                twice = Some(topic);
            }
        }
        Self { servers: servers.into(), topics: all, twice, params: params.group_id(name), done_when }
    }

    /// What is wrong with it, if anything.
    fn check(&self) -> Result<(), String> {
        if self.params.group_id.as_deref().is_none_or(str::is_empty) {
            return Err("the group has no name".to_owned());
        }
        if let Some(topic) = &self.twice {
            return Err(format!("topic {topic:?} is named twice"));
        }
        if self.topics.is_empty() {
            return Err("there is no topic to read".to_owned());
        }
        if let Some((topic, threads)) =
            self.topics.iter().find(|(_, threads)| !(1..=1_000).contains(*threads))
        {
            return Err(format!("topic {topic:?} is read by {threads} threads: use 1 to 1000"));
        }
        if matches!(self.servers, KafkaServers::Brokers(_)) && self.params.transport != Transport::Native {
            return Err(
                "only the native transport can take part in a group that brokers coordinate".to_owned()
            );
        }
        match (self.done_when, self.params.auto_commit) {
            (DoneWhen::Cut, Some(false)) => {
                Err("enable.auto.commit = false: this stream commits on a timer; \
                 create_reliable_stream commits what is done"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The way into the group.
    fn entrance(&self) -> Result<Box<dyn Entrance>, String> {
        match &self.servers {
            KafkaServers::Brokers(brokers) => Ok(Box::new(BrokerGroup {
                settings: Some(
                    self.params.client_settings(brokers).map_err(|reason| with_hint(brokers, reason))?,
                ),
                params: self.params.clone(),
                topics: self.topics.clone(),
                client: None,
            })),
            #[cfg(feature = "zookeeper")]
            KafkaServers::ZooKeeper(quorum) => {
                Ok(Box::new(zookeeper_group::InZooKeeper::new(quorum, &self.params, &self.topics)?))
            }
            #[cfg(not(feature = "zookeeper"))]
            KafkaServers::ZooKeeper(quorum) => Err(format!(
                "{quorum:?} is taken for a ZooKeeper quorum, which needs the feature `zookeeper`; \
                 KafkaServers::brokers names brokers"
            )),
        }
    }
}

/// What is wrong with the brokers of a group, and where a path belongs if they have one.
fn with_hint(brokers: &str, reason: String) -> String {
    let has_path = brokers.contains('/') && !brokers.contains("://");
    if has_path && Address::parse_list(brokers).is_err() {
        return format!(
            "{reason}; a path is part of a ZooKeeper quorum, which KafkaServers::zookeeper or a bare string names"
        );
    }
    reason
}

#[track_caller]
fn receiver<'c, T: Data>(
    ssc: &'c StreamingContext,
    operator: &'static str,
    group: Group,
    decoder: impl RecordDecoder<T>,
) -> DStream<'c, T> {
    let entrance = group.entrance();
    // Not in closures: they would hide the caller's line.
    for mistake in [group.check(), group.params.check(), entrance.as_ref().map(|_| ()).map_err(Clone::clone)]
    {
        if let Err(reason) = mistake {
            ssc.invalid_argument(operator, reason);
        }
    }
    for name in group.params.unused() {
        log::info!("{operator}: {name} has no meaning here and is ignored");
    }
    let commit_every = group.params.commit_interval.unwrap_or(match group.servers {
        KafkaServers::Brokers(_) => COMMIT_EVERY,
        KafkaServers::ZooKeeper(_) => COMMIT_EVERY_ZOOKEEPER,
    });
    ssc.input_stream(ReceiverInput {
        name: "kafka-receiver".to_owned(),
        entrance: entrance.ok(),
        longest_batch: group.params.group.max_poll(),
        params: group.params,
        done_when: group.done_when,
        commit_every,
        decoder: Arc::new(decoder),
        running: None,
    })
}
