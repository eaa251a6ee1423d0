//! The queue input: batches come from a queue that the program fills, for tests and for data already in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Data;
use crate::batch::{Batch, BatchContext};

/// How much of a queue becomes one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueMode {
    /// One dataset a batch, in queue order (Spark's default).
    #[default]
    OneAtATime,
    /// All that is queued, as one batch, in queue order.
    All,
}

/// The end of a queue input that the program fills. Cloneable; usable before and after the start, from any thread.
#[derive(Debug)]
pub struct QueueHandle<T> {
    queue: Arc<Mutex<VecDeque<Vec<Vec<T>>>>>,
}

impl<T: Data> QueueHandle<T> {
    /// Queues `items` as a dataset of one partition.
    pub fn push(&self, items: impl IntoIterator<Item = T>) {
        self.push_partitions(vec![items.into_iter().collect()]);
    }

    /// Queues a dataset partition by partition.
    pub fn push_partitions(&self, partitions: Vec<Vec<T>>) {
        self.queue.lock().push_back(partitions);
    }

    /// How many datasets wait.
    pub fn len(&self) -> usize {
        self.queue.lock().len()
    }

    /// Whether no dataset waits.
    pub fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }
}

impl<T> Clone for QueueHandle<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

/// The engine's end of a queue input.
#[derive(Debug)]
pub(crate) struct QueueInput<T> {
    queue: Arc<Mutex<VecDeque<Vec<Vec<T>>>>>,
    mode: QueueMode,
    default: Option<Vec<T>>,
}

impl<T: Data> QueueInput<T> {
    /// `default` is what a batch holds when the queue is empty.
    pub(crate) fn new(mode: QueueMode, default: Option<Vec<T>>) -> (QueueHandle<T>, Self) {
        let queue = Arc::new(Mutex::new(VecDeque::new()));
        (QueueHandle { queue: Arc::clone(&queue) }, Self { queue, mode, default })
    }

    /// Takes the next batch out of the queue and tells how many records it holds. Never blocks.
    pub(crate) fn next(&self, ctx: &BatchContext) -> (Batch<T>, u64) {
        let partitions = {
            let mut queue = self.queue.lock();
            match self.mode {
                QueueMode::OneAtATime => queue.pop_front(),
                QueueMode::All if queue.is_empty() => None,
                QueueMode::All => Some(queue.drain(..).flatten().collect()),
            }
        };
        let partitions =
            partitions.or_else(|| self.default.clone().map(|items| vec![items])).unwrap_or_default();
        let records = partitions.iter().map(|p| p.len() as u64).sum();
        (ctx.batch_of(partitions), records)
    }
}
