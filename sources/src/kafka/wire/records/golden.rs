//! What other producers wrote: kafka-python 3.0 the sets and batches of `golden/records`, the libraries in C the texts.

use std::path::Path;

use super::properties::{Owned, read};
use super::*;
use crate::kafka::wire::compression::inflate;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/records").join(name)).unwrap()
}

fn record(magic: u8, n: usize) -> (i64, Owned) {
    let key = (n % 3 != 0).then(|| format!("k{n}").into_bytes());
    let value = (n % 7 != 6).then(|| format!("value {n} ").repeat(n % 5).into_bytes());
    let headers = match (magic, n % 4) {
        (2, 1) => vec![("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)],
        _ => Vec::new(),
    };
    let timestamp = if magic == 0 { -1 } else { 1_700_000_000_000 + n as i64 };
    (n as i64, (key, value, headers, timestamp))
}

#[test]
fn records_of_another_producer_are_read() {
    for magic in 0..3 {
        let expected: Vec<_> = (0..20).map(|n| record(magic, n)).collect();
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            if magic < 2 && codec == "zstd" {
                continue;
            }
            let name = format!("{}-{magic}-{codec}.bin", if magic == 2 { "batch" } else { "set" });
            let mut set = golden(&name);
            if magic < 2 && codec != "none" {
                // The broker gives a wrapper the offset of its last message.
                set[..8].copy_from_slice(&19_i64.to_be_bytes());
            }
            let found = read(&set);
            assert_eq!(found.as_ref(), Ok(&expected), "{name}");
        }
    }
}

#[test]
fn texts_of_other_compressors_are_inflated() {
    let text: String = (0..100).map(|n| format!("line {n} of the text\n")).collect();
    for (codec, names) in [
        (Codec::Gzip, &["gzip-members"][..]),
        (Codec::Snappy, &["snappy-raw", "snappy-xerial"]),
        (Codec::Lz4, &["lz4-linked", "lz4-4mb"]),
        // Of these, `ultra` asks for a window of 128 MiB.
        (Codec::Zstd, &["zstd-stream", "zstd-checksum", "zstd-single", "zstd-ultra"]),
    ] {
        for name in names {
            let mut out = Vec::new();
            inflate(codec, &golden(&format!("text-{name}.bin")), 1 << 20, &mut out).unwrap();
            assert!(out == text.as_bytes(), "{name}");
        }
    }
}
