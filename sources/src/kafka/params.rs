//! What a program says about the cluster and how it wants to read it: [`KafkaParams`]. Built before the start, where wrong
//! values are noted with the caller's line; read by the streams.
//!
//! Settings have typed setters. Those that Spark, the Java client and librdkafka know by name are also understood under
//! that name, so that a configuration can be taken over as it is: see [`KafkaParams::set`].

pub(super) mod names;

use std::fmt;
use std::time::Duration;

use super::client::address::Address;
use super::client::backoff::BackoffRange;
use super::client::settings::{ClientSettings, Gaps, Isolation, OldVersion, Transport};
use super::group::GroupParams;
use super::security::{Secret, Security};

/// Where a partition is read from if neither the program nor a committed offset says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// At the oldest record the broker still has: `earliest`, `smallest`, `beginning`.
    Earliest,
    /// Behind the newest record: `latest`, `largest`, `end`. As in Spark and Java this is the default.
    #[default]
    Latest,
    /// Nowhere: it is an error that names the partition. `none`, `error`.
    Fail,
}

/// What becomes of a batch of records that cannot be read: a wrong checksum, an unknown codec, a size above the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnBadRecord {
    /// The task fails with a [`KafkaError`](super::KafkaError) that names topic, partition and offset. The default.
    #[default]
    Stop,
    /// They are left out, counted in the event `bad_records_skipped`.
    Skip,
}

/// What becomes of a range that the brokers no longer have when it is to be read.
///
/// What was deleted can be skipped. A log that ends below the place where a stream reads got shorter, as after an unclean
/// election: that fails the stream under each of these, with
/// [`KafkaError::OffsetOutOfRange`](super::KafkaError::OffsetOutOfRange). Only where a stream begins is a committed offset
/// above the end skipped too, for then nothing has been read yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLostRange {
    /// The stream fails with a [`KafkaError`](super::KafkaError) that names the range. The default.
    #[default]
    Stop,
    /// Reading goes on at the oldest record there is; the event `range_lost` names what was skipped.
    SkipToEarliest,
    /// Reading goes on behind the newest record; the event `range_lost` names what was skipped.
    SkipToLatest,
}

/// How a batch learns where a partition ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EndOffsets {
    /// From the last answer to a fetch, which is always under way. Costs no request. The default.
    #[default]
    Fetched,
    /// By asking the brokers at every cut, as Spark does: what was written before the cut is in the batch. Costs a
    /// request to each broker a batch; for tests, and for programs whose batches must be that exact.
    Asked,
}

/// The settings of a Kafka source.
///
/// ```
/// use batchmill_sources::kafka::{KafkaParams, OffsetReset};
///
/// let params = KafkaParams::new().group_id("counters").offset_reset(OffsetReset::Earliest);
/// // The same, as it stands in a configuration for Spark or Java:
/// let same = KafkaParams::from([("group.id", "counters"), ("auto.offset.reset", "smallest")]);
/// assert_eq!(params, same);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct KafkaParams {
    pub(super) bootstrap: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) client_id: String,
    pub(super) rack: Option<String>,
    pub(super) reset: OffsetReset,
    pub(super) isolation: Isolation,
    pub(super) on_bad_record: OnBadRecord,
    pub(super) on_lost_range: OnLostRange,
    pub(super) ends: EndOffsets,
    pub(super) max_rate: Option<u64>,
    pub(super) min_rate: u64,
    pub(super) initial_rate: Option<u64>,
    pub(super) max_partition_bytes: usize,
    pub(super) max_record_bytes: usize,
    pub(super) max_wait: Duration,
    pub(super) min_bytes: u32,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) backoff: Duration,
    pub(super) backoff_max: Duration,
    pub(super) refresh: Duration,
    pub(super) unavailable_for: Duration,
    pub(super) broker_version: Option<String>,
    pub(super) transport: Transport,
    pub(super) gaps: Gaps,
    /// How the program takes part in its group.
    pub(super) group: GroupParams,
    pub(super) security: Security,
    /// The quorum, if the call names none.
    pub(super) zookeeper: Option<String>,
    /// User and password at the ZooKeeper.
    pub(super) zookeeper_auth: Option<(String, Secret)>,
    /// Whether a program has said that offsets are committed by themselves, or are not.
    pub(super) auto_commit: Option<bool>,
    pub(super) commit_interval: Option<Duration>,
    /// What was said wrongly, in the order in which it was said.
    mistakes: Vec<String>,
    /// Names that have no meaning here.
    unused: Vec<String>,
}

impl KafkaParams {
    /// The defaults named at each setter.
    pub fn new() -> Self {
        Self {
            bootstrap: None,
            group_id: None,
            client_id: "batchmill".to_owned(),
            rack: None,
            reset: OffsetReset::default(),
            isolation: Isolation::default(),
            on_bad_record: OnBadRecord::default(),
            on_lost_range: OnLostRange::default(),
            ends: EndOffsets::default(),
            max_rate: None,
            min_rate: 1,
            initial_rate: None,
            max_partition_bytes: 8 << 20,
            max_record_bytes: 16 << 20,
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            refresh: Duration::from_secs(60),
            unavailable_for: Duration::from_secs(300),
            broker_version: None,
            transport: Transport::default(),
            gaps: Gaps::default(),
            group: GroupParams::default(),
            security: Security::default(),
            zookeeper: None,
            zookeeper_auth: None,
            auto_commit: None,
            commit_interval: None,
            mistakes: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// The name under which offsets are committed. Without one nothing is committed, and every start begins where
    /// [`offset_reset`](Self::offset_reset) says.
    pub fn group_id(mut self, group: impl Into<String>) -> Self {
        self.group_id = Some(group.into());
        self
    }

    /// The name under which the brokers log our requests. Default `batchmill`.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// The rack (or zone) this program runs in: brokers from 2.4 on then let it read from a replica there. Default: none.
    pub fn rack(mut self, rack: impl Into<String>) -> Self {
        self.rack = Some(rack.into());
        self
    }

    /// Where to begin without an offset. Default [`OffsetReset::Latest`].
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.reset = reset;
        self
    }

    /// What is seen of transactions. Default [`Isolation::ReadCommitted`].
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// What becomes of records that cannot be read. Default [`OnBadRecord::Stop`].
    pub fn on_bad_record(mut self, policy: OnBadRecord) -> Self {
        self.on_bad_record = policy;
        self
    }

    /// What becomes of ranges that are gone. Default [`OnLostRange::Stop`].
    pub fn on_lost_range(mut self, policy: OnLostRange) -> Self {
        self.on_lost_range = policy;
        self
    }

    /// How a batch learns where a partition ends. Default [`EndOffsets::Fetched`].
    pub fn end_offsets(mut self, ends: EndOffsets) -> Self {
        self.ends = ends;
        self
    }

    /// How many records a second of the batch interval a partition gives to a batch at most, in the first batch too. 0
    /// or never set: no limit; then the first batch takes all there is, in bounded memory.
    pub fn max_rate_per_partition(mut self, records_per_second: u64) -> Self {
        self.max_rate = (records_per_second > 0).then_some(records_per_second);
        self
    }

    /// How many records a partition that has them gives to a batch at least, whatever a rate says. Default 1.
    pub fn min_rate_per_partition(mut self, records: u64) -> Self {
        self.min_rate = records;
        self
    }

    /// How many records a second of the batch interval the first batch takes at most, shared out by how far each
    /// partition lags behind. Default: no limit but [`max_rate_per_partition`](Self::max_rate_per_partition).
    pub fn initial_rate(mut self, records_per_second: u64) -> Self {
        self.initial_rate = (records_per_second > 0).then_some(records_per_second);
        self
    }

    /// How many bytes of a partition a fetch asks for at most. Default 8 MiB; less where many partitions share the
    /// context's [`max_unprocessed_bytes`](batchmill::StreamingContextBuilder::max_unprocessed_bytes).
    pub fn max_partition_bytes(mut self, bytes: usize) -> Self {
        if bytes == 0 || i32::try_from(bytes).is_err() {
            self.mistakes.push(format!("max_partition_bytes must be between 1 and 2 GiB, not {bytes}"));
        }
        self.max_partition_bytes = bytes;
        self
    }

    /// The largest batch of records a fetch grows to for one that does not fit. Default 16 MiB.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        if bytes == 0 || i32::try_from(bytes).is_err() {
            self.mistakes.push(format!("max_record_bytes must be between 1 and 2 GiB, not {bytes}"));
        }
        self.max_record_bytes = bytes;
        self
    }

    /// How long a broker waits for new records before it answers a fetch. Default 500 ms.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How many bytes a broker waits for, no longer than [`max_wait`](Self::max_wait). Default 1.
    pub fn min_bytes(mut self, bytes: u32) -> Self {
        self.min_bytes = bytes.min(i32::MAX as u32);
        self
    }

    /// How long a connection may take to come about. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a broker may take to answer. Default 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The pause before a request or connection that failed is tried again; it doubles up to `limit`, and each is
    /// shortened by chance by up to a fifth. Defaults 100 ms and 10 s.
    pub fn backoff(mut self, first: Duration, limit: Duration) -> Self {
        if first.is_zero() || limit < first {
            self.mistakes.push(format!("a back-off from {first:?} to {limit:?} is none"));
        }
        (self.backoff, self.backoff_max) = (first, limit);
        self
    }

    /// How often the topics are looked at for new partitions and new topics. Default 60 s.
    pub fn refresh(mut self, interval: Duration) -> Self {
        if interval.is_zero() {
            self.mistakes.push("the interval of refreshes must not be zero".to_owned());
        }
        self.refresh = interval;
        self
    }

    /// How long a partition may be without a leader, or its leader out of reach, before a batch that waits for it
    /// fails. The other partitions are read meanwhile. Default 5 minutes.
    pub fn unavailable_for(mut self, limit: Duration) -> Self {
        self.unavailable_for = limit;
        self
    }

    /// The version of the brokers, such as `0.9.0` or `0.8.2`, so that they are not asked. Only brokers before 0.10 need
    /// it, and only where the question costs too much: it takes a second or two.
    pub fn broker_version(mut self, version: impl Into<String>) -> Self {
        self.broker_version = Some(version.into());
        self
    }

    /// Whose client reads from the brokers. Default [`Transport::Native`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Whether offsets may be missing between records, where the transport cannot see why. Default [`Gaps::Refused`]. The native
    /// transport sees why, and has no use for it.
    pub fn gaps(mut self, gaps: Gaps) -> Self {
        self.gaps = gaps;
        self
    }

    /// How connections to the brokers are protected, and who the program is. Default: not at all, and nobody.
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Who the program is to the ZooKeeper that coordinates its group, by the scheme `digest`: then only those who know the
    /// password change the group's nodes, and everybody reads them. The password is sent as it is and never shown. Without
    /// meaning where brokers coordinate. Default: nobody.
    pub fn zookeeper_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.zookeeper_auth = Some((user.into(), Secret::new(password.into())));
        self
    }

    /// How often a receiver stream commits (`auto.commit.interval.ms`); a reliable one also commits after each batch. Default
    /// 5 s in a group that brokers coordinate, 60 s where ZooKeeper does.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        if interval.is_zero() {
            self.mistakes.push("the interval of commits must not be zero".to_owned());
        }
        self.commit_interval = Some(interval);
        self
    }

    /// What a client needs of it. `brokers` goes before the brokers of the parameters.
    pub(super) fn client_settings(&self, brokers: &str) -> Result<ClientSettings, String> {
        let brokers = match (brokers.trim(), &self.bootstrap) {
            ("", Some(brokers)) => brokers.as_str(),
            ("", None) => return Err("there are no brokers: name some, or set bootstrap.servers".to_owned()),
            (brokers, _) => brokers,
        };
        let mut settings =
            ClientSettings::new(Address::parse_list(brokers).map_err(|error| error.to_string())?);
        settings.client_id.clone_from(&self.client_id);
        settings.rack.clone_from(&self.rack);
        settings.connect_timeout = self.connect_timeout;
        settings.request_timeout = self.request_timeout;
        settings.backoff = BackoffRange { first: self.backoff, longest: self.backoff_max };
        settings.fetch_max_wait = self.max_wait;
        settings.fetch_min_bytes = self.min_bytes;
        settings.isolation = self.isolation;
        settings.broker_version = self.broker_version.as_deref().and_then(OldVersion::parse);
        settings.metadata_max_age = self.refresh;
        settings.secured = self.security.prepare()?;
        settings.transport = self.transport;
        settings.gaps = self.gaps;
        let most = self.max_record_bytes.max(self.max_partition_bytes);
        settings.most_fetch_bytes = u32::try_from(most).unwrap_or(u32::MAX);
        Ok(settings)
    }

    /// Notes what was said wrongly.
    pub(super) fn note(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// What is wrong with what was said, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut mistakes = self.mistakes.clone();
        mistakes.extend(self.group.check().err());
        mistakes.extend(self.check_transport().err());
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("; ")) }
    }

    /// What the transport cannot do of what was said, if anything.
    fn check_transport(&self) -> Result<(), String> {
        match self.transport {
            Transport::Native => Ok(()),
            #[cfg(feature = "kafka-crate")]
            Transport::KafkaCrate => super::client::kafka_crate::check(self),
        }
    }

    /// What a direct stream has against it besides, if anything.
    pub(super) fn check_direct(&self) -> Result<(), String> {
        if self.auto_commit == Some(true) {
            return Err("enable.auto.commit = true would commit what no output has seen yet: commit a batch's ranges with \
                        commit_async"
                .to_owned());
        }
        Ok(())
    }

    /// The names that have no meaning here, in the order of mention.
    pub(super) fn unused(&self) -> &[String] {
        &self.unused
    }
}

impl Default for KafkaParams {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for KafkaParams {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::new(), |params, (name, value)| params.set(name.as_ref(), value.as_ref()))
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> From<[(K, V); N]> for KafkaParams {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for KafkaParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaParams")
            .field("bootstrap", &self.bootstrap)
            .field("group_id", &self.group_id)
            .field("reset", &self.reset)
            .field("isolation", &self.isolation)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}
