//! What a client sees of a fake cluster: requests over TCP, and what the verbs and faults make of their answers.

use std::time::Duration;

use super::testing::{Client, WAIT};
use super::{ApiKey, ErrorCode, FakeKafka, Profile, codec};
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

fn one_topic() -> FakeKafka {
    FakeKafka::builder().topic("lines", 1).start().unwrap()
}

fn fetch(offset: i64) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "lines".to_owned(), partitions: vec![partition] };
    FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..FetchRequest::default() }
}

/// The first partition of a fetch's answer, and the offsets of its records.
fn fetched(client: &mut Client, version: i16, request: &FetchRequest) -> (ErrorCode, i64, Vec<i64>) {
    let answer = client.ask(version, request);
    let response: FetchResponse<'_> = answer.decode();
    let PartitionData { error_code, high_watermark, records, .. } = &response.responses[0].partitions[0];
    let heads = codec::walk(records).unwrap();
    let offsets = heads.iter().flat_map(|head| codec::decode(records, head).unwrap());
    (*error_code, *high_watermark, offsets.map(|record| record.offset).collect())
}

fn metadata(client: &mut Client, version: i16, topics: Option<&[&str]>, create: bool) -> MetadataResponse {
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

fn end(client: &mut Client, timestamp: i64) -> i64 {
    let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: "lines".to_owned(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
    client.ask(5, &request).decode::<ListOffsetsResponse>().topics[0].partitions[0].offset
}

fn batch(values: &[&str], producer: Option<(i64, i32)>) -> Vec<u8> {
    let records: Vec<_> = (0..)
        .zip(values)
        .map(|(offset, value)| codec::Record {
            offset,
            timestamp: Some(1),
            value: Some(value.as_bytes().to_vec()),
            ..codec::Record::default()
        })
        .collect();
    let (producer_id, base_sequence) = producer.unwrap_or((-1, -1));
    let producer_epoch = if producer.is_some() { 0 } else { -1 };
    let flags = BatchFlags { producer_id, producer_epoch, base_sequence, ..BatchFlags::default() };
    let form = codec::Form { magic: 2, flags, ..codec::Form::default() };
    codec::encode(&records, &form).unwrap().remove(0).bytes
}

fn produce(client: &mut Client, acks: i16, records: &[u8]) -> (ErrorCode, i64) {
    let partition = PartitionProduceData { index: 0, records };
    let topic = TopicProduceData { name: "lines".to_owned(), partition_data: vec![partition] };
    let request = ProduceRequest { acks, topic_data: vec![topic], ..ProduceRequest::default() };
    if acks == 0 {
        client.send(8, &request);
        return (ErrorCode::NONE, -1);
    }
    let response: ProduceResponse = client.ask(8, &request).decode();
    let answer = &response.responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset)
}

#[test]
fn versions_are_those_of_the_profile_and_of_the_fake() {
    let kafka =
        FakeKafka::builder().profile(Profile::V2_4).without(ApiKey::INIT_PRODUCER_ID).start().unwrap();
    let mut client = Client::of(&kafka, 1);
    let response: ApiVersionsResponse = client.ask(0, &ApiVersionsRequest::default()).decode();
    let range = |key| {
        response.api_keys.iter().find(|one| one.api_key == key).map(|one| (one.min_version, one.max_version))
    };
    assert_eq!(range(ApiKey::FETCH), Some((0, 11)));
    assert_eq!(range(ApiKey::METADATA), Some((0, 9)));
    assert_eq!(range(ApiKey::INIT_PRODUCER_ID), None);

    client.send(4, &ApiVersionsRequest::default());
    let frame = client.frame().unwrap();
    // Error 35 and the one range of ApiVersions, 0 to 3.
    assert_eq!(frame[4..], [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3]);
}

#[test]
fn a_broker_of_0_8_closes_on_api_versions_and_one_of_0_9_goes_on() {
    let kafka = FakeKafka::builder().profile(Profile::V0_8).start().unwrap();
    let mut client = Client::of(&kafka, 1);
    client.send(0, &ApiVersionsRequest::default());
    assert!(client.frame().is_none());

    let kafka = FakeKafka::builder().profile(Profile::V0_9).topic("lines", 1).start().unwrap();
    let mut client = Client::of(&kafka, 1);
    client.send(0, &ApiVersionsRequest::default());
    let response = metadata(&mut client, 0, None, true);
    assert_eq!(response.topics[0].name.as_deref(), Some("lines"));
    // What is too new is taken for version 0.
    let request = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    client.send(8, &request);
    let answer = client.answer(ApiKey::METADATA, 0).unwrap();
    assert_eq!(answer.decode::<MetadataResponse>(), response);
}

#[test]
fn asking_for_a_topic_creates_it_unless_that_is_forbidden() {
    let kafka = FakeKafka::builder().profile(Profile::V2_4).start().unwrap();
    let mut client = Client::of(&kafka, 1);
    let response = metadata(&mut client, 4, Some(&["no"]), false);
    assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let response = metadata(&mut client, 0, Some(&["yes"]), true);
    assert_eq!(response.topics[0].error_code, ErrorCode::LEADER_NOT_AVAILABLE);
    assert_eq!(metadata(&mut client, 1, Some(&["yes"]), true).topics[0].partitions.len(), 1);
    assert_eq!(kafka.topics(), ["yes"]);

    let kafka = FakeKafka::builder().auto_create(false).start().unwrap();
    metadata(&mut Client::of(&kafka, 1), 1, Some(&["no"]), true);
    assert_eq!(kafka.topics(), Vec::<String>::new());
}

#[test]
fn a_topic_made_anew_has_another_id() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    let before = metadata(&mut client, 12, Some(&["lines"]), false).topics[0].topic_id;
    kafka.recreate_topic("lines").unwrap();
    assert_ne!(metadata(&mut client, 12, None, false).topics[0].topic_id, before);
}

#[test]
fn what_is_produced_is_fetched() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    assert_eq!(produce(&mut client, -1, &batch(&["a", "b"], None)), (ErrorCode::NONE, 0));
    assert_eq!(produce(&mut client, 1, &batch(&["c"], None)), (ErrorCode::NONE, 2));
    produce(&mut client, 0, &batch(&["d"], None));
    assert_eq!(fetched(&mut client, 11, &fetch(0)), (ErrorCode::NONE, 4, vec![0, 1, 2, 3]));
    assert_eq!(fetched(&mut client, 4, &fetch(1)), (ErrorCode::NONE, 4, vec![0, 1, 2, 3]));
    assert_eq!(fetched(&mut client, 11, &fetch(4)), (ErrorCode::NONE, 4, vec![]));
    assert_eq!(fetched(&mut client, 11, &fetch(5)).0, ErrorCode::OFFSET_OUT_OF_RANGE);
    let values: Vec<_> =
        kafka.records("lines", 0).unwrap().into_iter().filter_map(|record| record.value).collect();
    assert_eq!(values, [b"a", b"b", b"c", b"d"]);
}

#[test]
fn a_bad_batch_is_refused() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    let mut bad = batch(&["a"], None);
    *bad.last_mut().unwrap() = 7;
    assert_eq!(produce(&mut client, 1, &bad).0, ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(produce(&mut client, 1, b"").0, ErrorCode::INVALID_RECORD);
    let long = "x".repeat(2 << 20);
    assert_eq!(produce(&mut client, 1, &batch(&[&long], None)).0, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(produce(&mut client, 7, &batch(&["a"], None)).0, ErrorCode::INVALID_REQUIRED_ACKS);
    assert_eq!(kafka.end_offset("lines", 0).unwrap(), 0);
    produce(&mut client, 0, &bad);
    assert!(client.frame().is_none(), "a producer without answers sees the connection end");
}

#[test]
fn an_idempotent_producer_is_taken_once_and_in_order() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    let request = InitProducerIdRequest::default();
    let id = client.ask(1, &request).decode::<InitProducerIdResponse>().producer_id;
    let first = batch(&["a", "b"], Some((id, 0)));
    assert_eq!(produce(&mut client, -1, &first), (ErrorCode::NONE, 0));
    assert_eq!(produce(&mut client, -1, &batch(&["c"], Some((id, 2)))), (ErrorCode::NONE, 2));
    assert_eq!(produce(&mut client, -1, &first), (ErrorCode::NONE, 0));
    let late = batch(&["e"], Some((id, 4)));
    assert_eq!(produce(&mut client, -1, &late).0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(kafka.end_offset("lines", 0).unwrap(), 3);
}

#[test]
fn a_fetch_at_the_end_waits_for_a_record() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    client.send(11, &FetchRequest { max_wait_ms: 60_000, min_bytes: 1, ..fetch(0) });
    kafka.wait_for_request(WAIT, |seen| seen.api == ApiKey::FETCH).unwrap();
    kafka.produce("lines", 0, ["a"]).unwrap();
    let answer = client.answer(ApiKey::FETCH, 11).unwrap();
    assert_eq!(answer.decode::<FetchResponse<'_>>().responses[0].partitions[0].high_watermark, 1);

    client.send(11, &FetchRequest { max_wait_ms: 60_000, min_bytes: 1, ..fetch(1) });
    kafka.close();
    assert!(client.rest().len() < 100, "the end of the broker ends the wait");
}

#[test]
fn the_limits_of_a_fetch_are_kept_but_for_its_first_batch() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    for partition in [0, 1] {
        for _ in 0..3 {
            kafka.produce("lines", partition, ["x".repeat(1000)]).unwrap();
        }
    }
    let mut request = fetch(0);
    let second = FetchPartition { partition: 1, ..request.topics[0].partitions[0].clone() };
    request.topics[0].partitions.push(second);
    let mut sizes = |version, max_bytes, partition_max_bytes| {
        request.max_bytes = max_bytes;
        request.topics[0].partitions[0].partition_max_bytes = partition_max_bytes;
        let answer = Client::of(&kafka, 1).ask(version, &request);
        let response: FetchResponse<'_> = answer.decode();
        response.responses[0].partitions.iter().map(|partition| partition.records.len()).collect::<Vec<_>>()
    };
    let batch = batch(&[&"x".repeat(1000)], None).len();
    assert_eq!(sizes(11, 1, 1), [batch, 0]);
    assert_eq!(sizes(11, 1 << 20, 100), [batch, 3 * batch]);
    assert_eq!(sizes(11, 1 << 20, 1500), [1500, 3 * batch]);
    assert_eq!(sizes(11, 2000, 1500), [1500, 0], "less than a batch is left for the second");
}

#[test]
fn readers_of_committed_records_stop_at_an_open_transaction_and_are_told_what_was_aborted() {
    let kafka = one_topic();
    kafka.produce("lines", 0, ["0"]).unwrap();
    let mut open = kafka.begin_transaction();
    open.produce("lines", 0, ["1", "2"]).unwrap();
    kafka.produce("lines", 0, ["3"]).unwrap();
    let mut client = Client::of(&kafka, 1);
    let committed = FetchRequest { isolation_level: 1, ..fetch(0) };
    assert_eq!(fetched(&mut client, 11, &committed).2, [0]);
    assert_eq!(fetched(&mut client, 11, &fetch(0)).2, [0, 1, 2, 3]);

    let id = open.producer_id();
    open.abort().unwrap();
    let answer = client.ask(11, &committed);
    let response: FetchResponse<'_> = answer.decode();
    let partition = &response.responses[0].partitions[0];
    let aborted = partition.aborted_transactions.as_ref().unwrap();
    assert_eq!((aborted[0].producer_id, aborted[0].first_offset, aborted.len()), (id, 1, 1));
    assert_eq!((partition.last_stable_offset, partition.high_watermark), (5, 5));
    let control: Vec<_> =
        codec::walk(partition.records).unwrap().iter().map(|head| head.is_control).collect();
    assert_eq!(control, [false, false, false, true]);
}

#[test]
fn offsets_are_listed_by_time() {
    let kafka = one_topic();
    for (value, timestamp) in [("a", 10), ("b", 20), ("c", 30)] {
        kafka.produce("lines", 0, [super::FakeRecord::from(value).timestamp(timestamp)]).unwrap();
    }
    kafka.set_log_start("lines", 0, 1).unwrap();
    let mut client = Client::of(&kafka, 1);
    assert_eq!([-1, -2, 0, 15, 25, 31].map(|time| end(&mut client, time)), [3, 1, 1, 1, 2, -1]);
}

#[test]
fn a_leader_that_moves_is_found_and_its_epochs_are_kept() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 1).start().unwrap();
    kafka.produce("lines", 0, ["a", "b"]).unwrap();
    kafka.move_leader("lines", 0, 2).unwrap();
    kafka.produce("lines", 0, ["c"]).unwrap();
    let (mut first, mut second) = (Client::of(&kafka, 1), Client::of(&kafka, 2));
    assert_eq!(fetched(&mut first, 10, &fetch(0)).0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let partition = &metadata(&mut first, 8, None, false).topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch), (2, 1));
    let mut with_epoch = |epoch| {
        let mut request = fetch(0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        fetched(&mut second, 11, &request).0
    };
    let expected = [ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::NONE, ErrorCode::UNKNOWN_LEADER_EPOCH];
    assert_eq!([0, 1, 2].map(&mut with_epoch), expected);
    let asked = OffsetForLeaderPartition { leader_epoch: 0, ..OffsetForLeaderPartition::default() };
    let topic = OffsetForLeaderTopic { topic: "lines".to_owned(), partitions: vec![asked] };
    let request =
        OffsetForLeaderEpochRequest { topics: vec![topic], ..OffsetForLeaderEpochRequest::default() };
    let response: OffsetForLeaderEpochResponse = second.ask(3, &request).decode();
    let found = &response.topics[0].partitions[0];
    assert_eq!((found.leader_epoch, found.end_offset), (0, 2));
}

#[test]
fn a_reader_is_sent_to_the_follower_in_its_rack() {
    let kafka = FakeKafka::builder().brokers(2).racks(["a", "b"]).topic("lines", 1).start().unwrap();
    kafka.produce("lines", 0, ["x"]).unwrap();
    let request = FetchRequest { rack_id: "b".to_owned(), ..fetch(0) };
    let answer = Client::of(&kafka, 1).ask(11, &request);
    let response: FetchResponse<'_> = answer.decode();
    let partition = &response.responses[0].partitions[0];
    assert_eq!((partition.preferred_read_replica, partition.records.len()), (2, 0));
    assert_eq!(fetched(&mut Client::of(&kafka, 2), 11, &request).2, [0]);
}

#[test]
fn a_group_has_its_offsets_at_its_coordinator() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 1).start().unwrap();
    kafka.move_coordinator("group", 2).unwrap();
    let find = FindCoordinatorRequest { key: "group".to_owned(), ..FindCoordinatorRequest::default() };
    let found: FindCoordinatorResponse = Client::of(&kafka, 1).ask(2, &find).decode();
    assert_eq!(found.node_id, 2);
    let partition = OffsetCommitRequestPartition {
        committed_offset: 7,
        committed_leader_epoch: 3,
        committed_metadata: Some("app".to_owned()),
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic { name: "lines".to_owned(), partitions: vec![partition] };
    let mut request = OffsetCommitRequest {
        group_id: "group".to_owned(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    let code = |broker, request: &OffsetCommitRequest| {
        let response: OffsetCommitResponse = Client::of(&kafka, broker).ask(7, request).decode();
        response.topics[0].partitions[0].error_code
    };
    assert_eq!(code(1, &request), ErrorCode::NOT_COORDINATOR);
    assert_eq!(code(2, &request), ErrorCode::NONE);
    let committed = kafka.committed("group", "lines", 0).unwrap();
    assert_eq!(
        (committed.offset, committed.leader_epoch, committed.metadata.as_deref()),
        (7, 3, Some("app"))
    );
    let all = OffsetFetchRequest { group_id: "group".to_owned(), topics: None };
    let response: OffsetFetchResponse = Client::of(&kafka, 2).ask(5, &all).decode();
    assert_eq!(response.topics[0].partitions[0].committed_offset, 7);
    request.topics[0].partitions[0].partition_index = 9;
    assert_eq!(code(2, &request), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn faults_befall_the_requests_that_they_are_for() {
    let kafka =
        FakeKafka::builder().topic("lines", 1).topic("other", 1).check_faults_at_drop().start().unwrap();
    kafka.produce("lines", 0, ["a"]).unwrap();
    let mut client = Client::of(&kafka, 1);
    kafka.on(ApiKey::FETCH).topic("other").always().disconnect().remove();
    let fault = kafka
        .on(ApiKey::FETCH)
        .topic("lines")
        .partition(0)
        .times(2)
        .after(1)
        .fail(ErrorCode::CORRUPT_MESSAGE);
    let codes: Vec<_> = (0..4).map(|_| fetched(&mut client, 11, &fetch(0)).0).collect();
    let (fine, wrong) = (ErrorCode::NONE, ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(codes, [fine, wrong, wrong, fine]);
    assert_eq!(fault.fired(), 2);

    kafka.on(ApiKey::FETCH).corrupt_crc();
    let answer = client.ask(11, &fetch(0));
    let response: FetchResponse<'_> = answer.decode();
    let records = response.responses[0].partitions[0].records;
    let head = &codec::walk(records).unwrap()[0];
    assert!(matches!(codec::decode(records, head), Err(RecordError::BadCrc { .. })));

    kafka.on(ApiKey::METADATA).fail(ErrorCode::LEADER_NOT_AVAILABLE);
    let topics = metadata(&mut client, 8, Some(&["lines"]), false).topics;
    assert_eq!((topics[0].error_code, topics[0].partitions.len()), (ErrorCode::LEADER_NOT_AVAILABLE, 0));
    kafka.on(ApiKey::METADATA).topic("lines").partition(0).fail(ErrorCode::LEADER_NOT_AVAILABLE);
    let topics = metadata(&mut client, 8, Some(&["lines"]), false).topics;
    let partition = &topics[0].partitions[0];
    assert_eq!(
        (topics[0].error_code, partition.error_code, partition.leader_id),
        (fine, ErrorCode::LEADER_NOT_AVAILABLE, -1)
    );
}

#[test]
fn faults_of_the_connection_are_seen_as_such() {
    let kafka = one_topic();
    let fetch = fetch(0);
    let sent = |client: &mut Client| {
        client.send(11, &fetch);
    };
    let connect = || Client::of(&kafka, 1);
    for fault in [kafka.on(ApiKey::FETCH).disconnect(), kafka.on(ApiKey::FETCH).done_but_reply_lost()] {
        let mut client = connect();
        sent(&mut client);
        assert_eq!((client.rest(), fault.fired()), (Vec::new(), 1));
    }

    kafka.on(ApiKey::FETCH).cut_after(7);
    let mut client = connect();
    sent(&mut client);
    assert_eq!(client.rest().len(), 7);

    kafka.on(ApiKey::FETCH).silence();
    let mut client = connect();
    sent(&mut client);
    assert_eq!(metadata(&mut client, 8, None, false).topics.len(), 1, "the next request is answered");

    kafka.on(ApiKey::FETCH).wrong_correlation();
    sent(&mut client);
    assert_ne!(client.frame().unwrap()[..4], 3i32.to_be_bytes());

    kafka.on(ApiKey::FETCH).reply_raw(i32::MIN.to_be_bytes());
    kafka.on(ApiKey::FETCH).disconnect();
    sent(&mut client);
    sent(&mut client);
    assert_eq!(client.rest(), i32::MIN.to_be_bytes());

    kafka.on(ApiKey::FETCH).reply_with(|seen, mut answer| {
        answer.truncate(4);
        answer.extend_from_slice(seen.client_id.as_deref().unwrap_or_default().as_bytes());
        answer
    });
    let mut client = connect();
    sent(&mut client);
    assert_eq!(client.frame().unwrap(), b"\0\0\0\x01test");
    kafka.assert_all_fired();
}

#[test]
fn a_delay_ends_with_the_broker() {
    let kafka = one_topic();
    let fault = kafka.on(ApiKey::METADATA).delay(Duration::from_secs(3600));
    let mut client = Client::of(&kafka, 1);
    client.send(8, &MetadataRequest::default());
    assert!(fault.wait(1, WAIT));
    kafka.stop_broker(1).unwrap();
    assert_eq!(client.rest(), []);
}

#[test]
#[should_panic(expected = "Fetch")]
fn a_fault_that_did_not_fire_is_named() {
    let kafka = one_topic();
    kafka.on(ApiKey::FETCH).topic("lines").disconnect();
    kafka.assert_all_fired();
}

#[test]
fn a_broker_that_is_stopped_gives_its_partitions_away_and_comes_back_at_its_port() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start().unwrap();
    let address = kafka.address(1).unwrap();
    let mut stays = Client::of(&kafka, 2);
    for epoch in [1, 3] {
        kafka.stop_broker(1).unwrap();
        assert!(std::net::TcpStream::connect(&address).is_err());
        let response = metadata(&mut stays, 8, None, false);
        let leaders: Vec<_> =
            response.topics[0].partitions.iter().map(|partition| partition.leader_id).collect();
        assert_eq!((response.brokers.len(), leaders), (1, vec![2, 2]));
        kafka.start_broker(1).unwrap();
        assert_eq!(metadata(&mut Client::of(&kafka, 1), 8, None, false).brokers.len(), 2);
        assert_eq!(kafka.leader_epoch("lines", 0).unwrap(), epoch);
        kafka.move_leader("lines", 0, 1).unwrap();
    }
}

#[test]
fn all_threads_end_with_the_cluster() {
    for _ in 0..20 {
        let kafka = FakeKafka::builder().brokers(3).topic("lines", 3).start().unwrap();
        let mut clients: Vec<_> = kafka.brokers().iter().map(|broker| Client::of(&kafka, *broker)).collect();
        for client in &mut clients {
            client.send(8, &MetadataRequest::default());
        }
        drop(kafka);
    }
}

#[test]
fn what_changes_is_waited_for() {
    let kafka = one_topic();
    assert!(!kafka.wait_until(Duration::ZERO, |kafka| kafka.end_offset("lines", 0).unwrap() == 1));
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| kafka.wait_until(WAIT, |kafka| kafka.end_offset("lines", 0).unwrap() == 1));
        kafka.produce("lines", 0, ["a"]).unwrap();
        assert!(waiting.join().unwrap());
    });
}
