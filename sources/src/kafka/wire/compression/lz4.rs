//! LZ4 frames, one after another.

use std::io::{BufRead, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use twox_hash::XxHash32;

use super::{Codec, RecordError, damaged};

/// An end in the middle of a frame counts as its end: the checksum of the batch says that all is there, and some producers
/// leave the end mark out.
pub(super) fn inflate(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let before = out.len();
    let mut decoder = FrameDecoder::new(compressed);
    loop {
        let block = decoder.fill_buf().map_err(|error| damaged(Codec::Lz4, error))?;
        let length = block.len();
        if length > limit - (out.len() - before) {
            return Err(RecordError::TooLarge { codec: Codec::Lz4, limit });
        }
        out.extend_from_slice(block);
        decoder.consume(length);
        // An empty block, and the end of a frame that is followed by another, look like the end.
        if length == 0 && decoder.get_ref().is_empty() {
            return Ok(());
        }
    }
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

/// Where the descriptor of a frame begins: behind the magic number.
const DESCRIPTOR: usize = 4;

/// Puts the right checksum into the header of a frame from a message of magic 0, whose producers computed it over the
/// magic number too (KAFKA-3160). Only the first frame of a message has a header that matters: they write one.
///
/// # Errors
/// [`RecordError::Inflate`] when there is no header.
pub fn lz4_with_old_header(frame: &[u8]) -> Result<Vec<u8>, RecordError> {
    with_header_checksum(frame, DESCRIPTOR)
}

/// The same frame as producers for magic 0 write it.
pub fn lz4_with_wrong_header(frame: &[u8]) -> Vec<u8> {
    with_header_checksum(frame, 0).unwrap_or_default()
}

/// Computes the checksum of the header anew, over what lies from `from` on.
fn with_header_checksum(frame: &[u8], from: usize) -> Result<Vec<u8>, RecordError> {
    // Flags and block size; eight bytes more where the flags name a content size, four where they name a dictionary.
    let flags = *frame.get(DESCRIPTOR).ok_or_else(|| damaged(Codec::Lz4, "it has no header"))?;
    let length = 2 + if flags & 0x08 != 0 { 8 } else { 0 } + if flags & 0x01 != 0 { 4 } else { 0 };
    let end = DESCRIPTOR + length;
    if frame.len() <= end {
        return Err(damaged(Codec::Lz4, "it has no whole header"));
    }
    let mut mended = frame.to_vec();
    mended[end] = (XxHash32::oneshot(0, &frame[from..end]) >> 8) as u8;
    Ok(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_old_producers_is_mended() {
        let frame = compress(b"to be or not to be");
        let old = lz4_with_wrong_header(&frame);
        assert_ne!(old, frame);
        assert!(inflate(&old, 100, &mut Vec::new()).is_err());
        assert_eq!(lz4_with_old_header(&old).unwrap(), frame);
    }

    #[test]
    fn frames_may_follow_each_other() {
        let frames = [compress(b"to be "), compress(b""), compress(b"or not")].concat();
        let mut out = Vec::new();
        inflate(&frames, 100, &mut out).unwrap();
        assert_eq!(out, b"to be or not");
    }
}
