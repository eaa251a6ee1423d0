//! ListOffsets: the first offset, the end, or the offset for a time.
//!
//! Version 0 knows times by segment only, and answers with a list of offsets, the highest first.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

impl ListOffsetsRequest {
    /// As a timestamp: the end of the partition.
    pub const LATEST: i64 = -1;
    /// As a timestamp: the first offset that the partition still has.
    pub const EARLIEST: i64 = -2;
}

structures! {
    /// Asks for offsets.
    pub struct ListOffsetsRequest {
        /// -1 for consumers.
        pub replica_id: i32 = -1 => 0..,
        /// 0: the end is the high watermark; 1: it is the last stable offset.
        pub isolation_level: i8 => 2..,
        /// The topics.
        pub topics: Vec<ListOffsetsTopic> => 0..,
    }

    /// What is asked of one topic.
    pub struct ListOffsetsTopic {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partitions: Vec<ListOffsetsPartition> => 0..,
    }

    /// What is asked of one partition.
    pub struct ListOffsetsPartition {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// The epoch of the leader as the client knows it, or -1.
        pub current_leader_epoch: i32 = -1 => 4..,
        /// Milliseconds since 1970, or [`LATEST`](ListOffsetsRequest::LATEST) or
        /// [`EARLIEST`](ListOffsetsRequest::EARLIEST).
        pub timestamp: i64 => 0..,
        /// How many offsets the answer may have.
        pub max_num_offsets: i32 = 1 => 0..=0,
    }

    /// The offsets.
    pub struct ListOffsetsResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 2..,
        /// The topics.
        pub topics: Vec<ListOffsetsTopicResponse> => 0..,
    }

    /// The offsets of one topic.
    pub struct ListOffsetsTopicResponse {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partitions: Vec<ListOffsetsPartitionResponse> => 0..,
    }

    /// The offset of one partition.
    pub struct ListOffsetsPartitionResponse {
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The offsets of version 0, the highest first.
        pub old_style_offsets: Vec<i64> => 0..=0,
        /// The time of the record found, or -1.
        pub timestamp: i64 = -1 => 1..,
        /// The offset found, or -1.
        pub offset: i64 = -1 => 1..,
        /// The epoch of the leader that wrote the record found, or -1.
        pub leader_epoch: i32 = -1 => 4..,
    }
}

api!(ApiKey::LIST_OFFSETS, Versions::new(0, 5), ListOffsetsRequest => ListOffsetsResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn request() -> ListOffsetsRequest {
        let partition = ListOffsetsPartition {
            partition_index: 3,
            timestamp: ListOffsetsRequest::EARLIEST,
            ..Default::default()
        };
        let topic = ListOffsetsTopic { name: "words".to_owned(), partitions: vec![partition] };
        ListOffsetsRequest { topics: vec![topic], ..Default::default() }
    }

    fn response(partition: ListOffsetsPartitionResponse) -> ListOffsetsResponse {
        let topic = ListOffsetsTopicResponse { name: "words".to_owned(), partitions: vec![partition] };
        ListOffsetsResponse { throttle_time_ms: 0, topics: vec![topic] }
    }

    #[test]
    fn version_0_has_a_list_of_offsets() {
        let asked = bytes(
            r#"ffffffff                    | replica
               00000001 0005 "words"       | topics
               00000001 00000003           | partitions
               fffffffffffffffe            | timestamp
               00000001                    | offsets wanted"#,
        );
        assert_laid_out(&request(), 0, &asked);
        let answered = bytes(
            r#"00000001 0005 "words"       | topics
               00000001 00000003 0000      | partitions, error
               00000002                    | offsets
               0000000000000009 0000000000000000"#,
        );
        let partition = ListOffsetsPartitionResponse {
            partition_index: 3,
            old_style_offsets: vec![9, 0],
            ..Default::default()
        };
        assert_laid_out(&response(partition), 0, &answered);
    }

    #[test]
    fn version_5_has_epochs_and_an_isolation_level() {
        let mut read_committed = request();
        read_committed.isolation_level = 1;
        read_committed.topics[0].partitions[0].current_leader_epoch = 4;
        let asked = bytes(
            r#"ffffffff 01                 | replica, isolation level
               00000001 0005 "words"       | topics
               00000001 00000003           | partitions
               00000004                    | current leader epoch
               fffffffffffffffe            | timestamp"#,
        );
        assert_laid_out(&read_committed, 5, &asked);
        let answered = bytes(
            r#"00000000                    | throttle time
               00000001 0005 "words"       | topics
               00000001 00000003 004e      | partitions, error
               0000000000000005            | timestamp
               0000000000000006            | offset
               00000007                    | leader epoch"#,
        );
        let partition = ListOffsetsPartitionResponse {
            partition_index: 3,
            error_code: ErrorCode::OFFSET_NOT_AVAILABLE,
            old_style_offsets: Vec::new(),
            timestamp: 5,
            offset: 6,
            leader_epoch: 7,
        };
        assert_laid_out(&response(partition), 5, &answered);
    }
}
