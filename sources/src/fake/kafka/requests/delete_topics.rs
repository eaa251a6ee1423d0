//! DeleteTopics: versions 0 to 3. Any broker deletes a topic, at once.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::topology::delete;
use crate::fake::kafka::{ApiKey, ErrorCode};
use crate::kafka::wire::messages::{Message, Request};
use crate::kafka::wire::{Reader, Versions, WireError, Writer};

pub(super) struct DeleteTopics;

const VERSIONS: Versions = Versions::new(0, 3);

/// Only the fake reads this, hence its place here.
#[derive(Debug)]
pub(super) struct DeleteTopicsRequest {
    names: Vec<String>,
}

#[derive(Debug)]
pub(super) struct DeleteTopicsResponse {
    throttle_time_ms: i32,
    topics: Vec<(String, ErrorCode)>,
}

impl Handler for DeleteTopics {
    const VERSIONS: (i16, i16) = (VERSIONS.min, VERSIONS.max);
    type Request<'a> = DeleteTopicsRequest;

    fn names(request: &DeleteTopicsRequest) -> Vec<Named> {
        request.names.iter().map(|name| Named::topic(name)).collect()
    }

    fn answer(context: &Context<'_>, request: DeleteTopicsRequest) -> Outcome {
        let response = context.shared().change(|state| {
            let one = |name: &String| {
                let scripted = context.befallen.error(name, None);
                let code = scripted.unwrap_or_else(|| match delete(state, name) {
                    Ok(_) => ErrorCode::NONE,
                    Err(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                });
                (name.clone(), code)
            };
            let topics = request.names.iter().map(one).collect();
            DeleteTopicsResponse { throttle_time_ms: state.throttle_time_ms, topics }
        });
        context.reply(&response)
    }
}

impl Message<'_> for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DELETE_TOPICS;
    const VERSIONS: Versions = VERSIONS;

    fn encode(&self, version: i16, out: &mut Writer) {
        out.fail(WireError::UnknownVersion { key: Self::KEY, version });
    }

    fn decode(_: i16, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.array_len(2)?;
        let names = (0..count).map(|_| input.string().map(str::to_owned)).collect::<Result<_, _>>()?;
        let _timeout_ms = input.i32()?;
        Ok(Self { names })
    }
}

impl Request<'_> for DeleteTopicsRequest {
    type Response = DeleteTopicsResponse;
}

impl Message<'_> for DeleteTopicsResponse {
    const KEY: ApiKey = ApiKey::DELETE_TOPICS;
    const VERSIONS: Versions = VERSIONS;

    fn encode(&self, version: i16, out: &mut Writer) {
        if version >= 1 {
            out.i32(self.throttle_time_ms);
        }
        out.nullable_array_len(Some(self.topics.len()));
        for (name, code) in &self.topics {
            out.string(name);
            out.i16(code.0);
        }
    }

    fn decode(version: i16, _: &mut Reader<'_>) -> Result<Self, WireError> {
        Err(WireError::UnknownVersion { key: Self::KEY, version })
    }
}
