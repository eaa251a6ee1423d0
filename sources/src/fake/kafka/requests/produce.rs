//! Produce: versions 0 to 8. Batches are checked as a broker does it (format, checksum, one batch a partition from version 3
//! on, sequence numbers) and stored in the format of the release. Departs from a real broker so: the timeout has no meaning,
//! for nothing is replicated; acks of 0, 1 and -1 differ only in that 0 gets no answer; transactions are refused.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::append::{Appended, Incoming, Storage, append};
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};

pub(super) struct Produce;

impl Handler for Produce {
    const VERSIONS: (i16, i16) = (0, 8);
    type Request<'a> = ProduceRequest<'a>;

    fn names(request: &ProduceRequest<'_>) -> Vec<Named> {
        let mut names = Vec::new();
        for topic in &request.topic_data {
            names.extend(topic.partition_data.iter().map(|data| Named::partition(&topic.name, data.index)));
        }
        names
    }

    fn answer(context: &Context<'_>, request: ProduceRequest<'_>) -> Outcome {
        let now_ms = context.shared().now_ms();
        let response = context.shared().change(|state| {
            let mut responses = Vec::new();
            for topic in &request.topic_data {
                let one = |data: &PartitionProduceData<'_>| {
                    let appended = partition(context, state, &request, &topic.name, data, now_ms);
                    answer(state, &topic.name, data.index, appended)
                };
                let partition_responses = topic.partition_data.iter().map(one).collect();
                responses.push(TopicProduceResponse { name: topic.name.clone(), partition_responses });
            }
            ProduceResponse { responses, throttle_time_ms: state.throttle_time_ms }
        });
        if request.acks != 0 {
            return context.reply(&response);
        }
        // A broker has no other way to tell such a producer than to close the connection.
        let mut answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        let failed = answers.any(|answer| answer.error_code != ErrorCode::NONE);
        if failed { Outcome::Close } else { Outcome::Nothing }
    }
}

fn partition(
    context: &Context<'_>,
    state: &mut State,
    request: &ProduceRequest<'_>,
    topic: &str,
    data: &PartitionProduceData<'_>,
    now_ms: i64,
) -> Result<Appended, ErrorCode> {
    context.unless_scripted(topic, data.index)?;
    if !(-1..=1).contains(&request.acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS);
    }
    if request.transactional_id.is_some() {
        return Err(ErrorCode::INVALID_TXN_STATE);
    }
    let profile = state.profile;
    let (magic, has_zstd) = (profile.magic(), profile.has_zstd() && context.version >= 7);
    let max_bytes = state.max_message_bytes;
    let log_append_time = state.topics.get(topic).is_some_and(|topic| topic.log_append_time);
    let found = state.led(context.broker(), topic, data.index)?;
    let incoming = Incoming {
        set: data.records,
        magics: match context.version {
            0 | 1 => 0..=0,
            2 => 0..=1,
            _ => 2..=2,
        },
        has_zstd,
        profile,
        max_bytes,
    };
    append(found, &incoming, Storage { magic, now_ms, log_append_time })
}

fn answer(
    state: &State,
    topic: &str,
    index: i32,
    appended: Result<Appended, ErrorCode>,
) -> PartitionProduceResponse {
    let log_start_offset = state.partition(topic, index).map_or(-1, |found| found.log.start_offset());
    match appended {
        Ok(Appended { base_offset, log_append_time_ms }) => PartitionProduceResponse {
            index,
            base_offset,
            log_append_time_ms: log_append_time_ms.unwrap_or(-1),
            log_start_offset,
            ..PartitionProduceResponse::default()
        },
        Err(error_code) => PartitionProduceResponse {
            index,
            error_code,
            base_offset: -1,
            ..PartitionProduceResponse::default()
        },
    }
}
