//! How answers are spoilt: as bytes, or as what they say.

use batchmill_sources::fake::kafka::{ApiKey, FakeKafka, Fault, FaultBuilder, Seen};
use batchmill_sources::kafka::wire::frame::{LENGTH_BYTES, decode_response_header, encode_response};
use batchmill_sources::kafka::wire::messages::{FetchResponse, Message, PartitionData};
use batchmill_sources::kafka::wire::records::{BatchBuilder, BatchFlags, Codec, NewRecord, message_set};
use batchmill_sources::kafka::wire::{Reader, Writer};

/// Every answer to this request says something else, in its own form.
pub(super) fn every<M>(kafka: &FakeKafka, change: impl Fn(&mut M) + Send + Sync + 'static)
where
    M: for<'a> Message<'a> + 'static,
{
    says(kafka.on(<M as Message<'_>>::KEY).always(), change);
}

/// The answers of this fault say something else.
pub(super) fn says<M>(fault: FaultBuilder<'_>, change: impl Fn(&mut M) + Send + Sync + 'static) -> Fault
where
    M: for<'a> Message<'a> + 'static,
{
    fault.reply_with(move |seen, frame| {
        let mut input = Reader::new(&frame);
        let id = decode_response_header(seen.api, seen.version, &mut input).unwrap();
        let mut message = M::decode(seen.version, &mut input).unwrap();
        change(&mut message);
        encode_response(&message, seen.version, id).unwrap().split_off(LENGTH_BYTES)
    })
}

/// Every answer to a fetch says something else.
pub(super) fn every_fetch(
    kafka: &FakeKafka,
    change: impl for<'a> Fn(&Seen, &mut FetchResponse<'a>) + Send + Sync + 'static,
) {
    fetches(kafka.on(ApiKey::FETCH).always(), change);
}

/// The answers of this fault to a fetch say something else.
pub(super) fn fetches(
    fault: FaultBuilder<'_>,
    change: impl for<'a> Fn(&Seen, &mut FetchResponse<'a>) + Send + Sync + 'static,
) {
    fault.reply_with(move |seen, frame| {
        let mut input = Reader::new(&frame);
        let id = decode_response_header(seen.api, seen.version, &mut input).unwrap();
        let mut message = FetchResponse::decode(seen.version, &mut input).unwrap();
        change(seen, &mut message);
        encode_response(&message, seen.version, id).unwrap().split_off(LENGTH_BYTES)
    });
}

/// Every partition of every answer to a fetch says something else.
pub(super) fn every_data(
    kafka: &FakeKafka,
    change: impl for<'a> Fn(&mut PartitionData<'a>) + Send + Sync + 'static,
) {
    every_fetch(kafka, move |_, answer| {
        answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(&change);
    });
}

/// Every answer to a fetch has these records instead of its own, whatever was asked for.
pub(super) fn every_set(kafka: &FakeKafka, set: Vec<u8>) {
    // A slice of a frame must outlive it, and the process of a case does not live long.
    let set: &'static [u8] = set.leak();
    every_data(kafka, move |data| data.records = set);
}

/// Every answer to this request has these bytes instead of its body.
pub(super) fn body(kafka: &FakeKafka, api: ApiKey, bytes: impl Into<Vec<u8>>) {
    let bytes = bytes.into();
    kafka.on(api).always().reply_with(move |seen, mut frame| {
        frame.truncate(header(seen));
        frame.extend_from_slice(&bytes);
        frame
    });
}

/// How many bytes the header of an answer has.
pub(super) fn header(seen: &Seen) -> usize {
    if seen.api.response_header_version(seen.version) > 0 { 5 } else { 4 }
}

/// What a writer is made to write.
pub(super) fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new();
    write(&mut out);
    out.into_bytes().unwrap()
}

/// A batch of so many records, from this offset on.
pub(super) fn batch(base_offset: i64, records: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for n in 0..records {
        builder.push(&NewRecord { value: Some(format!("{n}").as_bytes()), ..NewRecord::default() });
    }
    let flags = BatchFlags { base_offset, leader_epoch: 0, ..BatchFlags::default() };
    builder.into_batch(&flags)
}

/// A batch with other bytes at a place in it, under a checksum that is right.
pub(super) fn altered(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    seal(batch)
}

/// A batch with a checksum that is right.
pub(super) fn seal(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc(0x82F6_3B78, &batch[21..]).to_be_bytes();
    batch[17..21].copy_from_slice(&crc);
    batch
}

/// A batch of these bytes instead of records, which says that it has so many.
pub(super) fn batch_of(records: &[u8], count: i32, attributes: i16) -> Vec<u8> {
    let mut whole = batch(0, 1);
    whole.truncate(61);
    whole.extend_from_slice(records);
    let length = (whole.len() - 12) as i32;
    whole[8..12].copy_from_slice(&length.to_be_bytes());
    whole[21..23].copy_from_slice(&attributes.to_be_bytes());
    whole[23..27].copy_from_slice(&(count - 1).max(0).to_be_bytes());
    whole[57..61].copy_from_slice(&count.to_be_bytes());
    seal(whole)
}

/// A message of an old format whose value is compressed, it says, with this codec.
pub(super) fn wrapper(magic: u8, codec: Codec, offset: i64, value: &[u8]) -> Vec<u8> {
    let record = NewRecord { value: Some(value), ..NewRecord::default() };
    let mut message = message_set(magic, Codec::None, &[(offset, record)]).unwrap();
    message[17] |= codec.attributes() as u8;
    let crc = crc(0xEDB8_8320, &message[16..]).to_be_bytes();
    message[12..16].copy_from_slice(&crc);
    message
}

/// A checksum, bit by bit: tests are few and their batches small.
fn crc(polynomial: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (polynomial & (crc & 1).wrapping_neg()))
    })
}
