//! [`FakeKafkaBuilder`]: what a fake cluster is to be like before it starts.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use batchmill::{Clock, SystemClock};
use crossbeam_channel as channel;

use super::cluster::{Broker, Shared, State};
use super::profile::Profile;
use super::server::Server;
use super::{ApiKey, FakeKafka};
use crate::fake::timer::Timer;

/// Settings of a [`FakeKafka`].
#[derive(Debug)]
#[must_use = "a cluster begins with `start`"]
pub struct FakeKafkaBuilder {
    brokers: u16,
    port: u16,
    racks: Vec<String>,
    topics: Vec<(String, i32)>,
    clock: Arc<dyn Clock>,
    checks_faults: bool,
    state: State,
}

impl FakeKafkaBuilder {
    pub(super) fn new() -> Self {
        Self {
            brokers: 1,
            port: 0,
            racks: Vec::new(),
            topics: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            checks_faults: false,
            state: State::new(Profile::default()),
        }
    }

    /// How many brokers, with the ids from 1 on; at least one. One if it is not set.
    pub fn brokers(mut self, brokers: u16) -> Self {
        self.brokers = brokers.max(1);
        self
    }

    /// The port of the first broker; the others have those that follow. Free ones if it is not set.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Which release it behaves as; the newest if it is not set.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.state.profile = profile;
        self
    }

    /// Answers these versions of a request instead of those of the profile. What the fake does not know it still
    /// refuses.
    pub fn versions(mut self, api: ApiKey, versions: RangeInclusive<i16>) -> Self {
        self.state.versions.insert(api, (*versions.start(), *versions.end()));
        self
    }

    /// Does not answer this request, as a broker that does not know it.
    pub fn without(self, api: ApiKey) -> Self {
        #[expect(clippy::reversed_empty_ranges, reason = "no version at all")]
        self.versions(api, 0..=-1)
    }

    /// The racks of the brokers, in the order of their ids.
    pub fn racks<R: Into<String>>(mut self, racks: impl IntoIterator<Item = R>) -> Self {
        self.racks = racks.into_iter().map(Into::into).collect();
        self
    }

    /// Has a topic from the start. Partition 0 is led by broker 1, partition 1 by broker 2, and so on around.
    pub fn topic(mut self, name: impl Into<String>, partitions: u16) -> Self {
        self.topics.push((name.into(), i32::from(partitions)));
        self
    }

    /// Whether asking for an unknown topic creates it, with one partition, as real brokers do; true if it is not set.
    pub fn auto_create(mut self, auto_create: bool) -> Self {
        self.state.auto_create = auto_create;
        self
    }

    /// How many partitions a topic gets that is created by asking for it; one if it is not set.
    pub fn default_partitions(mut self, partitions: u16) -> Self {
        self.state.default_partitions = i32::from(partitions);
        self
    }

    /// The longest batch (before 0.11: message) that a client may produce, in bytes; 1,048,588 if it is not set, as at a
    /// real broker. What the test stores itself has no limit.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.state.max_message_bytes = bytes;
        self
    }

    /// Where the timestamps of records come from that have none of their own, and the time by which sessions of groups'
    /// members end and their rebalances do not wait any longer; the system's clock if it is not set. Deadlines of other
    /// requests are always real time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Has all brokers speak TLS. With a verifier of clients in `config` they ask for certificates.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.state.tls = Some(config);
        self
    }

    /// Has all brokers ask who a client is before they answer anything but ApiVersions.
    #[cfg(feature = "sasl")]
    pub fn sasl(mut self, sasl: super::FakeSasl) -> Self {
        self.state.sasl = Some(Arc::new(sasl));
        self
    }

    /// Registers brokers and topics in a ZooKeeper, below this path or the root (`""`), as releases before 4.0 do it. Who reads
    /// a topic there that was deleted, grown or made anew is told, and so is who watches the brokers.
    #[cfg(feature = "zookeeper")]
    pub fn zookeeper(mut self, zookeeper: &crate::fake::zookeeper::FakeZooKeeper, below: &str) -> Self {
        let below = below.trim_end_matches('/').to_owned();
        self.state.registry = Some(super::registry::Registry::new(zookeeper.nodes(), below));
        self
    }

    /// Panics when the cluster is dropped and a scripted fault has not fired as often as it should.
    pub fn check_faults_at_drop(mut self) -> Self {
        self.checks_faults = true;
        self
    }

    /// Starts the cluster.
    ///
    /// # Errors
    /// When a port is taken, or there is no free one, or no thread.
    pub fn start(self) -> io::Result<FakeKafka> {
        let Self { brokers, port, racks, topics, clock, checks_faults, state } = self;
        let (timer, woken) = channel::bounded(1);
        let shared = Arc::new(Shared::new(state, clock, timer));
        let mut bound = Vec::new();
        for n in 0..brokers {
            let port =
                if port == 0 { 0 } else { port.checked_add(n).ok_or(io::ErrorKind::AddrNotAvailable)? };
            bound.push(Server::bind(i32::from(n) + 1, port, &shared)?);
        }
        {
            let mut state = shared.state.lock();
            for (at, (server, _)) in bound.iter().enumerate() {
                let (id, port, rack) = (server.id, server.port(), racks.get(at).cloned());
                let host = "127.0.0.1".to_owned();
                let broker = Broker { id, rack, host, port, profile: None, running: true, starts: 1 };
                state.brokers.push(broker);
            }
            for (name, partitions) in topics {
                state.create_topic(&name, partitions);
            }
            state.publish();
        }
        let (servers, listeners): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let timer = {
            let (clock, shared) = (Arc::clone(&shared.clock), Arc::clone(&shared));
            Timer::start("fake-kafka-timer", clock, woken, move || shared.pass_time())?
        };
        let cluster = FakeKafka { shared, servers, timer, checks_faults };
        for (server, listener) in cluster.servers.iter().zip(listeners) {
            server.listen(listener, 1)?;
        }
        Ok(cluster)
    }
}
