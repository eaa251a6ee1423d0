//! OffsetFetch: versions 1 to 5. Null topics (from version 2 on) means all that the group has. Version 0, which means
//! ZooKeeper, is not served. An error of the group stands at each
//! partition, from version 2 on in its own field and without topics.

use std::collections::BTreeMap;

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::groups::Committed;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

pub(super) struct OffsetFetch;

impl Handler for OffsetFetch {
    const VERSIONS: (i16, i16) = (1, 5);
    type Request<'a> = OffsetFetchRequest;

    fn names(request: &OffsetFetchRequest) -> Vec<Named> {
        let mut names = Vec::new();
        for topic in request.topics.iter().flatten() {
            names.extend(
                topic.partition_indexes.iter().map(|partition| Named::partition(&topic.name, *partition)),
            );
        }
        names
    }

    fn answer(context: &Context<'_>, request: OffsetFetchRequest) -> Outcome {
        let state = context.shared().state.lock();
        let here = state.coordinator(&request.group_id).is_some_and(|broker| broker.id == context.broker());
        let refused = (!here).then_some(ErrorCode::NOT_COORDINATOR);
        let whole = context.befallen.of_the_whole().or(refused);
        let mut topics = Vec::new();
        if whole.is_none() || context.version < 2 {
            for (topic, partitions) in asked(&state, &request) {
                let one =
                    |partition: i32| answer(context, &state, &request.group_id, &topic, partition, whole);
                let partitions = partitions.into_iter().map(one).collect();
                topics.push(OffsetFetchResponseTopic { name: topic.clone(), partitions });
            }
        }
        let error_code = whole.unwrap_or(ErrorCode::NONE);
        context.reply(&OffsetFetchResponse { throttle_time_ms: state.throttle_time_ms, topics, error_code })
    }
}

fn asked(state: &State, request: &OffsetFetchRequest) -> Vec<(String, Vec<i32>)> {
    if let Some(topics) = &request.topics {
        return topics.iter().map(|topic| (topic.name.clone(), topic.partition_indexes.clone())).collect();
    }
    let mut all: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in
        state.groups.get(&request.group_id).iter().flat_map(|group| group.offsets.keys())
    {
        all.entry(topic.clone()).or_default().push(*partition);
    }
    all.into_iter().collect()
}

fn answer(
    context: &Context<'_>,
    state: &State,
    group: &str,
    topic: &str,
    partition_index: i32,
    refused: Option<ErrorCode>,
) -> OffsetFetchResponsePartition {
    let error = context.scripted(topic, partition_index).or(refused);
    let key = (topic.to_owned(), partition_index);
    let found = state.groups.get(group).and_then(|group| group.offsets.get(&key)).filter(|_| error.is_none());
    let nothing = Committed { offset: -1, leader_epoch: -1, metadata: Some(String::new()) };
    let Committed { offset, leader_epoch, metadata } = found.cloned().unwrap_or(nothing);
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: offset,
        committed_leader_epoch: leader_epoch,
        metadata,
        error_code: error.unwrap_or(ErrorCode::NONE),
    }
}
