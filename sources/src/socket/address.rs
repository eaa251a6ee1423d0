//! `host:port` as the user wrote it, and its resolution, which happens on the receiver's thread at every connect: a name
//! may stand for another machine tomorrow.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use super::SocketError;

/// A host name or IP address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Checks the form only. The error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("{text:?} has no port: write host:port"));
        };
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(format!("{port:?} in {text:?} is not a port from 1 to 65535")),
            Ok(port) => port,
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(host) => host,
            None if host.contains(':') => {
                return Err(format!("{text:?} is ambiguous: write an IPv6 address as [address]:port"));
            }
            None => host,
        };
        if host.is_empty() {
            return Err(format!("{text:?} has no host: write host:port"));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// Asks the system for the addresses of the host, one at least. It waits as long as the system's resolver does; an
    /// IP address needs no asking.
    pub(super) fn resolve(&self) -> Result<Vec<SocketAddr>, SocketError> {
        let failed = |cause| SocketError::Resolve { host: self.host.clone(), cause };
        let found: Vec<_> = (self.host.as_str(), self.port).to_socket_addrs().map_err(failed)?.collect();
        if found.is_empty() {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::NotFound, "it has no address")));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["localhost:9999", "127.0.0.1:1", "[::1]:65535", "a.b:80"] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, says) in [
            ("localhost", "has no port"),
            ("localhost:", "not a port"),
            ("localhost:0", "not a port"),
            ("localhost:65536", "not a port"),
            ("localhost:http", "not a port"),
            (":9999", "has no host"),
            ("[]:9999", "has no host"),
            ("::1:9999", "ambiguous"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(says) && error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn an_ip_address_resolves_to_itself() {
        let address = Address::parse("[::1]:9").unwrap();
        assert_eq!(address.resolve().unwrap(), ["[::1]:9".parse().unwrap()]);
    }
}
