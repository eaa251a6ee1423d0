//! Snappy: raw, or in the framing of snappy-java (called xerial), a header and then blocks with their lengths.

use super::{Codec, RecordError, damaged};

/// The start of a framed stream. Its version and the oldest version that can read it follow, 32 bits each.
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER: usize = 16;

/// What snappy-java puts into a block.
const BLOCK: usize = 32 * 1024;

pub(super) fn inflate(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let before = out.len();
    if !compressed.starts_with(&MAGIC) {
        return block(compressed, limit, out);
    }
    let mut rest =
        compressed.get(HEADER..).ok_or_else(|| damaged(Codec::Snappy, "it ends within its header"))?;
    while !rest.is_empty() {
        // Streams that were written one after another each have a header.
        if rest.len() >= HEADER && rest.starts_with(&MAGIC) {
            rest = &rest[HEADER..];
            continue;
        }
        let Some((length, following)) = rest.split_first_chunk::<4>() else {
            return Err(damaged(Codec::Snappy, "it ends within a length"));
        };
        let length = u32::from_be_bytes(*length) as usize;
        let Some(compressed) = following.get(..length) else {
            return Err(damaged(Codec::Snappy, "it ends within a block"));
        };
        let left = limit - (out.len() - before);
        block(compressed, left, out).map_err(|error| match error {
            RecordError::TooLarge { codec, .. } => RecordError::TooLarge { codec, limit },
            other => other,
        })?;
        rest = &following[length..];
    }
    Ok(())
}

fn block(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    if compressed.is_empty() {
        return Ok(());
    }
    let length = snap::raw::decompress_len(compressed).map_err(|error| damaged(Codec::Snappy, error))?;
    if length > limit {
        return Err(RecordError::TooLarge { codec: Codec::Snappy, limit });
    }
    // No byte of the input makes more than 64 of the output, whatever length it claims.
    if length / 64 > compressed.len() {
        return Err(damaged(Codec::Snappy, "it claims more than it can hold"));
    }
    let start = out.len();
    out.resize(start + length, 0);
    let inflated = snap::raw::Decoder::new().decompress(compressed, &mut out[start..]);
    inflated.map(|_| ()).map_err(|error| damaged(Codec::Snappy, error))
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + bytes.len() / 2);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(BLOCK) {
        let compressed = encoder.compress_vec(block).expect("a block of 32 KiB is not too long");
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_blocks_are_read_too() {
        let raw = snap::raw::Encoder::new().compress_vec(b"to be or not to be").unwrap();
        let mut out = Vec::new();
        inflate(&raw, 100, &mut out).unwrap();
        assert_eq!(out, b"to be or not to be");
    }

    #[test]
    fn a_claim_of_gigabytes_reserves_nothing() {
        let claim = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0];
        let mut out = Vec::new();
        assert!(inflate(&claim, usize::MAX, &mut out).is_err());
        assert_eq!(out.capacity(), 0);
    }
}
