//! Zstandard frames, one after another. Java's clients write them without the size of their contents.

use std::cell::RefCell;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Codec, RecordError, damaged};

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// The window of a frame is made no smaller, so that a block always fits.
const SMALLEST_WINDOW: u64 = 128 * 1024;

/// A decoder with a larger window is not kept: compressors take more only where they are told to.
const KEPT_WINDOW: u64 = 8 << 20;

thread_local! {
    /// Its tables and window are worth keeping from batch to batch.
    static DECODER: RefCell<FrameDecoder> = RefCell::new(FrameDecoder::new());
}

pub(super) fn inflate(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    DECODER.with_borrow_mut(|decoder| {
        let before = out.len();
        let mut rest = compressed;
        while !rest.is_empty() {
            if let Some(behind) = skippable(rest)? {
                rest = behind;
                continue;
            }
            let left = limit - (out.len() - before);
            let header = Header::read(rest).ok_or_else(|| damaged(Codec::Zstd, "it has no whole header"))?;
            let window = header.window.min(left as u64).max(SMALLEST_WINDOW);
            rest = &rest[header.length..];
            let read = frame(decoder, &header, window, &mut rest, left, out);
            if window > KEPT_WINDOW {
                *decoder = FrameDecoder::new();
            }
            read.map_err(|error| error.unwrap_or(RecordError::TooLarge { codec: Codec::Zstd, limit }))?;
        }
        Ok(())
    })
}

/// Inflates the blocks of a frame. `Err(None)` is more than `left` bytes.
fn frame(
    decoder: &mut FrameDecoder,
    header: &Header,
    window: u64,
    rest: &mut &[u8],
    left: usize,
    out: &mut Vec<u8>,
) -> Result<(), Option<RecordError>> {
    let before = out.len();
    let failed = |error: &dyn std::fmt::Display| Some(damaged(Codec::Zstd, error));
    decoder.init(&header.with_window(window)[..]).map_err(|error| failed(&error))?;
    loop {
        let step = decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1));
        let is_last = step.map_err(|error| failed(&error))?;
        if decoder.can_collect() > left - (out.len() - before) {
            return Err(None);
        }
        decoder.collect_to_writer(&mut *out).map_err(|error| failed(&error))?;
        if is_last {
            break;
        }
    }
    match header.contents {
        Some(contents) if contents != (out.len() - before) as u64 => {
            Err(failed(&"its contents have another size than it says"))
        }
        _ => Ok(()),
    }
}

/// What follows a skippable frame, if one is there.
fn skippable(bytes: &[u8]) -> Result<Option<&[u8]>, RecordError> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    if !(0x184D_2A50..=0x184D_2A5F).contains(&u32::from_le_bytes(*magic)) {
        return Ok(None);
    }
    let behind = rest
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..));
    behind.map(Some).ok_or_else(|| damaged(Codec::Zstd, "it ends within a frame to be skipped"))
}

/// The header of a frame. The decoder is given another one ([`Header::with_window`]): it believes what the first frame says
/// of its window, keeps so much back before it hands anything out, and thus would inflate all of it whatever the limit.
struct Header {
    length: usize,
    /// The window that it claims.
    window: u64,
    /// The size of the contents, if it says so.
    contents: Option<u64>,
    has_checksum: bool,
    dictionary: u64,
}

impl Header {
    fn read(frame: &[u8]) -> Option<Self> {
        let rest = frame.strip_prefix(&MAGIC)?;
        let (&descriptor, mut rest) = rest.split_first()?;
        let is_single_segment = descriptor & 0x20 != 0;
        let window = if is_single_segment { 0 } else { take(&mut rest, 1)? };
        let dictionary = take(&mut rest, [0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let contents = match descriptor >> 6 {
            0 if !is_single_segment => None,
            0 => Some(take(&mut rest, 1)?),
            1 => Some(take(&mut rest, 2)? + 256),
            2 => Some(take(&mut rest, 4)?),
            _ => Some(take(&mut rest, 8)?),
        };
        let base = 1_u64 << (10 + (window >> 3));
        Some(Self {
            length: frame.len() - rest.len(),
            window: contents.filter(|_| is_single_segment).unwrap_or(base + base / 8 * (window & 7)),
            contents,
            has_checksum: descriptor & 4 != 0,
            dictionary,
        })
    }

    /// A header with a window of at least so many bytes, and without the size of the contents. A window that holds all of
    /// the contents is as good as a larger one.
    fn with_window(&self, bytes: u64) -> Vec<u8> {
        let log = u64::from(bytes.ilog2());
        let eighths = (bytes - (1 << log)).div_ceil((1 << log) / 8);
        let descriptor = if self.has_checksum { 4 } else { 0 } | if self.dictionary == 0 { 0 } else { 3 };
        // Eight eighths carry over into the exponent.
        let mut header = [&MAGIC[..], &[descriptor, (((log - 10) << 3) + eighths) as u8]].concat();
        if self.dictionary != 0 {
            header.extend_from_slice(&(self.dictionary as u32).to_le_bytes());
        }
        header
    }
}

/// A number of so many bytes, the lowest first.
fn take(bytes: &mut &[u8], n: usize) -> Option<u64> {
    let (taken, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with this header, and so many blocks that each repeat a byte 128 KiB long.
    fn bomb(header: &[u8], blocks: u32) -> Vec<u8> {
        let mut frame = [&MAGIC, header].concat();
        for block in 1..=blocks {
            let header = (128 * 1024) << 3 | 1 << 1 | u32::from(block == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(b'x');
        }
        frame
    }

    #[test]
    fn a_window_of_gigabytes_takes_no_more_than_the_limit() {
        const LIMIT: usize = 1 << 20;
        let claims_window = bomb(&[0, 0xA8], 1_000);
        let claims_contents = bomb(&[[0xE0].as_slice(), &(1_u64 << 40).to_le_bytes()].concat(), 1_000);
        for frame in [claims_window, claims_contents] {
            let mut out = Vec::new();
            let error = inflate(&frame, LIMIT, &mut out).unwrap_err();
            assert_eq!(error, RecordError::TooLarge { codec: Codec::Zstd, limit: LIMIT });
            assert!(out.capacity() <= 2 * LIMIT);
            // The decoder keeps back what its window holds, and gives no more than that.
            DECODER.with_borrow(|decoder| assert!(decoder.blocks_decoded() <= 2 * 8 + 1));
        }
    }

    #[test]
    fn a_large_window_is_no_error_where_the_contents_are_small() {
        let mut out = Vec::new();
        inflate(&bomb(&[0, 0x88], 2), 1 << 20, &mut out).unwrap();
        assert_eq!(out, vec![b'x'; 256 * 1024]);
    }

    #[test]
    fn the_size_of_the_contents_is_compared() {
        let frame = bomb(&[[0x80, 0x50].as_slice(), &(128_u32 * 1024 + 1).to_le_bytes()].concat(), 1);
        assert!(matches!(inflate(&frame, 1 << 20, &mut Vec::new()), Err(RecordError::Inflate { .. })));
    }

    #[test]
    fn frames_may_follow_each_other_and_some_are_skipped() {
        let skipped = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [compress(b"to be "), skipped.to_vec(), compress(b"or not")].concat();
        let mut out = Vec::new();
        inflate(&frames, 100, &mut out).unwrap();
        assert_eq!(out, b"to be or not");
        assert!(inflate(&skipped[..10], 100, &mut out).is_err());
    }

    #[test]
    fn a_window_is_rounded_up() {
        let header = Header::read(&bomb(&[0, 0], 1)).unwrap();
        for bytes in [SMALLEST_WINDOW, (1 << 20) - 1, (1 << 20) + 1, 64 << 20, (64 << 20) - 1] {
            let window = Header::read(&header.with_window(bytes)).unwrap().window;
            assert!(window >= bytes && window <= bytes + bytes / 8 + 1, "{bytes} became {window}");
        }
    }
}
