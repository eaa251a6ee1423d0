//! Appends records to a partition: what a client has produced is checked as a broker does it, gets offsets, and is stored in
//! the format of the release. Called under the cluster's lock.

use std::ops::RangeInclusive;

use super::ErrorCode;
use super::codec::{self, Form, Head, Record};
use super::sequence::{Numbered, Verdict};
use super::topic::Partition;

/// What a client has sent for a partition.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) set: &'a [u8],
    /// The formats that its version of Produce may send.
    pub(super) magics: RangeInclusive<u8>,
    pub(super) has_zstd: bool,
    pub(super) max_bytes: usize,
}

/// How a log stores records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) magic: u8,
    /// The broker's time, where the topic keeps that instead of the producer's.
    pub(super) log_append_time_ms: Option<i64>,
}

/// Where records were appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base_offset: i64,
    pub(super) log_append_time_ms: Option<i64>,
}

const ZSTD: u8 = 4;

/// Checks what a client has sent, and appends it.
///
/// # Errors
/// What the client is told. Nothing was appended.
pub(super) fn append(
    partition: &mut Partition,
    incoming: &Incoming<'_>,
    storage: Storage,
) -> Result<Appended, ErrorCode> {
    let heads = check(incoming)?;
    let numbered = heads.first().and_then(numbered);
    match numbered.map(|batch| partition.producers.judge(&batch)) {
        None | Some(Verdict::Append) => {}
        Some(Verdict::Again(base_offset)) => {
            return Ok(Appended { base_offset, log_append_time_ms: storage.log_append_time_ms });
        }
        Some(Verdict::Duplicate) => return Err(ErrorCode::DUPLICATE_SEQUENCE_NUMBER),
        Some(Verdict::OutOfOrder) => return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        Some(Verdict::OldEpoch) => return Err(ErrorCode::INVALID_PRODUCER_EPOCH),
    }
    let mut batches = Vec::new();
    for head in &heads {
        batches.push((codec::decode(incoming.set, head)?, head));
    }
    let base_offset = partition.log.end_offset();
    for (records, head) in batches {
        let batch = &incoming.set[head.range.clone()];
        if head.magic == 2 && storage.magic == 2 {
            store_as_it_is(partition, batch, head, storage);
        } else {
            let form = Form { magic: storage.magic, codec: head.codec, ..Form::default() };
            store(partition, records, &form, storage).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        }
    }
    if let Some(batch) = numbered {
        partition.producers.remember(&batch, base_offset);
    }
    Ok(Appended { base_offset, log_append_time_ms: storage.log_append_time_ms })
}

fn check(incoming: &Incoming<'_>) -> Result<Vec<Head>, ErrorCode> {
    let heads = codec::walk(incoming.set).map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
    let one_batch = *incoming.magics.start() == 2;
    if heads.is_empty() || one_batch && heads.len() != 1 {
        return Err(ErrorCode::INVALID_RECORD);
    }
    for head in &heads {
        if !incoming.magics.contains(&head.magic) || head.is_control {
            return Err(ErrorCode::INVALID_RECORD);
        }
        if head.is_transactional {
            return Err(ErrorCode::INVALID_TXN_STATE);
        }
        if head.range.len() > incoming.max_bytes {
            return Err(ErrorCode::MESSAGE_TOO_LARGE);
        }
        if head.codec == ZSTD && !incoming.has_zstd {
            return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        }
    }
    Ok(heads)
}

fn numbered(head: &Head) -> Option<Numbered> {
    let Head { producer_id, producer_epoch, base_sequence, .. } = *head;
    let records = i32::try_from(head.last_offset - head.base_offset + 1).ok()?;
    (producer_id >= 0).then_some(Numbered { producer_id, producer_epoch, base_sequence, records })
}

/// Stores a batch of format 2 with nothing but its place written into it.
fn store_as_it_is(partition: &mut Partition, batch: &[u8], head: &Head, storage: Storage) {
    partition.begin_epoch();
    let base_offset = partition.log.end_offset();
    let last_offset = base_offset + (head.last_offset - head.base_offset);
    let mut batch = batch.to_vec();
    codec::place(&mut batch, base_offset, partition.leader_epoch);
    let mut max_timestamp = head.max_timestamp;
    if let Some(now_ms) = storage.log_append_time_ms {
        codec::set_log_append_time(&mut batch, now_ms);
        max_timestamp = now_ms;
    }
    partition.log.append(&batch, base_offset, last_offset, max_timestamp, head.magic);
}

/// Stores records with the next offsets, as one batch.
///
/// # Errors
/// When they have no form in this format, in words.
pub(super) fn store(
    partition: &mut Partition,
    mut records: Vec<Record>,
    form: &Form,
    storage: Storage,
) -> Result<i64, String> {
    let base_offset = partition.log.end_offset();
    for (offset, record) in (base_offset..).zip(&mut records) {
        record.offset = offset;
    }
    let batch = codec::encode(&records, form)?;
    let heads = codec::walk(&batch).map_err(|error| error.to_string())?;
    partition.begin_epoch();
    if form.is_transactional && !form.is_control {
        partition.open.entry(form.producer_id).or_insert(base_offset);
    }
    for head in &heads {
        let mut batch = batch[head.range.clone()].to_vec();
        if head.magic == 2 {
            codec::place(&mut batch, head.base_offset, partition.leader_epoch);
        }
        let mut max_timestamp = head.max_timestamp;
        if let Some(now_ms) = storage.log_append_time_ms.filter(|_| head.magic > 0) {
            codec::set_log_append_time(&mut batch, now_ms);
            max_timestamp = now_ms;
        }
        partition.log.append(&batch, head.base_offset, head.last_offset, max_timestamp, head.magic);
    }
    Ok(base_offset)
}
