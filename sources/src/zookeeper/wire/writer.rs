//! Writes jute's primitive types. Whoever sends the bytes checks how many they are; nothing here grows beyond what it is
//! given.

use super::Jute;

/// Bytes that a message is written to.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Without any bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn sized(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// One that has no form is written as the largest: a packet of such a length is refused before it is sent.
    pub(super) fn length(&mut self, length: usize) {
        i32::try_from(length).unwrap_or(i32::MAX).encode(self);
    }
}
