//! What a client sees of a fake cluster: requests over TCP, and what the verbs and faults make of their answers. Here are the
//! requests that all scenarios send.

mod cluster;
mod faults;
mod groups;
mod records;

use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, ManualClock};

use super::testing::{Client, WAIT};
use super::{ApiKey, Codec, ErrorCode, FakeBatch, FakeKafka, FakeRecord, Profile, codec};
use crate::kafka::wire::messages::{
    ApiVersionsRequest, ApiVersionsResponse, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse,
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, MetadataRequest,
    MetadataRequestTopic, MetadataResponse, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic, PartitionData, PartitionProduceData, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use crate::kafka::wire::records::{BatchFlags, RecordError};

pub(super) fn one_topic() -> FakeKafka {
    FakeKafka::builder().topic("lines", 1).start().unwrap()
}

pub(super) fn fetch(offset: i64) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "lines".to_owned(), partitions: vec![partition] };
    FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..FetchRequest::default() }
}

/// The first partition of a fetch's answer, and the offsets of its records.
pub(super) fn fetched(
    client: &mut Client,
    version: i16,
    request: &FetchRequest,
) -> (ErrorCode, i64, Vec<i64>) {
    let answer = client.ask(version, request);
    let response: FetchResponse<'_> = answer.decode();
    let PartitionData { error_code, high_watermark, records, .. } = &response.responses[0].partitions[0];
    let heads = codec::walk(records).unwrap();
    let offsets = heads.iter().flat_map(|head| codec::decode(records, head).unwrap());
    (*error_code, *high_watermark, offsets.map(|record| record.offset).collect())
}

pub(super) fn metadata(
    client: &mut Client,
    version: i16,
    topics: Option<&[&str]>,
    create: bool,
) -> MetadataResponse {
    let named = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..MetadataRequestTopic::default()
    };
    let request = MetadataRequest {
        topics: topics.map(|topics| topics.iter().map(named).collect()),
        allow_auto_topic_creation: create,
        ..MetadataRequest::default()
    };
    client.ask(version, &request).decode()
}

/// The offsets that are listed for a time.
pub(super) fn end(client: &mut Client, version: i16, timestamp: i64) -> Vec<i64> {
    let partition = ListOffsetsPartition { timestamp, max_num_offsets: 9, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: "lines".to_owned(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
    let mut response: ListOffsetsResponse = client.ask(version, &request).decode();
    let answer = response.topics.remove(0).partitions.remove(0);
    if version == 0 { answer.old_style_offsets } else { vec![answer.offset] }
}

/// Records with these values, as a producer numbers them.
pub(super) fn values(values: &[&str]) -> Vec<codec::Record> {
    let record = |(offset, value): (i64, &&str)| codec::Record {
        offset,
        timestamp: Some(1),
        value: Some(value.as_bytes().to_vec()),
        ..codec::Record::default()
    };
    (0..).zip(values).map(record).collect()
}

pub(super) fn batch(of: &[&str], producer: Option<(i64, i32)>) -> Vec<u8> {
    let (producer_id, base_sequence) = producer.unwrap_or((-1, -1));
    let producer_epoch = if producer.is_some() { 0 } else { -1 };
    let flags = BatchFlags { producer_id, producer_epoch, base_sequence, ..BatchFlags::default() };
    let form = codec::Form { magic: 2, flags, ..codec::Form::default() };
    codec::encode(&values(of), &form).unwrap().remove(0).bytes
}

pub(super) fn produce(client: &mut Client, acks: i16, records: &[u8]) -> (ErrorCode, i64) {
    produce_as(client, 8, acks, records)
}

pub(super) fn produce_as(client: &mut Client, version: i16, acks: i16, records: &[u8]) -> (ErrorCode, i64) {
    let partition = PartitionProduceData { index: 0, records };
    let topic = TopicProduceData { name: "lines".to_owned(), partition_data: vec![partition] };
    let request = ProduceRequest { acks, topic_data: vec![topic], ..ProduceRequest::default() };
    if acks == 0 {
        client.send(version, &request);
        return (ErrorCode::NONE, -1);
    }
    let response: ProduceResponse = client.ask(version, &request).decode();
    let answer = &response.responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset)
}
