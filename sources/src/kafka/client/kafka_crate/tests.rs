//! The crate behind the transport, against the fake: what it would lose, what it cannot read, and what becomes of calls that do
//! not come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::lane::{Lane, MOST_STRAYS};
use super::reading::{Outcome, Question};
use super::session::Session;
use super::*;
use crate::fake::kafka::{ApiKey, Codec, FakeBatch, FakeKafka, FakeRecord, Profile, Seen};
use crate::kafka::client::settings::{Gaps, Isolation};
use crate::kafka::client::tests::{Collected, from_start, partition, settings};
use crate::kafka::client::transport::{FetchFailure, Want};
use crate::kafka::wire::ErrorCode;

fn fake(profile: Profile) -> FakeKafka {
    FakeKafka::builder().profile(profile).topic("t", 1).start().unwrap()
}

fn settings_of_crate(kafka: &FakeKafka) -> ClientSettings {
    let mut settings = settings(kafka);
    settings.isolation = Isolation::ReadUncommitted;
    settings
}

fn client(kafka: &FakeKafka) -> CrateTransport {
    CrateTransport::new(settings_of_crate(kafka))
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// Where the partition ends.
fn end_of(transport: &CrateTransport, deadline: Deadline) -> Result<i64, KafkaError> {
    let at = [(partition("t", 0), OffsetAt::Latest)];
    let found = transport.offsets(&at, deadline)?.remove(0).1?;
    Ok(found.expect("a log has an end").offset)
}

/// What the first failure of the partition is.
fn failure_of(transport: &CrateTransport) -> FetchFailure {
    let (sink, _fetcher) = Collected::start(transport, &[from_start(&partition("t", 0))]);
    sink.wait_for("a failure", |state| !state.failures.is_empty());
    sink.state.lock().failures[0].1.clone()
}

#[test]
fn plain_messages_before_a_compressed_one_are_not_lost() {
    for profile in [Profile::V0_8, Profile::V0_9, Profile::V0_10, Profile::V1_1, Profile::V3_9] {
        let kafka = fake(profile);
        let mut expected = Vec::new();
        let mut number = 0;
        for (codec, count) in [
            (Codec::None, 3),
            (Codec::Gzip, 5),
            (Codec::None, 1),
            (Codec::None, 40),
            (Codec::Snappy, 2),
            (Codec::Gzip, 1),
        ] {
            let values: Vec<_> = (number..number + count).map(|n| format!("value {n}")).collect();
            kafka
                .produce_batch("t", 0, FakeBatch::of(values.iter().map(String::as_str)).codec(codec))
                .unwrap();
            expected.extend((i64::from(number)..).zip(values));
            number += count;
        }
        let name = partition("t", 0);
        let transport = client(&kafka);
        let (sink, _fetcher) = Collected::start(&transport, &[from_start(&name)]);
        sink.wait_for_values(&name, expected.len());
        let state = sink.state.lock();
        assert_eq!(state.values[&name], expected, "{profile:?}");
        assert!(state.failures.is_empty(), "{profile:?}: {:?}", state.failures);
    }
}

#[test]
fn a_gap_of_the_log_is_an_error_that_names_it() {
    let kafka = fake(Profile::V3_9);
    let mut transaction = kafka.begin_transaction();
    transaction.produce("t", 0, ["a", "b"]).unwrap();
    transaction.commit().unwrap();
    kafka.produce("t", 0, ["c"]).unwrap();
    let transport = client(&kafka);
    match failure_of(&transport) {
        FetchFailure::Corrupt { cause: KafkaError::Gap { partition: name, from, to }, .. } => {
            assert_eq!((name, from, to), (partition("t", 0), 2, 3));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_marker_of_a_transaction_at_the_end_of_the_log_is_an_error_whatever_is_expected() {
    for gaps in [Gaps::Refused, Gaps::Expected] {
        let kafka = fake(Profile::V1_1);
        let mut transaction = kafka.begin_transaction();
        transaction.produce("t", 0, ["a", "b"]).unwrap();
        transaction.commit().unwrap();
        let mut settings = settings_of_crate(&kafka);
        settings.gaps = gaps;
        match failure_of(&CrateTransport::new(settings)) {
            // Brokers before 2.0 send it as it is where nothing follows it, in a format that the crate does not know.
            FetchFailure::Corrupt { cause: KafkaError::KafkaCrate { .. }, offset: 2 } => {}
            other => panic!("{gaps:?}: {other:?}"),
        }
    }
}

#[test]
fn a_compacted_topic_is_read_where_gaps_are_expected() {
    for profile in [Profile::V0_9, Profile::V0_11, Profile::V3_9] {
        let kafka = fake(profile);
        for value in ["1", "2", "3"] {
            kafka
                .produce("t", 0, [FakeRecord::new(value).key("a"), FakeRecord::new(value).key(value)])
                .unwrap();
        }
        kafka.compact("t", 0).unwrap();
        let name = partition("t", 0);
        match failure_of(&client(&kafka)) {
            FetchFailure::Corrupt { cause: KafkaError::Gap { from: 0, to: 1, .. }, .. } => {}
            other => panic!("{other:?}"),
        }
        let mut settings = settings_of_crate(&kafka);
        settings.gaps = Gaps::Expected;
        let transport = CrateTransport::new(settings);
        let (sink, _fetcher) = Collected::start(&transport, &[from_start(&name)]);
        sink.wait_for("all records", |state| state.wants[&name].offset == 6);
        let offsets: Vec<_> = sink.state.lock().values[&name].iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, [1, 3, 4, 5], "{profile:?}");
    }
}

#[test]
fn the_end_of_a_compressed_batch_that_compaction_has_taken_is_a_gap_though_gaps_are_expected() {
    let kafka = fake(Profile::V3_9);
    for records in [&["b", "a"][..], &["a"]] {
        let records = records.iter().map(|key| FakeRecord::new("value").key(*key));
        kafka.produce_batch("t", 0, FakeBatch::of(records).codec(Codec::Gzip)).unwrap();
    }
    kafka.compact("t", 0).unwrap();
    let mut settings = settings_of_crate(&kafka);
    settings.gaps = Gaps::Expected;
    match failure_of(&CrateTransport::new(settings)) {
        FetchFailure::Corrupt { cause: KafkaError::Gap { from: 1, to: 3, .. }, offset: 1 } => {}
        other => panic!("{other:?}"),
    }
}

/// What becomes of these partitions of `t` where the first broker is asked for all of them at once, each from its start.
fn fetched(transport: &CrateTransport, partitions: &[i32]) -> Vec<(TopicPartition, Outcome)> {
    let most_bytes = transport.cluster().settings().most_fetch_bytes;
    let want = Want { offset: 0, leader_epoch: None, max_bytes: most_bytes };
    let question = Question {
        node: 1,
        wants: partitions.iter().map(|number| (partition("t", *number), want)).collect(),
        wait: Duration::from_millis(100),
        gaps: Gaps::Refused,
        most_bytes,
        deadline: soon(),
    };
    reading::fetch(&mut Session::new(transport.cluster(), 0), &question).unwrap()
}

#[test]
fn a_bad_partition_does_not_hide_one_that_is_led_elsewhere() {
    let kafka = FakeKafka::builder().profile(Profile::V0_9).brokers(2).topic("t", 2).start().unwrap();
    kafka.move_leader("t", 0, 1).unwrap();
    kafka.move_leader("t", 1, 2).unwrap();
    kafka.produce("t", 0, ["a"]).unwrap();
    kafka.on(ApiKey::FETCH).always().corrupt_crc();
    let transport = client(&kafka);
    let outcomes = fetched(&transport, &[0, 1]);
    let of = |number| outcomes.iter().find(|(name, _)| *name == partition("t", number)).map(|(_, it)| it);
    assert!(matches!(of(0), Some(Outcome::Bad(KafkaError::KafkaCrate { .. }))), "the bad one");
    assert!(matches!(of(1), Some(Outcome::Refused(ErrorCode::NOT_LEADER_OR_FOLLOWER))), "the other one");
}

/// Makes answers with records of the only partition empty, but leaves the end of the log in them.
fn emptied(_: &Seen, mut answer: Vec<u8>) -> Vec<u8> {
    // Number, topics, name, partitions, partition, error, end of the log.
    answer.truncate(4 + 4 + (2 + "t".len()) + 4 + 4 + 2 + 8);
    answer.extend(0_i32.to_be_bytes());
    answer
}

#[test]
fn records_that_came_between_the_log_and_its_end_are_not_a_gap() {
    let kafka = fake(Profile::V0_9);
    kafka.produce("t", 0, ["a", "b"]).unwrap();
    let fault = kafka.on(ApiKey::FETCH).reply_with(emptied);
    let transport = client(&kafka);
    let outcomes = fetched(&transport, &[0]);
    assert!(matches!(&outcomes[..], [(_, Outcome::Came(came))] if came.next_offset == 2));
    assert_eq!(fault.fired(), 1);
}

#[test]
fn what_the_largest_fetch_does_not_bring_is_a_gap() {
    let kafka = fake(Profile::V0_9);
    kafka.produce("t", 0, ["a", "b"]).unwrap();
    let fault = kafka.on(ApiKey::FETCH).always().reply_with(emptied);
    let transport = client(&kafka);
    let outcomes = fetched(&transport, &[0]);
    assert!(matches!(outcomes[..], [(_, Outcome::Bad(KafkaError::Gap { from: 0, to: 2, .. }))]));
    assert_eq!(fault.fired(), 2);
}

#[test]
fn a_codec_that_the_crate_lacks_is_an_error_that_names_the_partition() {
    let kafka = fake(Profile::V3_9);
    kafka.produce_batch("t", 0, FakeBatch::of(["a"]).codec(Codec::Lz4)).unwrap();
    match failure_of(&client(&kafka)) {
        FetchFailure::Corrupt { offset: 0, cause: cause @ KafkaError::KafkaCrate { .. } } => {
            assert!(cause.to_string().contains("t-0: Unsupported compression"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_of_the_crate_is_an_error_and_the_next_call_is_good() {
    let kafka = fake(Profile::V3_9);
    kafka.produce("t", 0, ["a"]).unwrap();
    // A length below zero.
    let fault = kafka.on(ApiKey::LIST_OFFSETS).reply_raw((-1_i32).to_be_bytes());
    let transport = client(&kafka);
    let error = end_of(&transport, soon()).unwrap_err();
    assert!(error.to_string().contains("the kafka crate has failed in ListOffsets: it panicked"), "{error}");
    assert_eq!(fault.fired(), 1);
    assert_eq!(end_of(&transport, soon()).unwrap(), 1);
}

#[test]
fn a_broker_without_the_old_versions_is_named_with_what_it_offers() {
    let kafka = fake(Profile::V4_3);
    let transport = client(&kafka);
    let error = end_of(&transport, soon()).unwrap_err();
    assert!(
        matches!(&error, KafkaError::UnsupportedVersion { request: "Fetch", offered: Some((4, _)), .. }),
        "{error}"
    );
}

#[test]
fn a_call_that_does_not_come_back_is_given_up_and_its_thread_is_named() {
    let kafka = fake(Profile::V3_9);
    kafka.produce("t", 0, ["a"]).unwrap();
    kafka.on(ApiKey::LIST_OFFSETS).silence();
    let transport = client(&kafka);
    let error = end_of(&transport, Deadline::after(Duration::from_millis(100))).unwrap_err();
    assert!(matches!(error, KafkaError::Timeout { request: "ListOffsets", .. }), "{error}");
    assert_eq!(end_of(&transport, soon()).unwrap(), 1, "another thread asks");
    transport.close();
    assert_eq!(transport.threads_left(), ["kafka-crate"]);
    kafka.disconnect_clients(kafka.brokers()[0]).unwrap();
    assert_eq!(transport.strays.wait(soon()), Vec::<String>::new(), "it ends with its connection");
}

#[test]
fn a_broker_that_is_silent_is_not_the_first_to_be_asked_again() {
    let kafka = FakeKafka::builder().profile(Profile::V3_9).brokers(2).topic("t", 1).start().unwrap();
    kafka.produce("t", 0, ["a"]).unwrap();
    let silence = kafka.on(ApiKey::METADATA).broker(kafka.brokers()[0]).always().silence();
    let transport = client(&kafka);
    let error = end_of(&transport, Deadline::after(Duration::from_millis(100))).unwrap_err();
    assert!(matches!(error, KafkaError::Timeout { request: "ListOffsets", .. }), "{error}");
    assert_eq!(end_of(&transport, soon()).unwrap(), 1, "the other broker is asked");
    // What is known of the brokers now does not bring it back to the first place.
    transport.topics(TopicFilter::All, soon()).unwrap();
    assert!(silence.fired() <= 1, "it was asked {} times", silence.fired());
    kafka.disconnect_clients(kafka.brokers()[0]).unwrap();
}

#[test]
fn calls_go_on_when_those_that_had_not_come_back_have_ended() {
    let kafka = fake(Profile::V3_9);
    kafka.produce("t", 0, ["a"]).unwrap();
    let silence = kafka.on(ApiKey::LIST_OFFSETS).always().silence();
    let transport = client(&kafka);
    let short = || Deadline::after(Duration::from_millis(50));
    while transport.strays.count() < MOST_STRAYS {
        end_of(&transport, short()).unwrap_err();
    }
    let error = end_of(&transport, short()).unwrap_err();
    assert!(matches!(error, KafkaError::Timeout { request: "ListOffsets", .. }), "{error}");
    assert_eq!(transport.strays.count(), MOST_STRAYS, "no other thread is started");
    silence.remove();
    kafka.disconnect_clients(kafka.brokers()[0]).unwrap();
    assert_eq!(end_of(&transport, soon()).unwrap(), 1);
}

#[test]
fn what_is_asked_after_the_deadline_is_not_run() {
    let transport = client(&fake(Profile::V3_9));
    let mut lane = Lane::new(Arc::clone(transport.cluster()), "lane".to_owned(), transport.strays.clone());
    let runs = Arc::new(AtomicUsize::new(0));
    let mut ask = |deadline| {
        let runs = Arc::clone(&runs);
        lane.ask("OffsetCommit", (transport.cluster().way_out(), deadline), move |_| {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    };
    let error = ask(Deadline::after(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, KafkaError::Timeout { request: "OffsetCommit", .. }), "{error}");
    ask(soon()).unwrap();
    drop(lane);
    assert_eq!(transport.strays.wait(soon()), Vec::<String>::new());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn an_answer_to_another_request_is_not_taken() {
    let kafka = fake(Profile::V3_9);
    kafka.produce("t", 0, ["a"]).unwrap();
    kafka.on(ApiKey::FETCH).always().wrong_correlation();
    match failure_of(&client(&kafka)) {
        FetchFailure::Hostile(KafkaError::WrongAnswer { request: "Fetch", .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_batch_is_an_error_that_names_the_partition() {
    let kafka = fake(Profile::V0_9);
    kafka.produce("t", 0, ["a"]).unwrap();
    kafka.on(ApiKey::FETCH).always().corrupt_crc();
    match failure_of(&client(&kafka)) {
        FetchFailure::Corrupt { offset: 0, cause: cause @ KafkaError::KafkaCrate { .. } } => {
            assert!(cause.to_string().contains("t-0: Kafka Error (CorruptMessage)"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}
