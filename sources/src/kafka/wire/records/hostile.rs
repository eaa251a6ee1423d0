//! Every small damage to a small set: each prefix, each byte changed. None makes a panic, and what the checksum covers is
//! told from it.

use super::properties::read;
use super::*;

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn sets() -> Vec<(u8, Codec, Vec<u8>)> {
    let headers = [("h", Some(&b"1"[..])), ("h", None)];
    let plain =
        NewRecord { key: Some(b"key"), value: Some(b"to be or not to be"), headers: &[], timestamp: 7 };
    let mut sets = Vec::new();
    for codec in CODECS {
        let mut builder = BatchBuilder::new();
        builder.push(&NewRecord { headers: &headers, ..plain });
        builder.push(&NewRecord { key: None, value: None, ..plain });
        sets.push((2, codec, builder.build(codec, &BatchFlags::default())));
        for magic in [0, 1] {
            if codec != Codec::Zstd {
                sets.push((magic, codec, message_set(magic, codec, &[(3, plain), (4, plain)]).unwrap()));
            }
        }
    }
    sets
}

#[test]
fn no_prefix_of_a_set_makes_a_panic() {
    for (magic, codec, set) in sets() {
        let whole = read(&set).unwrap();
        for length in 0..set.len() {
            let found = read(&set[..length]).unwrap();
            assert!(whole.starts_with(&found) && found.len() < whole.len(), "{magic} {codec:?} of {length}");
        }
    }
}

#[test]
fn no_changed_byte_is_read_as_a_record() {
    for (magic, codec, set) in sets() {
        // A plain message has its own checksum, so that only the first is looked at.
        let end = if magic < 2 && codec == Codec::None { set.len() / 2 } else { set.len() };
        let covered = if magic == 2 { 21 } else { MAGIC_AT };
        for at in 0..end {
            for flip in [0x01, 0x80, 0xFF] {
                let mut changed = set.clone();
                changed[at] ^= flip;
                let found = read(&changed);
                if at >= covered {
                    assert!(found.is_err(), "{magic} {codec:?} at {at}: {found:?}");
                }
                // From the end of a batch's header on, nothing is looked at before the checksum.
                if magic == 2 && at >= 61 {
                    assert!(matches!(found, Err(RecordError::BadCrc { .. })), "{codec:?} at {at}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn no_damage_below_a_right_checksum_makes_a_panic() {
    for (magic, _, set) in sets() {
        let (covered, crc_at) = if magic == 2 { (21, 17) } else { (MAGIC_AT, 12) };
        // Only a set that is one message or batch has one checksum.
        if BatchWalk::new(&set).any(|span| span.is_ok_and(|span| span.magic < 2 && span.codec == Codec::None))
        {
            continue;
        }
        for at in covered..set.len() {
            for value in 0..=255 {
                let mut changed = set.clone();
                changed[at] = value;
                let crc = if magic == 2 {
                    crc32c::crc32c(&changed[covered..])
                } else {
                    crc32fast::hash(&changed[covered..])
                };
                changed[crc_at..crc_at + 4].copy_from_slice(&crc.to_be_bytes());
                let _ = read(&changed);
            }
        }
    }
}

#[test]
fn a_batch_that_becomes_too_large_takes_no_more_than_its_limit() {
    let value = vec![b'x'; 8 << 20];
    let limits = Limits { max_bytes: 1 << 20, max_ratio: 1 << 20 };
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new();
        builder.push(&NewRecord { value: Some(&value), ..NewRecord::default() });
        let set = builder.build(codec, &BatchFlags::default());
        let span = BatchWalk::new(&set).next().unwrap().unwrap();
        let error = open(&set, &span, &limits).unwrap_err();
        assert_eq!(error, RecordError::TooLarge { codec, limit: 1 << 20 });
        let by_ratio = Limits { max_bytes: 64 << 20, max_ratio: 1 };
        let limit = by_ratio.of(set.len() - 61);
        assert_eq!(open(&set, &span, &by_ratio).unwrap_err(), RecordError::TooLarge { codec, limit });
    }
}
