//! Versions, topics, brokers and groups.

use super::*;

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

#[test]
fn a_broker_that_is_upgraded_begins_to_tell_its_versions() {
    let kafka = FakeKafka::builder().brokers(2).profile(Profile::V0_9).start().unwrap();
    kafka.set_profile(2, Profile::V0_10).unwrap();
    let mut client = Client::of(&kafka, 2);
    let response: ApiVersionsResponse = client.ask(0, &ApiVersionsRequest::default()).decode();
    assert!(response.api_keys.iter().any(|one| one.api_key == ApiKey::FETCH && one.max_version == 3));
    let mut client = Client::of(&kafka, 1);
    client.send(0, &ApiVersionsRequest::default());
    client.send(0, &MetadataRequest::default());
    assert!(client.answer(ApiKey::METADATA, 0).is_some(), "the other is as it was");
}
