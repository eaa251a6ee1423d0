//! The codecs of record batches, within limits: nothing that a size claims is believed, and inflating ends where more
//! comes out than is allowed.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::io::Read;

pub use self::lz4::{lz4_with_old_header, lz4_with_wrong_header};
use super::records::{Codec, RecordError};

/// Inflates `compressed` onto the end of `out`, by at most `limit` bytes.
///
/// # Errors
/// [`RecordError::TooLarge`], [`RecordError::Inflate`] or [`RecordError::UnsupportedCodec`]; what was inflated up to there
/// is in `out`.
pub fn inflate(codec: Codec, compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    match codec {
        Codec::None => plain(compressed, limit, out),
        Codec::Gzip => gzip::inflate(compressed, limit, out),
        Codec::Snappy => snappy::inflate(compressed, limit, out),
        Codec::Lz4 => lz4::inflate(compressed, limit, out),
        Codec::Zstd => zstd::inflate(compressed, limit, out),
        Codec::Unknown(codec) => Err(RecordError::UnsupportedCodec { codec }),
    }
}

/// Compresses `bytes` as brokers and other clients expect it; for a codec that is not known they stay as they are.
pub fn compress(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    match codec {
        Codec::None | Codec::Unknown(_) => bytes.to_vec(),
        Codec::Gzip => gzip::compress(bytes),
        Codec::Snappy => snappy::compress(bytes),
        Codec::Lz4 => lz4::compress(bytes),
        Codec::Zstd => zstd::compress(bytes),
    }
}

fn plain(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    if bytes.len() > limit {
        return Err(RecordError::TooLarge { codec: Codec::None, limit });
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Reads a decoder to its end, but no further than one byte beyond the limit.
fn read_all(codec: Codec, decoder: impl Read, limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let before = out.len();
    let beyond = (limit as u64).saturating_add(1);
    match decoder.take(beyond).read_to_end(out) {
        Ok(_) if out.len() - before > limit => Err(RecordError::TooLarge { codec, limit }),
        Ok(_) => Ok(()),
        Err(error) => Err(damaged(codec, error)),
    }
}

fn damaged(codec: Codec, error: impl ToString) -> RecordError {
    RecordError::Inflate { codec, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    fn text(bytes: usize) -> Vec<u8> {
        (0_u32..).flat_map(|n| format!("word{} ", n * n % 977).into_bytes()).take(bytes).collect()
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for codec in CODECS {
            for bytes in [text(0), text(1), text(1_000), text(300_000), vec![7; 100_000]] {
                let mut out = b"before".to_vec();
                inflate(codec, &compress(codec, &bytes), 1 << 20, &mut out).unwrap();
                assert_eq!(out[..6], *b"before", "{codec:?}");
                assert!(out[6..] == bytes, "{codec:?} of {} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn inflating_ends_at_the_limit() {
        for codec in CODECS {
            let compressed = compress(codec, &vec![7; 10 << 20]);
            let mut out = Vec::new();
            let error = inflate(codec, &compressed, 1 << 20, &mut out).unwrap_err();
            assert_eq!(error, RecordError::TooLarge { codec, limit: 1 << 20 });
            assert!(out.capacity() <= 4 << 20, "{codec:?} took {}", out.capacity());
            inflate(codec, &compressed, 10 << 20, &mut Vec::new()).unwrap();
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic() {
        for codec in CODECS {
            let compressed = compress(codec, &text(5_000));
            for at in (0..compressed.len()).step_by(7) {
                let mut damaged = compressed.clone();
                damaged[at] ^= 0x55;
                let _ = inflate(codec, &damaged, 1 << 20, &mut Vec::new());
                let cut = inflate(codec, &compressed[..at], 1 << 20, &mut Vec::new());
                let may_end_early = matches!(codec, Codec::None | Codec::Lz4) || at == 0;
                assert!(may_end_early || cut.is_err(), "{codec:?} cut at {at}");
            }
        }
    }
}
