//! Topics of a Kafka cluster as streams, for brokers from 0.8.2 on.
//!
//! | what | for | after a crash |
//! |---|---|---|
//! | [`create_direct_stream`] | one program that reads all partitions, each batch with its offset ranges | what the program has not committed comes again; nothing does where it stores offsets with its results |
//! | [`create_reliable_stream`] | programs that share the partitions as members of a group | batches whose outputs were not done come again |
//! | [`create_stream`] | the same, as Spark's receiver did it | what running batches had is lost |
//! | [`read_range`] | fixed ranges as one batch | |
//! | [`KafkaCluster`] | questions about topics, offsets and commits | |
//! | [`KafkaSink`], [`KafkaBatchSink`] | writing streams and batches to topics, by a [`Producer`] | |
//!
//! # Events
//!
//! A listener hears of these by [`source_event`](batchmill::StreamingListener::source_event); give it to
//! [`StreamingContextBuilder::listener`](batchmill::StreamingContextBuilder::listener). They are logged too, by the crate `log`.
//!
//! | kind | what has happened |
//! |---|---|
//! | `batch_lost` | a batch has failed, with these ranges |
//! | `range_lost` | offsets are not in the log any more, and the settings say to go on |
//! | `bad_records_skipped` | records could not be read, and the settings say to go on |
//! | `commit_failed` | a commit has failed; a receiver stream gives it again |
//! | `partition_unavailable` | a partition cannot be read at present |
//! | `partition_found` | a direct stream reads a new partition |
//! | `held_by_open_transaction` | nothing behind an open transaction is read until it ends |
//! | `partitions_assigned` | a member reads these from now on |
//! | `partitions_revoked` | a member has given these up in order: what was done was committed before |
//! | `partitions_lost` | the group has taken these away, and others may have them: the membership is gone, or the group has shared out without this member |
//! | `commit_skipped` | these ranges are read again by others |
//! | `group_trouble`, `group_recovered` | what coordinates the group does not answer as it should, and in ZooKeeper: does again |
//! | `session_lost`, `membership_lost`, `member_node_gone` | the group has taken the member for dead; it joins anew by itself |
//! | `no_progress` | no batch has come to its end for [`max_poll_interval`](KafkaParams::max_poll_interval): the member leaves until one does |
//! | `partitions_owned_elsewhere` | in ZooKeeper: members that do not give up partitions keep this one from having its share |
//! | `offset_overwritten` | in ZooKeeper: somebody else had written another offset |
//! | `group_topics_changed`, `member_ignored` | the member that shares out does so anew; or cannot read what another one says |

// The modules stand in the order in which a record comes in: `wire` (bytes, no I/O), `client` (connections to the brokers of a
// cluster), `streams` (what a batch reads); `sink` is the way out. `group` and `zookeeper` say which partitions a stream reads
// that shares them with others.

mod client;
mod cluster;
mod error;
mod group;
mod nearest;
mod offset_range;
mod params;
mod record;
#[cfg_attr(
    not(all(feature = "tls", feature = "sasl")),
    allow(dead_code, reason = "TLS or SASL would use it")
)]
pub(crate) mod security;
mod sink;
mod streams;
mod topic_partition;
#[doc(hidden)]
pub mod wire;
#[cfg(feature = "zookeeper")]
#[doc(hidden)]
pub mod zookeeper;

pub use client::settings::{Gaps, Isolation, Transport};
pub use cluster::KafkaCluster;
pub use error::KafkaError;
#[cfg(feature = "fake")]
#[doc(hidden)]
pub use group::rehearse_membership;
#[doc(hidden)]
pub use group::share_among_strangers;
pub use group::{Assignor, GroupError};
pub use offset_range::{OffsetRange, OffsetRanges};
pub use params::{EndOffsets, KafkaParams, OffsetReset, OnBadRecord, OnLostRange};
pub use record::{Header, Headers, KafkaRecord, RecordRef};
pub use security::{
    CertificateProblem, SaslMechanism, ScramError, Security, SecurityError, SecurityProtocol,
};
pub use sink::{
    Acks, Compression, Idempotence, KafkaBatchSink, KafkaSink, KafkaSinkError, KafkaSinkOptions, Producer,
    ProducerParams, ProducerRecord, RecordData,
};
pub use streams::{
    ConsumerStrategy, DirectStream, KafkaServers, OffsetCommitter, RangeProgress, RangeRequest,
    RecordDecoder, RecordRefs, create_direct_stream, create_direct_stream_with, create_reliable_stream,
    create_reliable_stream_with, create_stream, create_stream_with, decode_records, read_range, text_values,
    text_values_with,
};
pub use topic_partition::{TopicId, TopicPartition};
pub use wire::records::RecordError;
pub use wire::{ErrorCode, WireError};
