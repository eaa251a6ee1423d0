//! Metadata: versions 0 to 12. As at a broker, asking for an unknown topic creates it where that is switched on and the
//! request does not forbid it (it can from version 4 on). Departs from a real broker so: a topic created that way is there
//! at once for all brokers, though the answer says LEADER_NOT_AVAILABLE (4.x: UNKNOWN_TOPIC_OR_PARTITION) as theirs does.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::profile::Profile;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::topic::{Partition, Topic};
use crate::kafka::wire::Uuid;
use crate::kafka::wire::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};

pub(super) struct Metadata;

impl Handler for Metadata {
    const VERSIONS: (i16, i16) = (0, 12);
    type Request<'a> = MetadataRequest;

    fn names(request: &MetadataRequest) -> Vec<Named> {
        let topics = request.topics.as_deref().unwrap_or_default();
        topics.iter().filter_map(|topic| topic.name.as_deref()).map(Named::topic).collect()
    }

    fn answer(context: &Context<'_>, request: MetadataRequest) -> Outcome {
        let response = context.shared().change(|state| response(context, state, &request));
        context.reply(&response)
    }
}

fn response(context: &Context<'_>, state: &mut State, request: &MetadataRequest) -> MetadataResponse {
    // In version 0 nobody in particular means all; later that is what null means.
    let asked = request.topics.as_deref().filter(|topics| context.version > 0 || !topics.is_empty());
    let topics = match asked {
        None => state.topics.iter().map(|(name, topic)| found(context, state, name, topic)).collect(),
        Some(asked) => asked.iter().map(|topic| one(context, state, request, topic)).collect(),
    };
    MetadataResponse {
        throttle_time_ms: state.throttle_time_ms,
        brokers: state
            .running()
            .map(|broker| MetadataResponseBroker {
                node_id: broker.id,
                host: broker.host.clone(),
                port: i32::from(broker.port),
                rack: broker.rack.clone(),
            })
            .collect(),
        cluster_id: Some("fake-kafka".to_owned()),
        controller_id: state.running().next().map_or(-1, |broker| broker.id),
        topics,
        ..MetadataResponse::default()
    }
}

/// The answer about a topic that is asked for by its name or id.
fn one(
    context: &Context<'_>,
    state: &mut State,
    request: &MetadataRequest,
    asked: &MetadataRequestTopic,
) -> MetadataResponseTopic {
    let Some(name) = &asked.name else { return by_id(context, state, asked.topic_id) };
    if let Some(topic) = state.topics.get(name) {
        return found(context, state, name, topic);
    }
    let error_code = match context.befallen.error(name, None) {
        Some(scripted) => scripted,
        None if !is_legal(name) => ErrorCode::INVALID_TOPIC_EXCEPTION,
        None if state.auto_create && request.allow_auto_topic_creation => {
            state.create_topic(name, state.default_partitions);
            if state.profile_of(context.broker()) >= Profile::V4_1 {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else {
                ErrorCode::LEADER_NOT_AVAILABLE
            }
        }
        None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    MetadataResponseTopic { error_code, name: Some(name.clone()), ..MetadataResponseTopic::default() }
}

fn by_id(context: &Context<'_>, state: &State, id: Uuid) -> MetadataResponseTopic {
    match state.topics.iter().find(|(_, topic)| topic.id == id) {
        Some((name, topic)) => found(context, state, name, topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_ID,
            topic_id: id,
            ..MetadataResponseTopic::default()
        },
    }
}

fn found(context: &Context<'_>, state: &State, name: &str, topic: &Topic) -> MetadataResponseTopic {
    let scripted = context.befallen.error(name, None).filter(|_| !context.befallen.is_for_a_partition());
    let partition =
        |(index, partition): (i32, &Partition)| partition_of(context, state, name, index, partition);
    let partitions = (0..).zip(&topic.partitions).map(partition);
    MetadataResponseTopic {
        error_code: scripted.unwrap_or(ErrorCode::NONE),
        name: Some(name.to_owned()),
        topic_id: topic.id,
        partitions: if scripted.is_some() { Vec::new() } else { partitions.collect() },
        ..MetadataResponseTopic::default()
    }
}

fn partition_of(
    context: &Context<'_>,
    state: &State,
    topic: &str,
    index: i32,
    partition: &Partition,
) -> MetadataResponsePartition {
    let scripted = context.scripted(topic, index).filter(|_| context.befallen.is_for_a_partition());
    let runs = |id: &i32| state.running().any(|broker| broker.id == *id);
    let without_leader =
        (partition.leader == Partition::NO_LEADER).then_some(ErrorCode::LEADER_NOT_AVAILABLE);
    let (isr_nodes, offline_replicas) = partition.replicas.iter().copied().partition(runs);
    MetadataResponsePartition {
        error_code: scripted.or(without_leader).unwrap_or(ErrorCode::NONE),
        partition_index: index,
        leader_id: if scripted.is_some() { Partition::NO_LEADER } else { partition.leader },
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes,
        offline_replicas,
    }
}

/// Letters, digits, `.`, `_` and `-`, at most 249 of them.
pub(super) fn is_legal(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}
