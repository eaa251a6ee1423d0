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

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn version_3_is_as_kafka_lays_it_out() {
        let partition = OffsetForLeaderPartition { partition: 1, current_leader_epoch: 9, leader_epoch: 8 };
        let topic = OffsetForLeaderTopic { topic: "words".to_owned(), partitions: vec![partition] };
        let asked = bytes(
            r#"ffffffff                    | replica
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               00000009 00000008           | current leader epoch, leader epoch"#,
        );
        assert_laid_out(&OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] }, 3, &asked);

        let partition =
            EpochEndOffset { error_code: ErrorCode::NONE, partition: 1, leader_epoch: 8, end_offset: 77 };
        let topic = OffsetForLeaderTopicResult { topic: "words".to_owned(), partitions: vec![partition] };
        let answered = bytes(
            r#"00000000                    | throttle time
               00000001 0005 "words"       | topics
               00000001 0000 00000001      | partitions: error, then number
               00000008                    | leader epoch
               000000000000004d            | end offset"#,
        );
        assert_laid_out(
            &OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics: vec![topic] },
            3,
            &answered,
        );
    }
}
