//! Fetch: records from the leaders of partitions, or from their followers.
//!
//! From version 4 on the records are batches of magic 2 where the log has them; below, brokers convert them to message sets.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for records.
    pub struct FetchRequest {
        /// -1 for consumers.
        pub replica_id: i32 = -1 => 0..,
        /// How long the broker may wait for `min_bytes`, in milliseconds.
        pub max_wait_ms: i32 => 0..,
        /// How many bytes the broker should wait for.
        pub min_bytes: i32 => 0..,
        /// How many bytes the response may have, unless its first batch is larger.
        pub max_bytes: i32 = i32::MAX => 3..,
        /// 0: records up to the high watermark; 1: up to the last stable offset, with what was aborted.
        pub isolation_level: i8 => 4..,
        /// The fetch session, or 0.
        pub session_id: i32 => 7..,
        /// The epoch of the session; -1: no session.
        pub session_epoch: i32 = -1 => 7..,
        /// The topics.
        pub topics: Vec<FetchTopic> => 0..,
        /// What shall leave the session.
        pub forgotten_topics_data: Vec<ForgottenTopic> => 7..,
        /// The rack of the consumer, or empty.
        pub rack_id: String => 11..,
    }

    /// What is asked of one topic.
    pub struct FetchTopic {
        /// Its name.
        pub topic: String => 0..,
        /// The partitions.
        pub partitions: Vec<FetchPartition> => 0..,
    }

    /// What is asked of one partition.
    pub struct FetchPartition {
        /// Its number in the topic.
        pub partition: i32 => 0..,
        /// The epoch of the leader as the client knows it, or -1.
        pub current_leader_epoch: i32 = -1 => 9..,
        /// The first offset wanted.
        pub fetch_offset: i64 => 0..,
        /// For followers; -1 for consumers.
        pub log_start_offset: i64 = -1 => 5..,
        /// How many bytes its records may have. Below version 3 a larger batch is cut there.
        pub partition_max_bytes: i32 => 0..,
    }

    /// Partitions of one topic that shall leave the session.
    pub struct ForgottenTopic {
        /// Its name.
        pub topic: String => 7..,
        /// The partitions.
        pub partitions: Vec<i32> => 7..,
    }

    /// The records.
    pub struct FetchResponse<'a> {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong with the session, or none.
        pub error_code: ErrorCode => 7..,
        /// The fetch session, or 0.
        pub session_id: i32 => 7..,
        /// The topics.
        pub responses: Vec<FetchableTopicResponse<'a>> => 0..,
    }

    /// The records of one topic.
    pub struct FetchableTopicResponse<'a> {
        /// Its name.
        pub topic: String => 0..,
        /// The partitions.
        pub partitions: Vec<PartitionData<'a>> => 0..,
    }

    /// The records of one partition.
    pub struct PartitionData<'a> {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The end of what is replicated, or -1.
        pub high_watermark: i64 => 0..,
        /// The end of what belongs to no open transaction, or -1.
        pub last_stable_offset: i64 = -1 => 4..,
        /// The first offset that the partition still has, or -1.
        pub log_start_offset: i64 = -1 => 5..,
        /// The transactions that were aborted within these records; null unless they were asked for.
        pub aborted_transactions: Option<Vec<AbortedTransaction>> => 4..,
        /// The follower to fetch from instead, or -1.
        pub preferred_read_replica: i32 = -1 => 11..,
        /// The records, maybe with a last batch that was cut off; null is read as none.
        pub records: &'a [u8] => 0..,
    }

    /// A transaction of which none of the records is to be seen.
    pub struct AbortedTransaction {
        /// Its producer.
        pub producer_id: i64 => 4..,
        /// The offset of its first record in the partition.
        pub first_offset: i64 => 4..,
    }
}

api!(ApiKey::FETCH, Versions::new(0, 11), FetchRequest => FetchResponse<'a>);
