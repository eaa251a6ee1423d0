//! ListOffsets: versions 0 to 5: the start, the end (the last stable offset for a reader of committed records) and offsets
//! for times: that of the first record that is not older. Version 0 knows the times of segments only; the log has one,
//! which is as old as its last append.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::codec;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::topic::Partition;
use crate::kafka::wire::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

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
    const LATEST: i64 = ListOffsetsRequest::LATEST;
    const EARLIEST: i64 = ListOffsetsRequest::EARLIEST;
    context.unless_scripted(topic, asked.partition_index)?;
    let partition = &*state.led(context.broker(), topic, asked.partition_index)?;
    partition.check_epoch(asked.current_leader_epoch)?;
    let (start, high_watermark) = (partition.log.start_offset(), partition.log.end_offset());
    let end = if committed { partition.last_stable_offset() } else { high_watermark };
    let (offset, timestamp) = match asked.timestamp {
        LATEST => (end, -1),
        EARLIEST => (start, -1),
        time => first_since(partition, time).filter(|(offset, _)| *offset < end).unwrap_or((-1, -1)),
    };
    let segments = match asked.timestamp {
        EARLIEST => vec![start],
        LATEST if end > start => vec![end, start],
        LATEST => vec![start],
        time if time >= context.shared().now_ms() && end > start => vec![end, start],
        time if time >= partition.modified_ms => vec![start],
        _ => Vec::new(),
    };
    Ok(Found { offset, timestamp, leader_epoch: partition.epoch_at(offset), segments })
}

/// The first record that is not older than this, and its time.
fn first_since(partition: &Partition, time: i64) -> Option<(i64, i64)> {
    let log = &partition.log;
    log.entries().iter().filter(|entry| entry.max_timestamp >= time).find_map(|entry| {
        let bytes = log.bytes(entry);
        let spans = codec::walk(bytes).unwrap_or_default();
        let records = spans.iter().filter_map(|span| codec::decode(bytes, span).ok()).flatten();
        let mut readable = records.filter(|record| record.offset >= log.start_offset());
        readable
            .find_map(|record| record.timestamp.filter(|own| *own >= time).map(|own| (record.offset, own)))
    })
}

fn answer(
    version: i16,
    asked: &ListOffsetsPartition,
    found: Result<Found, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let partition_index = asked.partition_index;
    match found {
        Ok(found) => {
            let most = if version == 0 { usize::try_from(asked.max_num_offsets).unwrap_or(0) } else { 0 };
            ListOffsetsPartitionResponse {
                partition_index,
                error_code: ErrorCode::NONE,
                old_style_offsets: found.segments.into_iter().take(most).collect(),
                timestamp: found.timestamp,
                offset: found.offset,
                leader_epoch: found.leader_epoch,
            }
        }
        Err(error_code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code,
            ..ListOffsetsPartitionResponse::default()
        },
    }
}
