//! The connect string: `host:port,host:port/chroot`. Reading it is pure.

use std::sync::Arc;

use super::ZooKeeperError;
use super::path;
use crate::net::address::Address;

/// The port of a server that is named without one.
const DEFAULT_PORT: u16 = 2181;

/// Where a session can be, and below which node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Servers {
    pub(crate) addresses: Vec<Address>,
    /// The addresses as errors name them.
    pub(crate) named: Arc<str>,
    /// The path that stands before all others; empty for none.
    pub(crate) chroot: Arc<str>,
}

impl Servers {
    /// Reads a connect string. Checks the form only.
    pub(crate) fn parse(text: &str) -> Result<Self, ZooKeeperError> {
        let wrong = |problem| ZooKeeperError::ConnectString { text: text.into(), problem };
        let (list, chroot) = match text.find('/') {
            // Else the address says better what is wrong with `zk://`.
            Some(at) if !text[..at].ends_with(':') => (&text[..at], text[at..].trim_end()),
            _ => (text, ""),
        };
        let mut addresses = Vec::new();
        for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let address = Address::read(part, Some(DEFAULT_PORT)).map_err(wrong)?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(wrong("names no server"));
        }
        let chroot = if chroot == "/" { "" } else { chroot };
        if !chroot.is_empty() {
            path::check(chroot).map_err(|_| wrong("has a chroot that is no path of a node"))?;
        }
        let named: Vec<_> = addresses.iter().map(Address::to_string).collect();
        Ok(Self { addresses, named: named.join(",").into(), chroot: chroot.into() })
    }

    /// The path as the servers have it.
    pub(crate) fn full(&self, path: &str) -> String {
        match path {
            "/" if !self.chroot.is_empty() => self.chroot.to_string(),
            _ => format!("{}{path}", self.chroot),
        }
    }

    /// The path as the caller has it; one that is not below the chroot stays as it is.
    pub(crate) fn short<'a>(&self, full: &'a str) -> &'a str {
        match full.strip_prefix(&*self.chroot) {
            Some("") => "/",
            Some(short) if short.starts_with('/') => short,
            _ => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_string_has_servers_and_perhaps_a_chroot() {
        let found = Servers::parse("a:1, b,[::1]:3,a:1/kafka/x").unwrap();
        assert_eq!((&*found.named, &*found.chroot), ("a:1,b:2181,[::1]:3", "/kafka/x"));
        assert_eq!((found.full("/"), found.full("/a")), ("/kafka/x".into(), "/kafka/x/a".into()));
        assert_eq!(found.short("/kafka/x"), "/");
        assert_eq!((found.short("/kafka/x/a"), found.short("/kafka/xa")), ("/a", "/kafka/xa"));
        let plain = Servers::parse("a:1/").unwrap();
        assert_eq!((plain.full("/"), plain.short("/"), plain.short("/a")), ("/".into(), "/", "/a"));
    }

    #[test]
    fn what_is_wrong_with_a_connect_string_is_said() {
        for (text, says) in [
            ("", "names no server"),
            ("/kafka", "names no server"),
            ("a:0", "has no port from"),
            ("a:b/c", "has no port from"),
            ("zk://a:1", "names a protocol"),
            ("a b:1", "has no host"),
            ("a:1/kafka/", "a chroot that is no path"),
            ("a:1//kafka", "a chroot that is no path"),
            ("a:1/kafka/../b", "a chroot that is no path"),
        ] {
            let error = Servers::parse(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
