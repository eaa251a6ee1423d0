//! Fetching records: a thread for each broker that leads partitions which are wanted, and a supervisor that gives them out.

mod answer;
pub(crate) mod block;
mod epochs;
mod frames;
mod partition;
mod request;
mod settle;
mod shared;
mod supervisor;
mod worker;

use std::sync::{Arc, Weak};
use std::time::Duration;

use self::shared::FetchShared;
use super::cluster::Watcher;
use super::control::Control;
use super::deadline::Deadline;
use super::transport::{FetchSink, Fetcher};
use crate::kafka::{KafkaError, TopicPartition};

/// How long the end of the threads is waited for.
const END: Duration = Duration::from_secs(2);

/// Fetches until it is dropped.
#[derive(Debug)]
pub(crate) struct NativeFetcher {
    shared: Arc<FetchShared>,
}

impl NativeFetcher {
    /// Starts the supervisor, without any partition.
    pub(super) fn start(
        control: Arc<Control>,
        sink: Arc<dyn FetchSink>,
        thread_prefix: &str,
    ) -> Result<Self, KafkaError> {
        let shared = Arc::new(FetchShared::new(control, sink, thread_prefix));
        shared
            .spawn("-fetch", supervisor::run)
            .map_err(|cause| KafkaError::Thread { cause: Arc::new(cause) })?;
        Ok(Self { shared })
    }

    /// What wants to know when more is known of the cluster.
    pub(super) fn watcher(&self) -> Weak<dyn Watcher> {
        Arc::downgrade(&self.shared) as Weak<dyn Watcher>
    }
}

impl Fetcher for NativeFetcher {
    fn set_partitions(&mut self, partitions: &[TopicPartition]) {
        self.shared.set_partitions(partitions);
    }

    fn wake(&self) {
        self.shared.wake();
    }
}

impl Drop for NativeFetcher {
    fn drop(&mut self) {
        for name in self.shared.close(Deadline::after(END)) {
            log::warn!("the thread {name} has not ended within {END:?} and is left alone");
        }
    }
}
