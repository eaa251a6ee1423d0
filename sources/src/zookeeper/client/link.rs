//! [`Link`]: a connection to one server. The session's thread dials and reads; whoever asks writes.

use std::io;
use std::sync::Arc;

use socket2::Socket;

use crate::net::address::Address;
use crate::net::deadline::Deadline;
use crate::net::strangers::looks_like;
use crate::net::tcp;
use crate::net::way_out::{Led, WayOut};
use crate::zookeeper::ZooKeeperError;
use crate::zookeeper::wire::{LENGTH_BYTES, REPLY_BYTES_MAX, read_length};

/// Memory for a packet grows by so much at a time, for its length may be a lie.
const BELIEVED_BYTES: usize = 64 << 10;

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) socket: Arc<Socket>,
    pub(super) server: Arc<str>,
    /// Closing the way out ends reads and writes.
    _led: Led,
    /// What has come of the next packet, its length included.
    inbox: Vec<u8>,
    /// Whether a packet has come yet.
    has_spoken: bool,
}

/// Why nothing was read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// Nothing came by the deadline.
    TimedOut,
    /// The server closed the connection, or the network did.
    Closed,
    /// What came is no packet.
    Hostile(ZooKeeperError),
}

impl Link {
    /// Connects. `None`: the way out is closed.
    pub(super) fn dial(
        to: &Address,
        deadline: Deadline,
        way_out: &WayOut,
    ) -> Result<Option<Self>, ZooKeeperError> {
        let server: Arc<str> = to.to_string().into();
        let found = to.resolve().map_err(|cause| ZooKeeperError::Resolve {
            server: Arc::clone(&server),
            cause: Arc::new(cause),
        })?;
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for (tried, peer) in found.iter().enumerate() {
            if deadline.left().is_zero() {
                break;
            }
            match tcp::connect(*peer, deadline, found.len() - tried, way_out) {
                Ok(None) => return Ok(None),
                Ok(Some((socket, led))) => {
                    let (inbox, has_spoken) = (Vec::new(), false);
                    return Ok(Some(Self { socket, server, _led: led, inbox, has_spoken }));
                }
                Err(_) if way_out.is_closed() => return Ok(None),
                Err(error) => last = error,
            }
        }
        Err(ZooKeeperError::Connect { server, cause: Arc::new(last) })
    }

    /// Waits for a packet until the deadline: what is in it, without its length. What has come of one stays for the next
    /// call.
    pub(super) fn read(&mut self, deadline: Deadline) -> Result<Vec<u8>, ReadError> {
        self.fill(LENGTH_BYTES, deadline)?;
        let mut word = [0; LENGTH_BYTES];
        word.copy_from_slice(&self.inbox[..LENGTH_BYTES]);
        let server = || Arc::clone(&self.server);
        let length = read_length(word, REPLY_BYTES_MAX).map_err(|length| {
            ReadError::Hostile(match looks_like(word).filter(|_| !self.has_spoken) {
                Some(looks_like) => ZooKeeperError::NotZooKeeper { server: server(), looks_like },
                None => ZooKeeperError::PacketTooLarge { server: server(), length, limit: REPLY_BYTES_MAX },
            })
        })?;
        self.fill(LENGTH_BYTES + length, deadline)?;
        self.has_spoken = true;
        let mut frame = std::mem::take(&mut self.inbox);
        frame.drain(..LENGTH_BYTES);
        Ok(frame)
    }

    /// Waits until the first packet has begun, until the deadline: whether this number is what it begins with. It may be longer
    /// than any that is read, for it is none of a ZooKeeper.
    pub(super) fn begins_with_number(&mut self, number: i32, deadline: Deadline) -> bool {
        let head = LENGTH_BYTES..LENGTH_BYTES + 4;
        self.fill(head.end, deadline).is_ok() && self.inbox[head] == number.to_be_bytes()
    }

    /// Reads until there are so many bytes of the packet, and no further.
    fn fill(&mut self, length: usize, deadline: Deadline) -> Result<(), ReadError> {
        while self.inbox.len() < length {
            let have = self.inbox.len();
            let more = (length - have).min(BELIEVED_BYTES);
            self.inbox.resize(have + more, 0);
            let read = tcp::read(&self.socket, &mut self.inbox[have..], deadline);
            self.inbox.truncate(have + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(0) => return Err(ReadError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(ReadError::TimedOut),
                Err(_) => return Err(ReadError::Closed),
            }
        }
        Ok(())
    }
}
