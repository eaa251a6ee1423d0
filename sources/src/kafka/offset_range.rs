//! [`OffsetRange`]: what a batch holds of a partition. It is fixed at the cut, travels with the batch through its
//! operators, and is what a program commits or stores with its results.

use std::fmt;
use std::sync::Arc;

use batchmill::{Batch, Data};

use super::TopicPartition;

/// The records of one partition from an offset up to another, which is not in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct OffsetRange {
    /// The topic.
    pub topic: Arc<str>,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset of the range.
    pub from: i64,
    /// The first offset behind the range.
    pub until: i64,
    /// The leader epoch of the partition when the range was fixed, where the brokers tell it (from 2.4 on). It is
    /// committed with the range, so that a later start can notice that the log has been cut off since.
    pub leader_epoch: Option<i32>,
}

impl OffsetRange {
    /// A range from `from` up to, not including, `until`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, from: i64, until: i64) -> Self {
        Self { topic: topic.into(), partition, from, until, leader_epoch: None }
    }

    /// How many offsets lie in it. There may be fewer records: compaction and transactions leave gaps.
    pub fn offsets(&self) -> u64 {
        u64::try_from(self.until.saturating_sub(self.from)).unwrap_or(0)
    }

    /// Whether no offset lies in it.
    pub fn is_empty(&self) -> bool {
        self.from >= self.until
    }

    /// Its partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.topic), self.partition)
    }
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} [{}, {})", self.topic, self.partition, self.from, self.until)
    }
}

/// What a batch holds, as it is attached to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BatchRanges(pub(super) Vec<OffsetRange>);

/// The offset ranges of a batch: Spark's `HasOffsetRanges`, but they survive every operator.
pub trait OffsetRanges {
    /// The ranges of all Kafka partitions this batch was made of, in the order of its streams' partitions; those
    /// without new records too. Empty for a batch that has nothing to do with Kafka.
    ///
    /// ```
    /// use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::{fake::kafka::FakeKafka, kafka, prelude::*};
    /// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, OffsetReset};
    ///
    /// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
    /// cluster.produce("lines", 0, ["to be", "or not"])?;
    ///
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest).end_offsets(EndOffsets::Asked);
    /// let topics = ConsumerStrategy::subscribe(["lines"]);
    /// let stream = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params);
    /// stream.map(|record| record.offset()).for_each_batch(|batch| {
    ///     let range = &batch.offset_ranges()[0];
    ///     assert_eq!((range.partition, range.from, range.until), (0, 0, 2));
    /// });
    /// ssc.start_stepped()?.step_batch()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "offsetRanges")]
    fn offset_ranges(&self) -> Vec<OffsetRange>;
}

impl<T: Data> OffsetRanges for Batch<T> {
    fn offset_ranges(&self) -> Vec<OffsetRange> {
        self.notes::<BatchRanges>().flat_map(|ranges| ranges.0.iter().cloned()).collect()
    }
}
