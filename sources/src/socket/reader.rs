//! The simple form, Spark's `socketStream`: a closure turns the bytes of a connection into an iterator of records, all of it
//! on the receiver's thread.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use batchmill::{Data, Receiver, ReceiverHandle, SourceError};

use super::address::Address;
use super::connect::Connection;
use super::{SocketError, SocketOptions};

/// The bytes of a connection, buffered. It ends when the peer closes the connection, and at a stop of the context.
///
/// What is read through [`BufRead`]'s own methods has no limit: `lines` keeps an endless line in memory, however long.
#[derive(Debug)]
pub struct SocketReader {
    connection: Connection,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    /// Bytes handed out, for the receiver to see; it wraps.
    consumed: Arc<AtomicUsize>,
}

impl SocketReader {
    fn new(connection: Connection, buffer: usize) -> Self {
        Self { connection, buffer: vec![0; buffer], at: 0, filled: 0, consumed: Arc::default() }
    }
}

impl BufRead for SocketReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            (self.at, self.filled) = (0, 0);
            self.filled = self.connection.read(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.filled - self.at);
        self.at += amount;
        self.consumed.fetch_add(amount, Ordering::Relaxed);
    }
}

impl Read for SocketReader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let read = ready.len().min(room.len());
        room[..read].copy_from_slice(&ready[..read]);
        self.consume(read);
        Ok(read)
    }
}

/// Runs the user's closure and stores what its iterator gives, one by one.
pub(super) struct ReaderReceiver<F> {
    address: Address,
    options: SocketOptions,
    read: F,
}

impl<F> ReaderReceiver<F> {
    pub(super) fn new(address: Address, options: SocketOptions, read: F) -> Self {
        Self { address, options, read }
    }
}

impl<T, I, E, F> Receiver<T> for ReaderReceiver<F>
where
    T: Data,
    I: IntoIterator<Item = Result<T, E>>,
    E: Into<SourceError>,
    F: FnMut(SocketReader) -> I + Send + 'static,
{
    fn name(&self) -> String {
        format!("socket {}", self.address)
    }

    fn run(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError> {
        let Some(connection) = Connection::open(&self.address, &self.options, handle)? else { return Ok(()) };
        let reader = SocketReader::new(connection, self.options.read_buffer);
        let consumed = Arc::clone(&reader.consumed);
        let mut bytes = 0u64;
        let mut before = 0;
        for record in (self.read)(reader) {
            if handle.is_stopped() {
                return Ok(());
            }
            let now = consumed.load(Ordering::Relaxed);
            let taken = now.wrapping_sub(before);
            (before, bytes) = (now, bytes + taken as u64);
            match record {
                Ok(record) => handle.store_sized(record, taken.max(size_of::<T>()).max(1))?,
                Err(error) => return Err(self.failed(error.into(), bytes).into()),
            }
        }
        if handle.is_stopped() {
            return Ok(());
        }
        let rest = consumed.load(Ordering::Relaxed).wrapping_sub(before);
        let bytes = bytes + rest as u64;
        Err(SocketError::Closed { addr: self.address.to_string(), bytes, unfinished: 0 }.into())
    }
}

impl<F> ReaderReceiver<F> {
    /// An error of the closure's iterator, with its place. One of the connection passes through the iterator unchanged.
    fn failed(&self, cause: SourceError, bytes: u64) -> SocketError {
        let addr = self.address.to_string();
        match cause.downcast::<io::Error>() {
            Ok(cause) => SocketError::Read { addr, bytes, cause: *cause },
            Err(cause) => SocketError::Record { addr, offset: bytes, cause },
        }
    }
}
