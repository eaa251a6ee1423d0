//! OffsetCommit: versions 1 to 7. Offsets are kept per group, with their metadata. Departs from a real broker so: a group
//! has no members yet, hence a commit with a generation or a member is refused; offsets are never forgotten; retention
//! and the client's timestamp are ignored. Version 0, which means ZooKeeper, is not served.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::groups::Committed;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

/// The longest metadata (`offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4096;

pub(super) struct OffsetCommit;

impl Handler for OffsetCommit {
    const VERSIONS: (i16, i16) = (1, 7);
    type Request<'a> = OffsetCommitRequest;

    fn names(request: &OffsetCommitRequest) -> Vec<Named> {
        let mut names = Vec::new();
        for topic in &request.topics {
            let named = |asked: &OffsetCommitRequestPartition| {
                Named::offset(&topic.name, asked.partition_index, asked.committed_offset)
            };
            names.extend(topic.partitions.iter().map(named));
        }
        names
    }

    fn answer(context: &Context<'_>, request: OffsetCommitRequest) -> Outcome {
        let response = context.shared().change(|state| {
            let refused = check(context, state, &request);
            let mut topics = Vec::new();
            for topic in &request.topics {
                let one = |asked: &OffsetCommitRequestPartition| OffsetCommitResponsePartition {
                    partition_index: asked.partition_index,
                    error_code: commit(context, state, &request.group_id, &topic.name, asked, refused)
                        .err()
                        .unwrap_or(ErrorCode::NONE),
                };
                let partitions = topic.partitions.iter().map(one).collect();
                topics.push(OffsetCommitResponseTopic { name: topic.name.clone(), partitions });
            }
            OffsetCommitResponse { throttle_time_ms: state.throttle_time_ms, topics }
        });
        context.reply(&response)
    }
}

/// What is wrong with the group as a whole.
fn check(context: &Context<'_>, state: &State, request: &OffsetCommitRequest) -> Option<ErrorCode> {
    match state.coordinator(&request.group_id) {
        Some(broker) if broker.id == context.broker() => {}
        _ => return Some(ErrorCode::NOT_COORDINATOR),
    }
    if request.generation_id_or_member_epoch >= 0 {
        return Some(ErrorCode::ILLEGAL_GENERATION);
    }
    (!request.member_id.is_empty()).then_some(ErrorCode::UNKNOWN_MEMBER_ID)
}

fn commit(
    context: &Context<'_>,
    state: &mut State,
    group: &str,
    topic: &str,
    asked: &OffsetCommitRequestPartition,
    refused: Option<ErrorCode>,
) -> Result<(), ErrorCode> {
    let partition = asked.partition_index;
    context.unless_scripted(topic, partition)?;
    refused.map_or(Ok(()), Err)?;
    if state.partition(topic, partition).is_none() {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    let metadata = asked.committed_metadata.clone();
    if metadata.as_ref().is_some_and(|metadata| metadata.len() > METADATA_BYTES_MAX) {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    let committed =
        Committed { offset: asked.committed_offset, leader_epoch: asked.committed_leader_epoch, metadata };
    let group = state.groups.entry(group.to_owned()).or_default();
    group.offsets.insert((topic.to_owned(), partition), committed);
    Ok(())
}
