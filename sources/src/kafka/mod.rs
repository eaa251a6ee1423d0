//! Topics of a Kafka cluster as streams, for brokers from 0.8.2 on.
//!
//! The modules stand in the order in which a record comes in: `wire` (bytes, no I/O), `client` (connections to the
//! brokers of a cluster), `streams` (what a batch reads).

#[allow(dead_code, reason = "the streams that call it are not there yet")]
mod client;
mod error;
mod topic_partition;
#[doc(hidden)]
pub mod wire;

pub use error::KafkaError;
pub use topic_partition::{TopicId, TopicPartition};
pub use wire::records::RecordError;
pub use wire::{ErrorCode, WireError};
