//! Zstandard frames, one after another. Java's clients write them without the size of their contents.

use std::cell::RefCell;
use std::io::Read;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Codec, RecordError, damaged};

thread_local! {
    /// Its tables and window are worth keeping from batch to batch.
    static DECODER: RefCell<FrameDecoder> = RefCell::new(FrameDecoder::new());
}

pub(super) fn inflate(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    DECODER.with_borrow_mut(|decoder| {
        let before = out.len();
        let mut rest = compressed;
        while !rest.is_empty() {
            let left = limit - (out.len() - before);
            let frame = StreamingDecoder::new_with_decoder(&mut rest, &mut *decoder);
            let frame = frame.map_err(|error| damaged(Codec::Zstd, error))?;
            let read = frame.take(left as u64 + 1).read_to_end(out);
            if read.map_err(|error| damaged(Codec::Zstd, error))? > left {
                return Err(RecordError::TooLarge { codec: Codec::Zstd, limit });
            }
        }
        Ok(())
    })
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}
