//! OffsetFetch: how far a group has come.
//!
//! Version 0 reads from ZooKeeper and is for the fake only.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for stored offsets.
    pub struct OffsetFetchRequest {
        /// The group.
        pub group_id: String => 0..,
        /// The topics; null, from version 2 on, for all that have an offset.
        pub topics: Option<Vec<OffsetFetchRequestTopic>> => 0..,
    }

    /// What is asked of one topic.
    pub struct OffsetFetchRequestTopic {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partition_indexes: Vec<i32> => 0..,
    }

    /// The stored offsets.
    pub struct OffsetFetchResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 3..,
        /// The topics.
        pub topics: Vec<OffsetFetchResponseTopic> => 0..,
        /// What went wrong with the whole, or none. Below version 2 it stands at each partition.
        pub error_code: ErrorCode => 2..,
    }

    /// The stored offsets of one topic.
    pub struct OffsetFetchResponseTopic {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partitions: Vec<OffsetFetchResponsePartition> => 0..,
    }

    /// The stored offset of one partition.
    pub struct OffsetFetchResponsePartition {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// The first offset that is not done, or -1 if none is stored.
        pub committed_offset: i64 => 0..,
        /// The epoch of the leader that wrote the last record done, or -1.
        pub committed_leader_epoch: i32 = -1 => 5..,
        /// The text that was stored with it.
        pub metadata: Option<String> => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
    }
}

api!(ApiKey::OFFSET_FETCH, Versions::new(0, 5), OffsetFetchRequest => OffsetFetchResponse);
