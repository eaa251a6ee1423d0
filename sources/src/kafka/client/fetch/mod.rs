//! Fetching records: a thread for each broker that leads partitions which are wanted, and a supervisor that gives them out.

mod answer;
pub(crate) mod block;
mod desk;
mod epochs;
mod frames;
mod link;
mod partition;
mod request;
mod settle;
mod shared;
mod supervisor;
mod worker;

use std::sync::{Arc, Weak};
use std::time::Duration;

#[cfg(feature = "kafka-crate")]
pub(super) use self::answer::Read;
pub(super) use self::desk::Desk;
#[cfg(feature = "kafka-crate")]
pub(super) use self::desk::Served;
pub(super) use self::link::NativeFetching;
pub(super) use self::request::FetchPlan;
use self::shared::FetchShared;
use super::cluster::Cluster;
use super::deadline::Deadline;
use super::transport::{FetchSink, Fetcher, TopicFilter, TopicInfo};
use super::way_out::WayOut;
use crate::kafka::{KafkaError, TopicPartition};

/// How long the end of the threads is waited for.
const END: Duration = Duration::from_secs(2);

/// What fetchers need of a client.
pub(super) trait FetchClient: Send + Sync {
    /// The cluster, as it is known; [`ask_topics`](Self::ask_topics) tells it more.
    fn cluster(&self) -> &Arc<Cluster>;

    /// Asks for topics. What the answer says is kept in the cluster.
    fn ask_topics(
        &self,
        wanted: TopicFilter<'_>,
        way: (&WayOut, Deadline),
    ) -> Result<Vec<TopicInfo>, KafkaError>;

    /// How a broker is fetched from; it is used by one thread.
    fn link(&self, node: i32) -> Box<dyn Link>;
}

/// One broker, as its fetch thread asks it.
pub(super) trait Link {
    /// Asks once for what is planned, and settles what comes with the desk. It ends by the timeouts of the settings, or when the
    /// fetcher is closed.
    fn fetch(&mut self, desk: &mut Desk<'_>, plan: &FetchPlan) -> Result<(), KafkaError>;

    /// Begins anew after an error. Whether the connection that is given up had brought an answer.
    fn break_off(&mut self, desk: &Desk<'_>) -> bool;
}

/// Fetches from the leaders of partitions until it is dropped.
#[derive(Debug)]
pub(super) struct LeaderFetcher {
    shared: Arc<FetchShared>,
}

impl LeaderFetcher {
    /// Starts the supervisor, without any partition.
    pub(super) fn start(
        client: Arc<dyn FetchClient>,
        sink: Arc<dyn FetchSink>,
        thread_prefix: &str,
    ) -> Result<Self, KafkaError> {
        let shared = Arc::new(FetchShared::new(client, sink, thread_prefix));
        shared.spawn("-fetch", supervisor::run).map_err(KafkaError::no_thread)?;
        let watcher: Weak<FetchShared> = Arc::downgrade(&shared);
        shared.cluster().watch(watcher);
        Ok(Self { shared })
    }
}

impl Fetcher for LeaderFetcher {
    fn set_partitions(&mut self, partitions: &[TopicPartition]) {
        self.shared.set_partitions(partitions);
    }

    fn wake(&self) {
        self.shared.wake();
    }
}

impl Drop for LeaderFetcher {
    fn drop(&mut self) {
        for name in self.shared.close(Deadline::after(END)) {
            log::warn!("the thread {name} has not ended within {END:?} and is left alone");
        }
    }
}
