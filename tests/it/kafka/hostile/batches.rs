//! Batches and records that are not what they say.

use batchmill_sources::fake::kafka::{FakeKafka, Profile};
use batchmill_sources::kafka::wire::compression::compress;
use batchmill_sources::kafka::wire::records::{Codec, NewRecord, message_set};

use super::spoil::{altered, batch, batch_of, every_set, wrapper, written};
use super::{Case, case};

/// Every answer to a fetch has these records.
fn set(set: Vec<u8>) -> impl Fn(&FakeKafka) {
    move |kafka| every_set(kafka, set.clone())
}

/// Every answer to a fetch has a batch with other bytes at a place, under a checksum that is right.
fn with(at: usize, bytes: impl AsRef<[u8]>) -> impl Fn(&FakeKafka) {
    set(altered(batch(0, 10), at, bytes.as_ref()))
}

/// A batch of one record that is laid out by hand.
fn record(write: impl FnOnce(&mut batchmill_sources::kafka::wire::Writer)) -> impl Fn(&FakeKafka) {
    set(batch_of(&written(write), 1, 0))
}

/// Where what is in the header of a batch.
const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_DELTA: usize = 23;
const PRODUCER: usize = 43;
const COUNT: usize = 57;

/// A batch with other bytes at a place that no checksum covers.
fn bare(base_offset: i64, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = batch(base_offset, 10);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch
}

/// Message sets in message sets, so many, each compressed. Made when it is used: every child makes all tables.
fn nested(magic: u8, depth: usize) -> impl Fn(&FakeKafka) {
    move |kafka| {
        let inmost = message_set(magic, Codec::None, &[(0, NewRecord::default())]).unwrap();
        let nest = |inner: Vec<u8>, _| wrapper(magic, Codec::Gzip, 9, &compress(Codec::Gzip, &inner));
        every_set(kafka, (0..depth).fold(inmost, nest));
    }
}

pub(super) fn cases() -> Vec<Case> {
    const AT_0: &[&str] = &["the records at offset 0 of lines-0"];
    let control = |records: &[u8], count| {
        let mut batch = batch_of(records, count, 0x30);
        batch[PRODUCER..PRODUCER + 8].copy_from_slice(&7_i64.to_be_bytes());
        altered(batch, PRODUCER, &7_i64.to_be_bytes())
    };
    let marker = |key: &[u8]| {
        written(|out| {
            out.varint(key.len() as i32 + 6);
            out.raw(&[0, 0, 0]);
            out.varint(key.len() as i32);
            out.raw(key);
            out.varint(-1);
            out.varint(0);
        })
    };
    vec![
        case("a batch of length 0", set(bare(0, LENGTH, &[0; 4]))).fails("BadLength", AT_0),
        case("a batch of length -1", set(bare(0, LENGTH, &[0xFF; 4]))).fails("BadLength", AT_0),
        case("a batch that is shorter than its header", set(bare(0, LENGTH, &40_i32.to_be_bytes())))
            .fails("BadLength", AT_0),
        case("a batch of length 2^31-1", set(bare(0, LENGTH, &i32::MAX.to_be_bytes())))
            .fails("RecordTooLarge", &["offset 0 of lines-0", "2147483659 bytes"]),
        case(
            "a batch that is longer than what came, for ever",
            set(bare(0, LENGTH, &5_000_i32.to_be_bytes())),
        )
        .fails("NoLeader", &["lines-0", "Fetch", "nothing"]),
        case("half a batch for ever", set(batch(0, 10)[..40].to_vec()))
            .fails("NoLeader", &["lines-0", "Fetch", "nothing"]),
        case("three bytes instead of records, for ever", set(vec![1, 2, 3]))
            .fails("NoLeader", &["lines-0", "Fetch", "nothing"]),
        case("a last offset before the first", with(LAST_DELTA, (-5_i32).to_be_bytes()))
            .fails("BadLength", AT_0),
        case("a last offset 2^31-1 behind the first", with(LAST_DELTA, i32::MAX.to_be_bytes()))
            .fails("BadOffsets", AT_0),
        case("records behind the last offset", with(LAST_DELTA, 3_i32.to_be_bytes()))
            .fails("Malformed", AT_0),
        case("2^31-1 records in a batch of ten", with(COUNT, i32::MAX.to_be_bytes())).fails("Records", AT_0),
        case("-1 records", with(COUNT, (-1_i32).to_be_bytes())).fails("BadLength", AT_0),
        case("fewer records than there are", with(COUNT, 4_i32.to_be_bytes())).fails("Records", AT_0),
        case("a batch that ends before what was asked for, for ever", set(batch(0, 5)))
            .fails("NoLeader", &["lines-0", "Fetch", "nothing"]),
        case("a batch far behind the end of the log", set(batch(1_000_000, 10))).fails("BadOffsets", AT_0),
        case("a batch at 2^63-1", set(batch(i64::MAX, 2))).fails("BadOffsets", AT_0),
        case("a batch at 2^63-8, whose offsets leave the numbers", set(batch(i64::MAX - 7, 10)))
            .fails("BadOffsets", AT_0),
        case("a batch below zero", set(batch(-5, 20))).fails("BadLength", AT_0),
        case("batches that overlap", set([batch(0, 7), batch(3, 7)].concat())).reads_all(),
        case("a batch again and again", set([batch(0, 5), batch(0, 5), batch(0, 5), batch(5, 5)].concat()))
            .reads_all(),
        case("batches that go backwards", set([batch(0, 5), batch(3, 1), batch(1, 2), batch(5, 5)].concat()))
            .reads_all(),
        case("format 3", set(bare(0, MAGIC, &[3]))).fails("UnknownMagic", &["lines-0", "unknown format 3"]),
        case("format -1", set(bare(0, MAGIC, &[0xFF])))
            .fails("UnknownMagic", &["lines-0", "unknown format -1"]),
        case("a wrong checksum", set(bare(0, CRC, &[1, 2, 3, 4]))).fails("BadCrc", AT_0),
        case("codec 5", with(ATTRIBUTES, [0, 5])).fails("UnsupportedCodec", &["lines-0", "codec 5"]),
        case("codec 6", with(ATTRIBUTES, [0, 6])).fails("UnsupportedCodec", &["lines-0", "codec 6"]),
        case("codec 7", with(ATTRIBUTES, [0, 7])).fails("UnsupportedCodec", &["lines-0", "codec 7"]),
        case("plain records that say they are gzip", with(ATTRIBUTES, [0, 1]))
            .fails("Inflate", &["lines-0", "gzip"]),
        case("plain records that say they are snappy", with(ATTRIBUTES, [0, 2]))
            .fails("Inflate", &["lines-0", "snappy"]),
        case("plain records that say they are lz4", with(ATTRIBUTES, [0, 3]))
            .fails("Inflate", &["lines-0", "lz4"]),
        case("plain records that say they are zstd", with(ATTRIBUTES, [0, 4]))
            .fails("Inflate", &["lines-0", "zstd"]),
        case("every attribute but that of a marker", with(ATTRIBUTES, [0xFF, 0xDF]))
            .fails("UnsupportedCodec", &["lines-0"]),
        case("a record of length -1", record(|out| out.varint(-1))).fails("Malformed", AT_0),
        case("a record of length 2^31-1", record(|out| out.varint(i32::MAX))).fails("Malformed", AT_0),
        case("a record whose length has 11 bytes", record(|out| out.raw(&[0xFF; 11])))
            .fails("Malformed", AT_0),
        case(
            "a record whose offset has no end",
            record(|out| {
                out.varint(12);
                out.raw(&[0, 0]);
                out.raw(&[0x80; 10]);
            }),
        )
        .fails("Malformed", AT_0),
        case(
            "a key that is longer than its record",
            record(|out| {
                out.varint(6);
                out.raw(&[0, 0, 0]);
                out.varint(40);
                out.raw(&[0; 2]);
            }),
        )
        .fails("Malformed", AT_0),
        case(
            "2^31-1 headers",
            record(|out| {
                out.varint(10);
                out.raw(&[0, 0, 0, 1, 1]);
                out.varint(i32::MAX);
            }),
        )
        .fails("Malformed", AT_0),
        case(
            "-1 headers",
            record(|out| {
                out.varint(6);
                out.raw(&[0, 0, 0, 1, 1]);
                out.varint(-1);
            }),
        )
        .fails("Malformed", AT_0),
        case(
            "a header without a key",
            record(|out| {
                out.varint(8);
                out.raw(&[0, 0, 0, 1, 1, 2, 1, 1]);
            }),
        )
        .fails("Malformed", AT_0),
        case(
            "a marker of a kind that nobody knows",
            set([control(&marker(&[0, 0, 0, 99]), 1), batch(1, 9)].concat()),
        )
        .reads_from(1),
        case("a marker that is cut off", set([control(&marker(&[0]), 1), batch(1, 9)].concat()))
            .fails("Malformed", AT_0),
        case("a marker that is no record", set([control(&[0xFF; 9], 1), batch(1, 9)].concat()))
            .fails("Malformed", AT_0),
        case("message sets in a message set of format 1", nested(1, 2))
            .release(Profile::V0_10)
            .fails("Nested", &["lines-0"]),
        case("message sets in message sets, two hundred deep", nested(1, 200))
            .release(Profile::V0_10)
            .fails("Nested", &["lines-0"]),
        case("message sets in message sets of format 0, two hundred deep", nested(0, 200))
            .release(Profile::V0_9)
            .fails("Nested", &["lines-0"]),
        case(
            "a message of format 0 below zero",
            set(message_set(0, Codec::None, &[(-4, NewRecord::default())]).unwrap()),
        )
        .release(Profile::V0_9)
        .fails("BadLength", AT_0),
        case(
            "a message of format 1 at 2^63-1",
            set(message_set(1, Codec::None, &[(i64::MAX, NewRecord::default())]).unwrap()),
        )
        .release(Profile::V0_10)
        .fails("BadOffsets", AT_0),
    ]
}
