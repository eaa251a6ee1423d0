//! Scripted faults.

use super::*;

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
    let sent = |client: &mut Client| client.send(11, &fetch(0));
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

    kafka.on(ApiKey::FETCH).trickle(Duration::from_micros(1));
    let mut client = connect();
    sent(&mut client);
    assert!(client.frame().is_some_and(|frame| frame.len() > 60), "it is there at last");

    kafka.on(ApiKey::FETCH).silence();
    let mut client = connect();
    sent(&mut client);
    assert_eq!(metadata(&mut client, 8, None, false).topics.len(), 1, "the next request is answered");

    kafka.assert_all_fired();
}

#[test]
fn answers_can_be_replaced() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    let sent = |client: &mut Client| client.send(11, &fetch(0));
    kafka.on(ApiKey::FETCH).wrong_correlation();
    sent(&mut client);
    assert_ne!(client.frame().unwrap()[..4], 1i32.to_be_bytes());

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
    let mut client = Client::of(&kafka, 1);
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
    assert!(client.rest().is_empty());
}

#[test]
#[should_panic(expected = "Fetch")]
fn a_fault_that_did_not_fire_is_named() {
    let kafka = one_topic();
    kafka.on(ApiKey::FETCH).topic("lines").disconnect();
    kafka.assert_all_fired();
}

#[test]
fn errors_of_a_group_and_of_a_session_are_those_of_the_response() {
    let kafka = one_topic();
    let mut client = Client::of(&kafka, 1);
    let loading = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    kafka.on(ApiKey::OFFSET_FETCH).fail(loading);
    let request = OffsetFetchRequest { group_id: "group".to_owned(), topics: None };
    let response: OffsetFetchResponse = client.ask(5, &request).decode();
    assert_eq!((response.error_code, response.topics.len()), (loading, 0));
    let invalid = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
    kafka.on(ApiKey::FETCH).fail(invalid);
    let answer = client.ask(11, &fetch(0));
    let response: FetchResponse<'_> = answer.decode();
    assert_eq!((response.error_code, response.responses.len()), (invalid, 0));
}
