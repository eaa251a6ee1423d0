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

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn request() -> OffsetCommitRequest {
        let partition = OffsetCommitRequestPartition {
            partition_index: 1,
            committed_offset: 42,
            committed_metadata: Some("mine".to_owned()),
            ..Default::default()
        };
        let topic = OffsetCommitRequestTopic { name: "words".to_owned(), partitions: vec![partition] };
        OffsetCommitRequest { group_id: "g".to_owned(), topics: vec![topic], ..Default::default() }
    }

    #[test]
    fn version_1_has_a_time_at_each_partition() {
        let asked = bytes(
            r#"0001 "g"                    | group
               ffffffff 0000               | generation, member
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               000000000000002a            | offset
               ffffffffffffffff            | timestamp
               0004 "mine"                 | metadata"#,
        );
        assert_laid_out(&request(), 1, &asked);
    }

    #[test]
    fn version_2_has_one_retention_time() {
        let asked = bytes(
            r#"0001 "g"                    | group
               ffffffff 0000               | generation, member
               ffffffffffffffff            | retention
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               000000000000002a            | offset
               0004 "mine"                 | metadata"#,
        );
        assert_laid_out(&request(), 2, &asked);
    }

    #[test]
    fn version_7_has_an_instance_and_epochs() {
        let mut member = request();
        member.generation_id_or_member_epoch = 3;
        member.member_id = "m".to_owned();
        member.group_instance_id = Some("i".to_owned());
        member.topics[0].partitions[0].committed_leader_epoch = 5;
        let asked = bytes(
            r#"0001 "g"                    | group
               00000003 0001 "m" 0001 "i"  | generation, member, instance
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               000000000000002a            | offset
               00000005                    | leader epoch
               0004 "mine"                 | metadata"#,
        );
        assert_laid_out(&member, 7, &asked);
    }

    #[test]
    fn the_response_has_a_throttle_time_from_version_3_on() {
        let partition =
            OffsetCommitResponsePartition { partition_index: 1, error_code: ErrorCode::UNKNOWN_MEMBER_ID };
        let topic = OffsetCommitResponseTopic { name: "words".to_owned(), partitions: vec![partition] };
        let response = OffsetCommitResponse { throttle_time_ms: 0, topics: vec![topic] };
        let answered = bytes(r#"00000001 0005 "words" 00000001 00000001 0019"#);
        assert_laid_out(&response, 2, &answered);
        assert_laid_out(&response, 3, &[&[0; 4], &answered[..]].concat());
    }
}
