//! The Kafka sources against the fake cluster: what a batch holds, where streams begin, what is committed, and what becomes
//! of trouble. Streams are stepped, and ask for the ends of partitions at every cut, so that a test knows what a batch holds.

mod contents;
mod hostile;
mod long;
mod positions;
mod receiver;
mod trouble;
mod zookeeper;

use std::sync::Arc;
use std::time::Duration;

use batchmill::{Error, SteppedContext, StreamingContext, StreamingContextBuilder};
use batchmill_sources::fake::kafka::{FakeKafka, FakeKafkaBuilder, Profile};
use batchmill_sources::kafka::{
    self, ConsumerStrategy, DirectStream, EndOffsets, KafkaParams, KafkaRecord, OffsetReset,
};
use batchmill_tests::{Recorder, kafka_error, over_the_turn, releases};

/// A cluster of the newest release that can be read.
fn fake() -> FakeKafkaBuilder {
    FakeKafka::builder().profile(releases([Profile::default()])[0])
}

/// Parameters under which nothing takes long.
fn params() -> KafkaParams {
    let params = KafkaParams::new()
        .offset_reset(OffsetReset::Earliest)
        .end_offsets(EndOffsets::Asked)
        .max_wait(Duration::from_millis(20))
        .backoff(Duration::from_millis(5), Duration::from_millis(50))
        .refresh(Duration::from_millis(20))
        .unavailable_for(Duration::from_secs(30));
    over_the_turn(params)
}

fn builder() -> StreamingContextBuilder {
    StreamingContext::builder().batch_interval(Duration::from_secs(1)).workers(2)
}

/// A context, and what listens to it.
fn context() -> (StreamingContext, Arc<Recorder>) {
    let recorder = Recorder::new();
    (builder().listener(recorder.clone()).build().unwrap(), recorder)
}

/// The stream of all partitions of the topic `lines`.
fn lines<'c>(
    ssc: &'c StreamingContext,
    cluster: &FakeKafka,
    params: KafkaParams,
) -> DirectStream<'c, KafkaRecord> {
    kafka::create_direct_stream(ssc, cluster.bootstrap(), ConsumerStrategy::subscribe(["lines"]), params)
}

/// What a record says of itself: partition, offset, value.
fn seen(record: &KafkaRecord) -> (i32, i64, String) {
    (record.partition(), record.offset(), record.value_text().to_string())
}

fn record(partition: i32, offset: i64, value: &str) -> (i32, i64, String) {
    (partition, offset, value.to_owned())
}

/// Steps until a batch fails.
fn step_until_error(test: &mut SteppedContext) -> Error {
    for _ in 0..10_000 {
        if let Err(error) = test.step_batch() {
            return error;
        }
        std::thread::yield_now();
    }
    panic!("no batch failed");
}
