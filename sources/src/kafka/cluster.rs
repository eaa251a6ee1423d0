//! [`KafkaCluster`]: what a program may ask a cluster outside of a stream, Spark's class of that name. Each call blocks the
//! caller's thread, and ends by the timeouts of the parameters.

use std::fmt;
use std::sync::Arc;

use super::client::connect;
use super::client::deadline::Deadline;
use super::client::transport::{Committed, FoundOffsetResult, OffsetAt, TopicError, TopicFilter, Transport};
use super::streams::unknown_topic;
use super::{KafkaError, KafkaParams, OffsetRange, TopicPartition};

/// A client of a cluster, for questions about topics and offsets. It connects when it is asked something.
///
/// ```
/// use batchmill_sources::fake::kafka::{FakeKafka, FakeRecord};
/// use batchmill_sources::kafka::{KafkaCluster, KafkaParams, TopicPartition};
///
/// let fake = FakeKafka::builder().topic("lines", 1).start()?;
/// fake.produce("lines", 0, [FakeRecord::new("a").timestamp(1_000), FakeRecord::new("b").timestamp(2_000)])?;
///
/// let cluster = KafkaCluster::connect(fake.bootstrap(), KafkaParams::new())?;
/// let partition = TopicPartition::new("lines", 0);
/// assert_eq!(cluster.partitions("lines")?, [partition.clone()]);
/// assert_eq!(cluster.latest_offsets([partition.clone()])?, [(partition.clone(), 2)]);
/// assert_eq!(cluster.offsets_for_time([partition.clone()], 1_500)?, [(partition, Some(1))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KafkaCluster {
    transport: Arc<dyn Transport>,
    params: KafkaParams,
}

impl KafkaCluster {
    /// A client of the cluster at `brokers`, a list of `host:port`; if that is empty, of the brokers in the parameters.
    ///
    /// # Errors
    /// Parameters or addresses that make no sense. Nothing is connected yet.
    pub fn connect(brokers: impl Into<String>, params: KafkaParams) -> Result<Self, KafkaError> {
        params.check().map_err(KafkaError::Parameter)?;
        let settings = params.client_settings(&brokers.into()).map_err(KafkaError::Parameter)?;
        Ok(Self { transport: connect(settings), params })
    }

    /// The names of all topics that the cluster lets this client see, but its own, in order.
    ///
    /// # Errors
    /// What the brokers answer, or that none does.
    pub fn topics(&self) -> Result<Vec<Arc<str>>, KafkaError> {
        let all = self.transport.topics(TopicFilter::All, self.deadline())?;
        let mut names: Vec<_> = all.into_iter().filter(|info| !info.internal).map(|info| info.name).collect();
        names.sort();
        Ok(names)
    }

    /// The partitions of a topic, in order. Asking does not create it.
    ///
    /// # Errors
    /// [`KafkaError::UnknownTopic`]; what the brokers answer, or that none does.
    pub fn partitions(&self, topic: &str) -> Result<Vec<TopicPartition>, KafkaError> {
        let name: Arc<str> = topic.into();
        let found = self.transport.topics(TopicFilter::Names(&[Arc::clone(&name)]), self.deadline())?;
        let mut partitions = Vec::new();
        for info in found {
            match info.error {
                Some(TopicError::Unknown) => {
                    return Err(unknown_topic(&name, &*self.transport, self.deadline()));
                }
                Some(TopicError::Broker(code)) => return Err(KafkaError::Topic { topic: name, code }),
                None => partitions.extend(
                    info.partitions.iter().map(|p| TopicPartition::new(Arc::clone(&name), p.partition)),
                ),
            }
        }
        Ok(partitions)
    }

    /// The first offset that each partition still has.
    ///
    /// # Errors
    /// Of the first partition that has one.
    pub fn earliest_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<Vec<(TopicPartition, i64)>, KafkaError> {
        self.offsets(partitions, OffsetAt::Earliest)
    }

    /// The end of each partition, as a reader with these parameters sees it: under
    /// [`Isolation::ReadCommitted`](super::Isolation::ReadCommitted) no further than the oldest open transaction.
    ///
    /// # Errors
    /// Of the first partition that has one.
    pub fn latest_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<Vec<(TopicPartition, i64)>, KafkaError> {
        self.offsets(partitions, OffsetAt::Latest)
    }

    /// The first offset of each partition whose record is of this time or later, in milliseconds since the epoch; none
    /// where no record is that late. Brokers before 0.10.1 know the times of whole segments only: theirs is an offset at or
    /// before the record.
    ///
    /// # Errors
    /// Of the first partition that has one.
    #[doc(alias = "offsetsForTimes")]
    pub fn offsets_for_time(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        ms: i64,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, KafkaError> {
        let found = self.ask(partitions, OffsetAt::Time(ms))?;
        found
            .into_iter()
            .map(|(partition, found)| Ok((partition, found?.map(|found| found.offset))))
            .collect()
    }

    /// What a group has committed: the next offset to read, none for a partition without.
    ///
    /// # Errors
    /// What the group's broker answers, or that there is none.
    pub fn committed_offsets(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, KafkaError> {
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        let found = self.transport.committed(group, &partitions, self.deadline())?;
        Ok(found.into_iter().map(|(partition, found)| (partition, found.map(|found| found.offset))).collect())
    }

    /// Commits the ends of ranges for a group without members, and waits for the answer. A running stream commits by its
    /// [`OffsetCommitter`](super::OffsetCommitter); it takes commits of others for those of a foreign program.
    ///
    /// # Errors
    /// [`KafkaError::ForeignGroup`] if the group has members; what its broker answers.
    pub fn commit(
        &self,
        group: &str,
        ranges: impl IntoIterator<Item = OffsetRange>,
    ) -> Result<(), KafkaError> {
        let entry = |range: OffsetRange| {
            let (offset, leader_epoch) = (range.until, range.leader_epoch);
            (range.topic_partition(), Committed { offset, leader_epoch, metadata: String::new() })
        };
        let offsets: Vec<_> = ranges.into_iter().map(entry).collect();
        self.transport.commit(group, &offsets, self.deadline())
    }

    fn offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        at: OffsetAt,
    ) -> Result<Vec<(TopicPartition, i64)>, KafkaError> {
        let found = self.ask(partitions, at)?;
        found.into_iter().map(|(partition, found)| Ok((partition, found?.map_or(0, |f| f.offset)))).collect()
    }

    fn ask(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        at: OffsetAt,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError> {
        let at: Vec<_> = partitions.into_iter().map(|partition| (partition, at)).collect();
        self.transport.offsets(&at, self.deadline())
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.params.connect_timeout + self.params.request_timeout)
    }
}

impl fmt::Debug for KafkaCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaCluster").field("params", &self.params).finish_non_exhaustive()
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        self.transport.close();
    }
}
