//! Zstandard frames (RFC 8878), one after another. Java's clients write them without the size of their contents.
//!
//! What is inflated goes straight to the caller's buffer, which is the window as well. Whatever bytes come, no more memory
//! is taken than that buffer up to the limit, and a [`Decoder`], whose size is fixed: 170 KB.

mod bits;
mod block;
mod codes;
mod copy;
mod decode;
mod frame;
mod fse;
#[cfg(test)]
mod golden;
mod huffman;
mod literals;
mod output;
mod sequences;

use std::cell::RefCell;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use self::bits::Forward;
use self::block::Decoder;
use self::frame::{inflate_frame, skip_frame};
use self::output::Output;
use super::{Codec, RecordError, damaged};

/// Why a frame is not inflated, before it is told which codec and what limit these were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// More comes out than is allowed.
    TooLarge,
    Damaged(&'static str),
}

thread_local! {
    /// Its tables are worth keeping from batch to batch.
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new());
}

pub(super) fn inflate(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    DECODER.with_borrow_mut(|decoder| {
        let mut input = Forward::new(compressed);
        let mut output = Output::new(out, limit, compressed.len());
        while !input.is_empty() {
            if !skip_frame(&mut input).map_err(|fault| error(fault, limit))? {
                inflate_frame(decoder, &mut input, &mut output).map_err(|fault| error(fault, limit))?;
            }
        }
        Ok(())
    })
}

fn error(fault: Fault, limit: usize) -> RecordError {
    match fault {
        Fault::TooLarge => RecordError::TooLarge { codec: Codec::Zstd, limit },
        Fault::Damaged(what) => damaged(Codec::Zstd, what),
    }
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

    /// Neither the size of the contents nor a checksum, and a window of 128 KiB.
    const PLAIN: [u8; 2] = [0, 0x38];

    /// A frame with this header, and blocks of which the kinds are as in their headers.
    fn frame(header: &[u8], blocks: &[(u32, &[u8])]) -> Vec<u8> {
        let mut frame = [&MAGIC, header].concat();
        for (n, &(kind, contents)) in blocks.iter().enumerate() {
            let is_last = u32::from(n + 1 == blocks.len());
            let header = (contents.len() as u32) << 3 | kind << 1 | is_last;
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.extend_from_slice(contents);
        }
        frame
    }

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

    /// A compressed block: so many literals, all `x`, and as many sequences that take one of them each and go on with what was
    /// there last. Each is 65,539 bytes long, and as many more as its sixteen bits say.
    fn explosive(sequences: u16, bits: [u8; 2]) -> Vec<u8> {
        let literals = (u32::from(sequences) << 4 | 0b1101).to_le_bytes();
        let [low, high] = sequences.to_le_bytes();
        // Each of the three tables has one symbol.
        let sequences_header = [high | 0x80, low, 0b0101_0100, 1, 0, 52];
        let stream = bits.repeat(sequences.into());
        [&literals[..3], b"x", &sequences_header, &stream, &[1]].concat()
    }

    fn inflated(frame: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match inflate(frame, 1 << 20, &mut out) {
            Ok(()) => Ok(out),
            Err(RecordError::Inflate { detail, .. }) => Err(detail),
            Err(error) => panic!("{error}"),
        }
    }

    fn says(frame: &[u8], what: &str) {
        assert_eq!(inflated(frame), Err(what.to_owned()));
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
            assert!(out.capacity() <= LIMIT + output::SLACK);
        }
    }

    #[test]
    fn a_block_never_inflates_to_more_than_blocks_may() {
        // Two gigabytes, if it were let.
        let mut out = Vec::new();
        let error = inflate(&frame(&PLAIN, &[(2, &explosive(16_000, [0xFF, 0xFF]))]), 1 << 30, &mut out);
        assert_eq!(error, Err(damaged(Codec::Zstd, "a block inflates to more than blocks may")));
        assert!(out.capacity() <= 256 * 1024, "{}", out.capacity());

        let most = frame(&PLAIN, &[(2, &explosive(1, [0xFC, 0xFF]))]);
        assert_eq!(inflated(&most), Ok(vec![b'x'; 128 * 1024]));
        says(&frame(&PLAIN, &[(2, &explosive(1, [0xFD, 0xFF]))]), "a block inflates to more than blocks may");
    }

    #[test]
    fn a_block_inflates_to_no_more_than_is_left_of_the_limit() {
        let block = explosive(1, [0, 0]);
        for (blocks, limit, fits) in
            [(1, 65_540, true), (1, 65_539, false), (3, 3 * 65_540, true), (3, 150_000, false)]
        {
            let frame = frame(&PLAIN, &vec![(2, block.as_slice()); blocks]);
            let mut out = b"before".to_vec();
            let result = inflate(&frame, limit, &mut out);
            assert_eq!(result.is_ok(), fits, "{blocks} within {limit}: {result:?}");
            assert!(out.capacity() <= 6 + limit + output::SLACK);
            assert!(out.starts_with(b"before") && out[6..].iter().all(|byte| *byte == b'x'));
        }
    }

    #[test]
    fn a_large_window_is_no_error_where_the_contents_are_small() {
        assert_eq!(inflated(&bomb(&[0, 0x88], 2)), Ok(vec![b'x'; 256 * 1024]));
    }

    #[test]
    fn blocks_are_as_small_as_the_window() {
        says(&frame(&[0, 0], &[(0, &[b'x'; 1025])]), "a block is larger than blocks may be");
        assert_eq!(inflated(&frame(&[0, 0], &[(0, &[b'x'; 1024])])), Ok(vec![b'x'; 1024]));
    }

    #[test]
    fn the_size_of_the_contents_is_compared() {
        let frame = bomb(&[[0x80, 0x50].as_slice(), &(128_u32 * 1024 + 1).to_le_bytes()].concat(), 1);
        says(&frame, "its contents have another size than it says");
    }

    #[test]
    fn the_checksum_is_compared() {
        let right = [frame(&[4, 0x38], &[(0, b"to be")]), 0xA087_2EF2_u32.to_le_bytes().to_vec()].concat();
        assert_eq!(inflated(&right), Ok(b"to be".to_vec()));
        let mut wrong = right.clone();
        *wrong.last_mut().unwrap() ^= 1;
        says(&wrong, "its contents have another checksum than it says");
        says(&right[..right.len() - 1], "it ends within its checksum");
    }

    #[test]
    fn frames_may_follow_each_other_and_some_are_skipped() {
        let skipped = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [compress(b"to be "), skipped.to_vec(), compress(b"or not")].concat();
        assert_eq!(inflated(&frames), Ok(b"to be or not".to_vec()));
        says(&skipped[..10], "it ends within a frame to be skipped");
    }

    #[test]
    fn what_is_reserved_or_unknown_is_refused() {
        says(b"to be or not", "it does not begin with the magic number of a frame");
        says(&frame(&[8, 0x38], &[(0, b"x")]), "a reserved bit of its header is set");
        says(&frame(&[1, 0x38, 7], &[(0, b"x")]), "it needs a dictionary, and Kafka has none");
        assert_eq!(inflated(&frame(&[1, 0x38, 0], &[(0, b"x")])), Ok(b"x".to_vec()));
        says(&frame(&PLAIN, &[(3, b"x")]), "a block is of a kind that is reserved");
        says(
            &frame(&PLAIN, &[(2, &[8, b'x', 1, 0b0101_0101, 1, 0, 0, 1])]),
            "a reserved bit of a block is set",
        );
    }

    #[test]
    fn tables_and_codes_are_of_the_same_frame() {
        // Literals by the code before, and sequences by the tables before.
        let treeless = [0b0011, 0x40, 0, 1, 0];
        says(&frame(&PLAIN, &[(2, &treeless)]), "there is no code before to be used again");
        let again = [8, b'x', 1, 0b1111_1100, 0x80];
        says(&frame(&PLAIN, &[(2, &again)]), "there is no table before to be used again");
        let known = frame(&PLAIN, &[(2, &explosive(1, [0, 0]))]);
        assert!(inflated(&known).is_ok());
        says(&[known, frame(&PLAIN, &[(2, &again)])].concat(), "there is no table before to be used again");
    }

    #[test]
    fn a_match_reaches_back_no_further_than_its_frame_and_window() {
        // One literal, then three bytes from `offset` bytes back: its code is 4, for 16 to 31, and three is added.
        let reach = |offset: u8| [8, b'y', 1, 0b0101_0100, 1, 4, 0, 0x10 | (offset + 3 - 16)];
        let back = |before: usize, offset| frame(&PLAIN, &[(0, &vec![b'x'; before]), (2, &reach(offset))]);
        assert_eq!(inflated(&back(16, 17)), Ok([&[b'x'; 16][..], b"yxxx"].concat()));
        says(&back(16, 18), "a match reaches back too far");
        let other_frame = [frame(&PLAIN, &[(0, &[b'x'; 100])]), back(16, 18)].concat();
        says(&other_frame, "a match reaches back too far");

        // Code 10 is for 1,024 and more.
        let reach = |offset: u16| {
            let [low, high] = (1 << 10 | (offset + 3 - 1024)).to_le_bytes();
            [8, b'y', 1, 0b0101_0100, 1, 10, 0, low, high]
        };
        let back = |offset| {
            let plain = [b'x'; 1000];
            frame(&[0, 0], &[(0, &plain), (0, &plain), (2, &reach(offset))])
        };
        assert_eq!(inflated(&back(1024)).map(|out| out.len()), Ok(2004));
        says(&back(1025), "a match reaches back too far");
    }

    #[test]
    fn streams_end_with_what_they_hold() {
        let block = |stream: &[u8]| [&[8, b'x', 1, 0b0101_0100, 1, 0, 52], stream].concat();
        assert!(inflated(&frame(&PLAIN, &[(2, &block(&[0, 0, 1]))])).is_ok());
        says(&frame(&PLAIN, &[(2, &block(&[0, 0, 2]))]), "a stream does not end with what it holds");
        says(&frame(&PLAIN, &[(2, &block(&[0, 0x80]))]), "a stream ends early");
        says(&frame(&PLAIN, &[(2, &block(&[0, 0, 0]))]), "a stream has no mark at its end");
        says(&frame(&PLAIN, &[(2, &block(&[]))]), "a stream has no mark at its end");
    }
}
