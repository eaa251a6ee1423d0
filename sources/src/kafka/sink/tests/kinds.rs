//! Every way of writing: acknowledgements, codecs, releases, partitions.

use super::*;
use crate::fake::kafka::{ApiKey, Profile};
use crate::kafka::{Acks, Compression, Idempotence, KafkaError};

#[test]
fn all_records_arrive_with_every_kind_of_acknowledgement() {
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        let kafka = FakeKafka::builder().brokers(2).topic("t", 3).start().unwrap();
        let producer = producer(&kafka, quick().acks(acks));
        send(&producer, "t", 0..1_000);
        producer.flush(WAIT).unwrap();
        assert!(kafka.wait_until(WAIT, |kafka| values(kafka, "t", 3).len() == 1_000), "{acks:?}");
        assert_eq!(values(&kafka, "t", 3), once(0..1_000), "{acks:?}");
    }
}

#[test]
fn all_records_arrive_with_every_codec() {
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for compression in codecs {
        let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
        let producer = producer(&kafka, quick().compression(compression).batch_bytes(2_000));
        send(&producer, "t", 0..1_000);
        producer.flush(WAIT).unwrap();
        assert_eq!(values(&kafka, "t", 2), once(0..1_000), "{compression:?}");
    }
}

#[test]
fn every_release_is_written_in_its_own_format() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).topic("t", 2).start().unwrap();
        let release = profile.release();
        let producer = producer(&kafka, quick().compression(Compression::Snappy).broker_version(release));
        let headers: [(&str, Option<&[u8]>); 1] = [("h", Some(b"1"))];
        producer
            .send(ProducerRecord::to("t").partition(0).value("0").headers(&headers).timestamp_ms(7))
            .unwrap();
        send(&producer, "t", 1..100);
        producer.flush(WAIT).unwrap();
        assert_eq!(values(&kafka, "t", 2), once(0..100), "{release}");
        let first = &kafka.records("t", 0).unwrap()[0];
        let magic = profile.magic();
        assert_eq!(first.headers.len(), usize::from(magic == 2), "{release}");
        assert_eq!(first.timestamp, (magic > 0).then_some(7), "{release}");
        let has_ids = !kafka.requests_of(ApiKey::INIT_PRODUCER_ID).is_empty();
        assert_eq!(has_ids, magic == 2, "{release}");
    }
}

#[test]
fn an_idempotent_producer_is_refused_by_old_brokers() {
    let kafka = FakeKafka::builder().profile(Profile::V0_10).start().unwrap();
    let params = quick().idempotence(Idempotence::Required);
    let error = Producer::connect(kafka.bootstrap(), params).unwrap_err().to_string();
    assert!(error.contains("does not know InitProducerId"), "{error}");
}

#[test]
fn keys_choose_partitions_as_in_java_and_the_order_is_kept() {
    let kafka = FakeKafka::builder().topic("t", 7).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(500));
    for number in 0..500 {
        let value = number.to_string();
        producer.send(ProducerRecord::to("t").key("foobar").value(&value)).unwrap();
    }
    producer.flush(WAIT).unwrap();
    // murmur2("foobar") is -790332482.
    let records = kafka.records("t", (-790_332_482_i32 & 0x7fff_ffff) % 7).unwrap();
    let found: Vec<_> =
        records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect();
    assert_eq!(found, (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn records_without_key_go_to_all_partitions_batch_by_batch() {
    let kafka = FakeKafka::builder().topic("t", 3).start().unwrap();
    let producer = producer(&kafka, quick().batch_bytes(1_000));
    for number in 0..300 {
        producer.send(ProducerRecord::to("t").value(number.to_string())).unwrap();
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(values(&kafka, "t", 3), once(0..300));
    for partition in 0..3 {
        assert!(kafka.end_offset("t", partition).unwrap() > 0, "partition {partition} has none");
    }
}

#[test]
fn nulls_and_headers_arrive_as_they_are() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let producer = producer(&kafka, quick());
    let headers: [(&str, Option<&[u8]>); 3] = [("a", Some(b"1")), ("a", None), ("b", Some(b""))];
    producer.send(ProducerRecord::to("t")).unwrap();
    producer.send(ProducerRecord::to("t").key("").value("").headers(&headers)).unwrap();
    producer.flush(WAIT).unwrap();
    let records = kafka.records("t", 0).unwrap();
    assert_eq!((&records[0].key, &records[0].value), (&None, &None));
    assert_eq!((records[1].key.as_deref(), records[1].value.as_deref()), (Some(&[][..]), Some(&[][..])));
    let found: Vec<_> =
        records[1].headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    assert_eq!(found, headers);
}

#[test]
fn an_unknown_topic_is_an_error_and_is_not_made() {
    for profile in Profile::all() {
        let kafka =
            FakeKafka::builder().profile(profile).topic("words", 1).auto_create(true).start().unwrap();
        let producer = producer(&kafka, quick().broker_version(profile.release()));
        let error = producer.send(ProducerRecord::to("wrods").value("x")).unwrap_err();
        let text = error.to_string();
        assert_eq!(text, "the cluster has no topic \"wrods\"; did you mean \"words\"?", "{profile:?}");
        assert_eq!(kafka.topics(), ["words"], "{profile:?}");
        let error = producer.send(ProducerRecord::to("words").partition(1)).unwrap_err();
        assert!(matches!(error, KafkaError::UnknownPartition { partitions: 1, .. }), "{error}");
    }
}
