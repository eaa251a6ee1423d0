//! Fetch threads at work for what is read ahead; their end is this value's end.

use std::sync::Arc;

use parking_lot::Mutex;

use super::read_ahead::ReadAhead;
use crate::kafka::client::transport::{FetchSink, Fetcher, Transport};
use crate::kafka::{KafkaError, TopicPartition};

/// Fetches into a [`ReadAhead`] until it is dropped, which closes that too and joins the threads.
pub(super) struct Fetching {
    read_ahead: Arc<ReadAhead>,
    /// Out once it ends. Shared with the way by which tasks say that there is room again.
    fetcher: Arc<Mutex<Option<Box<dyn Fetcher>>>>,
}

impl Fetching {
    /// Starts the threads; their names begin with `prefix`.
    pub(super) fn start(
        transport: &dyn Transport,
        read_ahead: Arc<ReadAhead>,
        prefix: &str,
        partitions: &[TopicPartition],
    ) -> Result<Self, KafkaError> {
        let sink: Arc<dyn FetchSink> = Arc::clone(&read_ahead) as Arc<dyn FetchSink>;
        let mut fetcher = transport.fetcher(sink, prefix)?;
        fetcher.set_partitions(partitions);
        let fetcher = Arc::new(Mutex::new(Some(fetcher)));
        let waker = Arc::downgrade(&fetcher);
        read_ahead.on_room(Arc::new(move || {
            if let Some(fetcher) = waker.upgrade() {
                if let Some(fetcher) = &*fetcher.lock() {
                    fetcher.wake();
                }
            }
        }));
        Ok(Self { read_ahead, fetcher })
    }

    /// Replaces the partitions that are fetched.
    pub(super) fn set_partitions(&self, partitions: &[TopicPartition]) {
        if let Some(fetcher) = &mut *self.fetcher.lock() {
            fetcher.set_partitions(partitions);
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.read_ahead.close();
        // Not under the lock: a fetch thread that waits for the lock could not be joined.
        let fetcher = self.fetcher.lock().take();
        drop(fetcher);
    }
}
