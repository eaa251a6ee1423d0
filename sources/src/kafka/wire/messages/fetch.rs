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
#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes, take_reserved};
    use super::*;

    fn request() -> FetchRequest {
        let partition = FetchPartition {
            partition: 1,
            fetch_offset: 42,
            partition_max_bytes: 65_536,
            ..Default::default()
        };
        FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            topics: vec![FetchTopic { topic: "words".to_owned(), partitions: vec![partition] }],
            ..Default::default()
        }
    }

    fn response(partition: PartitionData<'_>) -> FetchResponse<'_> {
        let topic = FetchableTopicResponse { topic: "words".to_owned(), partitions: vec![partition] };
        FetchResponse { responses: vec![topic], ..Default::default() }
    }

    #[test]
    fn version_0_has_neither_a_total_nor_a_throttle_time() {
        let asked = bytes(
            r#"ffffffff 000001f4 00000001  | replica, max wait, min bytes
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               000000000000002a            | fetch offset
               00010000                    | partition max bytes"#,
        );
        assert_laid_out(&request(), 0, &asked);
        let answered = bytes(
            r#"00000001 0005 "words"       | topics
               00000001 00000001 0000      | partitions, error
               000000000000002b            | high watermark
               00000003 "set"              | records"#,
        );
        let partition =
            PartitionData { partition_index: 1, high_watermark: 43, records: b"set", ..Default::default() };
        assert_laid_out(&response(partition), 0, &answered);
    }

    #[test]
    fn version_11_has_everything_but_compact_forms() {
        let mut full = request();
        full.max_bytes = 0x0020_0000;
        full.isolation_level = 1;
        full.rack_id = "r1".to_owned();
        full.topics[0].partitions[0].current_leader_epoch = 6;
        full.forgotten_topics_data = vec![ForgottenTopic { topic: "old".to_owned(), partitions: vec![2] }];
        let asked = bytes(
            r#"ffffffff 000001f4 00000001  | replica, max wait, min bytes
               00200000 01                 | max bytes, isolation level
               00000000 ffffffff           | session id and epoch
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               00000006                    | current leader epoch
               000000000000002a            | fetch offset
               ffffffffffffffff            | log start offset
               00010000                    | partition max bytes
               00000001 0003 "old"         | forgotten topics
               00000001 00000002           | their partitions
               0002 "r1"                   | rack"#,
        );
        assert_laid_out(&full, 11, &asked);
        let answered = bytes(
            r#"00000002 0000 00000000      | throttle time, error, session id
               00000001 0005 "words"       | topics
               00000001 00000001 0000      | partitions, error
               000000000000002b            | high watermark
               000000000000002a            | last stable offset
               0000000000000007            | log start offset
               00000001                    | aborted transactions
               00000000000003e8            | producer id
               0000000000000029            | first offset
               00000005                    | preferred read replica
               00000005 "batch"            | records"#,
        );
        let partition = PartitionData {
            partition_index: 1,
            error_code: ErrorCode::NONE,
            high_watermark: 43,
            last_stable_offset: 42,
            log_start_offset: 7,
            aborted_transactions: Some(vec![AbortedTransaction { producer_id: 1_000, first_offset: 41 }]),
            preferred_read_replica: 5,
            records: b"batch",
        };
        assert_laid_out(&FetchResponse { throttle_time_ms: 2, ..response(partition) }, 11, &answered);
    }

    #[test]
    fn null_records_are_none() {
        let answered = bytes(
            r#"00000000                    | throttle time
               00000001 0005 "words"       | topics
               00000001 00000001 0001      | partitions, error
               ffffffffffffffff            | high watermark
               ffffffffffffffff            | last stable offset
               ffffffff                    | aborted transactions
               ffffffff                    | records"#,
        );
        let decoded = FetchResponse::decode(4, &mut Reader::new(&answered)).unwrap();
        let partition = PartitionData {
            partition_index: 1,
            error_code: ErrorCode::OFFSET_OUT_OF_RANGE,
            high_watermark: -1,
            ..Default::default()
        };
        assert_eq!(decoded, response(partition));
    }

    #[test]
    fn records_stay_in_the_frame() {
        let partition = PartitionData { records: &[7; 100_000], ..Default::default() };
        let topic = FetchableTopicResponse { topic: "words".to_owned(), partitions: vec![partition; 100] };
        let mut out = Writer::new();
        FetchResponse { responses: vec![topic], ..Default::default() }.encode(11, &mut out);
        let frame = out.into_bytes().unwrap();

        take_reserved();
        let decoded = FetchResponse::decode(11, &mut Reader::new(&frame)).unwrap();
        assert_eq!(
            take_reserved(),
            size_of::<FetchableTopicResponse<'_>>() + 100 * size_of::<PartitionData<'_>>()
        );
        let within = frame.as_ptr_range();
        for partition in &decoded.responses[0].partitions {
            assert_eq!(partition.records.len(), 100_000);
            assert!(within.contains(&partition.records.as_ptr()));
        }
    }
}
