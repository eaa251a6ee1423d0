//! What a socket source fails with. The supervisor of the receiver gets it in a box, logs it, tells the listener and
//! connects again after its pause; a caller may downcast to it.

use std::error::Error;
use std::{fmt, io};

use batchmill::SourceError;

/// Why a connection did not come about, or why it ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// The system knows no address of the host.
    Resolve {
        /// The host.
        host: String,
        /// What the system said.
        cause: io::Error,
    },
    /// None of the host's addresses could be connected to.
    Connect {
        /// The address, as it was given.
        addr: String,
        /// How many addresses the host has; each was tried.
        tried: usize,
        /// What the system said of the last.
        cause: io::Error,
    },
    /// The peer ended the connection. Everything it sent was stored, unless `unfinished` says otherwise.
    Closed {
        /// The address.
        addr: String,
        /// How many bytes it had sent on this connection.
        bytes: u64,
        /// How many of them began a record that never came to its end, and were dropped. A last line without an end is a
        /// line, so for text this is 0.
        unfinished: usize,
    },
    /// The connection broke.
    Read {
        /// The address.
        addr: String,
        /// How many bytes had come on this connection.
        bytes: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// A line is longer than [`max_line`](super::SocketOptions::max_line), and the policy is to fail.
    LineTooLong {
        /// The address.
        addr: String,
        /// Where the line starts, in bytes from the start of the connection.
        offset: u64,
        /// The longest line allowed, in bytes.
        limit: usize,
    },
    /// A frame says that it is longer than [`max_record`](super::SocketOptions::max_record).
    FrameTooLong {
        /// The address.
        addr: String,
        /// Where the frame starts, in bytes from the start of the connection.
        offset: u64,
        /// The length it says it has, in bytes.
        length: u64,
        /// The longest frame allowed, in bytes.
        limit: usize,
    },
    /// More than [`max_record`](super::SocketOptions::max_record) bytes came and the user's splitter found no whole record
    /// in them.
    RecordTooLong {
        /// The address.
        addr: String,
        /// Where the record starts, in bytes from the start of the connection.
        offset: u64,
        /// The longest record allowed, in bytes.
        limit: usize,
    },
    /// The user's splitter or reader failed.
    Record {
        /// The address.
        addr: String,
        /// Where it was at work, in bytes from the start of the connection.
        offset: u64,
        /// Its own error.
        cause: SourceError,
    },
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, cause } => write!(f, "no address of host {host}: {cause}"),
            Self::Connect { addr, tried, cause } => {
                match cause.kind() {
                    // The system's own text adds an error number in parentheses.
                    io::ErrorKind::ConnectionRefused => {
                        write!(f, "no connection to {addr}: connection refused")?;
                    }
                    _ => write!(f, "no connection to {addr}: {cause}")?,
                }
                if *tried > 1 {
                    write!(f, " (the last of {tried} addresses)")?;
                }
                if cause.kind() == io::ErrorKind::ConnectionRefused {
                    let port = addr.rsplit(':').next().unwrap_or(addr);
                    write!(f, "; is a server listening there? `nc -lk {port}` starts one")?;
                }
                Ok(())
            }
            Self::Closed { addr, bytes, unfinished: 0 } => {
                write!(f, "{addr} closed the connection after {bytes} bytes")
            }
            Self::Closed { addr, bytes, unfinished } => write!(
                f,
                "{addr} closed the connection after {bytes} bytes, the last {unfinished} of them an unfinished record"
            ),
            Self::Read { addr, bytes, cause } => {
                write!(f, "the connection to {addr} broke after {bytes} bytes: {cause}")
            }
            Self::LineTooLong { addr, offset, limit } => {
                write!(f, "the line at byte {offset} from {addr} is longer than {limit} bytes")
            }
            Self::FrameTooLong { addr, offset, length, limit } => {
                write!(
                    f,
                    "the frame at byte {offset} from {addr} has {length} bytes, more than the {limit} allowed"
                )
            }
            Self::RecordTooLong { addr, offset, limit } => {
                write!(f, "the record at byte {offset} from {addr} is longer than {limit} bytes")
            }
            Self::Record { addr, offset, cause } => write!(f, "byte {offset} from {addr}: {cause}"),
        }
    }
}

impl Error for SocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve { cause, .. } | Self::Connect { cause, .. } | Self::Read { cause, .. } => {
                Some(cause)
            }
            Self::Record { cause, .. } => Some(&**cause),
            Self::Closed { .. }
            | Self::LineTooLong { .. }
            | Self::FrameTooLong { .. }
            | Self::RecordTooLong { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_comes_with_a_hint() {
        let cause = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = SocketError::Connect { addr: "localhost:9999".to_owned(), tried: 2, cause };
        assert_eq!(
            error.to_string(),
            "no connection to localhost:9999: connection refused (the last of 2 addresses); \
             is a server listening there? `nc -lk 9999` starts one"
        );
    }

    #[test]
    fn an_end_in_the_middle_of_a_record_says_so() {
        let closed = |unfinished| SocketError::Closed { addr: "a:1".to_owned(), bytes: 7, unfinished };
        assert_eq!(closed(0).to_string(), "a:1 closed the connection after 7 bytes");
        assert!(closed(3).to_string().ends_with("the last 3 of them an unfinished record"));
    }
}
