//! What holds for all records: what was built is read again, and nothing that comes in makes a panic.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

pub(super) type Owned = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

fn record() -> impl Strategy<Value = Owned> {
    let bytes = || option::of(vec(any::<u8>(), 0..40));
    (bytes(), bytes(), vec(("[a-z]{0,3}", bytes()), 0..3), 0_i64..1 << 45)
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(vec![Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd])
}

/// All records of a set: offset, timestamp, key, value, headers.
pub(super) fn read(set: &[u8]) -> Result<Vec<(i64, Owned)>, RecordError> {
    let mut all = Vec::new();
    for span in BatchWalk::new(set) {
        let span = span?;
        let mut opened = open(set, &span, &Limits::default())?;
        let inflated = match &opened.payload {
            Payload::InPlace(_) => set,
            Payload::Inflated(bytes) => bytes,
        };
        while let Some(record) = opened.records.next(inflated)? {
            let part = |span: Span| span.of(inflated).map(<[u8]>::to_vec);
            let mut headers = Vec::new();
            let mut input = crate::kafka::wire::Reader::new(record.headers.of(inflated).unwrap_or_default());
            for _ in 0..record.header_count {
                let length = input.varint().unwrap() as usize;
                let key = String::from_utf8_lossy(input.take(length).unwrap()).into_owned();
                let value = match input.varint().unwrap() {
                    -1 => None,
                    length => Some(input.take(length as usize).unwrap().to_vec()),
                };
                headers.push((key, value));
            }
            let timestamp = record.timestamp.unwrap_or(-1);
            all.push((record.offset, (part(record.key), part(record.value), headers, timestamp)));
        }
    }
    Ok(all)
}

fn with_headers(records: &[Owned], use_them: impl FnOnce(&[NewRecord<'_>])) {
    let headers: Vec<Vec<_>> = records
        .iter()
        .map(|record| record.2.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect())
        .collect();
    let records: Vec<NewRecord<'_>> = records
        .iter()
        .zip(&headers)
        .map(|((key, value, _, timestamp), headers)| NewRecord {
            key: key.as_deref(),
            value: value.as_deref(),
            headers,
            timestamp: *timestamp,
        })
        .collect();
    use_them(&records);
}

fn batch_of(records: &[Owned], codec: Codec, base_offset: i64) -> Vec<u8> {
    let mut built = Vec::new();
    with_headers(records, |records| {
        let mut builder = BatchBuilder::new();
        records.iter().for_each(|record| builder.push(record));
        built = builder.build(codec, &BatchFlags { base_offset, ..BatchFlags::default() });
    });
    built
}

proptest! {
    #[test]
    fn batches_come_back(records in vec(record(), 0..20), codec in codec(), base in 0_i64..1 << 40) {
        let set = batch_of(&records, codec, base);
        let expected: Vec<_> = (base..).zip(records).collect();
        prop_assert_eq!(read(&set), Ok(expected));
    }

    #[test]
    fn message_sets_come_back(
        records in vec(record(), 1..20),
        codec in codec(),
        magic in 0..2_u8,
        base in 0_i64..1 << 40,
        plain_before in any::<bool>(),
    ) {
        prop_assume!(codec != Codec::Zstd);
        // No headers in the old formats, and no timestamps in the oldest.
        let expected: Vec<(i64, Owned)> = records
            .into_iter()
            .zip(base..)
            .map(|((key, value, _, timestamp), offset)| {
                (offset, (key, value, Vec::new(), if magic == 0 { -1 } else { timestamp }))
            })
            .collect();
        let new: Vec<(i64, NewRecord<'_>)> = expected
            .iter()
            .map(|(offset, (key, value, _, timestamp))| {
                let (key, value) = (key.as_deref(), value.as_deref());
                (*offset, NewRecord { key, value, headers: &[], timestamp: *timestamp })
            })
            .collect();
        let split = if plain_before { new.len() / 2 } else { 0 };
        let plain = message_set(magic, Codec::None, &new[..split]).unwrap();
        let set = [plain, message_set(magic, codec, &new[split..]).unwrap()].concat();
        prop_assert_eq!(read(&set), Ok(expected));
    }

    #[test]
    fn a_set_that_is_cut_off_gives_the_batches_that_are_whole(
        first in vec(record(), 1..5), second in vec(record(), 1..5), cut in 0.0..1.0,
    ) {
        let first_batch = batch_of(&first, Codec::None, 0);
        let second_batch = batch_of(&second, Codec::None, first.len() as i64);
        let cut = (second_batch.len() as f64 * cut) as usize;
        let set = [&first_batch[..], &second_batch[..cut]].concat();
        let mut walk = BatchWalk::new(&set);
        let ends: Vec<_> = walk.by_ref().map(|span| span.unwrap().range.end).collect();
        prop_assert_eq!(ends, [first_batch.len()]);
        match (cut, walk.partial()) {
            (0, None) => {}
            (1..=11, Some(0)) => {}
            (_, Some(length)) => prop_assert_eq!(length, second_batch.len()),
            (_, None) => prop_assert!(false, "cut at {}", cut),
        }
    }

    #[test]
    fn a_changed_bit_is_noticed(
        records in vec(record(), 1..5), codec in codec(), place in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let mut set = batch_of(&records, codec, 0);
        let place = 21 + place.index(set.len() - 21);
        set[place] ^= 1 << bit;
        prop_assert!(read(&set).is_err());
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in vec(any::<u8>(), 0..300), magic in 0..4_u8, length in 0..300_i32) {
        let mut bytes = bytes;
        if bytes.len() > MAGIC_AT {
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[MAGIC_AT] = magic;
        }
        let _ = read(&bytes);
    }

    #[test]
    fn no_payload_makes_a_panic(bytes in vec(any::<u8>(), 0..200), count in 0..100_u32) {
        // With a right checksum, so that the records themselves are looked at.
        let mut set = batch_of(&[], Codec::None, 0);
        set.extend_from_slice(&bytes);
        let length = (set.len() - 12) as i32;
        set[8..12].copy_from_slice(&length.to_be_bytes());
        set[57..61].copy_from_slice(&count.to_be_bytes());
        let crc = crc32c::crc32c(&set[21..]);
        set[17..21].copy_from_slice(&crc.to_be_bytes());
        let _ = read(&set);
    }
}

fn transactional(producer_id: i64, base_offset: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(&NewRecord { value: Some(b"x"), ..NewRecord::default() });
    let flags = BatchFlags {
        base_offset,
        producer_id,
        producer_epoch: 0,
        transactional: true,
        ..BatchFlags::default()
    };
    builder.build(Codec::None, &flags)
}

fn marker(producer_id: i64, base_offset: i64, kind: i16) -> Vec<u8> {
    let key = [[0, 0], kind.to_be_bytes()].concat();
    let mut builder = BatchBuilder::new();
    builder.push(&NewRecord { key: Some(&key), value: Some(&[0; 6]), ..NewRecord::default() });
    let flags = BatchFlags {
        base_offset,
        producer_id,
        producer_epoch: 0,
        transactional: true,
        control: true,
        ..BatchFlags::default()
    };
    builder.build(Codec::None, &flags)
}

#[test]
fn records_of_aborted_transactions_and_markers_are_left_out() {
    let set = [
        transactional(1, 0),
        transactional(2, 1),
        marker(1, 2, 0),
        transactional(1, 3),
        marker(1, 4, 1),
        marker(2, 5, 1),
        transactional(1, 6),
        marker(1, 7, 0),
    ]
    .concat();
    let mut filter = AbortedFilter::new([(1, 6), (1, 0)]);
    let kept: Vec<i64> = BatchWalk::new(&set)
        .map(Result::unwrap)
        .filter(|span| filter.keep(&set, span).unwrap())
        .map(|span| span.base_offset)
        .collect();
    assert_eq!(kept, [1, 3]);
}

#[test]
fn a_marker_that_was_compacted_away_is_no_error() {
    let flags = BatchFlags { producer_id: 1, transactional: true, control: true, ..BatchFlags::default() };
    let set = BatchBuilder::new().build(Codec::None, &flags);
    let span = BatchWalk::new(&set).next().unwrap().unwrap();
    assert_eq!(AbortedFilter::new([(1, 0)]).keep(&set, &span), Ok(false));
}

#[test]
fn a_wrapper_in_a_wrapper_is_refused() {
    let record = NewRecord { value: Some(b"x"), timestamp: 1, ..NewRecord::default() };
    let inner = message_set(1, Codec::Gzip, &[(0, record)]).unwrap();
    let compressed = crate::kafka::wire::compression::compress(Codec::Gzip, &inner);
    let outer = NewRecord { value: Some(&compressed), timestamp: 1, ..NewRecord::default() };
    let mut set = message_set(1, Codec::None, &[(0, outer)]).unwrap();
    set[17] = 1;
    let crc = crc32fast::hash(&set[MAGIC_AT..]);
    set[12..16].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(read(&set), Err(RecordError::Nested));
}

#[test]
fn the_time_of_an_append_is_that_of_all_records() {
    let mut builder = BatchBuilder::new();
    for timestamp in [5, 9] {
        builder.push(&NewRecord { timestamp, ..NewRecord::default() });
    }
    let set = builder.build(Codec::None, &BatchFlags { log_append_time: true, ..BatchFlags::default() });
    assert_eq!(read(&set).unwrap().into_iter().map(|(_, record)| record.3).collect::<Vec<_>>(), [9, 9]);
}

#[test]
fn the_time_of_an_append_is_in_the_wrapper() {
    let records: Vec<_> = [5, 9, 7]
        .map(|timestamp| NewRecord { value: Some(b"x"), timestamp, ..NewRecord::default() })
        .into_iter()
        .zip(40..)
        .map(|(record, offset)| (offset, record))
        .collect();
    let mut set = message_set(1, Codec::Gzip, &records).unwrap();
    set[17] |= 8;
    let crc = crc32fast::hash(&set[MAGIC_AT..]);
    set[12..16].copy_from_slice(&crc.to_be_bytes());
    let found: Vec<_> = read(&set).unwrap().into_iter().map(|(offset, record)| (offset, record.3)).collect();
    assert_eq!(found, [(40, 9), (41, 9), (42, 9)]);
}

#[test]
fn what_is_wrong_behind_a_run_comes_after_it() {
    let record = NewRecord { value: Some(b"x"), ..NewRecord::default() };
    let set = message_set(0, Codec::None, &[(0, record), (1, record), (2, record)]).unwrap();
    let third = set.len() / 3 * 2;
    let walk =
        |set: &[u8]| BatchWalk::new(set).map(|span| span.map(|span| span.last_offset)).collect::<Vec<_>>();
    let mut wrong_length = set.clone();
    wrong_length[third + 8..third + 12].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_eq!(walk(&wrong_length), [Ok(1), Err(RecordError::BadLength { at: third, length: -1 })]);
    let mut wrong_codec = set;
    wrong_codec[third + 17] = 7;
    assert_eq!(walk(&wrong_codec), [Ok(1), Ok(2)]);
}

#[test]
fn a_batch_of_an_unknown_codec_can_be_passed_over_and_not_opened() {
    let mut builder = BatchBuilder::new();
    builder.push_at(0, &NewRecord { value: Some(b"x"), ..NewRecord::default() });
    let unknown = builder.build(Codec::Unknown(6), &BatchFlags::default());
    let set = [unknown, builder.build(Codec::None, &BatchFlags { base_offset: 1, ..BatchFlags::default() })]
        .concat();
    let spans: Vec<BatchSpan> = BatchWalk::new(&set).map(Result::unwrap).collect();
    assert_eq!((spans.len(), spans[0].codec), (2, Codec::Unknown(6)));
    let opened = open(&set, &spans[0], &Limits::default());
    assert_eq!(opened.unwrap_err(), RecordError::UnsupportedCodec { codec: 6 });
    assert!(open(&set, &spans[1], &Limits::default()).is_ok());
}

#[test]
fn a_record_outside_the_offsets_of_its_batch_is_refused() {
    let mut builder = BatchBuilder::new();
    builder.push_at(0, &NewRecord::default());
    builder.push_at(5, &NewRecord::default());
    builder.last_offset_delta(4);
    let set = builder.build(Codec::None, &BatchFlags::default());
    assert!(matches!(read(&set), Err(RecordError::Malformed { what: "the offset of a record", .. })));
}

#[test]
fn a_run_of_plain_messages_is_one_span() {
    let record = NewRecord { value: Some(b"x"), ..NewRecord::default() };
    let records: Vec<_> = (0..1000).map(|offset| (offset * 2, record)).collect();
    let set = message_set(0, Codec::None, &records).unwrap();
    let spans: Vec<BatchSpan> = BatchWalk::new(&set).map(Result::unwrap).collect();
    assert_eq!(spans.len(), 1);
    assert_eq!((spans[0].base_offset, spans[0].last_offset, spans[0].records), (0, 1998, Some(1000)));
    let mut walk = BatchWalk::new(&set[..set.len() - 1]);
    assert_eq!(walk.next().unwrap().unwrap().last_offset, 1996);
    assert!(walk.next().is_none());
    assert_eq!(walk.partial(), Some(27));
}
