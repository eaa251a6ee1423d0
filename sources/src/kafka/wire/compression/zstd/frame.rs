//! Frames: a header, blocks, and perhaps a checksum (RFC 8878, 3.1).

use twox_hash::XxHash64;

use super::Fault;
use super::bits::Forward;
use super::block::{Decoder, MAX_BLOCK};
use super::output::Output;

pub(super) const MAGIC: u64 = 0xFD2F_B528;

/// Skips a frame that is meant to be skipped (3.1.2), if one is next.
pub(super) fn skip_frame(input: &mut Forward<'_>) -> Result<bool, Fault> {
    let mut ahead = input.clone();
    if !ahead.number(4).is_some_and(|magic| (0x184D_2A50..=0x184D_2A5F).contains(&magic)) {
        return Ok(false);
    }
    ahead
        .number(4)
        .and_then(|length| ahead.take(usize::try_from(length).ok()?))
        .ok_or(Fault::Damaged("it ends within a frame to be skipped"))?;
    *input = ahead;
    Ok(true)
}

/// Inflates the frame that is next.
pub(super) fn inflate_frame(
    decoder: &mut Decoder,
    input: &mut Forward<'_>,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let header = Header::read(input)?;
    if header.contents.is_some_and(|contents| contents > output.left() as u64) {
        return Err(Fault::TooLarge);
    }
    output.frame = output.at;
    decoder.begin_frame(usize::try_from(header.window).unwrap_or(usize::MAX));
    while !decoder.block(input, output)? {}
    if header.contents.is_some_and(|contents| contents != output.in_frame() as u64) {
        return Err(Fault::Damaged("its contents have another size than it says"));
    }
    if header.has_checksum {
        let claimed = input.number(4).ok_or(Fault::Damaged("it ends within its checksum"))?;
        let computed = XxHash64::oneshot(0, &output.buffer[output.frame..output.at]);
        if claimed != computed & 0xFFFF_FFFF {
            return Err(Fault::Damaged("its contents have another checksum than it says"));
        }
    }
    Ok(())
}

/// The header of a frame (3.1.1.1).
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// How far back a match may reach.
    window: u64,
    /// The size of the contents, if it says so.
    contents: Option<u64>,
    has_checksum: bool,
}

impl Header {
    fn read(input: &mut Forward<'_>) -> Result<Self, Fault> {
        const CUT: Fault = Fault::Damaged("it has no whole header");
        match input.number(4).ok_or(CUT)? {
            MAGIC => {}
            _ => return Err(Fault::Damaged("it does not begin with the magic number of a frame")),
        }
        let descriptor = input.byte().ok_or(CUT)?;
        if descriptor & 0x08 != 0 {
            return Err(Fault::Damaged("a reserved bit of its header is set"));
        }
        let is_single_segment = descriptor & 0x20 != 0;
        let window = if is_single_segment { None } else { Some(window(input.byte().ok_or(CUT)?)) };
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        if input.number(dictionary).ok_or(CUT)? != 0 {
            return Err(Fault::Damaged("it needs a dictionary, and Kafka has none"));
        }
        let contents = match descriptor >> 6 {
            0 if !is_single_segment => None,
            0 => Some(input.number(1).ok_or(CUT)?),
            1 => Some(input.number(2).ok_or(CUT)? + 256),
            2 => Some(input.number(4).ok_or(CUT)?),
            _ => Some(input.number(8).ok_or(CUT)?),
        };
        let has_checksum = descriptor & 0x04 != 0;
        Ok(Self { window: window.or(contents).unwrap_or(MAX_BLOCK as u64), contents, has_checksum })
    }
}

/// The window that its descriptor stands for (3.1.1.1.2).
fn window(descriptor: u8) -> u64 {
    let base = 1_u64 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}
