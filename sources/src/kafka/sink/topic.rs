//! [`Topic`]: a topic that is written, and which of its partitions a record goes to. Used by the threads that send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::partition::Partition;
use super::partitioner::partition_of;
use super::shared::Shared;
use crate::kafka::client::transport::TopicInfo;
use crate::kafka::{KafkaError, TopicId, TopicPartition};

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    partitions: RwLock<Partitions>,
    /// Where records without key go until the batch is full.
    sticky: AtomicUsize,
}

#[derive(Debug, Default)]
struct Partitions {
    /// In the order of their numbers, from 0 on. None is taken away, for it may have records.
    all: Vec<Arc<Partition>>,
    /// So many of them are there. They become more, and fewer only where the topic was made anew: a broker that lags behind
    /// tells of fewer too.
    count: usize,
    /// Tells the topic from a later one with the same name; from 2.8 on.
    id: Option<TopicId>,
}

impl Partitions {
    fn present(&self) -> &[Arc<Partition>] {
        &self.all[..self.count]
    }
}

impl Topic {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, partitions: RwLock::default(), sticky: AtomicUsize::new(0) }
    }

    /// Takes what the cluster says of it: partitions that are new, and who leads each. What has to be told is told.
    ///
    /// Those who send see all of it at once: where they saw some leaders only, records without key would go to these.
    pub(super) fn update(self: &Arc<Self>, info: &TopicInfo, shared: &Shared) {
        let (mut told, mut homeless) = (Vec::new(), Vec::new());
        {
            let mut known = self.partitions.write();
            let told_of = info.partitions.last().map_or(0, |last| last.partition + 1);
            for number in known.all.len() as i32..told_of {
                let name = TopicPartition { topic: Arc::clone(&self.name), partition: number };
                let index = shared.next_partition();
                let partition = Partition::new(name, index, Arc::downgrade(self), shared.settings.backoff);
                known.all.push(Arc::new(partition));
            }
            let told_of = usize::try_from(told_of).unwrap_or_default();
            if told_of > 0 {
                let is_another = known.id.is_some() && info.id.is_some() && info.id != known.id;
                known.count = if is_another { told_of } else { known.count.max(told_of) };
                known.id = info.id.or(known.id);
            }
            if self.sticky.load(Ordering::Relaxed) >= known.count {
                self.sticky.store(0, Ordering::Relaxed);
            }
            known.all[known.count..]
                .iter()
                .for_each(|gone| gone.has_trouble(self.unknown(gone.name.partition, &known)));
            for partition in &known.all {
                let leader = shared.control.cluster.view().leader(&partition.name);
                let home = leader.and_then(|node| shared.inbox(node));
                told.extend(partition.set_home(home.as_ref()));
                if home.is_none() {
                    homeless.push(partition.name.partition);
                }
            }
        }
        told.iter().for_each(|inbox| inbox.tell());
        homeless.into_iter().for_each(|partition| self.move_on(partition));
    }

    /// Hands the partition to `add` that a record goes to.
    #[inline]
    pub(super) fn with_partition<R>(
        &self,
        partition: Option<i32>,
        key: Option<&[u8]>,
        add: impl FnOnce(&Arc<Partition>) -> R,
    ) -> Result<R, KafkaError> {
        let known = self.partitions.read();
        let index = match (partition, key) {
            (Some(partition), _) => usize::try_from(partition).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_of(key, known.count),
            (None, None) => self.sticky.load(Ordering::Relaxed),
        };
        match known.present().get(index) {
            Some(found) => Ok(add(found)),
            None => Err(self.unknown(partition.unwrap_or(0), &known)),
        }
    }

    fn unknown(&self, partition: i32, known: &Partitions) -> KafkaError {
        let partition = TopicPartition { topic: Arc::clone(&self.name), partition };
        KafkaError::UnknownPartition { partition, partitions: known.count }
    }

    /// A batch has left, or has no place to go: if records without key went to it, the next ones go to another partition, one
    /// with a leader if there is one.
    #[cold]
    pub(super) fn move_on(&self, from: i32) {
        let from = usize::try_from(from).unwrap_or_default();
        if self.sticky.load(Ordering::Relaxed) != from {
            return;
        }
        let known = self.partitions.read();
        let (partitions, count) = (known.present(), known.count);
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

    /// All partitions, those too that are gone.
    pub(super) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().all.clone()
    }
}
