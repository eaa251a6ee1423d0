//! Streams from a TCP connection that the context opens: lines of text, frames with a length, records of any other kind.
//!
//! A receiver on a thread of its own connects, reads large pieces without a timeout, finds out how much of them is whole
//! records, and stores that much as bytes; the records are made in the batch's tasks, in parallel. (Only
//! [`socket_stream`](SocketStreams::socket_stream) makes them on the receiver's thread.) When the peer closes the
//! connection, when it breaks, when there is none or when the bytes are no records, the receiver fails with a
//! [`SocketError`] and is started again after a pause that grows from 100 ms to 30 s. Meanwhile nothing can be asked for
//! again: a socket source promises each byte at most once.
//!
//! The address is `host:port`. It is resolved at every connect, and all addresses found are tried in turn. An address
//! without a port is a mistake that [`start`](batchmill::StreamingContext::start) returns.
//!
//! What the listener is told beside the receiver's start, error and end, by kind of
//! [`SourceEvent`](batchmill::SourceEvent):
//!
//! | kind | when |
//! |---|---|
//! | `connected` | a connection stands |
//! | `line_truncated`, `line_skipped` | lines were longer than `max_line`, with the policy of that name |
//! | `utf8_replaced`, `utf8_skipped` | lines of a batch were not UTF-8, with the policy of that name |
//! | `budget_wait` | the batches are behind: the receiver waits, and the peer with it |

mod address;
mod connect;
mod error;
mod frame;
mod frames;
mod framing;
mod lines;
mod options;
mod reader;
mod receiver;
#[cfg(all(test, feature = "fake"))]
#[expect(clippy::unwrap_used, reason = "a test that fails may panic")]
mod tests;

use std::sync::Arc;

use batchmill::{BlockDecoder, DStream, Data, SourceError, StreamingContext, Text};

use address::Address;
pub use error::SocketError;
pub use frame::Frame;
use frames::{FrameDecoder, Frames};
pub use framing::RecordSplitter;
use framing::{Framing, UserRecords};
use lines::Lines;
pub use options::SocketOptions;
use reader::ReaderReceiver;
pub use reader::SocketReader;
use receiver::BlockReceiver;

/// Streams from a TCP connection, as methods of [`StreamingContext`].
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::LineServer, prelude::*};
///
/// let server = LineServer::start()?;
/// let ssc = StreamingContext::new(Duration::from_millis(10))?;
/// let words = ssc.socket_text_stream(server.addr()).flat_map(|line| line.split(' ')).collect();
/// let running = ssc.start()?;
/// server.send("to be or");
/// server.send("not to be");
/// let batches = std::iter::from_fn(|| words.take_timeout(Duration::from_secs(30)));
/// let words: Vec<_> = batches.flat_map(|(_, words)| words).take(6).collect();
/// assert_eq!(words, ["to", "be", "or", "not", "to", "be"]);
/// running.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SocketStreams {
    /// The lines that the server at `addr` sends; `\n`, `\r\n` and `\r` end a line. The end of the connection ends the
    /// last one.
    #[doc(alias = "socketTextStream")]
    #[track_caller]
    fn socket_text_stream(&self, addr: impl Into<String>) -> DStream<'_, Text> {
        self.socket_text_stream_with(addr, SocketOptions::new())
    }

    /// As [`socket_text_stream`](Self::socket_text_stream), with settings.
    #[track_caller]
    fn socket_text_stream_with(&self, addr: impl Into<String>, options: SocketOptions) -> DStream<'_, Text>;

    /// The records of an iterator that `read` makes of each connection's bytes, Spark's `socketStream`. It runs on the
    /// receiver's thread; an error of the iterator ends the connection, and its end means that the peer has no more. Each
    /// record counts for the budget as many bytes as were read for it.
    ///
    /// ```
    /// use std::io::BufRead;
    /// use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::{fake::LineServer, prelude::*};
    ///
    /// let server = LineServer::start()?;
    /// let ssc = StreamingContext::new(Duration::from_millis(10))?;
    /// let parts = ssc.socket_stream(server.addr(), |reader| reader.split(b';')).collect();
    /// let running = ssc.start()?;
    /// server.send_bytes(b"a;b;");
    /// let batches = std::iter::from_fn(|| parts.take_timeout(Duration::from_secs(30)));
    /// assert_eq!(batches.flat_map(|(_, parts)| parts).take(2).collect::<Vec<_>>(), [b"a", b"b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "socketStream")]
    #[track_caller]
    fn socket_stream<T, I, E>(
        &self,
        addr: impl Into<String>,
        read: impl FnMut(SocketReader) -> I + Send + 'static,
    ) -> DStream<'_, T>
    where
        T: Data,
        I: IntoIterator<Item = Result<T, E>> + 'static,
        E: Into<SourceError> + 'static,
    {
        self.socket_stream_with(addr, read, SocketOptions::new())
    }

    /// As [`socket_stream`](Self::socket_stream), with settings.
    #[track_caller]
    fn socket_stream_with<T, I, E>(
        &self,
        addr: impl Into<String>,
        read: impl FnMut(SocketReader) -> I + Send + 'static,
        options: SocketOptions,
    ) -> DStream<'_, T>
    where
        T: Data,
        I: IntoIterator<Item = Result<T, E>> + 'static,
        E: Into<SourceError> + 'static;

    /// Records of any kind, the fast way: on the receiver's thread `splitter` only finds the end of the last whole record
    /// of what was read, and `decoder` makes the records in the batch's tasks.
    ///
    /// ```
    /// use std::time::Duration;
    /// use batchmill::{FixedRecords, StreamingContext};
    /// use batchmill_sources::{fake::LineServer, prelude::*};
    ///
    /// let server = LineServer::start()?;
    /// let ssc = StreamingContext::new(Duration::from_millis(10))?;
    /// let pairs = |bytes: &[u8]| Ok(bytes.len() / 2 * 2);
    /// let pairs = ssc.socket_records_stream(server.addr(), pairs, FixedRecords::new(2)).collect();
    /// let running = ssc.start()?;
    /// server.send_bytes(b"aabb");
    /// let batches = std::iter::from_fn(|| pairs.take_timeout(Duration::from_secs(30)));
    /// assert_eq!(batches.flat_map(|(_, pairs)| pairs).take(2).collect::<Vec<_>>(), [b"aa", b"bb"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn socket_records_stream<T: Data>(
        &self,
        addr: impl Into<String>,
        splitter: impl RecordSplitter,
        decoder: impl BlockDecoder<T>,
    ) -> DStream<'_, T> {
        self.socket_records_stream_with(addr, splitter, decoder, SocketOptions::new())
    }

    /// As [`socket_records_stream`](Self::socket_records_stream), with settings.
    #[track_caller]
    fn socket_records_stream_with<T: Data>(
        &self,
        addr: impl Into<String>,
        splitter: impl RecordSplitter,
        decoder: impl BlockDecoder<T>,
        options: SocketOptions,
    ) -> DStream<'_, T>;

    /// Frames: four bytes of length, big-endian, then that many bytes. Stands where Spark has `rawSocketStream`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::{fake::LineServer, prelude::*};
    ///
    /// let server = LineServer::start()?;
    /// let ssc = StreamingContext::new(Duration::from_millis(10))?;
    /// let frames = ssc.socket_frames_stream(server.addr()).collect();
    /// let running = ssc.start()?;
    /// server.send_bytes(b"\0\0\0\x02hi\0\0\0\x01!");
    /// let batches = std::iter::from_fn(|| frames.take_timeout(Duration::from_secs(30)));
    /// assert_eq!(batches.flat_map(|(_, frames)| frames).take(2).collect::<Vec<_>>().concat(), b"hi!");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "rawSocketStream")]
    #[track_caller]
    fn socket_frames_stream(&self, addr: impl Into<String>) -> DStream<'_, Frame> {
        self.socket_frames_stream_with(addr, SocketOptions::new())
    }

    /// As [`socket_frames_stream`](Self::socket_frames_stream), with settings.
    #[track_caller]
    fn socket_frames_stream_with(
        &self,
        addr: impl Into<String>,
        options: SocketOptions,
    ) -> DStream<'_, Frame>;
}

impl SocketStreams for StreamingContext {
    #[track_caller]
    fn socket_text_stream_with(&self, addr: impl Into<String>, options: SocketOptions) -> DStream<'_, Text> {
        let lines = Lines::new(&options);
        let decoder = Arc::new(lines.decoder(options.invalid_utf8));
        block_stream(self, "socket_text_stream", addr.into(), options, lines, decoder)
    }

    #[track_caller]
    fn socket_stream_with<T, I, E>(
        &self,
        addr: impl Into<String>,
        read: impl FnMut(SocketReader) -> I + Send + 'static,
        options: SocketOptions,
    ) -> DStream<'_, T>
    where
        T: Data,
        I: IntoIterator<Item = Result<T, E>> + 'static,
        E: Into<SourceError> + 'static,
    {
        match checked(self, "socket_stream", addr.into(), &options) {
            Some(address) => self.receiver_stream(ReaderReceiver::new(address, options, read)),
            None => self.constant_stream(Vec::new()),
        }
    }

    #[track_caller]
    fn socket_records_stream_with<T: Data>(
        &self,
        addr: impl Into<String>,
        splitter: impl RecordSplitter,
        decoder: impl BlockDecoder<T>,
        options: SocketOptions,
    ) -> DStream<'_, T> {
        let records = UserRecords::new(splitter, options.max_record);
        block_stream(self, "socket_records_stream", addr.into(), options, records, Arc::new(decoder))
    }

    #[track_caller]
    fn socket_frames_stream_with(
        &self,
        addr: impl Into<String>,
        options: SocketOptions,
    ) -> DStream<'_, Frame> {
        let frames = Frames::new(options.max_record);
        block_stream(self, "socket_frames_stream", addr.into(), options, frames, Arc::new(FrameDecoder))
    }
}

#[track_caller]
fn block_stream<'c, T: Data>(
    ssc: &'c StreamingContext,
    operator: &'static str,
    addr: String,
    options: SocketOptions,
    framing: impl Framing,
    decoder: Arc<dyn BlockDecoder<T>>,
) -> DStream<'c, T> {
    match checked(ssc, operator, addr, &options) {
        Some(address) => ssc.receiver_stream(BlockReceiver::new(address, options, framing, decoder)),
        None => ssc.constant_stream(Vec::new()),
    }
}

/// The address, if it and the settings are valid; what is wrong with them is noted for `start`.
#[track_caller]
fn checked(
    ssc: &StreamingContext,
    operator: &'static str,
    addr: String,
    options: &SocketOptions,
) -> Option<Address> {
    // Not closures: they would hide the caller's line.
    let address = match Address::parse(&addr) {
        Ok(address) => Some(address),
        Err(reason) => {
            ssc.invalid_argument(operator, reason);
            None
        }
    };
    match options.check() {
        Ok(()) => address,
        Err(reason) => {
            ssc.invalid_argument(operator, reason);
            None
        }
    }
}
