//! CreateTopics: versions 0 to 4. Any broker creates a topic, at once. Departs from a real broker so: replicas and
//! configurations that are asked for are ignored, except that one may ask for `message.timestamp.type=LogAppendTime`.

use super::metadata::is_legal;
use super::{Context, Handler, Outcome};
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::{ApiKey, ErrorCode};
use crate::kafka::wire::messages::{Message, Request};
use crate::kafka::wire::{Reader, Versions, WireError, Writer};

pub(super) struct CreateTopics;

const VERSIONS: Versions = Versions::new(0, 4);

/// Only the fake reads this, hence its place here.
#[derive(Debug)]
pub(super) struct CreateTopicsRequest {
    topics: Vec<Creatable>,
    validate_only: bool,
}

#[derive(Debug)]
struct Creatable {
    name: String,
    partitions: i32,
    log_append_time: bool,
}

#[derive(Debug)]
pub(super) struct CreateTopicsResponse {
    throttle_time_ms: i32,
    topics: Vec<(String, ErrorCode)>,
}

impl Handler for CreateTopics {
    const VERSIONS: (i16, i16) = (VERSIONS.min, VERSIONS.max);
    type Request<'a> = CreateTopicsRequest;

    fn names(request: &CreateTopicsRequest) -> Vec<Named> {
        request.topics.iter().map(|topic| Named::topic(&topic.name)).collect()
    }

    fn answer(context: &Context<'_>, request: CreateTopicsRequest) -> Outcome {
        let response = context.shared().change(|state| {
            let one = |topic: &Creatable| {
                let code =
                    create(context, state, topic, request.validate_only).err().unwrap_or(ErrorCode::NONE);
                (topic.name.clone(), code)
            };
            let topics = request.topics.iter().map(one).collect();
            CreateTopicsResponse { throttle_time_ms: state.throttle_time_ms, topics }
        });
        context.reply(&response)
    }
}

fn create(
    context: &Context<'_>,
    state: &mut State,
    topic: &Creatable,
    validate_only: bool,
) -> Result<(), ErrorCode> {
    context.befallen.error(&topic.name, None).map_or(Ok(()), Err)?;
    if !is_legal(&topic.name) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if state.topics.contains_key(&topic.name) {
        return Err(ErrorCode::TOPIC_ALREADY_EXISTS);
    }
    let partitions = match topic.partitions {
        -1 => state.default_partitions,
        1.. => topic.partitions,
        _ => return Err(ErrorCode::INVALID_PARTITIONS),
    };
    if !validate_only {
        state.create_topic(&topic.name, partitions);
        if let Some(created) = state.topics.get_mut(&topic.name) {
            created.log_append_time = topic.log_append_time;
        }
    }
    Ok(())
}

impl Message<'_> for CreateTopicsRequest {
    const KEY: ApiKey = ApiKey::CREATE_TOPICS;
    const VERSIONS: Versions = VERSIONS;

    fn encode(&self, version: i16, out: &mut Writer) {
        out.fail(WireError::UnknownVersion { key: Self::KEY, version });
    }

    fn decode(version: i16, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.array_len(16)?;
        let topics = (0..count).map(|_| creatable(input)).collect::<Result<_, _>>()?;
        let _timeout_ms = input.i32()?;
        Ok(Self { topics, validate_only: version >= 1 && input.bool()? })
    }
}

fn creatable(input: &mut Reader<'_>) -> Result<Creatable, WireError> {
    let name = input.string()?.to_owned();
    let mut partitions = input.i32()?;
    let _replication_factor = input.i16()?;
    let assigned = input.array_len(8)?;
    for _ in 0..assigned {
        let _partition = input.i32()?;
        for _ in 0..input.array_len(4)? {
            let _broker = input.i32()?;
        }
    }
    if assigned > 0 {
        partitions = i32::try_from(assigned).unwrap_or(i32::MAX);
    }
    let mut log_append_time = false;
    for _ in 0..input.array_len(4)? {
        let (key, value) = (input.string()?, input.nullable_string()?);
        log_append_time |= key == "message.timestamp.type" && value == Some("LogAppendTime");
    }
    Ok(Creatable { name, partitions, log_append_time })
}

impl Request<'_> for CreateTopicsRequest {
    type Response = CreateTopicsResponse;
}

impl Message<'_> for CreateTopicsResponse {
    const KEY: ApiKey = ApiKey::CREATE_TOPICS;
    const VERSIONS: Versions = VERSIONS;

    fn encode(&self, version: i16, out: &mut Writer) {
        if version >= 2 {
            out.i32(self.throttle_time_ms);
        }
        out.nullable_array_len(Some(self.topics.len()));
        for (name, code) in &self.topics {
            out.string(name);
            out.i16(code.0);
            if version >= 1 {
                out.nullable_string(None);
            }
        }
    }

    fn decode(version: i16, _: &mut Reader<'_>) -> Result<Self, WireError> {
        Err(WireError::UnknownVersion { key: Self::KEY, version })
    }
}
