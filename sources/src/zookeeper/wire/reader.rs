//! Reads jute's primitive types from bytes that nobody vouches for: every length is checked against the bytes left before
//! anything is taken or reserved. Used by every decoder, on whatever thread decodes.

use super::{Jute, WireError};

/// The most elements a list may have, however many bytes follow: so many children of a node are read.
pub const ELEMENTS_MAX: usize = 100_000;

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
    pub fn field(&mut self, what: &'static str) {
        self.what = what;
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes that are left, without reading them.
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

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (what, at, left) = (self.what, self.position, self.remaining());
        let taken =
            self.rest().get(..length).ok_or(WireError::Truncated { what, at, needed: length, left })?;
        self.position += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let taken = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    /// A length or a count: none for -1, which stands for null.
    fn length(&mut self) -> Result<Option<usize>, WireError> {
        let (what, at) = (self.what, self.position);
        let length = i32::decode(self)?;
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(WireError::NegativeLength { what, at, length }),
        }
    }

    /// A string that may be null.
    pub(super) fn string(&mut self) -> Result<Option<String>, WireError> {
        let what = self.what;
        let Some(length) = self.length()? else { return Ok(None) };
        let at = self.position;
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(WireError::InvalidUtf8 { what, at }),
        }
    }

    /// The count of a list whose smallest element has `smallest` bytes. Null is an empty one.
    fn count(&mut self, smallest: usize) -> Result<usize, WireError> {
        let (what, at) = (self.what, self.position);
        let count = self.length()?.unwrap_or(0);
        let limit = (self.remaining() / smallest.max(1)).min(ELEMENTS_MAX);
        if count > limit {
            return Err(WireError::TooManyElements { what, at, count, limit });
        }
        Ok(count)
    }
}

impl Jute for i32 {
    const SMALLEST: usize = 4;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.array().map(Self::from_be_bytes)
    }

    fn encode(&self, out: &mut super::Writer) {
        out.raw(&self.to_be_bytes());
    }
}

impl Jute for i64 {
    const SMALLEST: usize = 8;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.array().map(Self::from_be_bytes)
    }

    fn encode(&self, out: &mut super::Writer) {
        out.raw(&self.to_be_bytes());
    }
}

/// What a reply has that says no more than that it is done.
impl Jute for () {
    const SMALLEST: usize = 0;

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(())
    }

    fn encode(&self, _: &mut super::Writer) {}
}

/// Anything but zero is true.
impl Jute for bool {
    const SMALLEST: usize = 1;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(input.array::<1>()? != [0])
    }

    fn encode(&self, out: &mut super::Writer) {
        out.raw(&[u8::from(*self)]);
    }
}

/// A string that cannot be null.
impl Jute for String {
    const SMALLEST: usize = 4;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (what, at) = (input.what, input.position);
        input.string()?.ok_or(WireError::NegativeLength { what, at, length: -1 })
    }

    fn encode(&self, out: &mut super::Writer) {
        out.sized(self.as_bytes());
    }
}

/// A buffer. Null is an empty one.
impl Jute for Vec<u8> {
    const SMALLEST: usize = 4;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = input.length()?.unwrap_or(0);
        input.take(length).map(<[u8]>::to_vec)
    }

    fn encode(&self, out: &mut super::Writer) {
        out.sized(self);
    }
}

/// A list.
impl<T: Jute> Jute for Vec<T> {
    const SMALLEST: usize = 4;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.count(T::SMALLEST)?;
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::decode(input)?);
        }
        Ok(elements)
    }

    fn encode(&self, out: &mut super::Writer) {
        out.length(self.len());
        for element in self {
            element.encode(out);
        }
    }
}
