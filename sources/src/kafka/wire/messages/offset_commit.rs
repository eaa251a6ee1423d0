//! OffsetCommit: stores how far a group has come.
//!
//! Version 0 stores in ZooKeeper and is for the fake only, as is what a member of a group adds.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Stores offsets.
    pub struct OffsetCommitRequest {
        /// The group.
        pub group_id: String => 0..,
        /// The generation of the group, or -1 for one without members.
        pub generation_id_or_member_epoch: i32 = -1 => 1..,
        /// The member of the group, or empty.
        pub member_id: String => 1..,
        /// The name that the member keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 7..,
        /// How long the offsets are kept, in milliseconds; -1: as the broker is configured.
        pub retention_time_ms: i64 = -1 => 2..=4,
        /// The topics.
        pub topics: Vec<OffsetCommitRequestTopic> => 0..,
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partitions: Vec<OffsetCommitRequestPartition> => 0..,
    }

    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// The first offset that is not done.
        pub committed_offset: i64 => 0..,
        /// The epoch of the leader that wrote the last record done, or -1.
        pub committed_leader_epoch: i32 = -1 => 6..,
        /// When it was committed, in milliseconds since 1970; -1: now.
        pub commit_timestamp: i64 = -1 => 1..=1,
        /// Any text.
        pub committed_metadata: Option<String> => 0..,
    }

    /// What was stored.
    pub struct OffsetCommitResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 3..,
        /// The topics.
        pub topics: Vec<OffsetCommitResponseTopic> => 0..,
    }

    /// What was stored of one topic.
    pub struct OffsetCommitResponseTopic {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partitions: Vec<OffsetCommitResponsePartition> => 0..,
    }

    /// Whether the offset of one partition was stored.
    pub struct OffsetCommitResponsePartition {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
    }
}

api!(ApiKey::OFFSET_COMMIT, Versions::new(0, 7), OffsetCommitRequest => OffsetCommitResponse);
