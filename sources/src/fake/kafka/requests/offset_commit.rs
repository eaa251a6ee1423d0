//! OffsetCommit: versions 1 to 7. Offsets are kept per group, with their metadata. A group with members takes them from
//! those of its generation only. Departs from a real broker so: offsets are never forgotten; retention and the client's
//! timestamp are ignored. Version 0, which means ZooKeeper, is not served.

use batchmill::Mono;

use super::{Context, Handler, Outcome, membership};
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
        let response = context.shared().change_groups(|state, now| {
            let refused = check(context, state, &request, now).err();
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

/// Whether the group as a whole takes offsets from this client.
fn check(
    context: &Context<'_>,
    state: &mut State,
    request: &OffsetCommitRequest,
    now: Mono,
) -> Result<(), ErrorCode> {
    if !membership::is_here(context, state, &request.group_id) {
        return Err(ErrorCode::NOT_COORDINATOR);
    }
    let generation = request.generation_id_or_member_epoch;
    let by = membership::identity(request.member_id.clone(), request.group_instance_id.clone());
    match state.groups.get_mut(&request.group_id) {
        Some(group) => group.may_commit(&by, generation, now),
        None if generation < 0 => Ok(()),
        None => Err(ErrorCode::ILLEGAL_GENERATION),
    }
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
