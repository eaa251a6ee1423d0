//! [`Wire`]: the bytes of a connection, plain or by TLS. Used by the connection's thread; the test's thread only shuts the
//! stream below down.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

#[cfg(feature = "tls")]
use parking_lot::Mutex;
#[cfg(feature = "tls")]
use rustls::{ServerConfig, ServerConnection, Stream};

/// What is read from and written to.
pub(super) enum Wire {
    Plain(Arc<TcpStream>),
    #[cfg(feature = "tls")]
    Tls(Arc<TcpStream>, Box<Mutex<ServerConnection>>),
}

impl Wire {
    /// The handshake of TLS comes with the first read.
    #[cfg(feature = "tls")]
    pub(super) fn tls(stream: Arc<TcpStream>, config: Arc<ServerConfig>) -> io::Result<Self> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::Tls(stream, Box::new(Mutex::new(tls))))
    }
}

impl Read for &Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => (&**stream).read(room),
            #[cfg(feature = "tls")]
            Wire::Tls(stream, tls) => Stream::new(&mut *tls.lock(), &mut &**stream).read(room),
        }
    }
}

impl Write for &Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => (&**stream).write(bytes),
            #[cfg(feature = "tls")]
            Wire::Tls(stream, tls) => Stream::new(&mut *tls.lock(), &mut &**stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => (&**stream).flush(),
            #[cfg(feature = "tls")]
            Wire::Tls(stream, tls) => Stream::new(&mut *tls.lock(), &mut &**stream).flush(),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            #[cfg(feature = "tls")]
            Self::Tls(..) => "Tls",
        })
    }
}
