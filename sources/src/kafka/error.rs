//! What everything about Kafka fails with, on any thread. It names the broker, and the topic, partition and offset where
//! there is one.

mod display;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::wire::records::RecordError;
use super::wire::{ErrorCode, WireError};
use super::{GroupError, SecurityError, TopicPartition};

/// Why something about a Kafka cluster failed. A clone is cheap.
///
/// A broker is named as `host:port`, with its number where it is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KafkaError {
    /// An address is not of the form `host:port`.
    Address {
        /// The address, as it was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// None of the brokers that were given could be talked to.
    NoBroker {
        /// Their addresses, as they were given.
        bootstrap: Arc<str>,
        /// How many of them were tried.
        tried: usize,
        /// What the last attempt came to.
        cause: Arc<KafkaError>,
    },
    /// The system knows no address of a broker's host.
    Resolve {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A broker could not be connected to.
    Connect {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A broker has told the clients an address at which it cannot be reached from here.
    UnreachableAdvertised {
        /// The brokers that were given and could be reached.
        bootstrap: Arc<str>,
        /// The broker, with the address that the cluster names.
        advertised: Arc<str>,
        /// What the attempt came to.
        cause: Arc<KafkaError>,
    },
    /// Something else than a Kafka broker answers there.
    NotKafka {
        /// The address.
        broker: Arc<str>,
        /// What it looks like.
        looks_like: &'static str,
    },
    /// A connection to a broker cannot be made as secure as it has to be.
    Security {
        /// The broker.
        broker: Arc<str>,
        /// Why.
        cause: SecurityError,
    },
    /// A broker has not answered in time. The connection was closed, so that a late answer is not taken for another.
    Timeout {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// A broker closed the connection instead of an answer.
    Closed {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
    },
    /// The connection to a broker broke.
    Io {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A request cannot be sent, for something in it has no form in the protocol: a name is too long.
    Request {
        /// The name of the request.
        request: &'static str,
        /// What is wrong with it.
        cause: WireError,
    },
    /// A broker's answer does not follow the protocol.
    Protocol {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The version of the request.
        version: i16,
        /// What is wrong with the answer.
        cause: WireError,
    },
    /// A broker answered another request than the one that was sent.
    WrongAnswer {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The number of the request.
        expected: i32,
        /// The number that the answer has.
        found: i32,
    },
    /// A broker's answer says that it is longer than allowed.
    ResponseTooLarge {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The partition, where it was asked for one only.
        partition: Option<TopicPartition>,
        /// The length it says it has, in bytes.
        length: u64,
        /// The longest allowed, in bytes.
        limit: usize,
    },
    /// A broker's answer says nothing of what it was asked about.
    Unanswered {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// What it was about: the partition.
        about: Arc<str>,
    },
    /// A broker's answer has a value that there cannot be.
    BadValue {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// What it was about: a partition, if one.
        about: Option<Arc<str>>,
        /// What the value should be.
        what: &'static str,
        /// The value.
        value: i64,
    },
    /// A broker sends no records of a partition, though it says that there are some.
    NoRecords {
        /// The broker.
        broker: Arc<str>,
        /// The partition.
        partition: TopicPartition,
        /// The offset that it was asked for.
        offset: i64,
        /// Where the log ends, as it says.
        end: i64,
    },
    /// A broker offers no version of a request that this client speaks.
    UnsupportedVersion {
        /// The broker.
        broker: Arc<str>,
        /// The name of the request.
        request: &'static str,
        /// The lowest and the highest that the broker offers; `None` where it does not know the request.
        offered: Option<(i16, i16)>,
    },
    /// A broker answered with an error.
    Broker {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// What it was about: a partition, a topic or a group, if one of them.
        about: Option<Arc<str>>,
        /// Its answer.
        code: ErrorCode,
    },
    /// The cluster has no such topic, or hides it from this client. It was not created by asking.
    UnknownTopic {
        /// The topic.
        topic: Arc<str>,
        /// A topic of the cluster with nearly that name.
        did_you_mean: Option<Arc<str>>,
    },
    /// The topic has no such partition.
    UnknownPartition {
        /// The partition.
        partition: TopicPartition,
        /// How many the topic has, with numbers from 0 on.
        partitions: usize,
    },
    /// A partition has no leader, or none that could be reached, for too long.
    NoLeader {
        /// The partition.
        partition: TopicPartition,
        /// For how long.
        since: Duration,
        /// What the last attempt came to, if there was one.
        cause: Option<Arc<KafkaError>>,
    },
    /// A start offset is not in the log.
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was asked for.
        wanted: i64,
        /// The first offset that is there.
        earliest: i64,
        /// The end of the log.
        latest: i64,
    },
    /// The cluster has deleted records before they were read.
    RangeLost {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that is lost.
        from: i64,
        /// The offset behind the last one that is lost.
        until: i64,
        /// The first offset that is still there.
        earliest: i64,
    },
    /// A record does not fit into the largest fetch that is allowed.
    RecordTooLarge {
        /// The partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// How many bytes it needs, with the batch it is in.
        size: u64,
        /// The largest fetch, in bytes.
        limit: u64,
    },
    /// A batch of records is damaged, or needs more memory than allowed.
    Records {
        /// The partition.
        partition: TopicPartition,
        /// The first offset of the batch.
        offset: i64,
        /// What is wrong with it.
        cause: RecordError,
    },
    /// Records are missing between two that came, or do not come at all, and the client in use cannot see why: a compacted topic,
    /// a marker of a transaction, a record that is larger than allowed. Only with
    /// [`Transport::KafkaCrate`](super::Transport).
    Gap {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that did not come.
        from: i64,
        /// The first that came, or the end of the log.
        to: i64,
    },
    /// The crate `kafka` could not do what it was asked, or has panicked. Only with
    /// [`Transport::KafkaCrate`](super::Transport).
    KafkaCrate {
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// What it was about: a partition, if one.
        about: Option<Arc<str>>,
        /// What it says.
        problem: Arc<str>,
    },
    /// A topic was deleted and made anew under the same name: what was read of it says nothing about the new one.
    TopicRecreated {
        /// The topic.
        topic: Arc<str>,
    },
    /// The log was cut back behind what was read of it, by an unclean election of a leader.
    LogTruncated {
        /// The partition.
        partition: TopicPartition,
        /// The end of what was read and is still there.
        from: i64,
        /// The offset behind the last one that was read.
        to: i64,
    },
    /// Somebody else commits offsets for the group.
    ForeignGroup {
        /// The group.
        group: Arc<str>,
        /// Who.
        owner: String,
    },
    /// A member cannot take part in its group.
    Group {
        /// The server that coordinates the group; empty where none was asked.
        server: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// The member: its id, or its client id as long as it has none.
        member: Arc<str>,
        /// Why.
        cause: GroupError,
    },
    /// What a member asked of its cluster before it joined the group has failed.
    Member {
        /// The group.
        group: Arc<str>,
        /// The member: its static name, or its client id where it has none.
        member: Arc<str>,
        /// Why; it names the brokers.
        cause: Arc<KafkaError>,
    },
    /// What a member of a group asked of the ZooKeeper that coordinates it has failed.
    #[cfg(feature = "zookeeper")]
    ZooKeeper {
        /// The group.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
        /// Why; it names the servers.
        cause: Arc<crate::zookeeper::ZooKeeperError>,
    },
    /// A record is larger than a producer may send.
    RecordOverLimit {
        /// The topic it is for.
        topic: Arc<str>,
        /// About how many bytes it has.
        size: usize,
        /// The largest allowed, in bytes.
        limit: usize,
    },
    /// A producer's buffer stayed full of records that no broker has acknowledged.
    BufferFull {
        /// The topic of the record that found no room.
        topic: Arc<str>,
        /// The size of the buffer in bytes.
        limit: usize,
        /// How long it was waited for.
        after: Duration,
    },
    /// Records were not acknowledged within the delivery timeout. If they were sent at all, they may have been appended.
    NotDelivered {
        /// Where they should go.
        partition: TopicPartition,
        /// How many of them were in one batch.
        records: u32,
        /// How long they were tried for.
        after: Duration,
        /// What the last attempt came to, if there was one.
        cause: Option<Arc<KafkaError>>,
    },
    /// Records that an idempotent producer has sent may have been appended or not: the broker has lost track of the producer.
    InDoubt {
        /// Where they should go.
        partition: TopicPartition,
        /// How many of them were in one batch.
        records: u32,
        /// What the broker has answered.
        cause: Arc<KafkaError>,
    },
    /// Not all records of a producer were acknowledged in time. They are still tried.
    NotFlushed {
        /// How many batches of records are left.
        batches: usize,
        /// How long it was waited for.
        after: Duration,
    },
    /// The system gave no thread.
    Thread {
        /// What it said.
        cause: Arc<io::Error>,
    },
    /// The parameters make no sense.
    Parameter(String),
    /// An offset was given for a partition that is not read.
    NotRead {
        /// The partition.
        partition: TopicPartition,
    },
    /// Nothing says where to begin, and the reset is to fail.
    NoOffset {
        /// The partition.
        partition: TopicPartition,
        /// The group, if there is one.
        group: Option<Arc<str>>,
    },
    /// Offsets are to be committed, and there is no group to commit them for.
    NoGroup,
    /// The program's decoder refused a record.
    Decode {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: i64,
        /// What the decoder says.
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// A broker tells nothing of a topic.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// Its answer.
        code: ErrorCode,
    },
    /// The client was closed.
    Stopped,
}

impl Error for KafkaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoBroker { cause, .. } | Self::UnreachableAdvertised { cause, .. } => Some(&**cause),
            Self::NoLeader { cause: Some(cause), .. }
            | Self::NotDelivered { cause: Some(cause), .. }
            | Self::InDoubt { cause, .. }
            | Self::Member { cause, .. } => Some(&**cause),
            Self::Resolve { cause, .. } | Self::Connect { cause, .. } | Self::Io { cause, .. } => {
                Some(&**cause)
            }
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper { cause, .. } => Some(&**cause),
            Self::Protocol { cause, .. } | Self::Request { cause, .. } => Some(cause),
            Self::Security { cause, .. } => Some(cause),
            Self::Records { cause, .. } => Some(cause),
            Self::Decode { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}

impl KafkaError {
    /// For a thread that could not be started.
    pub(crate) fn no_thread(cause: io::Error) -> Self {
        Self::Thread { cause: Arc::new(cause) }
    }
}
