//! Produce: appends records to partitions.
//!
//! From version 3 on the records are batches of magic 2, one a partition; below, message sets. With `acks` 0 there is no
//! response.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Appends records.
    pub struct ProduceRequest<'a> {
        /// The transaction's id, if there is one.
        pub transactional_id: Option<String> => 3..,
        /// Who must have the records before the response: 0 nobody, 1 the leader, -1 all replicas in sync.
        pub acks: i16 => 0..,
        /// How long the broker may wait for them, in milliseconds.
        pub timeout_ms: i32 => 0..,
        /// The topics.
        pub topic_data: Vec<TopicProduceData<'a>> => 0..,
    }

    /// The records for one topic.
    pub struct TopicProduceData<'a> {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partition_data: Vec<PartitionProduceData<'a>> => 0..,
    }

    /// The records for one partition.
    pub struct PartitionProduceData<'a> {
        /// Its number in the topic.
        pub index: i32 => 0..,
        /// The records; null is read as none.
        pub records: &'a [u8] => 0..,
    }

    /// What was appended.
    pub struct ProduceResponse {
        /// The topics.
        pub responses: Vec<TopicProduceResponse> => 0..,
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
    }

    /// What was appended to one topic.
    pub struct TopicProduceResponse {
        /// Its name.
        pub name: String => 0..,
        /// The partitions.
        pub partition_responses: Vec<PartitionProduceResponse> => 0..,
    }

    /// What was appended to one partition.
    pub struct PartitionProduceResponse {
        /// Its number in the topic.
        pub index: i32 => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The offset of the first record, or -1.
        pub base_offset: i64 => 0..,
        /// When the broker appended, in milliseconds since 1970, if the topic keeps that time; else -1.
        pub log_append_time_ms: i64 = -1 => 2..,
        /// The first offset that the partition still has, or -1.
        pub log_start_offset: i64 = -1 => 5..,
        /// The records for which the batch was refused.
        pub record_errors: Vec<BatchIndexAndErrorMessage> => 8..,
        /// The broker's own words on why.
        pub error_message: Option<String> => 8..,
    }

    /// A record for which a batch was refused.
    pub struct BatchIndexAndErrorMessage {
        /// The record's place in the batch.
        pub batch_index: i32 => 8..,
        /// What is wrong with it.
        pub batch_index_error_message: Option<String> => 8..,
    }
}

api!(ApiKey::PRODUCE, Versions::new(0, 8), ProduceRequest<'a> => ProduceResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn request() -> ProduceRequest<'static> {
        let partition = PartitionProduceData { index: 1, records: b"batch" };
        let topic = TopicProduceData { name: "words".to_owned(), partition_data: vec![partition] };
        ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 30_000, topic_data: vec![topic] }
    }

    #[test]
    fn version_3_puts_the_transaction_first() {
        let asked = bytes(
            r#"ffff 00007530               | acks, timeout
               00000001 0005 "words"       | topics
               00000001 00000001           | partitions
               00000005 "batch"            | records"#,
        );
        assert_laid_out(&request(), 2, &asked);
        assert_laid_out(&request(), 3, &[&[0xff; 2], &asked[..]].concat());
    }

    #[test]
    fn the_throttle_time_comes_last() {
        let partition = PartitionProduceResponse { index: 1, base_offset: 42, ..Default::default() };
        let topic = TopicProduceResponse { name: "words".to_owned(), partition_responses: vec![partition] };
        let mut response = ProduceResponse { responses: vec![topic], throttle_time_ms: 3 };
        let answered = bytes(
            r#"00000001 0005 "words"       | topics
               00000001 00000001 0000      | partitions, error
               000000000000002a            | base offset
               00000003                    | throttle time"#,
        );
        assert_laid_out(&response, 1, &answered);

        let partition = &mut response.responses[0].partition_responses[0];
        partition.log_start_offset = 7;
        partition.error_message = Some("no".to_owned());
        partition.record_errors =
            vec![BatchIndexAndErrorMessage { batch_index: 4, batch_index_error_message: None }];
        let answered = bytes(
            r#"00000001 0005 "words"       | topics
               00000001 00000001 0000      | partitions, error
               000000000000002a            | base offset
               ffffffffffffffff            | log append time
               0000000000000007            | log start offset
               00000001 00000004 ffff      | record errors
               0002 "no"                   | message
               00000003                    | throttle time"#,
        );
        assert_laid_out(&response, 8, &answered);
    }
}
