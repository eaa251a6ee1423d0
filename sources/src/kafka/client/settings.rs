//! What a client is told by its user, checked already.

use std::sync::Arc;
use std::time::Duration;

use super::address::{self, Address};
use super::backoff::BackoffRange;
use crate::kafka::security::Secured;

/// Settings of a client, with defaults for all but the brokers.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// The brokers to ask first, one at least.
    pub(crate) bootstrap: Vec<Address>,
    /// The name that brokers log and count for.
    pub(crate) client_id: String,
    /// Where this client is, so that a follower nearby may be read.
    pub(crate) rack: Option<String>,
    /// For a connection to come about, all addresses of a host together.
    pub(crate) connect_timeout: Duration,
    /// For the answer to a request, from its first byte sent to the last received; what the broker throttles comes on top.
    pub(crate) request_timeout: Duration,
    /// For the answer to the question of versions, which brokers before 0.10 do not know.
    pub(crate) versions_timeout: Duration,
    /// Pauses between attempts.
    pub(crate) backoff: BackoffRange,
    /// The longest answer, in bytes.
    pub(crate) max_response: usize,
    /// The longest answer before the first good one of a connection, in bytes: what answers may be no broker.
    pub(crate) max_first_response: usize,
    /// How much is asked for in a fetch of all partitions together, in bytes.
    pub(crate) fetch_bytes: u32,
    /// How long a broker may wait for records.
    pub(crate) fetch_max_wait: Duration,
    /// For how many bytes it waits.
    pub(crate) fetch_min_bytes: u32,
    pub(crate) isolation: Isolation,
    /// Skips the question of versions.
    pub(crate) broker_version: Option<OldVersion>,
    /// How long what is known of the cluster counts as new.
    pub(crate) metadata_max_age: Duration,
    /// How connections are protected.
    pub(crate) secured: Secured,
}

/// Which records a reader sees while transactions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Those of committed transactions, and those that belong to none. The default. An open transaction holds the
    /// records behind it back.
    #[default]
    ReadCommitted,
    /// All, those of open and aborted transactions too. Java's default.
    ReadUncommitted,
}

/// A broker that does not know the question of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldVersion {
    /// 0.8.2, which closes the connection when it is asked.
    V0_8_2,
    /// 0.9, which does not answer.
    V0_9,
}

impl ClientSettings {
    /// The defaults, for these brokers.
    pub(crate) fn new(bootstrap: Vec<Address>) -> Self {
        Self {
            bootstrap,
            client_id: "batchmill".to_owned(),
            rack: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            versions_timeout: Duration::from_millis(1_500),
            backoff: BackoffRange { first: Duration::from_millis(100), longest: Duration::from_secs(10) },
            max_response: 64 << 20,
            max_first_response: 1 << 20,
            fetch_bytes: 32 << 20,
            fetch_max_wait: Duration::from_millis(500),
            fetch_min_bytes: 1,
            isolation: Isolation::default(),
            broker_version: None,
            metadata_max_age: Duration::from_secs(300),
            secured: Secured::default(),
        }
    }

    /// The brokers to ask first, as they were given.
    pub(crate) fn bootstrap_list(&self) -> Arc<str> {
        address::list(&self.bootstrap).into()
    }
}

impl OldVersion {
    /// Reads `0.8`, `0.8.2.2`, `0.9.0.1` and the like. `None` for a version that is asked what it speaks.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        match (parts.next(), parts.next()) {
            (Some("0"), Some("8")) => Some(Self::V0_8_2),
            (Some("0"), Some("9")) => Some(Self::V0_9),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_before_0_10_are_old() {
        let read = ["0.8.2.2", "0.8", "0.9.0.1", "0.10.2.2", "3.9", ""].map(OldVersion::parse);
        assert_eq!(
            read,
            [Some(OldVersion::V0_8_2), Some(OldVersion::V0_8_2), Some(OldVersion::V0_9), None, None, None]
        );
    }
}
