//! TCP under a deadline, with a way out. Runs on the thread that connects, reads or writes.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::deadline::Deadline;
use super::way_out::{Led, Shut, WayOut};

/// Connects to one of `addresses` that are still to be tried, within its share of the time that is left; `None` when the way
/// out is closed, which leads to the socket for as long as what is returned with it lives.
pub(crate) fn connect(
    peer: SocketAddr,
    deadline: Deadline,
    addresses: usize,
    way_out: &WayOut,
) -> io::Result<Option<(Arc<Socket>, Led)>> {
    let left = time_left(deadline)?;
    let socket = Arc::new(Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP))?);
    // A request is written at once, so there is nothing to gather.
    socket.set_tcp_nodelay(true)?;
    let Some(led) = way_out.lead_to(Arc::downgrade(&socket) as Weak<dyn Shut>) else { return Ok(None) };
    socket.connect_timeout(&peer.into(), left / u32::try_from(addresses).unwrap_or(u32::MAX))?;
    Ok(Some((socket, led)))
}

/// Waits for bytes: how many were put into `room`; 0 at the end of the stream. After the deadline it fails with
/// [`io::ErrorKind::TimedOut`].
pub(crate) fn read(socket: &Socket, room: &mut [u8], deadline: Deadline) -> io::Result<usize> {
    loop {
        socket.set_read_timeout(Some(time_left(deadline)?))?;
        match Read::read(&mut &*socket, room) {
            // The kernel's clock is coarser than ours, so that the deadline may not have passed yet.
            Err(error) if is_passing(&error) => {}
            read => return read,
        }
    }
}

/// Sends all the bytes. After the deadline it fails with [`io::ErrorKind::TimedOut`].
pub(crate) fn write_all(socket: &Socket, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.set_write_timeout(Some(time_left(deadline)?))?;
        match Write::write(&mut &*socket, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The time left, which is not zero: zero would mean "for ever" to the system.
fn time_left(deadline: Deadline) -> io::Result<Duration> {
    let left = deadline.left();
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
