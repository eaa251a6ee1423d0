//! OffsetForLeaderEpoch: where an epoch of a leader ended, which tells whether a log was truncated.
//!
//! Consumers may ask from version 3 on; below, only brokers may.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks where epochs ended.
    pub struct OffsetForLeaderEpochRequest {
        /// -1 for consumers; -2, Kafka's default, for tools that may look beyond the high watermark.
        pub replica_id: i32 = -2 => 3..,
        /// The topics.
        pub topics: Vec<OffsetForLeaderTopic> => 0..,
    }

    /// What is asked of one topic.
    pub struct OffsetForLeaderTopic {
        /// Its name.
        pub topic: String => 0..,
        /// The partitions.
        pub partitions: Vec<OffsetForLeaderPartition> => 0..,
    }

    /// What is asked of one partition.
    pub struct OffsetForLeaderPartition {
        /// Its number in the topic.
        pub partition: i32 => 0..,
        /// The epoch of the leader as the client knows it, or -1.
        pub current_leader_epoch: i32 = -1 => 2..,
        /// The epoch whose end is asked for.
        pub leader_epoch: i32 => 0..,
    }

    /// Where epochs ended.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 2..,
        /// The topics.
        pub topics: Vec<OffsetForLeaderTopicResult> => 0..,
    }

    /// Where the epochs of one topic ended.
    pub struct OffsetForLeaderTopicResult {
        /// Its name.
        pub topic: String => 0..,
        /// The partitions.
        pub partitions: Vec<EpochEndOffset> => 0..,
    }

    /// Where the epoch of one partition ended.
    pub struct EpochEndOffset {
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// Its number in the topic.
        pub partition: i32 => 0..,
        /// The highest epoch in the log that is not above the one asked for, or -1.
        pub leader_epoch: i32 = -1 => 1..,
        /// The offset behind that epoch's last record, or -1.
        pub end_offset: i64 = -1 => 0..,
    }
}

api!(
    ApiKey::OFFSET_FOR_LEADER_EPOCH,
    Versions::new(0, 3),
    OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse
);
