//! What a producer is answered.

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
use batchmill_sources::kafka::wire::messages::{
    InitProducerIdResponse, PartitionProduceResponse, ProduceResponse,
};

use super::spoil::{body, every, says, written};
use super::{Case, case};

fn produce(change: impl Fn(&mut ProduceResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

fn produced(
    change: impl Fn(&mut PartitionProduceResponse) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    produce(move |answer| {
        answer.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses).for_each(change);
    })
}

fn id(change: impl Fn(&mut InitProducerIdResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

pub(super) fn cases() -> Vec<Case> {
    const NOT_DELIVERED: &[&str] = &["lines-0", "not acknowledged", "127.0.0.1", "Produce"];
    const NO_ID: &[&str] = &["127.0.0.1", "InitProducerId"];
    vec![
        case("a produce answered for another partition", produced(|partition| partition.index = 8))
            .sink_fails("NotDelivered", NOT_DELIVERED),
        case(
            "a produce answered for no partition",
            produce(|answer| {
                answer.responses.iter_mut().for_each(|topic| topic.partition_responses.clear());
            }),
        )
        .sink_fails("NotDelivered", NOT_DELIVERED),
        case("a produce answered for no topic", produce(|answer| answer.responses.clear()))
            .sink_fails("NotDelivered", NOT_DELIVERED),
        case("a produce answered for no partition once", |kafka| {
            says(kafka.on(ApiKey::PRODUCE), |answer: &mut ProduceResponse| answer.responses.clear());
        })
        .sink_writes_all(),
        case("a base offset of -5", produced(|partition| partition.base_offset = -5)).sink_writes_all(),
        case(
            "a produce with an error without a name",
            produced(|partition| partition.error_code = ErrorCode(999)),
        )
        .sink_fails("Broker", &["127.0.0.1", "Produce", "lines-0", "999"]),
        case("an array of produced topics with 2^31-1 entries", |kafka| {
            body(kafka, ApiKey::PRODUCE, written(|out| out.i32(i32::MAX)));
        })
        .sink_fails("NotDelivered", &["lines-0", "not acknowledged", "127.0.0.1", "Produce 8", "responses"]),
        case("the largest length for a produce", |kafka| {
            kafka.on(ApiKey::PRODUCE).always().reply_raw(i32::MAX.to_be_bytes());
        })
        .sink_fails("NotDelivered", &["lines-0", "127.0.0.1", "Produce", "2147483647 bytes"]),
        case("a produce answered twice", |kafka| {
            kafka.on(ApiKey::PRODUCE).reply_with(|_, frame| {
                let length = (frame.len() as i32).to_be_bytes();
                [&frame[..], &length, &frame].concat()
            });
        })
        .sink_writes_all(),
        case("a produce with another number once", |kafka| _ = kafka.on(ApiKey::PRODUCE).wrong_correlation())
            .sink_writes_all(),
        case("a producer id of -1", id(|answer| answer.producer_id = -1)).sink_fails("BadValue", NO_ID),
        case("a producer epoch of -1", id(|answer| answer.producer_epoch = -1)).sink_fails("BadValue", NO_ID),
        case("a producer id with an error without a name", id(|answer| answer.error_code = ErrorCode(999)))
            .sink_fails("Broker", &["127.0.0.1", "InitProducerId", "999"]),
        case("a producer id that is cut off once", |kafka| {
            _ = kafka.on(ApiKey::INIT_PRODUCER_ID).cut_after(7)
        })
        .sink_writes_all(),
        case(
            "the largest producer id and epoch",
            id(|answer| {
                (answer.producer_id, answer.producer_epoch) = (i64::MAX, i16::MAX);
            }),
        )
        .sink_writes_all(),
    ]
}
