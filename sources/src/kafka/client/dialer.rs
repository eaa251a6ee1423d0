//! Connecting to an address, and reading and writing under a deadline. TCP stands behind the traits; an encrypted
//! connection, or one that exists in a test only, can stand there too.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Weak};

use socket2::Socket;

use super::address::Address;
use super::deadline::Deadline;
use super::way_out::{Shut, WayOut};
use crate::kafka::security::{Secured, SecurityError};
use crate::net::tcp;

/// Makes connections. Called on the thread that needs one.
pub(crate) trait Dialer: Send + Sync + Debug {
    /// Connects by the deadline; closing the way out ends the attempt.
    fn dial(&self, to: &Address, deadline: Deadline, way_out: &WayOut) -> Result<Box<dyn Conn>, DialError>;
}

/// An open connection.
pub(crate) trait Conn: Send {
    /// Waits for bytes: how many were put into `room`, which is not empty; 0 at the end of the stream.
    ///
    /// After the deadline it fails with [`io::ErrorKind::TimedOut`].
    fn read(&mut self, room: &mut [u8], deadline: Deadline) -> io::Result<usize>;

    /// Sends all the bytes. After the deadline it fails with [`io::ErrorKind::TimedOut`].
    fn write_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()>;

    /// By which another thread can end the reads and writes.
    fn shut_handle(&self) -> Weak<dyn Shut>;
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The host has no address.
    Resolve(io::Error),
    /// None of its addresses answers.
    Connect(io::Error),
    /// The TLS handshake took too long.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS has a handshake"))]
    Handshake,
    /// The connection cannot be made secure.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS can fail so"))]
    Security(SecurityError),
    /// The way out was closed.
    Stopped,
}

/// The dialer for connections that are as secure as this asks for.
pub(crate) fn for_security(secured: &Secured) -> Box<dyn Dialer> {
    #[cfg(feature = "tls")]
    if let Some(tls) = &secured.tls {
        return Box::new(super::tls::TlsDialer::new(tls.clone()));
    }
    let _ = secured;
    Box::new(TcpDialer)
}

/// Plain TCP.
#[derive(Debug)]
pub(crate) struct TcpDialer;

impl Dialer for TcpDialer {
    /// All addresses of the host are tried; each is given its share of the time that is left. The wait for the system's
    /// resolver has no deadline.
    fn dial(&self, to: &Address, deadline: Deadline, way_out: &WayOut) -> Result<Box<dyn Conn>, DialError> {
        let found = to.resolve().map_err(DialError::Resolve)?;
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for (tried, peer) in found.iter().enumerate() {
            match tcp::connect(*peer, deadline, found.len() - tried, way_out) {
                Ok(Some((socket, _led))) => return Ok(Box::new(TcpConn { socket })),
                Ok(None) => return Err(DialError::Stopped),
                Err(_) if way_out.is_closed() => return Err(DialError::Stopped),
                Err(error) => last = error,
            }
        }
        Err(DialError::Connect(last))
    }
}

struct TcpConn {
    socket: Arc<Socket>,
}

impl Conn for TcpConn {
    fn read(&mut self, room: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        tcp::read(&self.socket, room, deadline)
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        tcp::write_all(&self.socket, bytes, deadline)
    }

    fn shut_handle(&self) -> Weak<dyn Shut> {
        Arc::downgrade(&self.socket) as Weak<dyn Shut>
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    fn dialled(way_out: &WayOut) -> (Box<dyn Conn>, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
        let conn = TcpDialer.dial(&to, Deadline::after(Duration::from_secs(10)), way_out).unwrap();
        (conn, listener.accept().unwrap().0)
    }

    #[test]
    fn bytes_go_both_ways() {
        let (mut conn, mut peer) = dialled(&WayOut::default());
        let deadline = Deadline::after(Duration::from_secs(10));
        conn.write_all(b"ask", deadline).unwrap();
        let mut asked = [0; 3];
        peer.read_exact(&mut asked).unwrap();
        peer.write_all(b"answer").unwrap();
        let mut room = [0; 16];
        let read = conn.read(&mut room, deadline).unwrap();
        assert_eq!((&asked, &room[..read]), (b"ask", &b"answer"[..]));
    }

    #[test]
    fn a_read_ends_at_its_deadline() {
        let (mut conn, _peer) = dialled(&WayOut::default());
        let error = conn.read(&mut [0; 16], Deadline::after(Duration::from_millis(5))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn closing_the_way_out_ends_a_read() {
        let way_out = WayOut::default();
        let (mut conn, _peer) = dialled(&way_out);
        let _led = way_out.lead_to(conn.shut_handle()).unwrap();
        let reader =
            std::thread::spawn(move || conn.read(&mut [0; 16], Deadline::after(Duration::from_secs(60))));
        way_out.close();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
        let refused =
            TcpDialer.dial(&Address::new("127.0.0.1", 9), Deadline::after(Duration::from_secs(10)), &way_out);
        assert!(matches!(refused, Err(DialError::Stopped)));
    }
}
