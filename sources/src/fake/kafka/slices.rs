//! [`Slice`] and [`Reply`]: a reply as pieces, so that stored batches go from the log to the socket without a copy.

use std::io::{self, IoSlice, Write};
use std::sync::Arc;

/// A piece of a reply.
#[derive(Clone, Debug)]
pub(super) enum Slice {
    Own(Vec<u8>),
    /// A chunk of a log, and the part of it from one byte to another.
    Shared(Arc<Vec<u8>>, usize, usize),
}

impl Slice {
    /// `len` bytes of a chunk.
    pub(super) fn shared(chunk: &Arc<Vec<u8>>, start: usize, len: usize) -> Self {
        Self::Shared(Arc::clone(chunk), start, start + len)
    }

    /// Takes what follows in the same chunk: whether it does.
    pub(super) fn extend(&mut self, chunk: &Arc<Vec<u8>>, start: usize, len: usize) -> bool {
        match self {
            Self::Shared(own, _, end) if Arc::ptr_eq(own, chunk) && *end == start => {
                *end += len;
                true
            }
            _ => false,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(chunk, start, end) => &chunk[*start..*end],
        }
    }
}

/// All of them in one piece.
pub(super) fn joined(slices: &[Slice]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(slices.iter().map(|slice| slice.bytes().len()).sum());
    slices.iter().for_each(|slice| bytes.extend_from_slice(slice.bytes()));
    bytes
}

/// A response, without the length that goes before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) slices: Vec<Slice>,
}

impl Reply {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { slices: vec![Slice::Own(bytes)] }
    }

    pub(super) fn len(&self) -> usize {
        self.slices.iter().map(|slice| slice.bytes().len()).sum()
    }

    /// All of it in one piece.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        match &mut self.slices[..] {
            [Slice::Own(bytes)] => std::mem::take(bytes),
            slices => joined(slices),
        }
    }

    /// Writes it as a frame: its length, then its pieces, in as few calls as the system allows.
    pub(super) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let len = i32::try_from(self.len()).map_err(|_| io::ErrorKind::InvalidData)?.to_be_bytes();
        let mut slices = Vec::with_capacity(self.slices.len() + 1);
        slices.push(IoSlice::new(&len));
        slices.extend(self.slices.iter().map(|slice| IoSlice::new(slice.bytes())));
        let mut left = &mut slices[..];
        // Empty pieces would look like the end of the stream.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match out.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes a call.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reply_is_written_whole_however_little_the_socket_takes() {
        let chunk = Arc::new(b"0123456789".to_vec());
        let slices = vec![
            Slice::Own(b"head".to_vec()),
            Slice::Own(Vec::new()),
            Slice::shared(&chunk, 2, 5),
            Slice::Own(vec![b'!']),
        ];
        let reply = Reply { slices };
        let mut out = Slow(Vec::new());
        reply.write_to(&mut out).unwrap();
        assert_eq!(out.0, b"\0\0\0\x0ahead23456!");
        assert_eq!(reply.into_bytes(), b"head23456!");
    }
}
