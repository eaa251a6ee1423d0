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

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn all_topics_can_be_asked_for_with_null() {
        let topic = OffsetFetchRequestTopic { name: "words".to_owned(), partition_indexes: vec![0, 1] };
        let some = OffsetFetchRequest { group_id: "g".to_owned(), topics: Some(vec![topic]) };
        let asked = bytes(
            r#"0001 "g"                    | group
               00000001 0005 "words"       | topics
               00000002 00000000 00000001  | partitions"#,
        );
        assert_laid_out(&some, 1, &asked);
        assert_laid_out(&OffsetFetchRequest { topics: None, ..some }, 2, &bytes(r#"0001 "g" ffffffff"#));
    }

    #[test]
    fn the_error_of_the_whole_comes_last() {
        let partition = OffsetFetchResponsePartition {
            partition_index: 1,
            committed_offset: 42,
            committed_leader_epoch: 5,
            metadata: Some("mine".to_owned()),
            error_code: ErrorCode::NONE,
        };
        let topic = OffsetFetchResponseTopic { name: "words".to_owned(), partitions: vec![partition] };
        let response = OffsetFetchResponse {
            throttle_time_ms: 0,
            topics: vec![topic],
            error_code: ErrorCode::NOT_COORDINATOR,
        };
        let answered = bytes(
            r#"00000000                    | throttle time
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               000000000000002a            | offset
               00000005                    | leader epoch
               0004 "mine" 0000            | metadata, error
               0010                        | error"#,
        );
        assert_laid_out(&response, 5, &answered);
    }

    #[test]
    fn version_1_has_errors_at_partitions_only() {
        let partition = OffsetFetchResponsePartition {
            committed_offset: -1,
            committed_leader_epoch: -1,
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..Default::default()
        };
        let topic = OffsetFetchResponseTopic { name: "words".to_owned(), partitions: vec![partition] };
        let response = OffsetFetchResponse { topics: vec![topic], ..Default::default() };
        let answered = bytes(
            r#"00000001 0005 "words"       | topics
               00000001 00000000           | partitions
               ffffffffffffffff ffff 0003  | offset, metadata, error"#,
        );
        assert_laid_out(&response, 1, &answered);
    }
}
