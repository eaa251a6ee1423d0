//! Appends records to a partition: what a client has produced is checked as a broker does it, gets offsets, and is stored in
//! the format of the release. Called under the cluster's lock.

use std::ops::RangeInclusive;

use super::codec::{self, Batch, Form, Record};
use super::sequence::{Numbered, Verdict};
use super::topic::Partition;
use super::{ErrorCode, Profile};
use crate::kafka::wire::records::{BatchFlags, BatchSpan, Codec, RecordError};

/// What a client has sent for a partition.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) set: &'a [u8],
    /// The formats that its version of Produce may send.
    pub(super) magics: RangeInclusive<u8>,
    pub(super) has_zstd: bool,
    /// The broker's release, by which it knows idempotent producers.
    pub(super) profile: Profile,
    pub(super) max_bytes: usize,
}

/// How a log stores records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) magic: u8,
    /// The broker's time.
    pub(super) now_ms: i64,
    /// Whether the topic keeps that instead of the producer's.
    pub(super) log_append_time: bool,
}

/// Where records were appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base_offset: i64,
    pub(super) log_append_time_ms: Option<i64>,
}

/// Checks what a client has sent, and appends it.
///
/// # Errors
/// What the client is told. Nothing was appended.
pub(super) fn append(
    partition: &mut Partition,
    incoming: &Incoming<'_>,
    storage: Storage,
) -> Result<Appended, ErrorCode> {
    let spans = check(incoming)?;
    let log_append_time_ms = storage.log_append_time.then_some(storage.now_ms);
    let numbered = spans.first().and_then(numbered);
    match numbered.map(|batch| partition.producers.judge(&batch)) {
        None | Some(Verdict::Append) => {}
        Some(Verdict::Unknown) => incoming.profile.unknown_producer().map_or(Ok(()), Err)?,
        Some(Verdict::Again(base_offset)) => return Ok(Appended { base_offset, log_append_time_ms }),
        Some(Verdict::OutOfOrder) => return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        Some(Verdict::OldEpoch) => return Err(ErrorCode::INVALID_PRODUCER_EPOCH),
    }
    let base_offset = partition.log.end_offset();
    let (mut batches, mut next) = (Vec::new(), base_offset);
    for span in &spans {
        let of_span = batches_of(incoming.set, span, storage, next).map_err(code_of)?;
        next += of_span.iter().map(Batch::offsets).sum::<i64>();
        batches.extend(of_span);
    }
    partition.begin_epoch();
    for batch in batches {
        put(partition, batch, storage);
    }
    if let Some(batch) = numbered {
        partition.producers.remember(&batch, base_offset, incoming.profile.remembered_batches());
    }
    Ok(Appended { base_offset, log_append_time_ms })
}

fn check(incoming: &Incoming<'_>) -> Result<Vec<BatchSpan>, ErrorCode> {
    let spans = codec::walk(incoming.set).map_err(code_of)?;
    let one_batch = *incoming.magics.start() == 2;
    if spans.is_empty() || one_batch && spans.len() != 1 {
        return Err(ErrorCode::INVALID_RECORD);
    }
    for span in &spans {
        if !incoming.magics.contains(&span.magic) || span.is_control {
            return Err(ErrorCode::INVALID_RECORD);
        }
        if span.is_transactional {
            return Err(ErrorCode::INVALID_TXN_STATE);
        }
        if span.range.len() > incoming.max_bytes {
            return Err(ErrorCode::MESSAGE_TOO_LARGE);
        }
        if span.codec == Codec::Zstd && !incoming.has_zstd {
            return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        }
    }
    Ok(spans)
}

fn numbered(span: &BatchSpan) -> Option<Numbered> {
    let BatchSpan { producer_id, producer_epoch, base_sequence, .. } = *span;
    let records = i32::try_from(span.last_offset - span.base_offset + 1).ok()?;
    (producer_id >= 0).then_some(Numbered { producer_id, producer_epoch, base_sequence, records })
}

/// A batch in the format of the log: as it came where that is possible, with the producer's offsets; else made anew, with
/// the offsets from `next` on.
fn batches_of(set: &[u8], span: &BatchSpan, storage: Storage, next: i64) -> Result<Vec<Batch>, RecordError> {
    if span.magic == 2 && storage.magic == 2 {
        let found = codec::verify(set, span)?;
        let claimed = span.records.unwrap_or(0);
        // A producer leaves no gaps, and a batch of nothing would take an offset.
        if i64::from(found) != span.last_offset - span.base_offset + 1 {
            return Err(RecordError::WrongCount { claimed, found });
        }
        return Ok(vec![Batch::of(set, span, span.base_offset)]);
    }
    let mut records = codec::decode(set, span)?;
    let Some(count) = i64::try_from(records.len()).ok().filter(|count| *count > 0) else {
        return Err(RecordError::WrongCount { claimed: 1, found: 0 });
    };
    let gapless = records.windows(2).all(|pair| pair[1].offset == pair[0].offset + 1);
    if span.magic == 1 && storage.magic == 1 && span.codec != Codec::None && gapless {
        return Ok(vec![Batch::of(set, span, span.last_offset - (count - 1))]);
    }
    for (offset, record) in (next..).zip(&mut records) {
        record.offset = offset;
    }
    if storage.magic < 2 {
        records.iter_mut().for_each(|record| record.headers.clear());
    }
    let unsupported = |_| RecordError::UnsupportedCodec { codec: span.codec.attributes() as u8 };
    let form = Form { magic: storage.magic, codec: span.codec, flags: BatchFlags::default() };
    codec::encode(&records, &form).map_err(unsupported)
}

fn code_of(error: RecordError) -> ErrorCode {
    match error {
        RecordError::UnsupportedCodec { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        RecordError::UnknownMagic { .. } | RecordError::WrongCount { .. } => ErrorCode::INVALID_RECORD,
        _ => ErrorCode::CORRUPT_MESSAGE,
    }
}

/// Stores records with the next offsets.
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
    let batches = codec::encode(&records, form)?;
    partition.begin_epoch();
    if form.flags.transactional && !form.flags.control {
        partition.open.entry(form.flags.producer_id).or_insert(base_offset);
    }
    for batch in batches {
        put(partition, batch, storage);
    }
    Ok(base_offset)
}

/// Appends a batch at the end.
fn put(partition: &mut Partition, mut batch: Batch, storage: Storage) {
    batch.place(partition.log.end_offset(), partition.leader_epoch);
    if storage.log_append_time {
        batch.set_log_append_time(storage.now_ms);
    }
    partition.log.append(&batch);
    partition.modified_ms = storage.now_ms;
}
