//! What goes wrong while records are fetched, and what is known of it afterwards.

use super::*;
use crate::fake::kafka::{ApiKey, ErrorCode, FakeKafka, Profile};
use crate::kafka::KafkaError;
use crate::kafka::client::transport::TopicFilter;

/// A topic with one partition at two brokers, and what is fetched of it.
fn one() -> (FakeKafka, TopicPartition) {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 1).start().unwrap();
    store(&kafka, "t", 0, 0, 10);
    (kafka, partition("t", 0))
}

fn other_than_leader(kafka: &FakeKafka) -> i32 {
    3 - kafka.leader("t", 0).unwrap().unwrap()
}

#[test]
fn a_leader_that_moves_is_followed() {
    for profile in [Profile::V0_8, Profile::V0_11, Profile::V2_4, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).brokers(2).topic("t", 1).start().unwrap();
        let name = partition("t", 0);
        let client = client(&kafka);
        let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
        for round in 0..6 {
            store(&kafka, "t", 0, 10 * round, 10);
            sink.wait_for_values(&name, 10 * (round + 1));
            kafka.move_leader("t", 0, other_than_leader(&kafka)).unwrap();
        }
        let state = sink.state.lock();
        let is_passing = |failure: &FetchFailure| matches!(failure, FetchFailure::NotAvailable { .. });
        assert!(state.failures.iter().all(|(_, failure)| is_passing(failure)), "{:?}", state.failures);
    }
}

#[test]
fn a_broker_that_comes_back_is_read_on_from_the_same_offset() {
    let (kafka, name) = one();
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for_values(&name, 10);
    let leader = kafka.leader("t", 0).unwrap().unwrap();
    for broker in [3 - leader, leader] {
        kafka.stop_broker(broker).unwrap();
    }
    sink.wait_for_failure(
        "nobody is there",
        |_, failure| matches!(failure, FetchFailure::NotAvailable { since, .. } if !since.is_zero()),
    );
    kafka.start_broker(leader).unwrap();
    store(&kafka, "t", 0, 10, 10);
    sink.wait_for_values(&name, 20);
}

#[test]
fn connections_that_end_in_the_middle_lose_and_double_nothing() {
    let (kafka, name) = one();
    let client = client(&kafka);
    kafka.on(ApiKey::FETCH).after(1).times(2).disconnect();
    kafka.on(ApiKey::FETCH).after(5).times(2).cut_after(60);
    kafka.on(ApiKey::FETCH).after(9).times(2).done_but_reply_lost();
    kafka.on(ApiKey::FETCH).after(13).wrong_correlation();
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    for round in 1..12 {
        sink.wait_for_values(&name, 10 * round);
        store(&kafka, "t", 0, 10 * round, 10);
    }
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::FETCH).len() > 20));
    kafka.assert_all_fired();
}

#[test]
fn a_partition_without_a_leader_holds_up_only_itself() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    store(&kafka, "t", 0, 0, 10);
    store(&kafka, "t", 1, 0, 10);
    kafka.lose_leader("t", 1).unwrap();
    let (well, lost) = (partition("t", 0), partition("t", 1));
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&well), from_start(&lost)]);
    sink.wait_for_failure("no leader", |name, failure| {
        *name == lost
            && matches!(failure, FetchFailure::NotAvailable { cause: KafkaError::NoLeader { .. }, since } if !since.is_zero())
    });
    store(&kafka, "t", 0, 10, 10);
    sink.wait_for_values(&well, 20);
    kafka.move_leader("t", 1, kafka.brokers()[0]).unwrap();
    sink.wait_for_values(&lost, 10);
}

#[test]
fn out_of_range_is_told_and_another_offset_is_asked_for_at_once() {
    let (kafka, name) = one();
    kafka.set_log_start("t", 0, 5).unwrap();
    let client = client(&kafka);
    let (sink, fetcher) = Collected::start(&client, &[from(&name, 2, None)]);
    sink.wait_for_failure("out of range", |_, failure| {
        matches!(failure, FetchFailure::OutOfRange { wanted: 2 })
    });
    sink.state.lock().wants.extend([from(&name, 5, None)]);
    fetcher.wake();
    sink.wait_for("what is left", |state| state.values.get(&name).is_some_and(|values| values.len() == 5));
}

#[test]
fn an_unknown_topic_is_told_and_found_when_it_comes() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let (later, none) = (partition("later", 0), partition("t", 7));
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&later), from_start(&none)]);
    sink.wait_for_failure("an unknown topic", |name, failure| {
        *name == later && matches!(failure, FetchFailure::TopicUnknown(KafkaError::UnknownTopic { .. }))
    });
    sink.wait_for_failure("an unknown partition", |name, failure| {
        *name == none
            && matches!(
                failure,
                FetchFailure::TopicUnknown(KafkaError::UnknownPartition { partitions: 1, .. })
            )
    });
    kafka.create_topic("later", 1).unwrap();
    store(&kafka, "later", 0, 0, 3);
    sink.wait_for_values(&later, 3);
}

#[test]
fn a_topic_made_anew_is_told_from_the_old_one() {
    let (kafka, name) = one();
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for_values(&name, 10);
    kafka.recreate_topic("t").unwrap();
    client.topics(TopicFilter::All, soon()).unwrap();
    sink.wait_for_failure("a recreated topic", |_, failure| {
        matches!(failure, FetchFailure::TopicRecreated { was: Some(was), now: Some(now) } if was != now)
    });
}

#[test]
fn a_log_that_was_cut_back_is_noticed_from_2_4_on() {
    let name = partition("t", 0);
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).brokers(2).topic("t", 1).start().unwrap();
        store(&kafka, "t", 0, 0, 10);
        let client = client(&kafka);
        let epoch = kafka.leader_epoch("t", 0).unwrap();
        let (sink, fetcher) = Collected::start(&client, &[from_start(&name)]);
        sink.wait_for_values(&name, 10);
        let seen = sink.state.lock().wants[&name].leader_epoch;
        assert_eq!(seen, Some(epoch).filter(|_| profile.magic() == 2), "{profile}");
        drop(fetcher);
        // The other replica has not got the last four, and is elected.
        kafka.truncate("t", 0, 6).unwrap();
        kafka.move_leader("t", 0, other_than_leader(&kafka)).unwrap();
        store(&kafka, "t", 0, 100, 20);
        let (sink, _fetcher) = Collected::start(&client, &[from(&name, 10, Some(epoch))]);
        if profile < Profile::V2_4 {
            // There is nobody to ask: it goes on at the offset, behind what it has missed.
            sink.wait_for("values", |state| state.values.get(&name).map_or(0, Vec::len) == 16);
            continue;
        }
        sink.wait_for_failure("a truncated log", |_, failure| {
            matches!(failure, FetchFailure::LogTruncated { wanted: 10, end: 6 })
        });
        assert!(sink.state.lock().values.is_empty(), "{profile}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_asked_for_again_one_partition_at_a_time() {
    let kafka = FakeKafka::builder().topic("t", 3).start().unwrap();
    let names: Vec<_> = (0..3).map(|number| partition("t", number)).collect();
    for number in [0, 2] {
        store(&kafka, "t", number, 0, 10);
    }
    kafka.produce("t", 1, ["x".repeat(300_000)]).unwrap();
    let mut settings = settings(&kafka);
    settings.max_response = 100_000;
    let client = NativeTransport::new(settings);
    let wants: Vec<_> = names.iter().map(from_start).collect();
    let (sink, _fetcher) = Collected::start(&client, &wants);
    sink.wait_for_failure("a large answer", |name, failure| {
        *name == names[1]
            && matches!(failure, FetchFailure::Hostile(KafkaError::ResponseTooLarge { partition: Some(of), .. }) if of == name)
    });
    sink.wait_for_values(&names[0], 10);
    sink.wait_for_values(&names[2], 10);
    let state = sink.state.lock();
    assert!(state.failures.iter().all(|(name, _)| *name == names[1]), "{:?}", state.failures);
}

#[test]
fn errors_of_a_broker_are_told_and_tried_again() {
    let (kafka, name) = one();
    kafka.on(ApiKey::FETCH).fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    kafka.on(ApiKey::FETCH).fail(ErrorCode::CORRUPT_MESSAGE);
    kafka.on(ApiKey::FETCH).fail(ErrorCode::KAFKA_STORAGE_ERROR);
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for_values(&name, 10);
    let state = sink.state.lock();
    let kinds: Vec<_> = state
        .failures
        .iter()
        .map(|(_, failure)| match failure {
            FetchFailure::Refused(KafkaError::Broker { code, .. }) => ("refused", *code),
            FetchFailure::Corrupt { cause: KafkaError::Broker { code, .. }, .. } => ("corrupt", *code),
            FetchFailure::NotAvailable { cause: KafkaError::Broker { code, .. }, .. } => ("away", *code),
            _ => ("?", ErrorCode::NONE),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("refused", ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            ("corrupt", ErrorCode::CORRUPT_MESSAGE),
            ("away", ErrorCode::KAFKA_STORAGE_ERROR)
        ]
    );
}

#[test]
fn a_wrong_checksum_is_found_when_the_block_is_opened() {
    let (kafka, name) = one();
    kafka.on(ApiKey::FETCH).corrupt_crc();
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for_failure("a wrong checksum", |_, failure| {
        matches!(failure, FetchFailure::Corrupt { offset: 0, cause: KafkaError::Records { .. } })
    });
}

#[test]
fn a_panic_of_the_sink_does_not_end_the_fetch() {
    struct Panics(Collected, std::sync::atomic::AtomicBool);
    impl FetchSink for Panics {
        fn want(&self, partition: &TopicPartition) -> Option<Want> {
            self.0.want(partition)
        }
        fn fetched(&self, partition: &TopicPartition, fetched: Fetched) {
            if !self.1.swap(true, std::sync::atomic::Ordering::Relaxed) {
                panic!("a sink of a test");
            }
            self.0.fetched(partition, fetched);
        }
        fn failed(&self, partition: &TopicPartition, failure: FetchFailure) {
            self.0.failed(partition, failure);
        }
    }
    let (kafka, name) = one();
    let client = client(&kafka);
    let sink = Arc::new(Panics(Collected::default(), std::sync::atomic::AtomicBool::new(false)));
    sink.0.state.lock().wants.extend([from_start(&name)]);
    let mut fetcher = client.fetcher(Arc::clone(&sink) as Arc<dyn FetchSink>, "test").unwrap();
    fetcher.set_partitions(std::slice::from_ref(&name));
    sink.0.wait_for_values(&name, 10);
}
