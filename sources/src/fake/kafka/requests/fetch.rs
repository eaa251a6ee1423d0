//! Fetch: versions 0 to 11. A request that finds too little waits until there is more, or its time is over. Served as by a
//! broker: bytes from the batch that holds the offset on, cut off where a limit falls; from version 3 on at least one whole
//! batch; below version 4 (2) converted to message sets of format 1 (0). Readers of committed records see what is below the
//! last stable offset, with the list of aborted transactions. A rack that the leader is not in is sent to the follower
//! there. Departs from a real broker so: there are no fetch sessions (a session is never given, and one that is asked for is
//! not found); all replicas have every record at once; the checks of a batch of zstd for an old version are left out.

use super::{Context, Handler, Outcome, finish};
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::codec::down_convert;
use crate::fake::kafka::log::Read;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::slices::{Reply, Slice};
use crate::fake::kafka::topic::{Aborted, Partition};
use crate::fake::kafka::{ErrorCode, slices};
use crate::kafka::wire::Writer;
use crate::kafka::wire::messages::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse, Message,
    PartitionData,
};
use std::time::Duration;

pub(super) struct Fetch;

impl Handler for Fetch {
    const VERSIONS: (i16, i16) = (0, 11);
    type Request<'a> = FetchRequest;

    fn names(request: &FetchRequest) -> Vec<Named> {
        let mut names = Vec::new();
        for topic in &request.topics {
            let named =
                |asked: &FetchPartition| Named::offset(&topic.topic, asked.partition, asked.fetch_offset);
            names.extend(topic.partitions.iter().map(named));
        }
        names
    }

    fn answer(context: &Context<'_>, request: FetchRequest) -> Outcome {
        let session_errors = [ErrorCode::FETCH_SESSION_ID_NOT_FOUND, ErrorCode::INVALID_FETCH_SESSION_EPOCH];
        let scripted = context.befallen.of_the_whole().filter(|code| session_errors.contains(code));
        let error_code = match request.session_id {
            0 => scripted.unwrap_or(ErrorCode::NONE),
            _ => ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        };
        let topics = if error_code == ErrorCode::NONE { wait(context, &request) } else { Vec::new() };
        let throttle_time_ms = context.shared().state.lock().throttle_time_ms;
        let head = FetchResponse { throttle_time_ms, error_code, ..FetchResponse::default() };
        write(context, &head, topics)
    }
}

/// The name of a topic and what was found in its partitions.
type Found = (String, Vec<(PartitionData<'static>, Read)>);

/// Reads until there is enough or the time is over.
fn wait(context: &Context<'_>, request: &FetchRequest) -> Vec<Found> {
    let timeout = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    let connection = context.connection;
    let mut found = Vec::new();
    context.shared().wait(timeout, |state| {
        found = read(context, state, request);
        let at_once = |(answer, _): &(PartitionData<'_>, Read)| {
            answer.error_code != ErrorCode::NONE || answer.preferred_read_replica >= 0
        };
        let mut partitions = found.iter().flat_map(|(_, partitions)| partitions);
        let bytes: usize = partitions.clone().map(|(_, read)| read.bytes).sum();
        bytes >= enough || partitions.any(at_once) || !state.runs(connection.broker, connection.start)
    });
    found
}

fn read(context: &Context<'_>, state: &mut State, request: &FetchRequest) -> Vec<Found> {
    let mut left = usize::try_from(request.max_bytes).unwrap_or(0);
    // Versions that cannot ask for a limit in total get what fits the limit of the partition, be it less than a batch.
    let mut whole_first = context.version >= 3;
    let mut topics = Vec::new();
    for topic in &request.topics {
        let one = |asked: &FetchPartition| {
            let (answer, read) = partition(context, state, request, &topic.topic, asked, left, whole_first);
            whole_first &= read.bytes == 0;
            left = left.saturating_sub(read.bytes);
            (answer, read)
        };
        let partitions = topic.partitions.iter().map(one).collect();
        topics.push((topic.topic.clone(), partitions));
    }
    topics
}

fn partition(
    context: &Context<'_>,
    state: &mut State,
    request: &FetchRequest,
    topic: &str,
    asked: &FetchPartition,
    left: usize,
    whole_first: bool,
) -> (PartitionData<'static>, Read) {
    let answer =
        PartitionData { partition_index: asked.partition, high_watermark: -1, ..PartitionData::default() };
    let preferred = preferred_replica(context, state, request, topic, asked.partition);
    let found = context
        .unless_scripted(topic, asked.partition)
        .and_then(|()| readable(context, state, topic, asked.partition))
        .and_then(|found| check(found, asked).map(|()| found));
    let found = match found {
        Ok(found) => found,
        Err(error_code) => return (PartitionData { error_code, ..answer }, Read::default()),
    };
    let mut answer = PartitionData {
        high_watermark: found.log.end_offset(),
        last_stable_offset: found.last_stable_offset(),
        log_start_offset: found.log.start_offset(),
        preferred_read_replica: preferred.unwrap_or(-1),
        ..answer
    };
    if preferred.is_some() {
        return (answer, Read::default());
    }
    let mut upper = answer.high_watermark;
    if request.isolation_level == 1 {
        upper = answer.last_stable_offset;
        answer.aborted_transactions = Some(aborted(found, asked.fetch_offset, upper));
    }
    let limit = left.min(usize::try_from(asked.partition_max_bytes).unwrap_or(0));
    let read = found.log.read(asked.fetch_offset, upper, limit, whole_first);
    // A client of these versions can ask for more, so that a part of a batch is of no use to it.
    if context.version >= 3 && read.first_is_cut { (answer, Read::default()) } else { (answer, read) }
}

fn aborted(found: &Partition, from: i64, upper: i64) -> Vec<AbortedTransaction> {
    let aborted = found.aborted_between(from, upper);
    let told =
        |one: &Aborted| AbortedTransaction { producer_id: one.producer_id, first_offset: one.first_offset };
    aborted.map(told).collect()
}

/// The partition, if this broker leads it or may serve it as a follower, which consumers can ask for from version 11 on.
fn readable<'a>(
    context: &Context<'_>,
    state: &'a mut State,
    topic: &str,
    partition: i32,
) -> Result<&'a mut Partition, ErrorCode> {
    let found = state.partition_mut(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let follows = context.version >= 11 && found.replicas.contains(&context.broker());
    if found.leader == context.broker() || follows {
        Ok(found)
    } else {
        Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
    }
}

fn check(found: &Partition, asked: &FetchPartition) -> Result<(), ErrorCode> {
    found.check_epoch(asked.current_leader_epoch)?;
    let range = found.log.start_offset()..=found.log.end_offset();
    if range.contains(&asked.fetch_offset) { Ok(()) } else { Err(ErrorCode::OFFSET_OUT_OF_RANGE) }
}

/// The follower in the client's rack, if the leader that is asked is elsewhere.
fn preferred_replica(
    context: &Context<'_>,
    state: &State,
    request: &FetchRequest,
    topic: &str,
    partition: i32,
) -> Option<i32> {
    if request.rack_id.is_empty() || !state.profile_of(context.broker()).has_rack_aware_fetch() {
        return None;
    }
    let found = state.partition(topic, partition).filter(|found| found.leader == context.broker())?;
    let in_rack = |id: &i32| {
        let broker = state.broker(*id);
        broker.is_some_and(|broker| broker.running && broker.rack.as_ref() == Some(&request.rack_id))
    };
    let replica = found.replicas.iter().copied().find(in_rack)?;
    (!in_rack(&found.leader)).then_some(replica)
}

/// The reply, with the batches as they lie in the log.
fn write(context: &Context<'_>, head: &FetchResponse<'_>, topics: Vec<Found>) -> Outcome {
    let mut out = context.begin(context.version);
    head.encode(context.version, &mut out);
    let count = out.len() - 4;
    out.set_i32(count, i32::try_from(topics.len()).unwrap_or(i32::MAX));
    let before = bare(context.version, Vec::new()).len();
    let mut reply = Reply::default();
    for (topic, partitions) in topics {
        out.string(&topic);
        out.i32(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
        for (answer, read) in partitions {
            let slices = prepare(context, &topic, answer.partition_index, read);
            let bytes: usize = slices.iter().map(|slice| slice.bytes().len()).sum();
            let encoded = bare(context.version, vec![answer]);
            // Without the length of no records, with which it ends.
            out.raw(&encoded[before..encoded.len() - 4]);
            out.i32(i32::try_from(bytes).unwrap_or(i32::MAX));
            if !slices.is_empty() {
                reply.slices.push(Slice::Own(out.into_bytes().unwrap_or_default()));
                reply.slices.extend(slices);
                out = Writer::new();
            }
        }
    }
    match finish(out) {
        Outcome::Reply(rest) => {
            reply.slices.extend(rest.slices);
            Outcome::Reply(reply)
        }
        other => other,
    }
}

/// A response with one topic without a name. What stands before its partitions is as long as if there were none.
fn bare(version: i16, partitions: Vec<PartitionData<'_>>) -> Vec<u8> {
    let topic = FetchableTopicResponse { topic: String::new(), partitions };
    let mut out = Writer::new();
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }.encode(version, &mut out);
    out.into_bytes().unwrap_or_default()
}

/// The batches of a partition as this version and the faults want them.
fn prepare(context: &Context<'_>, topic: &str, partition: i32, read: Read) -> Vec<Slice> {
    let highest = match context.version {
        0 | 1 => 0,
        2 | 3 => 1,
        _ => 2,
    };
    let mut slices = read.slices;
    if read.magic > highest {
        slices = vec![Slice::Own(down_convert(&slices::joined(&slices), highest))];
    }
    if context.befallen.corrupts(topic, partition) && !slices.is_empty() {
        let mut bytes = slices::joined(&slices);
        corrupt_first(&mut bytes);
        slices = vec![Slice::Own(bytes)];
    }
    slices
}

/// Makes the last byte of the first batch (or of what is left of it) wrong.
fn corrupt_first(bytes: &mut [u8]) {
    let length =
        bytes.get(8..12).map_or(0, |length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]));
    let end = (12 + length as usize).min(bytes.len());
    if let Some(last) = bytes[..end].last_mut() {
        *last = !*last;
    }
}
