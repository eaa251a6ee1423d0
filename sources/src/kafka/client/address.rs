//! Addresses of brokers: those that the user wrote, as a list, and those that the cluster names.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use crate::kafka::KafkaError;

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

    /// Reads `host:port`, with an IPv6 address in brackets. Checks the form only.
    pub(crate) fn parse(text: &str) -> Result<Self, KafkaError> {
        let wrong = |problem| KafkaError::Address { text: text.to_owned(), problem };
        if text.contains("://") {
            return Err(wrong("names a protocol, which is not part of a broker's address"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(wrong("has no port from 1 to 65535")),
            Ok(port) => port,
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(host) => host,
            None if host.contains(':') => {
                return Err(wrong("is ambiguous, an IPv6 address stands in brackets"));
            }
            None => host,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong("has no host"));
        }
        Ok(Self::new(host, port))
    }

    /// Reads a list with commas between the addresses; an address that is there twice counts once. It has one at least.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, KafkaError> {
        let mut found = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let address = Self::parse(part)?;
            if !found.contains(&address) {
                found.push(address);
            }
        }
        if found.is_empty() {
            return Err(KafkaError::Address { text: text.to_owned(), problem: "names no broker" });
        }
        Ok(found)
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

/// Addresses as a user writes them.
pub(crate) fn list(addresses: &[Address]) -> String {
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_each_address_once() {
        let found = Address::parse_list(" a.b:9092, [::1]:1,,127.0.0.1:65535,a.b:9092 ").unwrap();
        assert_eq!(list(&found), "a.b:9092,[::1]:1,127.0.0.1:65535");
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, says) in [
            ("", "names no broker"),
            (" , ", "names no broker"),
            ("localhost", "has no port"),
            ("localhost:", "no port from"),
            ("localhost:0", "no port from"),
            ("localhost:65536", "no port from"),
            ("localhost:http", "no port from"),
            (":9092", "has no host"),
            ("[]:9092", "has no host"),
            ("a b:9092", "has no host"),
            ("::1:9092", "ambiguous"),
            ("http://a:80", "names a protocol"),
            ("PLAINTEXT://a:80", "names a protocol"),
        ] {
            let error = Address::parse_list(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
