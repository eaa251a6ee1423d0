//! Reads Kafka's primitive types from bytes that nobody vouches for: every length is checked against the bytes left before
//! anything is taken or reserved. Used by every decoder, on whatever thread decodes.

use super::{Uuid, WireError};

/// The most elements an array may have, however many bytes follow.
pub const MAX_ELEMENTS: usize = 1_000_000;

/// A position in bytes, and the name of what is read there for errors.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// At the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, what: "the input" }
    }

    /// Names what is read next in errors, until the next name.
    #[inline]
    pub fn field(&mut self, what: &'static str) {
        self.what = what;
    }

    /// How many bytes were read.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes that are left, without reading them.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// The end of the message.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn finish(&self) -> Result<(), WireError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(WireError::TrailingBytes { at: self.position, left }),
        }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        match self.rest().get(..length) {
            Some(taken) => {
                self.position += length;
                Ok(taken)
            }
            None => Err(self.truncated(length)),
        }
    }

    /// As [`take`](Self::take), for a length known to the compiler.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        match self.rest().first_chunk() {
            Some(taken) => {
                self.position += N;
                Ok(*taken)
            }
            None => Err(self.truncated(N)),
        }
    }

    #[cold]
    fn truncated(&self, needed: usize) -> WireError {
        WireError::Truncated { what: self.what, at: self.position, needed, left: self.remaining() }
    }
}

/// Numbers. Each fails when the input ends within it.
impl Reader<'_> {
    /// One byte, signed.
    #[inline]
    pub fn i8(&mut self) -> Result<i8, WireError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    #[inline]
    pub fn i16(&mut self) -> Result<i16, WireError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, WireError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Four bytes without sign.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// One byte; anything but zero is true.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, WireError> {
        Ok(self.i8()? != 0)
    }

    /// Sixteen bytes.
    #[inline]
    pub fn uuid(&mut self) -> Result<Uuid, WireError> {
        Ok(Uuid(self.array()?))
    }

    /// One to five bytes without sign, the lowest seven bits first. Also fails when there are bits beyond the 32nd.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, WireError> {
        let at = self.position;
        let value = self.variable(5)?;
        u32::try_from(value).map_err(|_| self.overlong(at))
    }

    /// As [`uvarint`](Self::uvarint) with the sign in the lowest bit.
    #[inline]
    pub fn varint(&mut self) -> Result<i32, WireError> {
        let value = self.uvarint()?;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// One to ten bytes, the lowest seven bits first, the sign in the lowest bit. Also fails when there are bits beyond the
    /// 64th.
    #[inline]
    pub fn varlong(&mut self) -> Result<i64, WireError> {
        let value = self.variable(10)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Up to `longest` groups of seven bits, of which the last has no high bit.
    #[inline]
    fn variable(&mut self, longest: usize) -> Result<u64, WireError> {
        let rest = self.rest();
        let mut value = 0_u64;
        for (index, &byte) in rest.iter().take(longest).enumerate() {
            // The tenth group has one bit only.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.position += index + 1;
                return Ok(value);
            }
        }
        if rest.len() < longest {
            Err(self.truncated(rest.len() + 1))
        } else {
            Err(self.overlong(self.position))
        }
    }

    #[cold]
    fn overlong(&self, at: usize) -> WireError {
        WireError::InvalidVarint { what: self.what, at }
    }
}

/// Strings and bytes. Each fails when the input ends within it, when its length is negative but not the one that stands
/// for null, or when it stands for null where null may not be; a string also when it is not UTF-8.
impl<'a> Reader<'a> {
    /// A string that cannot be null, after a length of two bytes.
    pub fn string(&mut self) -> Result<&'a str, WireError> {
        let at = self.position;
        self.nullable_string()?.ok_or_else(|| self.null(at))
    }

    /// A string or null, after a length of two bytes.
    pub fn nullable_string(&mut self) -> Result<Option<&'a str>, WireError> {
        let at = self.position;
        let length = i64::from(self.i16()?);
        self.text(length, at)
    }

    /// A string that cannot be null, after a compact length.
    pub fn compact_string(&mut self) -> Result<&'a str, WireError> {
        let at = self.position;
        self.compact_nullable_string()?.ok_or_else(|| self.null(at))
    }

    /// A string or null, after a compact length.
    pub fn compact_nullable_string(&mut self) -> Result<Option<&'a str>, WireError> {
        let at = self.position;
        let length = self.compact_length()?;
        self.text(length, at)
    }

    /// Bytes that cannot be null, after a length of four bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let at = self.position;
        self.nullable_bytes()?.ok_or_else(|| self.null(at))
    }

    /// Bytes or null, after a length of four bytes.
    #[inline]
    pub fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        let at = self.position;
        let length = i64::from(self.i32()?);
        self.sized(length, at)
    }

    /// Bytes or null, after a compact length.
    pub fn compact_nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        let at = self.position;
        let length = self.compact_length()?;
        self.sized(length, at)
    }

    /// The length plus one, without sign: zero stands for null.
    fn compact_length(&mut self) -> Result<i64, WireError> {
        Ok(i64::from(self.uvarint()?) - 1)
    }

    fn text(&mut self, length: i64, at: usize) -> Result<Option<&'a str>, WireError> {
        let Some(bytes) = self.sized(length, at)? else {
            return Ok(None);
        };
        let start = self.position - bytes.len();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(WireError::InvalidUtf8 { what: self.what, at: start }),
        }
    }

    #[inline]
    fn sized(&mut self, length: i64, at: usize) -> Result<Option<&'a [u8]>, WireError> {
        match usize::try_from(length) {
            Ok(length) => self.take(length).map(Some),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(WireError::NegativeLength { what: self.what, at, length }),
        }
    }

    #[cold]
    fn null(&self, at: usize) -> WireError {
        WireError::NegativeLength { what: self.what, at, length: -1 }
    }
}

/// Counts of arrays. Each fails as strings do, and when the array claims more elements than there can be: more than the
/// bytes left hold if each has `smallest` bytes, or more than [`MAX_ELEMENTS`].
impl Reader<'_> {
    /// Of an array that cannot be null, in four bytes.
    pub fn array_len(&mut self, smallest: usize) -> Result<usize, WireError> {
        let at = self.position;
        self.nullable_array_len(smallest)?.ok_or_else(|| self.null(at))
    }

    /// Of an array or null, in four bytes.
    pub fn nullable_array_len(&mut self, smallest: usize) -> Result<Option<usize>, WireError> {
        let at = self.position;
        let count = i64::from(self.i32()?);
        self.counted(count, smallest, at)
    }

    /// Of an array that cannot be null, compact.
    pub fn compact_array_len(&mut self, smallest: usize) -> Result<usize, WireError> {
        let at = self.position;
        self.compact_nullable_array_len(smallest)?.ok_or_else(|| self.null(at))
    }

    /// Of an array or null, compact.
    pub fn compact_nullable_array_len(&mut self, smallest: usize) -> Result<Option<usize>, WireError> {
        let at = self.position;
        let count = self.compact_length()?;
        self.counted(count, smallest, at)
    }

    fn counted(&self, count: i64, smallest: usize, at: usize) -> Result<Option<usize>, WireError> {
        let what = self.what;
        let limit = (self.remaining() / smallest.max(1)).min(MAX_ELEMENTS);
        match usize::try_from(count) {
            Ok(count) if count <= limit => Ok(Some(count)),
            Ok(count) => {
                Err(WireError::TooManyElements { what, at, count: count as u64, limit: limit as u64 })
            }
            Err(_) if count == -1 => Ok(None),
            Err(_) => Err(WireError::NegativeLength { what, at, length: count }),
        }
    }

    /// The tagged fields at the end of a flexible structure. None of them has a meaning here, so they are skipped.
    pub fn tagged_fields(&mut self) -> Result<(), WireError> {
        self.what = "the tagged fields";
        for _ in 0..self.uvarint()? {
            let _tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            self.take(size)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
