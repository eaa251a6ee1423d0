//! Topics of a Kafka cluster as streams, for brokers from 0.8.2 on.
//!
//! The modules stand in the order in which a record comes in: `wire` (bytes, no I/O), `client` (connections to the
//! brokers of a cluster), `streams` (what a batch reads); `sink` is the way out.

#[allow(dead_code, reason = "groups, which come next, call the rest")]
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

pub use client::settings::Isolation;
pub use cluster::KafkaCluster;
pub use error::KafkaError;
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
