//! Ids and numbers of batches: what may have been appended is not written again under others, and nothing waits for ever.

use super::*;
use crate::fake::kafka::{ApiKey, ErrorCode, Profile};
use crate::kafka::KafkaError;

#[test]
fn the_next_leader_gets_at_once_what_the_old_one_wants_under_a_new_id() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().refresh(Duration::from_millis(5)));
    let [old, new] = kafka.brokers()[..] else { panic!("there are two") };
    for leader in [new, old] {
        kafka.move_leader("t", 0, leader).unwrap();
        send(&producer, "t", 0..1);
        producer.flush(WAIT).unwrap();
    }
    kafka.clear_requests();
    let _slow = kafka.on(ApiKey::PRODUCE).broker(old).delay(Duration::from_millis(300));
    let fault = kafka.on(ApiKey::PRODUCE).broker(old).fail(ErrorCode::UNKNOWN_PRODUCER_ID);
    send(&producer, "t", 1..2);
    assert!(kafka.wait_for_request(WAIT, |seen| seen.api == ApiKey::PRODUCE).is_some());
    kafka.move_leader("t", 0, new).unwrap();
    // Its answer is in effect once there is another.
    kafka.clear_requests();
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::METADATA).len() > 2));
    producer.flush(WAIT).unwrap();
    assert_eq!((values(&kafka, "t", 1).get(&1), fault.fired()), (Some(&1), 1));
}

#[test]
fn what_a_leader_had_appended_before_it_resigned_is_not_written_again_under_another_id() {
    let codes = [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::KAFKA_STORAGE_ERROR,
    ];
    for code in codes {
        let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
        let producer = producer(&kafka, quick());
        let resigned = kafka.on(ApiKey::PRODUCE).reply_with(appended_but(code));
        let forgotten = kafka.on(ApiKey::PRODUCE).fail(ErrorCode::UNKNOWN_PRODUCER_ID);
        send(&producer, "t", 0..1);
        let error = producer.flush(WAIT).unwrap_err();
        assert!(matches!(error, KafkaError::InDoubt { records: 1, .. }), "{code}: {error}");
        let fired = (resigned.fired(), forgotten.fired());
        assert_eq!((values(&kafka, "t", 1), fired), (once(0..1), (1, 1)), "{code}");
    }
}

#[test]
fn both_halves_of_a_batch_that_may_have_been_appended_are_in_doubt() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().linger(Duration::from_secs(3_600)));
    let lost = kafka.on(ApiKey::PRODUCE).done_but_reply_lost();
    // As the next leader says whose limit is lower.
    let lower = kafka.on(ApiKey::PRODUCE).fail(ErrorCode::MESSAGE_TOO_LARGE);
    send(&producer, "t", 0..10);
    let error = producer.flush(WAIT).unwrap_err();
    assert!(matches!(error, KafkaError::InDoubt { records: 5, .. }), "{error}");
    assert_eq!((values(&kafka, "t", 1), lost.fired(), lower.fired()), (once(0..10), 1, 1));
}

#[test]
fn a_batch_that_went_to_an_older_broker_leaves_no_gap_in_the_numbers() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 1).start().unwrap();
    let [new, old] = kafka.brokers()[..] else { panic!("there are two") };
    kafka.set_profile(old, Profile::V0_10).unwrap();
    kafka.move_leader("t", 0, new).unwrap();
    let producer = producer(&kafka, quick());
    send(&producer, "t", 0..1);
    producer.flush(WAIT).unwrap();
    let refused = kafka.on(ApiKey::PRODUCE).broker(new).always().fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    send(&producer, "t", 1..2);
    assert!(refused.wait(1, WAIT));
    kafka.move_leader("t", 0, old).unwrap();
    producer.flush(WAIT).unwrap();
    refused.remove();
    kafka.move_leader("t", 0, new).unwrap();
    send(&producer, "t", 2..3);
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 1), once(0..3));
}
