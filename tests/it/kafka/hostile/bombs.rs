//! A few bytes that become many. A batch may become 64 MiB, and a thousand times what came, whichever is less.

use batchmill_sources::fake::kafka::{FakeKafka, Profile};
use batchmill_sources::kafka::wire::compression::compress;
use batchmill_sources::kafka::wire::records::Codec;

use super::spoil::{batch_of, every_set, wrapper};
use super::{Case, case};

/// What a case may take: the limit of a batch, and what the fake and the client need beside it.
const MEMORY_MIB: u64 = 64 + 72;

/// What a case may ask: while a bomb goes off in a task, the same is fetched again, with pauses.
const REQUESTS: usize = 4_000;

/// What becomes 70 MiB of zeros: streams of a mebibyte that follow each other, so that making it takes little memory.
fn many(codec: Codec) -> Vec<u8> {
    compress(codec, &vec![0; 1 << 20]).repeat(70)
}

/// Every answer to a fetch is a batch of zeros.
fn zeros(codec: Codec) -> impl Fn(&FakeKafka) {
    bomb(codec, move || many(codec))
}

/// Every answer to a fetch is a message of zeros.
fn message(magic: u8, codec: Codec) -> impl Fn(&FakeKafka) {
    move |kafka| every_set(kafka, wrapper(magic, codec, 0, &many(codec)))
}

/// Every answer to a fetch is a batch of these bytes, as one record would be that is compressed.
fn bomb(codec: Codec, bytes: impl Fn() -> Vec<u8>) -> impl Fn(&FakeKafka) {
    move |kafka| every_set(kafka, batch_of(&bytes(), 1, codec.attributes()))
}

/// A frame of blocks that each repeat a byte 128 KiB long, with what stands behind the magic number of a frame.
fn zstd(header: &[u8], blocks: u32) -> Vec<u8> {
    let mut frame = [&0xFD2F_B528_u32.to_le_bytes(), header].concat();
    for block in 1..=blocks {
        let header = (128 * 1024) << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

pub(super) fn cases() -> Vec<Case> {
    const TOO_LARGE: &[&str] = &["offset 0 of lines-0", "67108864 bytes allowed"];
    let large = |name, codec| {
        case(name, zeros(codec)).memory_mib(MEMORY_MIB).requests(REQUESTS).fails("TooLarge", TOO_LARGE)
    };
    vec![
        large("a bomb of gzip", Codec::Gzip),
        large("a bomb of snappy", Codec::Snappy),
        large("a bomb of lz4", Codec::Lz4),
        // A block that becomes many bytes by itself is for the tests of the decoder.
        case(
            "a bomb of zstd, of blocks that repeat a byte",
            bomb(Codec::Zstd, || {
                // As many bytes before it as make the ratio a good one.
                let skipped =
                    [&[0x50, 0x2A, 0x4D, 0x18][..], &100_000_u32.to_le_bytes(), &[0; 100_000]].concat();
                [skipped, zstd(&[0, 0xA8], 600)].concat()
            }),
        )
        .memory_mib(MEMORY_MIB)
        .requests(REQUESTS)
        .fails("TooLarge", TOO_LARGE),
        case("a bomb of zstd whose ratio is too good", bomb(Codec::Zstd, || zstd(&[0, 0xA8], 1_000)))
            .memory_mib(32)
            .fails("TooLarge", &["offset 0 of lines-0", "4006000 bytes allowed"]),
        case("a window of zstd of gigabytes", bomb(Codec::Zstd, || zstd(&[0, 0xF8], 1)))
            .fails("TooLarge", &["offset 0 of lines-0"]),
        case(
            "zstd that says it becomes an exabyte",
            bomb(Codec::Zstd, || zstd(&[&[0xE0][..], &(1_u64 << 60).to_le_bytes()].concat(), 1)),
        )
        .fails("TooLarge", &["offset 0 of lines-0"]),
        case(
            "snappy that says it becomes 4 GiB",
            bomb(Codec::Snappy, || vec![0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0]),
        )
        .fails("TooLarge", &["offset 0 of lines-0"]),
        case(
            "a block of snappy of 2^32-1 bytes",
            bomb(Codec::Snappy, || {
                [&[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0][..], &[0, 0, 0, 1, 0, 0, 0, 1], &[0xFF; 4]]
                    .concat()
            }),
        )
        .fails("Inflate", &["offset 0 of lines-0", "snappy"]),
        case("bombs of gzip, twenty in a fetch", |kafka| {
            let bomb = batch_of(&many(Codec::Gzip), 1, Codec::Gzip.attributes());
            every_set(kafka, bomb.repeat(20));
        })
        .memory_mib(MEMORY_MIB)
        .requests(REQUESTS)
        .fails("TooLarge", TOO_LARGE),
        case("a bomb of gzip in a message of format 1", message(1, Codec::Gzip))
            .release(Profile::V0_10)
            .memory_mib(MEMORY_MIB)
            .requests(REQUESTS)
            .fails("TooLarge", &["lines-0", "67108864 bytes allowed"]),
        case("a bomb of snappy in a message of format 0", message(0, Codec::Snappy))
            .release(Profile::V0_9)
            .memory_mib(MEMORY_MIB)
            .requests(REQUESTS)
            .fails("TooLarge", &["lines-0", "67108864 bytes allowed"]),
    ]
}
