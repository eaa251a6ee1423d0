//! What an answer to a fetch says of partitions, beside their records.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
use batchmill_sources::kafka::OnLostRange;
use batchmill_sources::kafka::wire::messages::{
    AbortedTransaction, FetchResponse, FetchableTopicResponse, PartitionData,
};

use super::spoil::{body, every_data, every_fetch, fetches, written};
use super::{Case, case};

fn data(
    change: impl for<'a> Fn(&mut PartitionData<'a>) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    move |kafka| every_data(kafka, change)
}

fn answer(
    change: impl for<'a> Fn(&mut FetchResponse<'a>) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    move |kafka| every_fetch(kafka, move |_, answer| change(answer))
}

fn error(code: i16) -> impl Fn(&FakeKafka) {
    data(move |data| (data.error_code, data.records) = (ErrorCode(code), &[]))
}

/// A fetch of version 4 with this instead of what follows the number of the partition.
fn partition(write: impl Fn(&mut batchmill_sources::kafka::wire::Writer)) -> impl Fn(&FakeKafka) {
    move |kafka| {
        let bytes = written(|out| {
            out.i32(0);
            out.i32(1);
            out.string("lines");
            out.i32(1);
            out.i32(0);
            write(out);
        });
        body(kafka, ApiKey::FETCH, bytes);
    }
}

/// Offsets of aborted transactions, of so many producers.
fn aborted(offsets: impl Fn(i64) -> i64, transactions: i64) -> Option<Vec<AbortedTransaction>> {
    let one = |n| AbortedTransaction { producer_id: n % 7, first_offset: offsets(n) };
    Some((0..transactions).map(one).collect())
}

pub(super) fn cases() -> Vec<Case> {
    const NOT_TOLD: &[&str] = &["lines-0", "127.0.0.1", "Fetch"];
    const STUCK: &[&str] = &["lines-0", "127.0.0.1", "Fetch", "nothing"];
    vec![
        case("a partition that was not asked for", data(|data| data.partition_index = 5))
            .fails("Unanswered", NOT_TOLD),
        case(
            "a topic that was not fetched",
            answer(|answer| {
                answer.responses.iter_mut().for_each(|topic| topic.topic = "other".into());
            }),
        )
        .fails("Unanswered", NOT_TOLD),
        case("a fetch without topics", answer(|answer| answer.responses.clear()))
            .fails("Unanswered", NOT_TOLD),
        case("a fetch without topics, throttled", |kafka| {
            fetches(kafka.on(ApiKey::FETCH).times(4), |_, answer| {
                answer.responses.clear();
                answer.throttle_time_ms = 1;
            });
        })
        .reads_all(),
        case(
            "partitions beside the one that was asked for",
            answer(|answer| {
                let strangers = [-1, 1, i32::MAX].map(|partition_index| PartitionData {
                    partition_index,
                    high_watermark: 99,
                    records: b"no records",
                    ..Default::default()
                });
                answer.responses.iter_mut().for_each(|topic| topic.partitions.extend(strangers.clone()));
                let other = FetchableTopicResponse { topic: "other".into(), partitions: strangers.to_vec() };
                answer.responses.push(other);
            }),
        )
        .reads_all(),
        case(
            "a partition twice in a fetch",
            answer(|answer| {
                answer
                    .responses
                    .iter_mut()
                    .for_each(|topic| topic.partitions.extend(topic.partitions.clone()));
            }),
        )
        .reads_all(),
        case("a topic twice in a fetch", answer(|answer| answer.responses.extend(answer.responses.clone())))
            .reads_all(),
        case("an array of fetched topics with 2^31-1 entries", |kafka| {
            body(
                kafka,
                ApiKey::FETCH,
                written(|out| {
                    out.raw(&[0; 10]);
                    out.i32(i32::MAX);
                }),
            );
        })
        .fails("TooManyElements", &["lines-0", "Fetch 11", "responses"]),
        case("an array of fetched topics with 2^31-1 entries in version 0", |kafka| {
            body(kafka, ApiKey::FETCH, written(|out| out.i32(i32::MAX)));
        })
        .cluster(|builder| builder.versions(ApiKey::FETCH, 0..=0))
        .fails("TooManyElements", &["lines-0", "Fetch 0", "responses"])
        .ends_the_crate(),
        case(
            "an array of aborted transactions with 2^31-1 entries",
            partition(|out| {
                out.raw(&[0; 18]);
                out.i32(i32::MAX);
                out.raw(&[0; 16]);
            }),
        )
        .cluster(|builder| builder.versions(ApiKey::FETCH, 4..=4))
        .fails("TooManyElements", &["lines-0", "Fetch 4", "aborted_transactions"]),
        case(
            "more bytes of records than the frame has",
            partition(|out| {
                out.raw(&[0; 18]);
                out.i32(0);
                out.i32(i32::MAX);
            }),
        )
        .cluster(|builder| builder.versions(ApiKey::FETCH, 4..=4))
        .fails("Truncated", &["lines-0", "Fetch 4", "records"]),
        case(
            "-5 bytes of records",
            partition(|out| {
                out.raw(&[0; 18]);
                out.i32(0);
                out.i32(-5);
            }),
        )
        .cluster(|builder| builder.versions(ApiKey::FETCH, 4..=4))
        .fails("NegativeLength", &["lines-0", "Fetch 4", "records"]),
        case(
            "a hundred thousand aborted transactions",
            data(|data| data.aborted_transactions = aborted(|_| 0, 100_000)),
        )
        .memory_mib(64)
        .reads_all(),
        case(
            "aborted transactions that go backwards",
            data(|data| data.aborted_transactions = aborted(|n| 100 - n, 100)),
        )
        .reads_all(),
        case(
            "aborted transactions at offsets from nowhere",
            data(|data| {
                data.aborted_transactions = aborted(|n| [i64::MIN, -1, i64::MAX][n as usize % 3], 30);
            }),
        )
        .reads_all(),
        case(
            "the same aborted transaction again and again",
            data(|data| data.aborted_transactions = aborted(|_| 3, 700)),
        )
        .reads_all(),
        case("a high watermark of -1 for ever", data(|data| data.high_watermark = -1))
            .fails("BadValue", &["lines-0", "127.0.0.1", "Fetch", "high watermark -1"]),
        case("a high watermark that goes back", |kafka| {
            let mark = AtomicI64::new(10);
            every_data(kafka, move |data| data.high_watermark = mark.fetch_sub(1, Ordering::Relaxed));
        })
        .reads_all(),
        case("a high watermark of 2^63-1", data(|data| data.high_watermark = i64::MAX)).reads_all(),
        case("a log that starts behind its end", data(|data| data.log_start_offset = 1_000)).reads_all(),
        case("a log that starts at -9", data(|data| data.log_start_offset = -9)).reads_all(),
        case(
            "a last stable offset behind the high watermark",
            data(|data| data.last_stable_offset = data.high_watermark + 5),
        )
        .reads_all(),
        case("a last stable offset of -9", data(|data| data.last_stable_offset = -9)).reads_all(),
        case("a throttle time of 2^31-1 ms in a fetch", answer(|answer| answer.throttle_time_ms = i32::MAX))
            .reads_all(),
        case("a throttle time below zero in a fetch", answer(|answer| answer.throttle_time_ms = -1))
            .reads_all(),
        case("a partition with an error without a name", error(999))
            .fails("Broker", &["127.0.0.1", "Fetch", "lines-0", "999"]),
        case("a partition with the error -1", error(-1))
            .fails("Broker", &["127.0.0.1", "Fetch", "lines-0", "UNKNOWN"]),
        case("a fetch with an error without a name", answer(|answer| answer.error_code = ErrorCode(999)))
            .fails("Broker", &["lines-0", "127.0.0.1", "Fetch", "999"]),
        case("a leader that says it is none, for ever", error(6))
            .fails("NoLeader", &["lines-0", "NOT_LEADER"]),
        case("an offset out of range for ever", error(1))
            .fails("OffsetOutOfRange", &["lines-0", "offset 0", "0 to 10"]),
        case("an offset out of range for ever, where that is skipped", error(1))
            .params(|params| params.on_lost_range(OnLostRange::SkipToEarliest))
            .fails("OffsetOutOfRange", &["lines-0", "offset 0", "0 to 10"]),
        case("an offset out of range once", |kafka| {
            kafka.on(ApiKey::FETCH).fail(ErrorCode::OFFSET_OUT_OF_RANGE);
        })
        .stream_reads_all(),
        case(
            "a follower that nobody knows",
            data(|data| (data.preferred_read_replica, data.records) = (77, &[])),
        )
        .fails("NoLeader", &["lines-0"]),
        case("brokers that send the reader to each other for ever", |kafka| {
            every_fetch(kafka, |seen, answer| {
                let data = answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
                data.for_each(|data| (data.preferred_read_replica, data.records) = (3 - seen.broker, &[]));
            });
        })
        .cluster(|builder| builder.brokers(2))
        .fails("NoLeader", &["lines-0"]),
        case("a follower beside the records", data(|data| data.preferred_read_replica = 77)).reads_all(),
        case("no records for ever, though there are some", data(|data| data.records = &[]))
            .fails("NoLeader", STUCK),
        case("no records at first, though there are some", |kafka| {
            fetches(kafka.on(ApiKey::FETCH).times(5), |_, answer| {
                answer
                    .responses
                    .iter_mut()
                    .flat_map(|topic| &mut topic.partitions)
                    .for_each(|data| data.records = &[]);
            });
        })
        .reads_all(),
        case("silence at every fetch", |kafka| _ = kafka.on(ApiKey::FETCH).always().silence())
            .params(|params| params.request_timeout(Duration::from_millis(100)))
            .fails("Timeout", &["lines-0", "127.0.0.1", "has not answered Fetch"]),
    ]
}
