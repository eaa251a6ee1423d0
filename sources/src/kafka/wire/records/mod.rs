//! Records as brokers store them: message sets (magic 0 and 1) and record batches (magic 2).
//!
//! A fetched record set is first walked by its batch headers only ([`BatchWalk`], on the fetch thread), and its batches are
//! opened later (`open`, in tasks): there checksums are compared, bytes inflated, and records found as positions in what
//! was inflated, so that nothing is copied.

mod aborted;
mod batch;
mod build;
mod error;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
mod message_set;
mod open;
#[cfg(test)]
mod properties;
mod walk;

pub use self::aborted::AbortedFilter;
pub use self::batch::{ControlKind, control_kind};
pub use self::build::{BatchBuilder, BatchFlags, NewHeader, NewRecord, message_set, number_batch};
pub use self::error::RecordError;
pub use self::open::{OpenBatch, Payload, RawRecord, RawRecords, Span, open};
pub use self::walk::{BatchSpan, BatchWalk};

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy, raw or in the framing of snappy-java.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard; from 2.1 on, in record batches only.
    Zstd,
    /// One of those numbers, up to 7, that stand for nothing yet. Such a batch can be passed over and not read.
    Unknown(u8),
}

impl Codec {
    /// The codec that the attributes of a batch or message name.
    pub fn from_attributes(attributes: i16) -> Self {
        match attributes & 7 {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            other => Self::Unknown(other as u8),
        }
    }

    /// The codec in attributes.
    pub fn attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
            Self::Unknown(codec) => codec.into(),
        }
    }

    /// Its name, as Kafka spells it in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// How much memory a batch may take when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Inflated bytes.
    pub max_bytes: usize,
    /// Inflated bytes for each compressed one, once there are more than 64 KiB of them.
    pub max_ratio: usize,
}

impl Limits {
    /// What a compressed batch of so many bytes may become.
    pub fn of(self, compressed: usize) -> usize {
        const SMALL: usize = 64 * 1024;
        self.max_bytes.min(compressed.saturating_mul(self.max_ratio).max(SMALL))
    }
}

impl Default for Limits {
    /// 64 MiB, and a thousand times what came.
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_ratio: 1000 }
    }
}

/// The parts of a header before the magic byte, which all formats share: offset, length, checksum or leader epoch, magic.
const MAGIC_AT: usize = 16;

/// The bytes of a number at `at`. Who asks has seen that they are there.
#[inline]
fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the length was compared")
}

#[inline]
fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(number(bytes, at))
}

#[inline]
fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(number(bytes, at))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(number(bytes, at))
}

#[inline]
fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(number(bytes, at))
}
