//! The records of a batch in the format that a broker takes, and back: all codecs, and the message sets of brokers before
//! 0.11.

use crate::kafka::wire::records::{
    BatchBuilder, BatchWalk, Codec, Limits, NewHeader, NewRecord, Payload, RawRecord, RecordError,
    message_set, open,
};
use crate::kafka::wire::{Reader, WireError};

/// How a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka::sink) struct Format {
    pub(in crate::kafka::sink) magic: u8,
    pub(in crate::kafka::sink) codec: Codec,
}

/// Why a batch cannot be laid out, which cannot happen to what was gathered here.
#[derive(Debug)]
pub(in crate::kafka::sink) enum LayoutError {
    Records(RecordError),
    Wire(WireError),
}

impl From<RecordError> for LayoutError {
    fn from(error: RecordError) -> Self {
        Self::Records(error)
    }
}

impl From<WireError> for LayoutError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// Gathers those records of a set anew that are to be kept, by their place in it.
pub(super) fn gather(set: &[u8], keep: &mut dyn FnMut(u32) -> bool) -> Result<BatchBuilder, LayoutError> {
    let mut builder = BatchBuilder::new();
    let mut at = 0;
    each(set, |record, bytes| {
        at += 1;
        if !keep(at - 1) {
            return Ok(());
        }
        let headers = headers(record, bytes)?;
        let (key, value) = (record.key.of(bytes), record.value.of(bytes));
        let timestamp = record.timestamp.unwrap_or(-1);
        builder.push(&NewRecord { key, value, headers: &headers, timestamp });
        Ok(())
    })?;
    Ok(builder)
}

/// The records of a batch of magic 2 as a message set: what brokers before 0.11 take. It has no headers.
pub(super) fn old_format(batch: &[u8], format: Format) -> Result<Vec<u8>, LayoutError> {
    let mut parts = Vec::new();
    each(batch, |record, _| {
        parts.push(*record);
        Ok(())
    })?;
    let records: Vec<_> = (0..)
        .zip(&parts)
        .map(|(offset, record)| {
            let (key, value) = (record.key.of(batch), record.value.of(batch));
            let timestamp = record.timestamp.unwrap_or(-1);
            (offset, NewRecord { key, value, headers: &[], timestamp })
        })
        .collect();
    Ok(message_set(format.magic, format.codec, &records)?)
}

/// Calls `use_it` with each record of a set and the bytes it lies in.
pub(super) fn each(
    set: &[u8],
    mut use_it: impl FnMut(&RawRecord, &[u8]) -> Result<(), LayoutError>,
) -> Result<(), LayoutError> {
    for span in BatchWalk::new(set) {
        let span = span?;
        // What was gathered here needs no limit, and is below that of all sizes.
        let mut opened = open(set, &span, &Limits { max_bytes: i32::MAX as usize, max_ratio: usize::MAX })?;
        let bytes = match &opened.payload {
            Payload::InPlace(_) => set,
            Payload::Inflated(bytes) => bytes,
        };
        while let Some(record) = opened.records.next(bytes)? {
            use_it(&record, bytes)?;
        }
    }
    Ok(())
}

pub(super) fn headers<'b>(record: &RawRecord, bytes: &'b [u8]) -> Result<Vec<NewHeader<'b>>, WireError> {
    let mut input = Reader::new(record.headers.of(bytes).unwrap_or_default());
    let mut part = || match usize::try_from(input.varint()?) {
        Ok(length) => input.take(length).map(Some),
        Err(_) => Ok(None),
    };
    (0..record.header_count)
        .map(|_| {
            let key = part()?.unwrap_or_default();
            Ok((std::str::from_utf8(key).unwrap_or_default(), part()?))
        })
        .collect()
}
