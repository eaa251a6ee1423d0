//! What is wrong with a batch of records.

use std::fmt;

use super::Codec;

/// Why a batch of records cannot be read. Places are counted in bytes from the start of the batch, or of what it was
/// inflated to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// Its format is not known.
    UnknownMagic {
        /// Where the batch starts in the record set.
        at: usize,
        /// The format's number.
        magic: i8,
    },
    /// It says that it is shorter than its own header, or longer than anything can be.
    BadLength {
        /// Where it starts in the record set.
        at: usize,
        /// The length it says it has.
        length: i64,
    },
    /// It says that it has offsets that there cannot be: far behind the end of the log.
    BadOffsets {
        /// The first, as far as it says.
        first: i64,
        /// The last.
        last: i64,
    },
    /// Its checksum is another one than that of its bytes.
    BadCrc {
        /// The checksum it has.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// Its codec is not known.
    UnsupportedCodec {
        /// The codec's number.
        codec: u8,
    },
    /// It cannot be inflated.
    Inflate {
        /// The codec.
        codec: Codec,
        /// What the codec says.
        detail: String,
    },
    /// It becomes larger than allowed.
    TooLarge {
        /// The codec.
        codec: Codec,
        /// The limit in bytes.
        limit: usize,
    },
    /// A record, or something in it, does not fit into the bytes that are there.
    Malformed {
        /// Where.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// It has fewer or more records than it says.
    WrongCount {
        /// How many it says.
        claimed: u32,
        /// How many there are.
        found: u32,
    },
    /// A compressed message set holds a compressed message set.
    Nested,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMagic { at, magic } => {
                write!(f, "the batch at byte {at} has the unknown format {magic}")
            }
            Self::BadLength { at, length } => write!(f, "the batch at byte {at} says it has {length} bytes"),
            Self::BadOffsets { first, last } => {
                write!(f, "the batch says it has the offsets {first} to {last}, behind the end of the log")
            }
            Self::BadCrc { stored, computed } => {
                write!(f, "the checksum is {computed:08x} and should be {stored:08x}")
            }
            Self::UnsupportedCodec { codec } => write!(f, "the codec {codec} is not known"),
            Self::Inflate { codec, detail } => write!(f, "the {} data is damaged: {detail}", codec.name()),
            Self::TooLarge { codec, limit } => {
                write!(f, "the {} data becomes larger than the {limit} bytes allowed", codec.name())
            }
            Self::Malformed { at, what } => write!(f, "{what} at byte {at} does not fit into the batch"),
            Self::WrongCount { claimed, found } => {
                write!(f, "the batch says it has {claimed} records and has {found}")
            }
            Self::Nested => f.write_str("a compressed message set holds a compressed message set"),
        }
    }
}

impl std::error::Error for RecordError {}
