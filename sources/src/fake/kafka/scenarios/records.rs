//! Records: produced, fetched, found by time, held back by transactions.

use super::*;

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
fn a_producer_that_was_forgotten_meets_what_its_release_says() {
    let unknown = ErrorCode::UNKNOWN_PRODUCER_ID;
    for (profile, expected) in [(Profile::V2_4, unknown), (Profile::V2_8, ErrorCode::NONE)] {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 1).start().unwrap();
        let mut client = Client::of(&kafka, 1);
        assert_eq!(produce(&mut client, -1, &batch(&["a"], Some((7, 0)))).0, ErrorCode::NONE);
        kafka.forget_producers("lines", 0).unwrap();
        assert_eq!(produce(&mut client, -1, &batch(&["b"], Some((7, 1)))).0, expected, "{profile}");
    }
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
        kafka.produce("lines", 0, [FakeRecord::from(value).timestamp(timestamp)]).unwrap();
    }
    let two = [FakeRecord::from("d").timestamp(40), FakeRecord::from("e").timestamp(50)];
    kafka.produce("lines", 0, two).unwrap();
    kafka.set_log_start("lines", 0, 1).unwrap();
    let mut client = Client::of(&kafka, 1);
    assert_eq!([-1, -2, 0, 15, 25, 45, 51].map(|time| end(&mut client, 5, time)[0]), [5, 1, 1, 1, 2, 4, -1]);
}

#[test]
fn version_0_lists_segments_by_their_age() {
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let builder = FakeKafka::builder().profile(Profile::V0_9).topic("lines", 1);
    let kafka = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).start().unwrap();
    let mut client = Client::of(&kafka, 1);
    assert_eq!(end(&mut client, 0, -1), [0]);
    kafka.produce("lines", 0, ["a", "b"]).unwrap();
    clock.advance(Duration::from_secs(1));
    let lists = [-1, -2, 999, 1_000, 1_999, 2_000].map(|time| end(&mut client, 0, time));
    assert_eq!(lists, [vec![2, 0], vec![0], vec![], vec![0], vec![0], vec![2, 0]]);
}

#[test]
fn every_release_serves_what_was_stored_to_every_version() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 1).start().unwrap();
        kafka.produce_batch("lines", 0, FakeBatch::of(["a", "b"]).codec(Codec::Snappy)).unwrap();
        kafka.produce_batch("lines", 0, FakeBatch::of(["c", "d"]).magic(0)).unwrap();
        kafka.produce("lines", 0, ["e"]).unwrap();
        let mut client = Client::of(&kafka, 1);
        for version in profile.versions(ApiKey::FETCH).unwrap() {
            assert_eq!(fetched(&mut client, version, &fetch(0)).2, [0, 1, 2, 3, 4], "{profile}: {version}");
            let from_the_middle = fetched(&mut client, version, &fetch(3)).2;
            assert_eq!(from_the_middle, [3, 4], "{profile}: {version}");
            let answer = client.ask(version, &fetch(0));
            let response: FetchResponse<'_> = answer.decode();
            let highest = codec::walk(response.responses[0].partitions[0].records).unwrap();
            let highest = highest.iter().map(|span| span.magic).max().unwrap();
            assert_eq!(
                highest,
                profile.magic().min([0, 0, 1, 1].get(version as usize).copied().unwrap_or(2))
            );
        }
    }
}

#[test]
fn what_old_producers_send_is_stored_in_the_format_of_the_release() {
    for profile in [Profile::V0_9, Profile::V0_10, Profile::V0_11, Profile::V3_9] {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 1).start().unwrap();
        let mut client = Client::of(&kafka, 1);
        for version in profile.versions(ApiKey::PRODUCE).unwrap().filter(|version| *version < 3) {
            let magic = u8::from(version == 2);
            for codec in [Codec::None, Codec::Gzip, Codec::Lz4] {
                let form = codec::Form { magic, codec, ..codec::Form::default() };
                let set: Vec<_> = codec::encode(&values(&["a", "b", "c"]), &form)
                    .unwrap()
                    .into_iter()
                    .flat_map(|batch| batch.bytes)
                    .collect();
                let before = kafka.end_offset("lines", 0).unwrap();
                let code = produce_as(&mut client, version, -1, &set);
                assert_eq!(code, (ErrorCode::NONE, before), "{profile}: {version} {codec:?}");
            }
        }
        let records = kafka.records("lines", 0).unwrap();
        let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (0..records.len() as i64).collect::<Vec<_>>());
        assert!(records.chunks(3).all(|three| three[2].value.as_deref() == Some(b"c")));
    }
}

#[test]
fn the_brokers_time_is_in_the_records_of_a_topic_that_wants_it() {
    for profile in [Profile::V0_10, Profile::V4_3] {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_ms(5_000));
        let kafka = FakeKafka::builder().profile(profile).clock(clock).topic("lines", 1).start().unwrap();
        kafka.set_log_append_time("lines", true).unwrap();
        for codec in [Codec::None, Codec::Gzip] {
            let record = FakeRecord::from("a").timestamp(1);
            kafka.produce_batch("lines", 0, FakeBatch::of([record]).codec(codec)).unwrap();
        }
        let times: Vec<_> =
            kafka.records("lines", 0).unwrap().iter().map(|record| record.timestamp).collect();
        assert_eq!(times, [Some(5_000), Some(5_000)], "{profile}");
    }
}

#[test]
fn bytes_that_are_no_records_are_served_as_they_are() {
    let kafka = one_topic();
    kafka.store_bytes("lines", 0, 0..10, b"no records at all").unwrap();
    assert!(kafka.store_bytes("lines", 0, 5..6, b"below the end").is_err());
    kafka.produce("lines", 0, ["a"]).unwrap();
    let mut client = Client::of(&kafka, 1);
    let answer = client.ask(11, &fetch(0));
    let response: FetchResponse<'_> = answer.decode();
    assert!(response.responses[0].partitions[0].records.starts_with(b"no records at all"));
    assert_eq!(fetched(&mut client, 11, &fetch(10)).2, [10]);
}
