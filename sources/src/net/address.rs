//! Where a server is: a host name or IP address and a port.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// A host name or IP address and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    host: Arc<str>,
    port: u16,
}

impl Address {
    /// Of a host without brackets and a port, as a cluster names its brokers.
    pub(crate) fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host:port`, with an IPv6 address in brackets; without a port it is `default_port`, where there is one. Checks
    /// the form only: an error says what is wrong with it.
    pub(crate) fn read(text: &str, default_port: Option<u16>) -> Result<Self, &'static str> {
        if text.contains("://") {
            return Err("names a protocol, which is not part of a server's address");
        }
        let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
        let (host, port) = match (colon, default_port) {
            (Some(at), _) => match text[at + 1..].parse() {
                Ok(0) | Err(_) => return Err("has no port from 1 to 65535"),
                Ok(port) => (&text[..at], port),
            },
            (None, Some(port)) => (text, port),
            (None, None) => return Err("has no port"),
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(host) => host,
            None if host.contains(':') => return Err("is ambiguous, an IPv6 address stands in brackets"),
            None => host,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err("has no host");
        }
        Ok(Self::new(host, port))
    }

    /// The host, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Asks the system for the addresses of the host, one at least. It waits as long as the system's resolver does; an
    /// IP address needs no asking.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = (self.host(), self.port).to_socket_addrs()?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
        }
        Ok(found)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
