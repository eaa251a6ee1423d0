//! ListOffsets: versions 0 to 5: the start, the end (the last stable offset for a reader of committed records) and offsets
//! for times. Departs from a real broker so: in version 0, where a broker goes by the times of segment files, a time is
//! answered as -2 would be (the log has one segment), and a time is found by the largest timestamp of a batch, so that the
//! offset may be that of an earlier record of the batch.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::topic::Partition;
use crate::kafka::wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

pub(super) struct ListOffsets;

impl Handler for ListOffsets {
    const VERSIONS: (i16, i16) = (0, 5);
    type Request<'a> = ListOffsetsRequest;

    fn names(request: &ListOffsetsRequest) -> Vec<Named> {
        let mut names = Vec::new();
        for topic in &request.topics {
            let named = |asked: &ListOffsetsPartition| {
                Named::offset(&topic.name, asked.partition_index, asked.timestamp)
            };
            names.extend(topic.partitions.iter().map(named));
        }
        names
    }

    fn answer(context: &Context<'_>, request: ListOffsetsRequest) -> Outcome {
        let mut state = context.shared().state.lock();
        let mut topics = Vec::new();
        for topic in &request.topics {
            let one = |asked: &ListOffsetsPartition| {
                let found = find(context, &mut state, &topic.name, asked, request.isolation_level == 1);
                answer(context.version, asked, found)
            };
            let partitions = topic.partitions.iter().map(one).collect();
            topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
        }
        context.reply(&ListOffsetsResponse { throttle_time_ms: state.throttle_time_ms, topics })
    }
}

/// An offset that was found, its timestamp and the epoch it was written in; -1 for what is not known.
struct Found {
    offset: i64,
    timestamp: i64,
    leader_epoch: i32,
    /// What version 0 says: the offsets at which segments begin, the newest first.
    segments: Vec<i64>,
}

fn find(
    context: &Context<'_>,
    state: &mut State,
    topic: &str,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> Result<Found, ErrorCode> {
    context.unless_scripted(topic, asked.partition_index)?;
    let partition = state.led(context.broker(), topic, asked.partition_index)?;
    partition.check_epoch(asked.current_leader_epoch)?;
    let (start, high_watermark) = (partition.log.start_offset(), partition.log.end_offset());
    let end = if committed { partition.last_stable_offset() } else { high_watermark };
    Ok(match asked.timestamp {
        LATEST => Found { segments: vec![end, start], ..at(partition, end, -1) },
        EARLIEST => Found { segments: vec![start], ..at(partition, start, -1) },
        time => match partition.log.entries().iter().find(|entry| entry.max_timestamp >= time) {
            Some(entry) if entry.base_offset < end => {
                let offset = entry.base_offset.max(start);
                Found { segments: vec![start], ..at(partition, offset, entry.max_timestamp) }
            }
            _ => Found { offset: -1, timestamp: -1, leader_epoch: -1, segments: vec![start] },
        },
    })
}

fn at(partition: &Partition, offset: i64, timestamp: i64) -> Found {
    Found { offset, timestamp, leader_epoch: partition.epoch_at(offset), segments: Vec::new() }
}

fn answer(
    version: i16,
    asked: &ListOffsetsPartition,
    found: Result<Found, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let partition_index = asked.partition_index;
    match found {
        Ok(found) => {
            let most = usize::try_from(asked.max_num_offsets).unwrap_or(0);
            let old_style_offsets =
                if version == 0 { found.segments.into_iter().take(most).collect() } else { Vec::new() };
            ListOffsetsPartitionResponse {
                partition_index,
                error_code: ErrorCode::NONE,
                old_style_offsets,
                timestamp: found.timestamp,
                offset: found.offset,
                leader_epoch: found.leader_epoch,
            }
        }
        Err(error_code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code,
            old_style_offsets: Vec::new(),
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
        },
    }
}
