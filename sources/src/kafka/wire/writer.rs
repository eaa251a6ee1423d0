//! Writes Kafka's primitive types: the mirror of the reader. Used by every encoder, on whatever thread encodes.

use super::{Uuid, WireError};

/// Bytes that grow. What cannot be written, since its length has no form on the wire, makes [`into_bytes`](Self::into_bytes)
/// fail, so that encoders need not look at every step.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    what: &'static str,
    error: Option<WireError>,
}

impl Writer {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Behind what `bytes` has, with its memory.
    #[must_use]
    pub fn append_to(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Names what is written next in errors, until the next name.
    #[inline]
    pub fn field(&mut self, what: &'static str) {
        self.what = what;
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes there can be before memory is asked for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gets memory for so many bytes in all, at least.
    pub fn grow_to(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes.saturating_sub(self.bytes.len()));
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    ///
    /// # Errors
    /// The first of [`fail`](Self::fail): [`WireError::TooLong`] when something was longer than its length field can say.
    pub fn into_bytes(self) -> Result<Vec<u8>, WireError> {
        match self.error {
            None => Ok(self.bytes),
            Some(error) => Err(error),
        }
    }

    /// Bytes as they are, without a length.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Four bytes in place of those at `at`, for lengths that are known later.
    ///
    /// # Panics
    /// When fewer than four bytes were written from `at` on.
    pub fn set_i32(&mut self, at: usize, value: i32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// One byte, signed.
    #[inline]
    pub fn i8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    /// Two bytes.
    #[inline]
    pub fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    /// Four bytes.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    /// Eight bytes.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// Four bytes without sign.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// One byte, 1 or 0.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.raw(&value.0);
    }

    /// One to five bytes without sign, the lowest seven bits first.
    #[inline]
    pub fn uvarint(&mut self, value: u32) {
        self.variable(u64::from(value));
    }

    /// As [`uvarint`](Self::uvarint) with the sign in the lowest bit.
    #[inline]
    pub fn varint(&mut self, value: i32) {
        self.uvarint(((value << 1) ^ (value >> 31)) as u32);
    }

    /// One to ten bytes, the lowest seven bits first, the sign in the lowest bit.
    #[inline]
    pub fn varlong(&mut self, value: i64) {
        self.variable(((value << 1) ^ (value >> 63)) as u64);
    }

    #[inline]
    fn variable(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A string after a length of two bytes.
    pub fn string(&mut self, value: &str) {
        self.nullable_string(Some(value));
    }

    /// A string or null after a length of two bytes.
    pub fn nullable_string(&mut self, value: Option<&str>) {
        let Some(value) = value else {
            return self.i16(-1);
        };
        match i16::try_from(value.len()) {
            Ok(length) => self.i16(length),
            Err(_) => return self.too_long(value.len(), i16::MAX as usize),
        }
        self.raw(value.as_bytes());
    }

    /// A string after a compact length.
    pub fn compact_string(&mut self, value: &str) {
        self.compact_nullable_string(Some(value));
    }

    /// A string or null after a compact length. It may be no longer than one after two bytes.
    pub fn compact_nullable_string(&mut self, value: Option<&str>) {
        match value {
            Some(value) if value.len() > i16::MAX as usize => self.too_long(value.len(), i16::MAX as usize),
            value => self.compact_nullable_bytes(value.map(str::as_bytes)),
        }
    }

    /// Bytes after a length of four bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.nullable_bytes(Some(value));
    }

    /// Bytes or null after a length of four bytes.
    pub fn nullable_bytes(&mut self, value: Option<&[u8]>) {
        self.nullable_array_len(value.map(<[u8]>::len));
        self.raw(value.unwrap_or_default());
    }

    /// Bytes or null after a compact length.
    pub fn compact_nullable_bytes(&mut self, value: Option<&[u8]>) {
        self.compact_nullable_array_len(value.map(<[u8]>::len));
        self.raw(value.unwrap_or_default());
    }

    /// The count of an array, in four bytes.
    pub fn array_len(&mut self, count: usize) {
        self.nullable_array_len(Some(count));
    }

    /// The count of an array, or null, in four bytes.
    pub fn nullable_array_len(&mut self, count: Option<usize>) {
        let count = count.map_or(-1, |count| self.checked(count));
        self.i32(count);
    }

    /// The count of an array, compact.
    pub fn compact_array_len(&mut self, count: usize) {
        self.compact_nullable_array_len(Some(count));
    }

    /// The count of an array, or null, compact: one more than it is, zero for null.
    pub fn compact_nullable_array_len(&mut self, count: Option<usize>) {
        let count = count.map_or(0, |count| self.checked(count) as u32 + 1);
        self.uvarint(count);
    }

    /// The end of a flexible structure that has no tagged fields.
    pub fn no_tagged_fields(&mut self) {
        self.uvarint(0);
    }

    fn checked(&mut self, length: usize) -> i32 {
        i32::try_from(length).unwrap_or_else(|_| {
            self.too_long(length, i32::MAX as usize);
            0
        })
    }

    #[cold]
    fn too_long(&mut self, length: usize, limit: usize) {
        self.fail(WireError::TooLong { what: self.what, length, limit });
    }

    /// Lets [`into_bytes`](Self::into_bytes) fail. The first error is the one that counts.
    pub fn fail(&mut self, error: WireError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_has_no_length_fails_at_the_end() {
        let mut out = Writer::new();
        out.field("the group");
        out.string(&"g".repeat(i16::MAX as usize));
        out.field("the member");
        out.string(&"m".repeat(i16::MAX as usize + 1));
        out.field("another");
        out.compact_string(&"a".repeat(40_000));
        let error = WireError::TooLong { what: "the member", length: 32_768, limit: 32_767 };
        assert_eq!(out.into_bytes(), Err(error));
    }

    #[test]
    fn a_length_can_be_set_later() {
        let mut out = Writer::append_to(vec![9]);
        out.i32(0);
        out.raw(b"ab");
        out.set_i32(1, 2);
        assert_eq!(out.as_slice(), [9, 0, 0, 0, 2, b'a', b'b']);
        assert_eq!((out.len(), out.is_empty()), (7, false));
    }
}
