//! Connecting, and the way out of it: called by the receivers of this folder on their threads. The stop shuts the socket
//! of the run down, which ends a connect under way and a blocked read alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{fmt, io};

use batchmill::{Data, ReceiverHandle};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::address::Address;
use super::{SocketError, SocketOptions};

/// An open connection. Its socket is shared with the [`WayOut`] of the run.
pub(super) struct Connection {
    socket: Arc<Socket>,
    addr: String,
    /// Bytes read so far.
    bytes: u64,
}

impl Connection {
    /// Resolves the address and tries all that it stands for, one after the other. `None` when the context is stopping.
    ///
    /// A stop ends the wait for a peer; that for the system's resolver it does not.
    pub(super) fn open<T: Data>(
        address: &Address,
        options: &SocketOptions,
        handle: &ReceiverHandle<T>,
    ) -> Result<Option<Self>, SocketError> {
        let way_out = WayOut::of(handle);
        let found = address.resolve()?;
        let mut last = None;
        for peer in &found {
            match connect(*peer, options, &way_out) {
                Ok(Some(socket)) => {
                    handle.source_event("connected", format!("to {peer}"));
                    return Ok(Some(Self { socket, addr: address.to_string(), bytes: 0 }));
                }
                Ok(None) => return Ok(None),
                Err(_) if handle.is_stopped() => return Ok(None),
                Err(cause) => last = Some(cause),
            }
        }
        let cause = last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
        Err(SocketError::Connect { addr: address.to_string(), tried: found.len(), cause })
    }

    /// The address, as it was given.
    pub(super) fn addr(&self) -> &str {
        &self.addr
    }

    /// How many bytes were read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits for bytes and puts what has come into `room`, which is not empty: how many; 0 at the end, and after a stop.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match io::Read::read(&mut &*self.socket, room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => {
                    self.bytes += read as u64;
                    return Ok(read);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The error of a read, with its place.
    pub(super) fn broken(&self, cause: io::Error) -> SocketError {
        SocketError::Read { addr: self.addr.clone(), bytes: self.bytes, cause }
    }

    /// The end of the input, as an error.
    pub(super) fn closed(&self, unfinished: usize) -> SocketError {
        SocketError::Closed { addr: self.addr.clone(), bytes: self.bytes, unfinished }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("addr", &self.addr)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Connects to one address; `None` when the context is stopping.
fn connect(peer: SocketAddr, options: &SocketOptions, way_out: &WayOut) -> io::Result<Option<Arc<Socket>>> {
    let socket = Arc::new(Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP))?);
    if let Some(silence) = options.keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(silence))?;
    }
    if !way_out.lead_to(&socket) {
        return Ok(None);
    }
    socket.connect_timeout(&peer.into(), options.connect_timeout)?;
    Ok(Some(socket))
}

/// What the stop of a context does to a run: shuts down the socket it has, and keeps it from getting another.
#[derive(Clone, Default)]
struct WayOut {
    state: Arc<Mutex<Way>>,
}

#[derive(Default)]
struct Way {
    closed: bool,
    socket: Option<Arc<Socket>>,
}

impl WayOut {
    fn of<T: Data>(handle: &ReceiverHandle<T>) -> Self {
        let way_out = Self::default();
        let at_stop = way_out.clone();
        handle.on_stop(move || at_stop.close());
        way_out
    }

    /// The stop shall shut this socket down. `false` when it came already.
    fn lead_to(&self, socket: &Arc<Socket>) -> bool {
        let mut way = self.state.lock();
        if !way.closed {
            way.socket = Some(Arc::clone(socket));
        }
        !way.closed
    }

    fn close(&self) {
        let mut way = self.state.lock();
        way.closed = true;
        if let Some(socket) = way.socket.take() {
            // One that is not connected any more needs no shutting down.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}
