//! Batches in every format, split, and numbered anew.

use super::layout::{each, headers};
use super::*;
use crate::kafka::wire::records::BatchWalk;

const HEADERS: [NewHeader<'static>; 2] = [("a", Some(b"1")), ("a", None)];

fn open_batch(memory: &Memory, records: usize, group: &Arc<Group>) -> OpenBatch {
    let buffer = memory.take(100, FIRST_BYTES).unwrap();
    let mut batch = OpenBatch::new(buffer, Mono::default());
    for n in 0..records {
        let value = format!("value {n}");
        let value = Some(value.as_bytes()).filter(|_| n % 3 != 2);
        let record = NewRecord { key: Some(b"k"), value, headers: &HEADERS, timestamp: 1_000 + n as i64 };
        assert!(batch.push(&record, &[("b", Some(b"2"))], 100, (1 << 20, memory), group));
    }
    batch
}

type Seen = (Option<i64>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn seen(set: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    each(set, |record, bytes| {
        let headers = headers(record, bytes)?.into_iter();
        let headers = headers.map(|(key, value)| (key.to_owned(), value.map(<[u8]>::to_vec))).collect();
        all.push((record.timestamp, record.value.of(bytes).map(<[u8]>::to_vec), headers));
        Ok(())
    })
    .unwrap();
    all
}

fn number(sequence: i32) -> Option<Number> {
    Some(Number { id: ProducerId { id: 7, epoch: 0, generation: 1 }, sequence })
}

#[test]
fn every_format_has_the_same_records() {
    let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
    let mut batch = open_batch(&memory, 10, &group).seal(0);
    let plain = Format { magic: 2, codec: Codec::None };
    batch.lay_out(plain, &memory).unwrap();
    let all = seen(batch.set());
    assert_eq!((all.len(), all[0].2.len(), all[2].1.is_none()), (10, 3, true));
    let formats = [(2, Codec::Lz4), (1, Codec::Snappy), (0, Codec::Gzip), (1, Codec::None)];
    for (magic, codec) in formats {
        let mut batch = open_batch(&memory, 10, &group).seal(0);
        batch.lay_out(Format { magic, codec }, &memory).unwrap();
        let old: Vec<_> = all
            .iter()
            .cloned()
            .map(|(time, value, headers)| match magic {
                2 => (time, value, headers),
                1 => (time, value, Vec::new()),
                _ => (None, value, Vec::new()),
            })
            .collect();
        assert_eq!(seen(batch.set()), old, "magic {magic} {codec:?}");
        // It comes back to a broker that takes the newest.
        batch.lay_out(plain, &memory).unwrap();
        assert_eq!(seen(batch.set()), old, "magic {magic} {codec:?} and back");
        batch.end(None, &memory);
    }
    batch.end(None, &memory);
    assert_eq!((memory.in_use(), group.wait(None)), (0, 0));
}

#[test]
fn a_batch_is_numbered_anew_in_place() {
    let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
    let mut batch = open_batch(&memory, 3, &group).seal(0);
    for sequence in [5, 0] {
        batch.number = number(sequence);
        batch.lay_out(Format { magic: 2, codec: Codec::None }, &memory).unwrap();
        let span = BatchWalk::new(batch.set()).next().unwrap().unwrap();
        assert_eq!((span.producer_id, span.base_sequence), (7, sequence));
        assert_eq!(seen(batch.set()).len(), 3);
    }
}

#[test]
fn half_a_batch_keeps_its_numbers_and_its_waiters() {
    let (memory, group) = (Memory::new(1 << 20), Arc::new(Group::default()));
    let mut batch = open_batch(&memory, 5, &group).seal(100);
    batch.number = number(i32::MAX);
    batch.lay_out(Format { magic: 2, codec: Codec::Lz4 }, &memory).unwrap();
    let mut second = batch.split(&memory).unwrap().unwrap();
    assert_eq!((batch.first, batch.records, batch.next()), (100, 2, 102));
    assert_eq!((second.first, second.records, second.number), (102, 3, number(1)));
    batch.end(None, &memory);
    assert_eq!(group.wait(Some(crate::kafka::client::deadline::Deadline::after(Default::default()))), 1);
    assert!(second.split(&memory).unwrap().is_none(), "what was never sent was never refused");
    second.end(None, &memory);
    assert_eq!((memory.in_use(), group.wait(None)), (0, 0));
}

#[test]
fn a_batch_is_full_at_its_limit_or_with_the_memory() {
    let group = Arc::new(Group::default());
    let record = NewRecord { value: Some(&[b'x'; 1_000]), ..NewRecord::default() };
    let filled = |limit, memory: &Memory| {
        let mut batch = OpenBatch::new(memory.take(1_100, 2_000).unwrap(), Mono::default());
        (0..).take_while(|_| batch.push(&record, &[], 1_100, (limit, memory), &group)).count()
    };
    assert_eq!(filled(10_300, &Memory::new(1 << 20)), 10);
    assert_eq!(filled(10_300, &Memory::new(4_000)), 3);
    assert_eq!(filled(100, &Memory::new(1 << 20)), 1, "a record alone is taken at any size");
}
