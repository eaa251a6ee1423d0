//! [`FakeKafka`]: a cluster of Kafka brokers on loopback, in this process, for tests of jobs that read or write topics.
//! Real clients can talk to it as well: kcat, librdkafka, Java's.
//!
//! ```
//! use batchmill_sources::fake::kafka::{FakeKafka, Profile};
//!
//! let kafka = FakeKafka::builder().brokers(3).profile(Profile::V2_4).topic("lines", 2).start()?;
//! kafka.produce("lines", 0, ["hello", "world"])?;
//! assert_eq!(kafka.records("lines", 0)?[1].value.as_deref(), Some(&b"world"[..]));
//! assert_eq!(kafka.bootstrap().split(',').count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Trouble is made by verbs (stop a broker, move a leader, lose a log's tail) and by faults that are scripted for the next
//! requests of a kind:
//!
//! ```
//! use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
//!
//! let kafka = FakeKafka::builder().topic("lines", 1).check_faults_at_drop().start()?;
//! let fault = kafka.on(ApiKey::FETCH).topic("lines").times(2).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
//! // ... run the job, then:
//! assert_eq!(fault.fired(), 0);
//! fault.remove();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What it is not
//!
//! Nothing is replicated: all brokers share one log for a partition, so every record is at once at all replicas. Consumer
//! groups are those of the classic protocol, not of KIP-848; transactions are made by the test, not over the wire. TLS
//! (feature `tls`) and users (feature `sasl`) are there if they are asked for; nothing is forbidden to a user. Each file of `requests/` says which versions it serves and how it departs from a real broker.

mod append;
mod batch;
mod builder;
mod cluster;
mod codec;
mod compact;
mod connection;
mod data;
mod error;
mod faults;
mod groups;
mod log;
mod profile;
#[cfg(feature = "zookeeper")]
mod registry;
mod requests;
#[cfg(feature = "sasl")]
mod sasl;
#[cfg(test)]
mod scenarios;
mod script;
mod seen;
mod sequence;
mod server;
mod slices;
#[cfg(test)]
mod testing;
mod topic;
mod topology;
mod transaction;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::fake::timer::Timer;
use cluster::Shared;
use server::Server;

pub use crate::kafka::wire::records::Codec;
pub use crate::kafka::wire::{ApiKey, ErrorCode};
pub use batch::{FakeBatch, FakeRecord, StoredRecord};
pub use builder::FakeKafkaBuilder;
pub use error::FakeError;
pub use groups::{Committed, FakeGroup, FakeMember, GroupState};
pub use profile::{Profile, UnknownProfile};
#[cfg(feature = "sasl")]
pub use sasl::FakeSasl;
pub use script::{Fault, FaultBuilder};
pub use seen::{Named, Seen};
pub use transaction::Transaction;

/// A cluster of brokers on free ports of `127.0.0.1`. Dropping it closes them and joins their threads.
///
/// All of its methods may be called from any thread; those of other clients' requests run on threads of its own.
pub struct FakeKafka {
    shared: Arc<Shared>,
    servers: Vec<Server>,
    timer: Timer,
    checks_faults: bool,
}

impl FakeKafka {
    /// Starts a cluster of one broker that behaves as the newest release.
    ///
    /// # Errors
    /// When there is no free port, or no thread.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Settings for another cluster.
    pub fn builder() -> FakeKafkaBuilder {
        FakeKafkaBuilder::new()
    }

    /// The addresses of all brokers, `127.0.0.1:port,127.0.0.1:port`.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> =
            self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        addresses.join(",")
    }

    /// Which release it behaves as.
    pub fn profile(&self) -> Profile {
        self.shared.state.lock().profile
    }

    /// Begins to script a fault: what the next request of this kind meets.
    pub fn on(&self, api: ApiKey) -> FaultBuilder<'_> {
        FaultBuilder::new(&self.shared, api)
    }

    /// Checks that every scripted fault has fired as often as it should, and at least once where it is for always.
    ///
    /// # Panics
    /// When one has not; the message lists them.
    #[track_caller]
    pub fn assert_all_fired(&self) {
        let unfired = self.shared.state.lock().faults.unfired();
        assert!(unfired.is_empty(), "faults that did not fire: {}", unfired.join("; "));
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.state.lock().faults.clear();
    }

    /// The requests so far, the oldest first. Of more than 10,000 the oldest are forgotten.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state.lock().requests.after(0).cloned().collect()
    }

    /// The requests of one kind so far, the oldest first.
    pub fn requests_of(&self, api: ApiKey) -> Vec<Seen> {
        self.shared.state.lock().requests.after(0).filter(|seen| seen.api == api).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.state.lock().requests.clear();
    }

    /// Waits for a request that `is_it`, among those so far and those that come, at most `timeout`. It is in the log before
    /// it is answered. `is_it` runs on this thread, under the cluster's lock: it must not call the cluster.
    pub fn wait_for_request(&self, timeout: Duration, mut is_it: impl FnMut(&Seen) -> bool) -> Option<Seen> {
        let mut looked_at = 0;
        self.shared.wait_for(timeout, |state, _| {
            let found = state.requests.after(looked_at).find(|seen| is_it(seen)).cloned();
            looked_at = state.requests.count();
            found
        })
    }

    /// Waits until `done`, at most `timeout`: whether it is. `done` is called again whenever something has changed in the
    /// cluster (a request came, records, an offset was committed, a session ended), on this thread, and may ask the
    /// cluster.
    pub fn wait_until(&self, timeout: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let (mut left, mut looked_at) = (timeout, None);
        loop {
            // What changes while `done` looks must not be missed: the number is taken before.
            let now = self.shared.wait_for(left, |state, rest| {
                left = rest;
                (looked_at != Some(state.changes)).then_some(state.changes)
            });
            if done(self) {
                return true;
            }
            if now.is_none() {
                return false;
            }
            looked_at = now;
        }
    }

    /// How many connections were made since the start.
    pub fn connections(&self) -> u64 {
        self.shared.state.lock().connections
    }

    /// Stops all brokers for good and joins their threads. Dropping the cluster does the same.
    pub fn close(&self) {
        self.shared.change(|state| state.brokers.iter_mut().for_each(|broker| broker.running = false));
        self.servers.iter().for_each(Server::stop);
        self.shared.stop_timer();
        self.timer.join();
    }
}

impl Drop for FakeKafka {
    fn drop(&mut self) {
        self.close();
        if self.checks_faults && !std::thread::panicking() {
            self.assert_all_fired();
        }
    }
}

impl fmt::Debug for FakeKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKafka").field("bootstrap", &self.bootstrap()).finish_non_exhaustive()
    }
}
