//! What goes wrong on the way: nothing is lost, and where the brokers can, nothing is written twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::fake::kafka::{ApiKey, ErrorCode, Profile};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::{Idempotence, KafkaError};

#[test]
fn a_leader_that_moves_loses_and_doubles_nothing() {
    let kafka = FakeKafka::builder().brokers(3).topic("t", 3).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(300));
    for round in 0..6_u32 {
        send(&producer, "t", round * 500..(round + 1) * 500);
        for partition in 0..3 {
            let broker = kafka.brokers()[(round + partition as u32) as usize % 3];
            kafka.move_leader("t", partition, broker).unwrap();
        }
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 3), once(0..3_000));
}

#[test]
fn no_batch_overtakes_the_first_that_a_broker_has_of_an_id() {
    for _ in 0..10 {
        let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
        let producer = producer(&kafka, quick().batch_bytes(300));
        // Brokers from 2.5 on would take the second as the first that they see of this producer.
        let fault = kafka.on(ApiKey::PRODUCE).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        send(&producer, "t", 0..200);
        producer.flush(WAIT).unwrap();
        let written: Vec<_> = kafka.records("t", 0).unwrap().into_iter().map(|record| record.value).collect();
        let sent: Vec<_> = (0..200).map(|number: u32| Some(number.to_string().into_bytes())).collect();
        assert_eq!((written, fault.fired()), (sent, 1));
    }
}

#[test]
fn a_lost_answer_doubles_nothing() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(300));
    let fault = kafka.on(ApiKey::PRODUCE).after(2).times(5).done_but_reply_lost();
    send(&producer, "t", 0..2_000);
    producer.flush(WAIT).unwrap();
    assert_eq!((values(&kafka, "t", 2), fault.fired()), (once(0..2_000), 5));
}

#[test]
fn batches_that_were_appended_but_not_acknowledged_are_not_appended_again_whatever_the_release() {
    for profile in [Profile::V0_11, Profile::V1_1, Profile::V2_8, Profile::V4_1] {
        let kafka = FakeKafka::builder().profile(profile).topic("t", 1).start().unwrap();
        let producer = producer(&kafka, quick().batch_bytes(300));
        // Brokers of 0.11 remember only the last batch that they have.
        let says = appended_but(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
        let fault = kafka.on(ApiKey::PRODUCE).after(1).times(20).reply_with(says);
        send(&producer, "t", 0..1_000);
        producer.flush(WAIT).unwrap();
        assert_eq!((values(&kafka, "t", 1), fault.fired()), (once(0..1_000), 20), "{profile}");
    }
}

#[test]
fn an_answer_counts_though_the_next_is_broken() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    let producer = producer(&kafka, quick());
    let send = |partition: i32| {
        producer.send(ProducerRecord::to("t").partition(partition).value(partition.to_string())).unwrap();
    };
    send(0);
    producer.flush(WAIT).unwrap();
    let first = kafka.requests_of(ApiKey::PRODUCE)[0].correlation_id;
    kafka.clear_requests();
    let mut good = Vec::new();
    good.extend((first + 1).to_be_bytes());
    good.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    // Three offsets and times, no errors of records, no message, no throttling.
    good.extend([0; 3 * 8 + 4]);
    good.extend([0xff, 0xff, 0, 0, 0, 0]);
    let mut both = (good.len() as i32).to_be_bytes().to_vec();
    both.extend(good);
    both.extend([0, 0, 0, 4, 0, 0, 0, 0]);
    let _slow = kafka.on(ApiKey::PRODUCE).delay(Duration::from_millis(200));
    let fault = kafka.on(ApiKey::PRODUCE).reply_raw(both);
    send(0);
    assert!(kafka.wait_for_request(WAIT, |seen| seen.api == ApiKey::PRODUCE).is_some());
    send(1);
    producer.flush(WAIT).unwrap();
    assert_eq!((kafka.end_offset("t", 1).unwrap(), fault.fired()), (1, 1));
    assert_eq!(producer.shared().memory.in_use(), 0);
}

#[test]
fn closing_ends_threads_that_are_just_started() {
    let kafka = FakeKafka::builder().brokers(3).topic("t", 3).start().unwrap();
    for _ in 0..100 {
        let producer = producer(&kafka, quick());
        send(&producer, "t", 0..3);
        let shared = Arc::clone(producer.shared());
        // Whether all is acknowledged by then is chance.
        let _ = producer.close(Duration::ZERO);
        drop(producer);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}

#[test]
fn without_idempotence_a_lost_answer_loses_nothing_and_keeps_the_order() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(300).idempotence(Idempotence::Off));
    let fault = kafka.on(ApiKey::PRODUCE).after(1).times(3).done_but_reply_lost();
    send(&producer, "t", 0..500);
    producer.flush(WAIT).unwrap();
    let found = values(&kafka, "t", 1);
    assert_eq!((found.len(), fault.fired()), (500, 3));
    assert!(found.values().any(|times| *times > 1));
    // The first time that each is there.
    let (mut next, records) = (0, kafka.records("t", 0).unwrap());
    for record in records {
        let number: u32 = String::from_utf8(record.value.unwrap()).unwrap().parse().unwrap();
        assert!(number <= next, "{number} came before {next}");
        next = next.max(number + 1);
    }
}

#[test]
fn a_broker_that_stops_and_starts_loses_and_doubles_nothing() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 4).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(300));
    let broker = kafka.brokers()[0];
    for round in 0..3 {
        send(&producer, "t", round * 400..round * 400 + 200);
        kafka.stop_broker(broker).unwrap();
        send(&producer, "t", round * 400 + 200..(round + 1) * 400);
        kafka.start_broker(broker).unwrap();
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 4), once(0..1_200));
}

#[test]
fn errors_that_pass_are_tried_again_in_order() {
    for code in
        [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::CORRUPT_MESSAGE]
    {
        let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
        let producer = producer(&kafka, quick().batch_bytes(300));
        let fault = kafka.on(ApiKey::PRODUCE).after(1).times(3).fail(code);
        send(&producer, "t", 0..1_000);
        producer.flush(WAIT).unwrap();
        let records = kafka.records("t", 0).unwrap();
        let found: Vec<u32> = records
            .into_iter()
            .map(|r| String::from_utf8(r.value.unwrap()).unwrap().parse().unwrap())
            .collect();
        assert_eq!((found, fault.fired()), ((0..1_000).collect(), 3), "{code}");
    }
}

#[test]
fn retries_have_an_end_if_one_is_set() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().set("retries", "1"));
    let fault = kafka.on(ApiKey::PRODUCE).times(2).fail(ErrorCode::NOT_ENOUGH_REPLICAS);
    send(&producer, "t", 0..1);
    let error = producer.flush(WAIT).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Produce for t-0") && text.contains("NOT_ENOUGH_REPLICAS"), "{text}");
    assert_eq!(fault.fired(), 2);
    send(&producer, "t", 1..2);
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 1), once(1..2));
}

#[test]
fn a_full_buffer_makes_senders_wait_and_the_wait_ends() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let params = quick().buffer_bytes(64 << 10).request_timeout(Duration::from_millis(200));
    let producer = producer(&kafka, params);
    let silence = kafka.on(ApiKey::PRODUCE).always().silence();
    let value = [b'x'; 1_000];
    let mut sent = 0;
    let error = loop {
        match producer.try_send(ProducerRecord::to("t").value(&value)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, KafkaError::BufferFull { limit: 65_536, .. }), "{error}");
    let soon = Duration::from_millis(5);
    let error = producer.send_timeout(ProducerRecord::to("t").value(&value), soon).unwrap_err();
    assert!(matches!(error, KafkaError::BufferFull { after, .. } if after >= soon), "{error}");
    let late = producer.flush(soon).unwrap_err();
    assert!(matches!(late, KafkaError::NotFlushed { .. }), "{late}");
    silence.remove();
    producer.send(ProducerRecord::to("t").value(&value)).unwrap();
    producer.flush(WAIT).unwrap();
    assert_eq!(kafka.end_offset("t", 0).unwrap(), sent + 1);
}

#[test]
fn a_wait_for_room_ends_in_time_though_others_take_all_that_is_given_back() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().buffer_bytes(64 << 10).batch_bytes(2_000));
    let _slow = kafka.on(ApiKey::PRODUCE).always().delay(Duration::from_millis(5));
    let is_done = AtomicBool::new(false);
    let limit = Deadline::after(WAIT);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) && !limit.is_over() {
                    producer.send(ProducerRecord::to("t").value(&[0; 1_000])).unwrap();
                }
            });
        }
        assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::PRODUCE).len() > 9));
        let large = vec![0; 60_000];
        // Whether there is room for it in time is chance.
        let _ = producer.send_timeout(ProducerRecord::to("t").value(large), Duration::from_millis(100));
        is_done.store(true, Ordering::Relaxed);
    });
    assert!(!limit.is_over());
}

#[test]
fn records_are_given_up_after_the_delivery_timeout() {
    let timeout = Duration::from_millis(150);
    let kafka = FakeKafka::builder().topic("silent", 1).topic("led_by_nobody", 1).start().unwrap();
    let params = quick().delivery_timeout(timeout).request_timeout(Duration::from_millis(50));
    let producer = producer(&kafka, params);
    let _silence = kafka.on(ApiKey::PRODUCE).always().silence();
    send(&producer, "silent", 0..3);
    let error = producer.flush(WAIT).unwrap_err();
    let KafkaError::NotDelivered { partition, records, after, cause } = error else { panic!("{error}") };
    assert_eq!((partition.to_string().as_str(), records, after), ("silent-0", 3, timeout));
    assert!(cause.unwrap().to_string().contains("has not answered Produce"));
    kafka.lose_leader("led_by_nobody", 0).unwrap();
    send(&producer, "led_by_nobody", 0..1);
    let error = producer.flush(WAIT).unwrap_err();
    assert!(matches!(error, KafkaError::NotDelivered { records: 1, .. }), "{error}");
    producer.flush(WAIT).unwrap();
}

#[test]
fn records_of_a_topic_that_is_deleted_are_given_up_with_the_reason() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().delivery_timeout(Duration::from_millis(300)));
    send(&producer, "t", 0..1);
    producer.flush(WAIT).unwrap();
    kafka.delete_topic("t").unwrap();
    send(&producer, "t", 1..2);
    let text = producer.flush(WAIT).unwrap_err().to_string();
    assert!(text.contains("t-0") && text.contains("the cluster has no topic \"t\""), "{text}");
}

#[test]
fn a_topic_that_is_made_anew_with_fewer_partitions_is_written_as_it_is() {
    let kafka = FakeKafka::builder().topic("t", 4).start().unwrap();
    let producer = producer(&kafka, quick().refresh(Duration::from_millis(5)));
    // The sticky partition is the last one.
    for number in 0..4 {
        producer.send(ProducerRecord::to("t").value(number.to_string())).unwrap();
        producer.flush(WAIT).unwrap();
    }
    kafka.delete_topic("t").unwrap();
    kafka.create_topic("t", 2).unwrap();
    kafka.clear_requests();
    // The answer to the last but one is in effect.
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::METADATA).len() > 2));
    send(&producer, "t", 0..50);
    for number in 50..60 {
        producer.send(ProducerRecord::to("t").value(number.to_string())).unwrap();
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 2), once(0..60));
    let error = producer.send(ProducerRecord::to("t").partition(2).value("60")).unwrap_err();
    assert!(matches!(error, KafkaError::UnknownPartition { partitions: 2, .. }), "{error}");
}

#[test]
fn a_batch_that_is_too_large_is_sent_in_parts_and_a_record_alone_fails() {
    let kafka = FakeKafka::builder().topic("t", 1).max_message_bytes(400).start().unwrap();
    let producer = producer(&kafka, quick());
    send(&producer, "t", 0..100);
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 1), once(0..100));
    let large = "9".repeat(1_000);
    producer.send(ProducerRecord::to("t").value("100")).unwrap();
    producer.send(ProducerRecord::to("t").value(&large)).unwrap();
    producer.send(ProducerRecord::to("t").value("101")).unwrap();
    let text = producer.flush(WAIT).unwrap_err().to_string();
    assert!(text.contains("MESSAGE_TOO_LARGE"), "{text}");
    assert_eq!(values(&kafka, "t", 1), once(0..102));
    let error = producer.send(ProducerRecord::to("t").value(vec![0; 2 << 20])).unwrap_err();
    assert!(matches!(error, KafkaError::RecordOverLimit { limit: 1_048_576, .. }), "{error}");
}

#[test]
fn a_broker_that_lost_track_is_an_error_and_then_there_is_a_new_id() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick());
    send(&producer, "t", 0..1);
    producer.flush(WAIT).unwrap();
    let fault = kafka.on(ApiKey::PRODUCE).fail(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    send(&producer, "t", 1..2);
    let error = producer.flush(WAIT).unwrap_err();
    assert!(matches!(error, KafkaError::InDoubt { records: 1, .. }), "{error}");
    send(&producer, "t", 2..3);
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 1).into_keys().collect::<Vec<_>>(), [0, 2]);
    assert_eq!((kafka.requests_of(ApiKey::INIT_PRODUCER_ID).len(), fault.fired()), (2, 1));
}

#[test]
fn a_broker_that_has_forgotten_the_producer_gets_the_records_under_a_new_id() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick());
    let fault = kafka.on(ApiKey::PRODUCE).fail(ErrorCode::UNKNOWN_PRODUCER_ID);
    send(&producer, "t", 0..5);
    producer.flush(WAIT).unwrap();
    assert_eq!((values(&kafka, "t", 1), fault.fired()), (once(0..5), 1));
    assert_eq!(kafka.requests_of(ApiKey::INIT_PRODUCER_ID).len(), 2);
}

#[test]
fn a_partition_that_is_added_is_found() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().refresh(Duration::from_millis(20)));
    send(&producer, "t", 0..1);
    kafka.add_partitions("t", 1).unwrap();
    kafka.clear_requests();
    let is_metadata = |seen: &crate::fake::kafka::Seen| seen.api == ApiKey::METADATA;
    assert!(kafka.wait_for_request(WAIT, is_metadata).is_some());
    // The answer is under way.
    let record = || ProducerRecord::to("t").partition(1).value("1");
    let deadline = Deadline::after(WAIT);
    while let Err(error) = producer.send(record()) {
        assert!(!deadline.is_over(), "{error}");
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(kafka.end_offset("t", 1).unwrap(), 1);
}

#[test]
fn dropping_the_last_handle_writes_what_is_left_and_ends_all_threads() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 4).start().unwrap();
    let producer = producer(&kafka, quick().linger(Duration::from_secs(3_600)));
    send(&producer, "t", 0..100);
    let shared = Arc::clone(producer.shared());
    let clone = producer.clone();
    drop(producer);
    assert_eq!(values(&kafka, "t", 4), once(0..0), "another handle is there");
    drop(clone);
    assert_eq!(values(&kafka, "t", 4), once(0..100));
    // Each thread had one.
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[test]
fn a_closed_producer_takes_no_more_and_lets_nobody_wait() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick().buffer_bytes(32 << 10));
    let _silence = kafka.on(ApiKey::PRODUCE).always().silence();
    send(&producer, "t", 0..10);
    let waiting = std::thread::spawn({
        let producer = producer.clone();
        move || loop {
            if let Err(error) = producer.send(ProducerRecord::to("t").value(&[0; 1_000])) {
                return error;
            }
        }
    });
    assert!(kafka.wait_for_request(WAIT, |seen| seen.api == ApiKey::PRODUCE).is_some());
    let error = producer.close(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, KafkaError::NotFlushed { .. }), "{error}");
    assert!(matches!(waiting.join().unwrap(), KafkaError::Stopped));
    assert!(matches!(producer.send(ProducerRecord::to("t")), Err(KafkaError::Stopped)));
    assert!(matches!(producer.flush(WAIT), Err(KafkaError::Stopped)), "what was left has failed");
    producer.close(WAIT).unwrap();
}

#[test]
fn nothing_is_left_in_a_topic_that_is_met_while_the_producer_is_closed() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    for round in 0..400 {
        let producer = producer(&kafka, quick());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..100 * round).for_each(|_| std::hint::spin_loop());
                producer.shared().close();
            });
            let _ = producer.send(ProducerRecord::to("t").value("1"));
        });
        let flushed = producer.flush(WAIT);
        assert!(matches!(flushed, Ok(()) | Err(KafkaError::Stopped)), "{flushed:?}");
    }
}

#[test]
fn no_broker_is_an_error_at_once() {
    let params = ProducerParams::new();
    let error = Producer::connect("127.0.0.1:1", params.clone()).unwrap_err();
    assert!(matches!(error, KafkaError::NoBroker { tried: 1, .. }), "{error}");
    assert!(matches!(Producer::connect("", params), Err(KafkaError::Address { .. })));
    let error = Producer::connect("h:1", ProducerParams::new().set("asks", "all")).unwrap_err();
    assert_eq!(error.to_string(), "asks is no parameter; did you mean acks?");
}
