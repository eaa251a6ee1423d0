//! Where logs begin and end, and where epochs of leaders have ended.

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
use batchmill_sources::kafka::wire::messages::{
    EpochEndOffset, ListOffsetsPartitionResponse, ListOffsetsResponse, OffsetForLeaderEpochResponse,
};

use super::spoil::{body, every, says, written};
use super::{Case, case};

fn answer(change: impl Fn(&mut ListOffsetsResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

fn partition(
    change: impl Fn(&mut ListOffsetsPartitionResponse) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    answer(move |answer| answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(change))
}

/// The group has read to offset 5 in epoch 0, the leader is of epoch 1, and what it says of epoch 0 is spoilt.
fn epoch(change: impl Fn(&mut EpochEndOffset) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    epochs(move |answer| answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(change))
}

fn epochs(
    change: impl Fn(&mut OffsetForLeaderEpochResponse) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    move |kafka| {
        kafka.commit("readers", "lines", 0, 5, None);
        says(
            kafka.on(ApiKey::OFFSET_FETCH).always(),
            |answer: &mut batchmill_sources::kafka::wire::messages::OffsetFetchResponse| {
                let partitions = answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.committed_leader_epoch = 0);
            },
        );
        kafka.move_leader("lines", 0, 1).unwrap();
        every(kafka, change);
    }
}

pub(super) fn cases() -> Vec<Case> {
    const NOT_TOLD: &[&str] = &["127.0.0.1", "ListOffsets", "lines-0"];
    const EPOCH: &[&str] = &["127.0.0.1", "OffsetForLeaderEpoch", "lines-0"];
    vec![
        case("no topics with offsets", answer(|answer| answer.topics.clear()))
            .fails("Unanswered", NOT_TOLD)
            .cluster_fails("Unanswered", NOT_TOLD),
        case(
            "no partitions with offsets",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.partitions.clear());
            }),
        )
        .fails("Unanswered", NOT_TOLD),
        case("the offsets of another partition", partition(|partition| partition.partition_index = 1))
            .fails("Unanswered", NOT_TOLD),
        case(
            "the offsets of another topic",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.name = "other".into());
            }),
        )
        .fails("Unanswered", NOT_TOLD),
        case("offsets below -1", partition(|partition| partition.offset = -5))
            .fails("BadValue", NOT_TOLD)
            .cluster_fails("BadValue", NOT_TOLD),
        case("no offset at either end", partition(|partition| partition.offset = -1))
            .fails("BadValue", NOT_TOLD),
        case("an array of offsets with 2^31-1 entries", |kafka| {
            body(
                kafka,
                ApiKey::LIST_OFFSETS,
                written(|out| {
                    out.i32(0);
                    out.i32(i32::MAX);
                }),
            );
        })
        .fails("TooManyElements", &["127.0.0.1", "ListOffsets 5", "topics"]),
        case(
            "several offsets in version 0",
            partition(|partition| {
                if let [offset] = partition.old_style_offsets[..] {
                    partition.old_style_offsets = vec![offset, offset + 100, -7, i64::MAX];
                }
            }),
        )
        .cluster(|builder| builder.versions(ApiKey::LIST_OFFSETS, 0..=0))
        .reads_all(),
        case("no offset in version 0", partition(|partition| partition.old_style_offsets.clear()))
            .cluster(|builder| builder.versions(ApiKey::LIST_OFFSETS, 0..=0))
            .fails("BadValue", NOT_TOLD),
        case("the largest offset there is", partition(|partition| partition.offset = i64::MAX))
            .fails("BadValue", &["127.0.0.1", "ListOffsets", "lines-0", "offset 9223372036854775807"]),
        case("an end before the start", partition(|partition| partition.offset = 10 - partition.offset))
            .range_fails("RangeLost", &["lines-0"]),
        case(
            "an error without a name for offsets",
            partition(|partition| partition.error_code = ErrorCode(999)),
        )
        .fails("Broker", &["127.0.0.1", "ListOffsets", "lines-0", "999"]),
        case("no epochs", epochs(|answer| answer.topics.clear())).group_fails("Unanswered", EPOCH),
        case("the epoch of another partition", epoch(|end| end.partition = 3))
            .group_fails("Unanswered", EPOCH),
        case("an end of the epoch below -1", epoch(|end| end.end_offset = -9))
            .group_fails("LogTruncated", &["lines-0"]),
        case("an end of the epoch far away", epoch(|end| end.end_offset = i64::MAX)).group_reads_all(),
        case("an epoch of the future", epoch(|end| end.leader_epoch = i32::MAX))
            .group_fails("LogTruncated", &["lines-0"]),
        case("an error without a name for an epoch", epoch(|end| end.error_code = ErrorCode(999)))
            .group_fails("Broker", &["127.0.0.1", "OffsetForLeaderEpoch", "lines-0", "999"]),
    ]
}
