//! Frames: four bytes of length, big-endian, then so many bytes. [`whole_frames`] finds them on the receiver's thread, the
//! decoder makes a [`Frame`] of each in the batch's tasks. Pure functions on bytes, for fuzzing.

use std::sync::Arc;

use batchmill::text::Cut;
use batchmill::{BlockDecoder, ByteBlock, SourceError};

use super::Frame;
use super::framing::{Framing, Unfit};

/// The bytes of a frame's length.
const HEADER: usize = 4;

/// The length that the frame at the front of `bytes` says it has, if its header is there.
fn length(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk::<HEADER>()?))
}

/// Where the frame that starts at `at` ends, if all of it is there.
fn end_of_frame(bytes: &[u8], at: usize) -> Option<usize> {
    let length = usize::try_from(length(&bytes[at..])?).ok()?;
    at.checked_add(HEADER)?.checked_add(length).filter(|end| *end <= bytes.len())
}

/// The ends of the whole frames at the front of `bytes`.
fn frame_ends(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    std::iter::successors(end_of_frame(bytes, 0), |at| end_of_frame(bytes, *at))
}

/// [`Framing`] by length.
#[derive(Debug)]
pub(super) struct Frames {
    max_frame: usize,
}

impl Frames {
    pub(super) fn new(max_frame: usize) -> Self {
        Self { max_frame }
    }

    fn fits(&self, length: u32) -> bool {
        usize::try_from(length).is_ok_and(|length| length <= self.max_frame)
    }
}

impl Framing for Frames {
    fn cut(&mut self, buf: &mut [u8]) -> Result<Cut, Unfit> {
        let mut whole = 0;
        // A frame that is too long ends the walk also where all of it is there.
        while let Some(length) = length(&buf[whole..]) {
            if !self.fits(length) {
                if whole == 0 {
                    return Err(Unfit::Frame { length: u64::from(length), limit: self.max_frame });
                }
                break;
            }
            match end_of_frame(buf, whole) {
                Some(end) => whole = end,
                None => break,
            }
        }
        Ok(Cut { whole, kept: buf.len() })
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<usize, Unfit> {
        Ok(0)
    }

    fn first(&self, whole: &[u8], records: usize) -> usize {
        frame_ends(whole).nth(records - 1).unwrap_or(whole.len())
    }
}

/// Makes frames of a block of whole ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameDecoder;

impl BlockDecoder<Frame> for FrameDecoder {
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<Frame>,
    ) -> Result<(), SourceError> {
        let bytes = block.bytes();
        for _ in 0..limit {
            if *at == bytes.len() {
                break;
            }
            let Some(end) = end_of_frame(bytes, *at) else {
                return Err(format!("the frame at byte {at} of the block is not whole").into());
            };
            out.push(Frame::cut(block, *at + HEADER, end));
            *at = end;
        }
        Ok(())
    }

    fn count(&self, bytes: &[u8]) -> Option<u64> {
        Some(frame_ends(bytes).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(frames: &[Vec<u8>]) -> Vec<u8> {
        let with_length = |frame: &Vec<u8>| {
            let length = u32::try_from(frame.len()).unwrap();
            [&length.to_be_bytes()[..], frame].concat()
        };
        frames.iter().flat_map(with_length).collect()
    }

    fn decode(whole: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let (block, mut at, mut out) = (Arc::new(ByteBlock::new(whole.to_vec())), 0, Vec::new());
        while at < block.len() {
            FrameDecoder.decode(&block, &mut at, limit, &mut out).unwrap();
        }
        out.iter().map(|frame| frame.to_vec()).collect()
    }

    #[test]
    fn frames_before_a_hostile_length_are_handed_out_first() {
        let mut bytes = bytes_of(&[b"ok".to_vec()]);
        bytes.extend([0xFF; 7]);
        let mut frames = Frames::new(16);
        assert_eq!(frames.cut(&mut bytes).unwrap(), Cut { whole: 6, kept: 13 });
        let error = frames.cut(&mut bytes[6..]).unwrap_err().into_error("a:1", 6);
        assert_eq!(
            error.to_string(),
            "the frame at byte 6 from a:1 has 4294967295 bytes, more than the 16 allowed"
        );
    }

    #[test]
    fn a_whole_frame_that_is_too_long_is_refused_as_well() {
        let mut bytes = bytes_of(&[vec![7; 17]]);
        assert!(matches!(Frames::new(16).cut(&mut bytes), Err(Unfit::Frame { length: 17, limit: 16 })));
        assert_eq!(Frames::new(17).cut(&mut bytes).unwrap().whole, 21);
    }

    #[test]
    fn a_block_that_ends_within_a_frame_is_an_error() {
        let block = Arc::new(ByteBlock::new(vec![0, 0, 0, 2, b'x']));
        let error = FrameDecoder.decode(&block, &mut 0, 9, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the frame at byte 0 of the block is not whole");
    }

    proptest! {
        #[test]
        fn frames_are_the_same_however_they_are_read(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20),
            reads in proptest::collection::vec(1usize..50, 1..20),
            limit in 1usize..5,
        ) {
            let input = bytes_of(&frames);
            prop_assert_eq!(FrameDecoder.count(&input), Some(frames.len() as u64));
            let (mut buf, mut rest, mut got) = (Vec::new(), &input[..], Vec::new());
            for read in reads.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (new, unread) = rest.split_at((*read).min(rest.len()));
                buf.extend_from_slice(new);
                rest = unread;
                let cut = Frames::new(19).cut(&mut buf).unwrap();
                got.extend(decode(&buf[..cut.whole], limit));
                buf.drain(..cut.whole);
            }
            prop_assert!(buf.is_empty());
            prop_assert_eq!(got, frames);
        }

        #[test]
        fn no_bytes_make_the_walk_panic(mut bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..64)) {
            let _ = FrameDecoder.count(&bytes);
            if let Ok(cut) = Frames::new(1 << 20).cut(&mut bytes) {
                decode(&bytes[..cut.whole], 3);
            }
        }
    }
}
