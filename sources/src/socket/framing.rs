//! How the bytes of a connection fall into records, as far as the receiver's thread has to know: [`Framing`], and the one
//! for users' own records.

use std::fmt;
use std::sync::Arc;

use batchmill::text::Cut;
use batchmill::{Data, ReceiverHandle, SourceError};

use super::SocketError;

/// Finds whole records in what was read. One object serves one source, connection after connection.
pub(super) trait Framing: Send + 'static {
    /// A new connection begins.
    fn begin(&mut self, events: &Events) {
        let _ = events;
    }

    /// Tells how much of `buf` is whole records and where what follows them ends; it may move bytes to drop some. `buf` is
    /// what the last call left (`whole..kept`), and what was read since. Called again and again without a read until it
    /// finds nothing.
    fn cut(&mut self, buf: &mut [u8]) -> Result<Cut, Unfit>;

    /// The connection has ended and `buf` is what was left: how many bytes of it are records after all. It may add to it.
    fn finish(&mut self, buf: &mut Vec<u8>) -> Result<usize, Unfit>;

    /// The length of the first `records` records of `whole`, which is whole records; for rate limits.
    fn first(&self, whole: &[u8], records: usize) -> usize {
        let _ = records;
        whole.len()
    }
}

/// The way to the listener, whatever the type of the records.
#[derive(Clone)]
pub(super) struct Events(Arc<dyn Fn(&'static str, String) + Send + Sync>);

impl Events {
    pub(super) fn of<T: Data>(handle: &ReceiverHandle<T>) -> Self {
        let handle = handle.clone();
        Self(Arc::new(move |kind, detail| handle.source_event(kind, detail)))
    }

    pub(super) fn tell(&self, kind: &'static str, detail: String) {
        (self.0)(kind, detail);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// What makes a connection's bytes useless from some place on.
#[derive(Debug)]
pub(super) enum Unfit {
    /// A line that starts at this byte of the connection.
    Line { offset: u64, limit: usize },
    /// A frame at the front of the buffer that says it has this many bytes.
    Frame { length: u64, limit: usize },
    /// A record at the front of the buffer.
    Record { limit: usize },
    /// The user's own error.
    User(SourceError),
}

impl Unfit {
    /// With its place: `front` bytes of the connection came before the buffer.
    pub(super) fn into_error(self, addr: &str, front: u64) -> SocketError {
        let addr = addr.to_owned();
        match self {
            Self::Line { offset, limit } => SocketError::LineTooLong { addr, offset, limit },
            Self::Frame { length, limit } => SocketError::FrameTooLong { addr, offset: front, length, limit },
            Self::Record { limit } => SocketError::RecordTooLong { addr, offset: front, limit },
            Self::User(cause) => SocketError::Record { addr, offset: front, cause },
        }
    }
}

/// Finds the end of the last whole record in what was read, for
/// [`socket_records_stream`](super::SocketStreams::socket_records_stream). Implemented by closures that need no more than
/// [`whole`](Self::whole).
///
/// It is called on the receiver's thread with every read, so it should look at as few bytes as it can: for the last
/// separator from behind, or for the lengths in the headers. The records themselves are made in the batch's tasks.
///
/// ```
/// use batchmill_sources::socket::RecordSplitter;
///
/// // Records that end with a semicolon.
/// let mut splitter = |bytes: &[u8]| Ok(bytes.iter().rposition(|&b| b == b';').map_or(0, |at| at + 1));
/// assert_eq!(splitter.whole(b"a;b;c").unwrap(), 4);
/// assert_eq!(splitter.at_end(b"c").unwrap(), 0, "what has no end is dropped");
/// ```
pub trait RecordSplitter: Send + 'static {
    /// How many bytes at the front of `bytes` are whole records. `bytes` starts with a record; what is not taken comes
    /// again with more behind it.
    ///
    /// # Errors
    /// When the bytes are no records: the connection ends and is made anew.
    fn whole(&mut self, bytes: &[u8]) -> Result<usize, SourceError>;

    /// The peer has closed the connection and `rest`, which is not empty, was left. How many bytes at its front are
    /// records after all; what remains is dropped and reported.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    fn at_end(&mut self, rest: &[u8]) -> Result<usize, SourceError> {
        let _ = rest;
        Ok(0)
    }

    /// A new connection begins.
    fn begin(&mut self) {}
}

impl<F> RecordSplitter for F
where
    F: FnMut(&[u8]) -> Result<usize, SourceError> + Send + 'static,
{
    fn whole(&mut self, bytes: &[u8]) -> Result<usize, SourceError> {
        self(bytes)
    }
}

/// [`Framing`] by a user's splitter.
#[derive(Debug)]
pub(super) struct UserRecords<S> {
    splitter: S,
    max_record: usize,
}

impl<S> UserRecords<S> {
    pub(super) fn new(splitter: S, max_record: usize) -> Self {
        Self { splitter, max_record }
    }
}

impl<S: RecordSplitter> Framing for UserRecords<S> {
    fn begin(&mut self, _: &Events) {
        self.splitter.begin();
    }

    fn cut(&mut self, buf: &mut [u8]) -> Result<Cut, Unfit> {
        let whole = within(self.splitter.whole(buf), buf.len())?;
        if whole == 0 && buf.len() > self.max_record {
            return Err(Unfit::Record { limit: self.max_record });
        }
        Ok(Cut { whole, kept: buf.len() })
    }

    fn finish(&mut self, buf: &mut Vec<u8>) -> Result<usize, Unfit> {
        if buf.is_empty() { Ok(0) } else { within(self.splitter.at_end(buf), buf.len()) }
    }
}

/// What a user's splitter answered, if it can be.
fn within(whole: Result<usize, SourceError>, len: usize) -> Result<usize, Unfit> {
    match whole {
        Ok(whole) if whole <= len => Ok(whole),
        Ok(whole) => Err(Unfit::User(format!("the splitter took {whole} of {len} bytes").into())),
        Err(cause) => Err(Unfit::User(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn semicolons(limit: usize) -> UserRecords<impl RecordSplitter> {
        let splitter = |bytes: &[u8]| Ok(bytes.iter().rposition(|&byte| byte == b';').map_or(0, |at| at + 1));
        UserRecords::new(splitter, limit)
    }

    #[test]
    fn a_record_without_end_is_refused_beyond_the_limit_only() {
        let mut records = semicolons(4);
        assert_eq!(records.cut(&mut b"ab;cdef".to_vec()).unwrap(), Cut { whole: 3, kept: 7 });
        assert_eq!(records.cut(&mut b"cdef".to_vec()).unwrap(), Cut { whole: 0, kept: 4 });
        let error = records.cut(&mut b"cdefg".to_vec()).unwrap_err().into_error("a:1", 3);
        assert_eq!(error.to_string(), "the record at byte 3 from a:1 is longer than 4 bytes");
    }

    #[test]
    fn a_splitter_that_takes_more_than_there_is_fails() {
        let mut records = UserRecords::new(|bytes: &[u8]| Ok(bytes.len() + 1), 9);
        let error = records.cut(&mut b"ab".to_vec()).unwrap_err().into_error("a:1", 0);
        assert_eq!(error.to_string(), "byte 0 from a:1: the splitter took 3 of 2 bytes");
    }
}
