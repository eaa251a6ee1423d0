//! The crate `kafka` behind the [`Transport`] trait: the client of others, for brokers from 0.8.2 to 3.9. Only its
//! `KafkaClient` is used.
//!
//! Each call of the crate runs on a thread of the crate's own ([`lane`]), for it connects without a time-out, reads for up to
//! 120 s, and panics at some answers. Who asks waits by its own deadline. What is known of the cluster is kept in the same
//! [`Cluster`] as the native client's, and the same threads fetch from the leaders; only how a broker is asked differs
//! ([`link`]).
//!
//! | file | what | runs on |
//! |---|---|---|
//! | `check` | what it cannot do | before the start |
//! | `lane` | a thread that owns a `KafkaClient`, and what becomes of one that does not come back | whoever asks |
//! | `session` | a `KafkaClient` with what is known of it | the crate's thread |
//! | `failure` | its errors as those of this library | the crate's thread |
//! | `asking` | topics, offsets, groups | the streams' threads |
//! | `link` | a broker to fetch from | its fetch thread |
//! | `reading` | one fetch: the gap guard, and records copied into blocks | the crate's thread |

mod asking;
mod check;
mod failure;
mod lane;
mod link;
mod reading;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use self::asking::Asking;
pub(crate) use self::check::check;
use self::lane::Strays;
use self::link::CrateFetching;
use super::cluster::Cluster;
use super::control::Attempt;
use super::deadline::Deadline;
use super::dialer;
use super::fetch::LeaderFetcher;
use super::settings::ClientSettings;
use super::transport::{
    Committed, FetchSink, Fetcher, FoundOffsetResult, OffsetAt, TopicFilter, TopicInfo, Transport,
};
use crate::kafka::{KafkaError, TopicPartition};

/// How long the ends of the crate's threads are waited for, besides what a broker may wait for records.
const END: Duration = Duration::from_secs(2);

/// The crate as a client of one cluster.
#[derive(Debug)]
pub(crate) struct CrateTransport {
    asking: Arc<Asking>,
    strays: Strays,
    /// Those that had not ended when it was closed.
    left: Mutex<Vec<String>>,
}

impl CrateTransport {
    pub(crate) fn new(settings: ClientSettings) -> Self {
        let dialer = dialer::for_security(&settings.secured);
        let cluster = Arc::new(Cluster::new(settings, dialer));
        let strays = Strays::default();
        let asking = Arc::new(Asking::new(cluster, strays.clone()));
        Self { asking, strays, left: Mutex::default() }
    }

    fn cluster(&self) -> &Arc<Cluster> {
        self.asking.cluster()
    }
}

impl Transport for CrateTransport {
    fn topics(&self, wanted: TopicFilter<'_>, deadline: Deadline) -> Result<Vec<TopicInfo>, KafkaError> {
        let way = (self.cluster().way_out(), deadline);
        self.cluster().until(deadline, || self.asking.topics(wanted, way).map_err(Attempt::from))
    }

    fn offsets(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError> {
        self.asking.offsets(at, deadline)
    }

    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        self.asking.committed(group, of, deadline)
    }

    fn commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
        deadline: Deadline,
    ) -> Result<(), KafkaError> {
        self.asking.commit(group, offsets, deadline)
    }

    fn keeps_metadata(&self) -> bool {
        false
    }

    fn fetcher(&self, sink: Arc<dyn FetchSink>, thread_prefix: &str) -> Result<Box<dyn Fetcher>, KafkaError> {
        let client = Arc::new(CrateFetching::new(Arc::clone(&self.asking), self.strays.clone()));
        Ok(Box::new(LeaderFetcher::start(client, sink, thread_prefix)?))
    }

    fn close(&self) {
        self.cluster().way_out().close();
        let patience = END + self.cluster().settings().fetch_max_wait;
        self.asking.close(Deadline::after(patience));
        let left = self.strays.wait(Deadline::after(patience));
        for name in &left {
            log::warn!("the thread {name}, in a call of the kafka crate, has not ended and is left alone");
        }
        *self.left.lock() = left;
    }

    fn threads_left(&self) -> Vec<String> {
        self.left.lock().clone()
    }
}

impl Drop for CrateTransport {
    fn drop(&mut self) {
        if !self.cluster().way_out().is_closed() {
            self.close();
        }
    }
}
