//! The offsets of groups, and who keeps them.

use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
use batchmill_sources::kafka::KafkaParams;
use batchmill_sources::kafka::wire::messages::{
    FindCoordinatorResponse, OffsetCommitResponse, OffsetFetchResponse, OffsetFetchResponsePartition,
};

use super::spoil::{body, every, written};
use super::{Case, case};

fn find(change: impl Fn(&mut FindCoordinatorResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

fn fetch(change: impl Fn(&mut OffsetFetchResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

fn fetched(
    change: impl Fn(&mut OffsetFetchResponsePartition) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    fetch(move |answer| answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(change))
}

fn commit(change: impl Fn(&mut OffsetCommitResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

/// Nothing is tried for long.
fn soon(params: KafkaParams) -> KafkaParams {
    params.connect_timeout(Duration::from_millis(300)).request_timeout(Duration::from_millis(700))
}

pub(super) fn cases() -> Vec<Case> {
    const NOT_TOLD: &[&str] = &["127.0.0.1", "OffsetFetch", "lines-0"];
    const NOT_DONE: &[&str] = &["127.0.0.1", "OffsetCommit", "lines-0"];
    vec![
        case("a coordinator with an empty host", find(|answer| answer.host.clear()))
            .params(soon)
            .group_fails("Resolve", &["no address of the host", "(1)"]),
        case("a coordinator at port -1", find(|answer| answer.port = -1))
            .params(soon)
            .group_fails("COORDINATOR_NOT_AVAILABLE", &["127.0.0.1", "FindCoordinator", "readers"]),
        case("a coordinator at port 70000", find(|answer| answer.port = 70_000))
            .params(soon)
            .group_fails("COORDINATOR_NOT_AVAILABLE", &["127.0.0.1", "FindCoordinator", "readers"]),
        case("a coordinator that is not there", find(|answer| (answer.node_id, answer.port) = (99, 1)))
            .params(soon)
            .group_fails("UnreachableAdvertised", &["127.0.0.1:1 (99)", "advertised.listeners"]),
        case(
            "no coordinator for ever",
            find(|answer| answer.error_code = ErrorCode::COORDINATOR_NOT_AVAILABLE),
        )
        .params(soon)
        .group_fails("COORDINATOR_NOT_AVAILABLE", &["127.0.0.1", "FindCoordinator", "readers"])
        .cluster_fails("COORDINATOR_NOT_AVAILABLE", &["127.0.0.1", "FindCoordinator", "askers"]),
        case(
            "a coordinator with an error without a name",
            find(|answer| answer.error_code = ErrorCode(-999)),
        )
        .group_fails("Broker", &["127.0.0.1", "FindCoordinator", "readers", "-999"]),
        case(
            "a coordinator that says it is none, for ever",
            fetched(|partition| {
                partition.error_code = ErrorCode::NOT_COORDINATOR;
            }),
        )
        .params(soon)
        .group_fails("NOT_COORDINATOR", NOT_TOLD),
        case("no committed offsets of any topic", fetch(|answer| answer.topics.clear()))
            .group_fails("Unanswered", NOT_TOLD)
            .cluster_fails("Unanswered", NOT_TOLD),
        case(
            "no committed offsets of any partition",
            fetch(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.partitions.clear());
            }),
        )
        .group_fails("Unanswered", NOT_TOLD),
        case("a committed offset of another partition", fetched(|partition| partition.partition_index = 9))
            .group_fails("Unanswered", NOT_TOLD),
        case("an array of committed offsets with 2^31-1 entries", |kafka| {
            body(
                kafka,
                ApiKey::OFFSET_FETCH,
                written(|out| {
                    out.i32(0);
                    out.i32(i32::MAX);
                }),
            );
        })
        .group_fails("TooManyElements", &["127.0.0.1", "OffsetFetch 5", "topics"]),
        case(
            "committed offsets with an error without a name",
            fetched(|partition| partition.error_code = ErrorCode(999)),
        )
        .group_fails("Broker", &["127.0.0.1", "OffsetFetch", "lines-0", "999"]),
        case("a group with an error without a name", fetch(|answer| answer.error_code = ErrorCode(999)))
            .group_fails("Broker", &["127.0.0.1", "OffsetFetch", "readers", "999"]),
        case("a committed offset of -2", fetched(|partition| partition.committed_offset = -2))
            .group_fails("BadValue", &["127.0.0.1", "OffsetFetch", "lines-0", "committed offset -2"]),
        case("a committed offset of 2^63-1", fetched(|partition| partition.committed_offset = i64::MAX))
            .group_fails("OffsetOutOfRange", &["lines-0", "9223372036854775807", "0 to 10"]),
        case(
            "a note of 32 KB at a committed offset",
            fetched(|partition| {
                partition.committed_offset = 0;
                partition.metadata = Some("n".repeat(32_767));
            }),
        )
        .group_reads_all(),
        case("a commit that is not answered for any topic", commit(|answer| answer.topics.clear()))
            .group_fails("Unanswered", NOT_DONE)
            .cluster_fails("Unanswered", NOT_DONE),
        case(
            "a commit that is answered for another partition",
            commit(|answer| {
                answer
                    .topics
                    .iter_mut()
                    .flat_map(|topic| &mut topic.partitions)
                    .for_each(|p| p.partition_index = 4);
            }),
        )
        .group_fails("Unanswered", NOT_DONE),
        case(
            "a commit with an error without a name",
            commit(|answer| {
                answer
                    .topics
                    .iter_mut()
                    .flat_map(|topic| &mut topic.partitions)
                    .for_each(|p| p.error_code = ErrorCode(999));
            }),
        )
        .group_fails("Broker", &["127.0.0.1", "OffsetCommit", "lines-0", "999"]),
        case("answers about groups that are cut off once", |kafka| {
            for api in [ApiKey::FIND_COORDINATOR, ApiKey::OFFSET_FETCH, ApiKey::OFFSET_COMMIT] {
                kafka.on(api).cut_after(9);
            }
        })
        .group_reads_all()
        .cluster_answers(),
    ]
}
