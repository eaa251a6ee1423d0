//! [`Topic`]: a topic that is written, and which of its partitions a record goes to. Used by the threads that send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::partition::Partition;
use super::partitioner::partition_of;
use super::shared::Shared;
use crate::kafka::client::transport::TopicInfo;
use crate::kafka::{KafkaError, TopicPartition};

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    /// In the order of their numbers, from 0 on. They become more, never fewer.
    partitions: RwLock<Vec<Arc<Partition>>>,
    /// Where records without key go until the batch is full.
    sticky: AtomicUsize,
}

impl Topic {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, partitions: RwLock::default(), sticky: AtomicUsize::new(0) }
    }

    /// Takes what the cluster says of it: partitions that are new, and who leads each. What has to be told is told.
    pub(super) fn update(self: &Arc<Self>, info: &TopicInfo, shared: &Shared) {
        {
            let mut partitions = self.partitions.write();
            let count = info.partitions.last().map_or(0, |last| last.partition + 1);
            for number in partitions.len() as i32..count {
                let name = TopicPartition { topic: Arc::clone(&self.name), partition: number };
                let index = shared.next_partition();
                let partition = Partition::new(name, index, Arc::downgrade(self), shared.settings.backoff);
                partitions.push(Arc::new(partition));
            }
        }
        for partition in self.all() {
            let leader = shared.control.cluster.view().leader(&partition.name);
            let home = leader.and_then(|node| shared.inbox(node));
            if let Some(inbox) = partition.set_home(home.as_ref()) {
                inbox.tell();
            }
            if home.is_none() {
                self.move_on(partition.name.partition);
            }
        }
    }

    /// Hands the partition to `add` that a record goes to.
    #[inline]
    pub(super) fn with_partition<R>(
        &self,
        partition: Option<i32>,
        key: Option<&[u8]>,
        add: impl FnOnce(&Arc<Partition>) -> R,
    ) -> Result<R, KafkaError> {
        let partitions = self.partitions.read();
        let index = match (partition, key) {
            (Some(partition), _) => usize::try_from(partition).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_of(key, partitions.len()),
            (None, None) => self.sticky.load(Ordering::Relaxed),
        };
        match partitions.get(index) {
            Some(found) => Ok(add(found)),
            None => Err(KafkaError::UnknownPartition {
                partition: TopicPartition {
                    topic: Arc::clone(&self.name),
                    partition: partition.unwrap_or(0),
                },
                partitions: partitions.len(),
            }),
        }
    }

    /// A batch has left, or has no place to go: if records without key went to it, the next ones go to another partition, one
    /// with a leader if there is one.
    #[cold]
    pub(super) fn move_on(&self, from: i32) {
        let from = usize::try_from(from).unwrap_or_default();
        if self.sticky.load(Ordering::Relaxed) != from {
            return;
        }
        let partitions = self.partitions.read();
        let count = partitions.len();
        let others = (1..count).map(|step| (from + step) % count);
        let mut led = others.filter(|next| partitions[*next].has_home());
        let has_home = partitions.get(from).is_some_and(|partition| partition.has_home());
        let next = led.next().unwrap_or(if has_home { from } else { (from + 1) % count.max(1) });
        // Another thread may have moved on already.
        let _ = self.sticky.compare_exchange(from, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        &*self.name == name
    }

    /// All partitions.
    pub(super) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().clone()
    }
}
