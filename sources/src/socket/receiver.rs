//! The receiver of everything that goes into byte blocks: lines, frames and users' records. One thread of the engine runs
//! it; it reads without a timeout, and the stop ends the read by shutting the socket down.

use std::sync::Arc;

use batchmill::{BlockDecoder, Data, Receiver, ReceiverHandle, SourceError, Stopped};

use super::address::Address;
use super::connect::Connection;
use super::framing::{Events, Framing};
use super::{SocketError, SocketOptions};

/// Reads, finds whole records, stores them as bytes; a decoder makes records of them inside the batch's tasks.
pub(super) struct BlockReceiver<T, F> {
    address: Address,
    options: SocketOptions,
    framing: F,
    decoder: Arc<dyn BlockDecoder<T>>,
}

impl<T: Data, F: Framing> BlockReceiver<T, F> {
    pub(super) fn new(
        address: Address,
        options: SocketOptions,
        framing: F,
        decoder: Arc<dyn BlockDecoder<T>>,
    ) -> Self {
        Self { address, options, framing, decoder }
    }

    /// Reads to the end of the connection. Without an error it was the stop.
    fn receive(
        &mut self,
        connection: &mut Connection,
        handle: &ReceiverHandle<T>,
    ) -> Result<(), SourceError> {
        self.framing.begin(&Events::of(handle));
        let mut buffer = ReadBuffer::new(self.options.read_buffer);
        loop {
            let read = connection.read(buffer.room());
            if handle.is_stopped() {
                return Ok(());
            }
            match read {
                Err(cause) => return Err(connection.broken(cause).into()),
                Ok(0) => return Err(self.end(connection, buffer, handle)?.into()),
                Ok(read) => buffer.filled += read,
            }
            self.hand_over(connection, &mut buffer, handle)?;
        }
    }

    /// Stores all whole records that the buffer holds.
    fn hand_over(
        &mut self,
        connection: &Connection,
        buffer: &mut ReadBuffer,
        handle: &ReceiverHandle<T>,
    ) -> Result<(), SourceError> {
        while buffer.filled > 0 {
            let front = connection.bytes() - buffer.filled as u64;
            let cut = self.framing.cut(&mut buffer.bytes[..buffer.filled]);
            let cut = cut.map_err(|unfit| unfit.into_error(connection.addr(), front))?;
            self.store(&buffer.bytes[..cut.whole], handle)?;
            buffer.keep(cut.whole, cut.kept);
            if cut.whole == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Stores what counts as records at the end of a connection; gives the error of the end.
    fn end(
        &mut self,
        connection: &Connection,
        buffer: ReadBuffer,
        handle: &ReceiverHandle<T>,
    ) -> Result<SocketError, SourceError> {
        let mut rest = buffer.bytes;
        rest.truncate(buffer.filled);
        let front = connection.bytes() - buffer.filled as u64;
        let whole = self.framing.finish(&mut rest);
        let whole = whole.map_err(|unfit| unfit.into_error(connection.addr(), front))?;
        self.store(&rest[..whole], handle)?;
        Ok(connection.closed(rest.len() - whole))
    }

    /// Stores whole records; under a rate limit in small pieces, for a piece passes as a whole.
    fn store(&self, mut whole: &[u8], handle: &ReceiverHandle<T>) -> Result<(), Stopped> {
        let Some(rate) = handle.max_rate() else {
            return handle.store_bytes(whole, &self.decoder);
        };
        let piece = usize::try_from(rate / PIECES_A_SECOND).unwrap_or(usize::MAX).max(1);
        while !whole.is_empty() {
            let (first, rest) = whole.split_at(self.framing.first(whole, piece));
            handle.store_bytes(first, &self.decoder)?;
            whole = rest;
        }
        Ok(())
    }
}

/// Into how many pieces a second's worth of records is cut under a rate limit.
const PIECES_A_SECOND: u32 = 50;

impl<T: Data, F: Framing> Receiver<T> for BlockReceiver<T, F> {
    fn name(&self) -> String {
        format!("socket {}", self.address)
    }

    fn run(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError> {
        match Connection::open(&self.address, &self.options, handle)? {
            Some(mut connection) => self.receive(&mut connection, handle),
            None => Ok(()),
        }
    }
}

/// A buffer with the start of a record at its front, and room behind it.
struct ReadBuffer {
    /// All of it is initialised; `filled` says how much of it means something.
    bytes: Vec<u8>,
    filled: usize,
    /// What one read brings at most, and the length of the buffer as long as records are short.
    read: usize,
}

impl ReadBuffer {
    fn new(read: usize) -> Self {
        Self { bytes: vec![0; read], filled: 0, read }
    }

    /// Where the next read goes: never empty. The buffer doubles when a record fills half of it, and goes back to its
    /// first length when the record is done.
    fn room(&mut self) -> &mut [u8] {
        if self.filled > self.bytes.len() / 2 {
            let len = self.bytes.len().saturating_mul(2);
            self.bytes.resize(len, 0);
        } else if self.bytes.len() > self.read && self.filled <= self.read / 2 {
            self.bytes.truncate(self.read);
            self.bytes.shrink_to_fit();
        }
        &mut self.bytes[self.filled..]
    }

    /// Keeps what lies between the two places and drops the rest.
    fn keep(&mut self, whole: usize, kept: usize) {
        self.bytes.copy_within(whole..kept, 0);
        self.filled = kept - whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_buffer_grows_for_a_long_record_and_goes_back() {
        let mut buffer = ReadBuffer::new(4);
        buffer.room().copy_from_slice(b"abcd");
        buffer.filled = 4;
        assert_eq!(buffer.room().len(), 4);
        buffer.room().copy_from_slice(b"efgh");
        buffer.filled = 8;
        buffer.keep(7, 8);
        assert_eq!((buffer.room().len(), buffer.bytes[0], buffer.bytes.capacity()), (3, b'h', 4));
    }

    #[test]
    fn a_read_buffer_of_one_byte_always_has_room() {
        let mut buffer = ReadBuffer::new(1);
        for length in 0..10 {
            assert!(!buffer.room().is_empty(), "{length}");
            buffer.filled += 1;
        }
    }
}
