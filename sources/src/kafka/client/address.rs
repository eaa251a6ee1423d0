//! Addresses of brokers: those that the user wrote, as a list, and those that the cluster names.

use crate::kafka::KafkaError;
pub(crate) use crate::net::address::Address;

/// Parsing what a user wrote, with errors that say so.
impl Address {
    /// Reads `host:port`, with an IPv6 address in brackets. Checks the form only.
    pub(crate) fn parse(text: &str) -> Result<Self, KafkaError> {
        Self::read(text, None).map_err(|problem| KafkaError::Address { text: text.to_owned(), problem })
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
