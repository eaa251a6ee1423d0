//! Where the logs of partitions begin and end, asked of their leaders; and what it means that an offset is in none.

use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::{FoundOffsetResult, OffsetAt, Transport};
use crate::kafka::{KafkaError, TopicPartition};

/// The log of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The first offset that is there.
    pub(super) earliest: i64,
    /// The end, as readers see it.
    pub(super) latest: i64,
}

impl Log {
    /// Whether reading may begin there. It may at the end.
    pub(super) fn contains(self, offset: i64) -> bool {
        (self.earliest..=self.latest).contains(&offset)
    }
}

/// The logs of partitions, in their order.
pub(super) fn logs(
    partitions: &[TopicPartition],
    transport: &dyn Transport,
    deadline: Deadline,
) -> Result<Vec<Log>, KafkaError> {
    each_log(partitions, transport, deadline)?.into_iter().collect()
}

/// As [`logs`], with an error of its own for each partition that cannot be asked.
pub(super) fn each_log(
    partitions: &[TopicPartition],
    transport: &dyn Transport,
    deadline: Deadline,
) -> Result<Vec<Result<Log, KafkaError>>, KafkaError> {
    let at = |place| partitions.iter().map(|partition| (partition.clone(), place)).collect::<Vec<_>>();
    let earliest = transport.offsets(&at(OffsetAt::Earliest), deadline)?;
    let latest = transport.offsets(&at(OffsetAt::Latest), deadline)?;
    let offset = |found: FoundOffsetResult| found.map(|found| found.map_or(0, |found| found.offset));
    let logs = earliest
        .into_iter()
        .zip(latest)
        .map(|((_, earliest), (_, latest))| Ok(Log { earliest: offset(earliest)?, latest: offset(latest)? }));
    Ok(logs.collect())
}

/// The error for an offset that a log does not have: what is below it was deleted, what is above it never was there.
pub(super) fn not_in_log(partition: &TopicPartition, wanted: i64, log: Log) -> KafkaError {
    let (partition, Log { earliest, latest }) = (partition.clone(), log);
    if wanted < earliest {
        KafkaError::RangeLost { partition, from: wanted, until: earliest, earliest }
    } else {
        KafkaError::OffsetOutOfRange { partition, wanted, earliest, latest }
    }
}
