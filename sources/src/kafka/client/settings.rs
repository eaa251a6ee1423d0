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
    /// Whose client it is.
    pub(crate) transport: Transport,
    /// Whether another client than ours may find gaps.
    pub(crate) gaps: Gaps,
    /// The most that a fetch asks of a partition, in bytes, also for a record that does not fit.
    pub(crate) most_fetch_bytes: u32,
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

/// Whose client reads from the brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// The one of this library. The default.
    #[default]
    Native,
    /// The `KafkaClient` of the crate `kafka` 0.10, for direct streams, members of groups in ZooKeeper,
    /// [`read_range`](crate::kafka::read_range) and [`KafkaCluster`](crate::kafka::KafkaCluster), from brokers of 0.8.2 to 3.9.
    /// Needs the feature `kafka-crate`.
    ///
    /// It reads plain messages and those compressed with gzip or Snappy; others are a
    /// [`KafkaError::KafkaCrate`](crate::kafka::KafkaError::KafkaCrate). What is refused at the start, by a mistake that
    /// names the setting: TLS and SASL, a rack, [`OnBadRecord::Skip`](crate::kafka::OnBadRecord::Skip), groups that brokers
    /// coordinate, and [`Isolation::ReadCommitted`], which is the default, so
    /// [`Isolation::ReadUncommitted`] has to be said: the crate cannot see what transactions were committed. A broker from 4.0 on
    /// is a [`KafkaError::UnsupportedVersion`](crate::kafka::KafkaError::UnsupportedVersion).
    ///
    /// What is lost on the way, because the crate speaks version 0 of everything: records have neither timestamps nor headers; a
    /// null key or value and an empty one are the same, and come as null; offsets for times are those of whole segments
    /// of the log; a topic made anew under its name and a log cut back by an unclean election are seen only where offsets
    /// show it; other clients' commits for the group are known by their offsets alone; the leader epoch and the text of a
    /// commit are left out.
    ///
    /// The crate loses records in silence where plain messages stand before compressed ones. That is found by a gap in the
    /// offsets, and the place is read again in smaller pieces, so that nothing is lost. A gap that remains is in the log
    /// itself, where a marker of a transaction was, or where a compacted topic has lost records: it is a
    /// [`KafkaError::Gap`](crate::kafka::KafkaError::Gap), unless [`KafkaParams::gaps`](crate::kafka::KafkaParams::gaps)
    /// says that gaps are expected. The records of a transaction are seen up to its marker, those of an aborted one too. A record that is larger than
    /// [`max_record_bytes`](crate::kafka::KafkaParams::max_record_bytes) is told as such a gap too. Where gaps are expected there
    /// are errors still: [`Gaps::Expected`] names them.
    ///
    /// A partition that the answer to a commit leaves out counts as committed, for the crate does not look for each.
    ///
    /// The crate is called on threads of its own, and waited for by the timeouts of the parameters. It panics at some answers
    /// that follow no protocol, which is an error here, unless the program is built with `panic = "abort"`. It reserves memory
    /// for what lengths say before it has read them, and inflates without a limit: **a broken or hostile broker can end
    /// the process** (a count of 2^31-1 in an answer asks for 64 GiB and more; nested gzip overflows the stack). A
    /// call cannot be interrupted: each read may take 120 s, and each connection to a host that does not answer as long as the
    /// system tries, which is about two minutes on Linux; one call may have several of both. A stop names the threads that have
    /// not come back in [`StopReport::abandoned_threads`](batchmill::StopReport::abandoned_threads). A commit that was left
    /// alone may still be carried out, as long as the process lives. The next one of the same client waits for its end; one of
    /// another client does not, and may be overwritten by it.
    #[cfg(feature = "kafka-crate")]
    KafkaCrate,
}

/// What it means that offsets are missing between two records, for a [`Transport`] that cannot see why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gaps {
    /// That records were lost, or that the topic has transactions: an error that names the offsets. The default.
    #[default]
    Refused,
    /// Nothing: the topic is compacted. Records of aborted transactions are then seen as all others are.
    ///
    /// Where nothing comes, a gap cannot be told from a record that is too large, so that there is a
    /// [`KafkaError::Gap`](crate::kafka::KafkaError::Gap) all the same: behind the last record that is left of a compressed batch
    /// of format 2, which brokers from 0.11 on write, where compaction has taken the end of that batch; and at a marker of a
    /// transaction that is the last of the log, which brokers before 2.0 make a
    /// [`KafkaError::KafkaCrate`](crate::kafka::KafkaError::KafkaCrate).
    Expected,
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
            transport: Transport::default(),
            gaps: Gaps::default(),
            most_fetch_bytes: 16 << 20,
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
