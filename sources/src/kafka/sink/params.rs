//! What a program says about how it writes: [`ProducerParams`]. Built before a producer connects, which then tells what is
//! wrong with it.
//!
//! Settings have typed setters. Those that the Java client and librdkafka know by name are also understood under that name:
//! see [`ProducerParams::set`].

mod names;

use std::fmt;
use std::time::Duration;

use crate::kafka::client::address::Address;
use crate::kafka::client::backoff::BackoffRange;
use crate::kafka::client::settings::{ClientSettings, OldVersion};
use crate::kafka::wire::records::Codec;
use crate::kafka::{KafkaError, Security};

/// Whom a record must have reached before it counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Nobody: it counts as written when it was sent. Records are lost without a word where a broker stops or a leader moves.
    None,
    /// The leader of its partition. What has not reached a replica is lost with the leader.
    Leader,
    /// All replicas in sync. The default.
    #[default]
    All,
}

/// Whether brokers are to know records that they get twice, and to drop them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Idempotence {
    /// If they can, which is from 0.11 on, and if [all](Acks::All) replicas acknowledge. The default.
    ///
    /// A topic that brokers of 0.11 to 2.8 keep in an older format (`message.format.version`) refuses such records with
    /// `UNSUPPORTED_FOR_MESSAGE_FORMAT`; it wants [`Off`](Self::Off), and records without headers.
    #[default]
    Auto,
    /// A broker that cannot is an error.
    Required,
    /// No. An answer that is lost on its way makes records appear twice.
    Off,
}

/// How batches are compressed on their way and in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all. The default.
    #[default]
    None,
    /// gzip, which all brokers know.
    Gzip,
    /// Snappy, which all brokers know.
    Snappy,
    /// LZ4, which all brokers know.
    Lz4,
    /// Zstandard, which brokers know from 2.1 on. To others batches are sent without compression.
    Zstd,
}

impl Compression {
    pub(super) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Gzip => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }
}

/// The settings of a [`Producer`](super::Producer).
///
/// ```
/// use std::time::Duration;
/// use batchmill_sources::kafka::{Compression, ProducerParams};
///
/// let params = ProducerParams::new().compression(Compression::Lz4).linger(Duration::from_millis(20));
/// // The same, as it stands in a configuration for Java:
/// let same = ProducerParams::from([("compression.type", "lz4"), ("linger.ms", "20")]);
/// assert_eq!(params, same);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct ProducerParams {
    pub(super) bootstrap: Option<String>,
    pub(super) client_id: String,
    pub(super) acks: Acks,
    pub(super) idempotence: Idempotence,
    pub(super) compression: Compression,
    pub(super) linger: Duration,
    pub(super) batch_bytes: usize,
    pub(super) batch_records: u32,
    pub(super) request_bytes: usize,
    pub(super) buffer_bytes: usize,
    pub(super) max_in_flight: usize,
    pub(super) retries: u32,
    pub(super) max_wait: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) close_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) backoff: Duration,
    pub(super) backoff_max: Duration,
    pub(super) refresh: Duration,
    pub(super) broker_version: Option<String>,
    pub(super) security: Security,
    /// What was said wrongly, in the order in which it was said.
    mistakes: Vec<String>,
    /// Names that have no meaning here.
    unused: Vec<String>,
}

impl ProducerParams {
    /// The defaults named at each setter.
    pub fn new() -> Self {
        Self {
            bootstrap: None,
            client_id: "batchmill".to_owned(),
            acks: Acks::default(),
            idempotence: Idempotence::default(),
            compression: Compression::default(),
            linger: Duration::from_millis(5),
            batch_bytes: 1_000_000,
            batch_records: u32::MAX,
            request_bytes: 1_048_576,
            buffer_bytes: 32 << 20,
            max_in_flight: 5,
            retries: u32::MAX,
            max_wait: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            close_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(1),
            refresh: Duration::from_secs(300),
            broker_version: None,
            security: Security::default(),
            mistakes: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// The name under which the brokers log our requests. Default `batchmill`.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Whom a record must have reached. Default [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether brokers drop what they get twice. Default [`Idempotence::Auto`].
    pub fn idempotence(mut self, idempotence: Idempotence) -> Self {
        self.idempotence = idempotence;
        self
    }

    /// How batches are compressed. Default [`Compression::None`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How long a batch that is not full waits for more records: half of the delivery timeout at most. Default 5 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// The size of a batch at which it is sent, before it is compressed; a batch begins with 16 KiB of memory and grows to
    /// that. A larger record is a batch by itself. Default 1,000,000 bytes, for brokers take batches of about 1 MiB unless
    /// `message.max.bytes` says otherwise.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.need(bytes > 0 && i32::try_from(bytes).is_ok(), || {
            format!("batch_bytes must be between 1 and 2 GiB, not {bytes}")
        });
        self.batch_bytes = bytes;
        self
    }

    /// The size of the largest record, and of the largest request unless one batch is larger. Default 1 MiB.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.need(bytes > 0 && i32::try_from(bytes).is_ok(), || {
            format!("max_request_bytes must be between 1 and 2 GiB, not {bytes}")
        });
        self.request_bytes = bytes;
        self
    }

    /// How many bytes the records may take together that are not acknowledged. Default 32 MiB.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.need(bytes > 0, || "buffer_bytes must not be 0".to_owned());
        self.buffer_bytes = bytes;
        self
    }

    /// How many requests may be under way to a broker. Default 5, and no more where the producer is idempotent. Of each
    /// partition one batch is under way where batches are not numbered, and to brokers of 0.11, which remember only the last.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.need(requests > 0, || "max_in_flight must not be 0".to_owned());
        self.max_in_flight = requests;
        self
    }

    /// How long [`send`](super::Producer::send) waits for room in the buffer, and for what the cluster says of a topic that
    /// is written for the first time. Default 60 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How long records are tried before they fail, from the first of their batch on. The answer to a request that is under
    /// way is waited for a second longer. Default 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.need(!timeout.is_zero(), || "the delivery timeout must not be 0".to_owned());
        self.delivery_timeout = timeout;
        self
    }

    /// How long dropping the last handle of a producer waits for its records. Default 10 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long a broker may take to answer. Default 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.need(!timeout.is_zero(), || "the request timeout must not be 0".to_owned());
        self.request_timeout = timeout;
        self
    }

    /// How long a connection may take to come about. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.need(!timeout.is_zero(), || "the connect timeout must not be 0".to_owned());
        self.connect_timeout = timeout;
        self
    }

    /// The pause before what failed is tried again; it doubles up to `limit`, and each varies by half. Defaults 100 ms and
    /// 1 s.
    pub fn backoff(mut self, first: Duration, limit: Duration) -> Self {
        self.need(!first.is_zero() && limit >= first, || {
            format!("a back-off from {first:?} to {limit:?} is none")
        });
        (self.backoff, self.backoff_max) = (first, limit);
        self
    }

    /// How often the topics are looked at for new partitions. Default 5 minutes.
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.need(!interval.is_zero(), || "the interval of refreshes must not be 0".to_owned());
        self.refresh = interval;
        self
    }

    /// The version of the brokers, such as `0.9.0` or `0.8.2`, so that they are not asked. Only brokers before 0.10 need
    /// it, and only where the question costs too much: it takes a second or two.
    pub fn broker_version(mut self, version: impl Into<String>) -> Self {
        self.broker_version = Some(version.into());
        self
    }

    /// How connections to the brokers are protected, and who the program is. Default: not at all, and nobody.
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    fn need(&mut self, holds: bool, else_say: impl FnOnce() -> String) {
        if !holds {
            self.mistakes.push(else_say());
        }
    }

    /// What a client needs of it. `brokers` goes before the brokers of the parameters.
    pub(in crate::kafka) fn client_settings(&self, brokers: &str) -> Result<ClientSettings, KafkaError> {
        self.check()?;
        let brokers = match (brokers.trim(), &self.bootstrap) {
            ("", Some(brokers)) => brokers.as_str(),
            (brokers, _) => brokers,
        };
        let mut settings = ClientSettings::new(Address::parse_list(brokers)?);
        settings.client_id.clone_from(&self.client_id);
        settings.connect_timeout = self.connect_timeout;
        settings.request_timeout = self.request_timeout;
        settings.backoff = BackoffRange { first: self.backoff, longest: self.backoff_max };
        settings.broker_version = self.broker_version.as_deref().and_then(OldVersion::parse);
        settings.metadata_max_age = self.refresh;
        settings.secured = self.security.prepare().map_err(KafkaError::Parameter)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), KafkaError> {
        let mut mistakes = self.mistakes.clone();
        if self.idempotence == Idempotence::Required && self.acks != Acks::All {
            mistakes.push("an idempotent producer needs acks = all".to_owned());
        }
        if self.idempotence == Idempotence::Required && self.max_in_flight > 5 {
            mistakes.push(format!(
                "an idempotent producer has no more than 5 requests in flight, not {}",
                self.max_in_flight
            ));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(KafkaError::Parameter(mistakes.join("; "))) }
    }

    /// The names that have no meaning here, in the order of mention.
    pub(super) fn unused(&self) -> &[String] {
        &self.unused
    }
}

impl Default for ProducerParams {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for ProducerParams {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::new(), |params, (name, value)| params.set(name.as_ref(), value.as_ref()))
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> From<[(K, V); N]> for ProducerParams {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for ProducerParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerParams")
            .field("acks", &self.acks)
            .field("idempotence", &self.idempotence)
            .field("compression", &self.compression)
            .field("linger", &self.linger)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}
