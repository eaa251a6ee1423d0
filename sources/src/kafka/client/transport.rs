//! What the streams need of a cluster, and what a fetcher needs of the streams. No bytes of the protocol are in here, so
//! that another client can stand behind it.
//!
//! [`Transport`] is called on the streams' threads, and each call ends by its deadline. A [`FetchSink`] is called on the
//! fetcher's threads.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::deadline::Deadline;
use super::fetch::block::FetchedBlock;
use crate::kafka::nearest::nearest;
use crate::kafka::{KafkaError, TopicId, TopicPartition};

/// A client of one cluster. Its calls may be made on several threads at once.
pub(crate) trait Transport: Send + Sync + Debug {
    /// What is known of topics; asking never creates one.
    ///
    /// A call with names returns one entry for each name, in their order; one that the cluster does not know has
    /// [`TopicInfo::error`] set.
    fn topics(&self, wanted: TopicFilter<'_>, deadline: Deadline) -> Result<Vec<TopicInfo>, KafkaError>;

    /// Offsets by their place in the log, in the order of `at`.
    fn offsets(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError>;

    /// The offsets that a group has committed, in the order of `of`.
    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError>;

    /// Commits offsets for a group without members. [`KafkaError::ForeignGroup`] says that it has some.
    fn commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
        deadline: Deadline,
    ) -> Result<(), KafkaError>;

    /// Whether the text of a commit is kept with it, so that commits of others are known by it.
    fn keeps_metadata(&self) -> bool {
        true
    }

    /// Begins to fetch on threads of its own, whose names begin with `thread_prefix`. Nothing is fetched before the fetcher
    /// is given partitions.
    fn fetcher(&self, sink: Arc<dyn FetchSink>, thread_prefix: &str) -> Result<Box<dyn Fetcher>, KafkaError>;

    /// Ends every call under way, and fails those to come, with [`KafkaError::Stopped`]. Fetchers are not ended by it.
    fn close(&self);

    /// After [`close`](Self::close): the threads that have not ended, for they are in a call that cannot be interrupted.
    fn threads_left(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One offset that was looked for; `None` where a partition has no record that late.
///
/// Before 0.10 times are those of whole segments of the log: the offset found is that of the first record of a segment that
/// has nothing after the time, or the first of all.
pub(crate) type FoundOffsetResult = Result<Option<FoundOffset>, KafkaError>;

/// Which topics a call is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TopicFilter<'a> {
    /// These.
    Names(&'a [Arc<str>]),
    /// All that the cluster lets this client see.
    All,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicInfo {
    pub(crate) name: Arc<str>,
    /// What tells it from a later one with the same name; from 2.8 on.
    pub(crate) id: Option<TopicId>,
    /// Whether it is the cluster's own.
    pub(crate) internal: bool,
    /// In the order of their numbers.
    pub(crate) partitions: Vec<PartitionInfo>,
    /// Why nothing is known of it: [`KafkaError::UnknownTopic`], or a broker's answer.
    pub(crate) error: Option<TopicError>,
}

/// The error for a topic that is not among `all`, with the nearest of those that are there.
pub(crate) fn unknown_topic(topic: &Arc<str>, all: &[TopicInfo]) -> KafkaError {
    let names = all.iter().filter(|info| !info.internal).map(|info| &*info.name);
    let did_you_mean = nearest(topic, names).map(Arc::from);
    KafkaError::UnknownTopic { topic: Arc::clone(topic), did_you_mean }
}

/// Why a cluster tells nothing of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicError {
    /// It has none of that name, or hides it from this client.
    Unknown,
    /// It has another reason.
    Broker(crate::kafka::ErrorCode),
}

/// A partition, as the cluster describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionInfo {
    pub(crate) partition: i32,
    /// The broker that leads it, if one does.
    pub(crate) leader: Option<i32>,
    /// Counts its leaders; from 2.4 on.
    pub(crate) leader_epoch: Option<i32>,
}

/// A place in a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OffsetAt {
    /// The first record that is still there.
    Earliest,
    /// The end: of what is committed by transactions where only that is read, else of what all replicas have.
    Latest,
    /// The first record of this time or later, in milliseconds since the Unix epoch.
    Time(i64),
}

/// An offset that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundOffset {
    pub(crate) offset: i64,
    /// The time of the record there, where the broker says so.
    pub(crate) timestamp: Option<i64>,
    pub(crate) leader_epoch: Option<i32>,
}

/// A position as it is kept for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The next offset to read.
    pub(crate) offset: i64,
    /// The epoch of the record before it.
    pub(crate) leader_epoch: Option<i32>,
    /// A text of the program's own; empty for none.
    pub(crate) metadata: String,
}

#[cfg(any(test, feature = "fake", feature = "kafka-crate", feature = "zookeeper"))]
impl Committed {
    /// An offset of which nothing more is known.
    pub(crate) fn at(offset: i64) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }
}

/// The streams' side of a fetch. Called on fetch threads; it must not block.
pub(crate) trait FetchSink: Send + Sync {
    /// What to ask for next. `None`: nothing now, for the partition is paused or the budget is used up;
    /// [`Fetcher::wake`] says that this may have changed.
    ///
    /// It is asked when a request is put together, always after the blocks of the request before were handed over.
    fn want(&self, partition: &TopicPartition) -> Option<Want>;

    /// Takes what has come. It is called for each answer about the partition, also for one without a block.
    fn fetched(&self, partition: &TopicPartition, fetched: Fetched);

    /// Is told what went wrong. The fetcher goes on with other partitions. It asks for this one again after a pause that
    /// grows to 10 s, or as soon as [`want`](Self::want) names another offset.
    fn failed(&self, partition: &TopicPartition, failure: FetchFailure);
}

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// The offset of the first record wanted.
    pub(crate) offset: i64,
    /// The epoch of the record before it, where it is known: the log is then checked for a truncation before the first
    /// fetch, and whenever the leader changes.
    pub(crate) leader_epoch: Option<i32>,
    /// How many bytes to ask for.
    pub(crate) max_bytes: u32,
}

/// What came for a partition with one answer.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// The offset that was asked for.
    pub(crate) offset: i64,
    /// The records, in order, without those of aborted transactions where only committed ones are read. None where there
    /// was nothing, or only records that are not for the program.
    pub(crate) blocks: Vec<FetchedBlock>,
    /// Where to go on. It is above the last record where records without a use follow it, and `offset` where nothing came.
    pub(crate) next_offset: i64,
    /// The epoch of the last record before `next_offset`, where it is known.
    pub(crate) leader_epoch: Option<i32>,
    /// The end of what all replicas have.
    pub(crate) high_watermark: i64,
    /// Where the oldest open transaction begins, else the high watermark; `None` before 0.11.
    pub(crate) last_stable: Option<i64>,
    /// The first record did not fit into what was asked for and needs about that many bytes; nothing else came.
    pub(crate) truncated_record: Option<u32>,
}

/// What went wrong with a partition.
#[derive(Clone, Debug)]
pub(crate) enum FetchFailure {
    /// The offset is not in the log; the leader said so. What the log has is asked for with [`Transport::offsets`].
    OutOfRange {
        /// The offset that was asked for.
        wanted: i64,
    },
    /// The cluster has no such topic or partition, or does not let this client read it.
    TopicUnknown(KafkaError),
    /// It was deleted and made anew. It is not fetched any more until it was left out of
    /// [`Fetcher::set_partitions`] once.
    #[allow(dead_code, reason = "the ids are for Debug")]
    TopicRecreated {
        /// What it was.
        was: Option<TopicId>,
        /// What it is.
        now: Option<TopicId>,
    },
    /// The log was cut back, by an unclean election, behind the position.
    LogTruncated {
        /// The position.
        wanted: i64,
        /// Up to where the log may have what was read; 0 where it knows nothing of the leaders' epoch.
        end: i64,
    },
    /// No leader, or it cannot be reached. The fetcher goes on trying.
    NotAvailable {
        /// For how long already.
        since: Duration,
        /// What the last attempt came to.
        cause: KafkaError,
    },
    /// A batch is damaged so that its end cannot be found, or the broker found its own log to be.
    Corrupt {
        /// The offset that was asked for, or that of the batch.
        #[allow(dead_code, reason = "for Debug; the cause names the place for people")]
        offset: i64,
        /// What is wrong.
        cause: KafkaError,
    },
    /// The broker refuses it for another reason.
    Refused(KafkaError),
    /// What the broker sends does not follow the protocol, or is larger than allowed.
    Hostile(KafkaError),
}

/// Fetches for a [`FetchSink`] until it is dropped, which ends its threads: they are joined, and one that does not come back
/// within 2 s is named in the log.
pub(crate) trait Fetcher: Send {
    /// Replaces the partitions that are fetched. What a request under way brings for one that is gone is dropped.
    fn set_partitions(&mut self, partitions: &[TopicPartition]);

    /// Says that [`FetchSink::want`] may have another answer than before.
    fn wake(&self);
}
