//! OffsetForLeaderEpoch: versions 0 to 3. Departs from a real broker so: whoever asks may, also below version 3, where only
//! other brokers may ask.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};

pub(super) struct OffsetForLeaderEpoch;

impl Handler for OffsetForLeaderEpoch {
    const VERSIONS: (i16, i16) = (0, 3);
    type Request<'a> = OffsetForLeaderEpochRequest;

    fn names(request: &OffsetForLeaderEpochRequest) -> Vec<Named> {
        let of_topic = |topic: &OffsetForLeaderTopic| -> Vec<Named> {
            let named = |asked: &OffsetForLeaderPartition| {
                Named::offset(&topic.topic, asked.partition, i64::from(asked.leader_epoch))
            };
            topic.partitions.iter().map(named).collect()
        };
        request.topics.iter().flat_map(of_topic).collect()
    }

    fn answer(context: &Context<'_>, request: OffsetForLeaderEpochRequest) -> Outcome {
        let mut state = context.shared().state.lock();
        let mut topics = Vec::new();
        for topic in request.topics {
            let one = |asked: &OffsetForLeaderPartition| partition(context, &mut state, &topic.topic, asked);
            let partitions = topic.partitions.iter().map(one).collect();
            topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
        }
        let throttle_time_ms = state.throttle_time_ms;
        context.reply(&OffsetForLeaderEpochResponse { throttle_time_ms, topics })
    }
}

fn partition(
    context: &Context<'_>,
    state: &mut State,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> EpochEndOffset {
    let partition = asked.partition;
    let found = context.unless_scripted(topic, partition).and_then(|()| {
        let found = state.led(context.broker(), topic, partition)?;
        found.check_epoch(asked.current_leader_epoch)?;
        Ok(found.end_of_epoch(asked.leader_epoch))
    });
    match found {
        Ok((leader_epoch, end_offset)) => {
            EpochEndOffset { error_code: ErrorCode::NONE, partition, leader_epoch, end_offset }
        }
        Err(error_code) => EpochEndOffset { error_code, partition, leader_epoch: -1, end_offset: -1 },
    }
}
