//! The fetch threads' side of what is read ahead.

use std::time::Duration;

use batchmill::Mono;

use super::ReadAhead;
use super::partition::Trouble;
use crate::kafka::client::deadline::now;
use crate::kafka::client::transport::{FetchFailure, FetchSink, Fetched, Want};
use crate::kafka::{Isolation, KafkaError, TopicPartition};

/// Smaller fetches cost more in requests than they save in memory.
const SMALLEST_FETCH: usize = 64 * 1024;

impl ReadAhead {
    /// How many bytes a partition may hold, and how many a fetch asks for: half of it, so that one block can be read while
    /// the next one comes.
    pub(super) fn sizes(&self, partitions: usize) -> (usize, usize) {
        let share = self.settings.budget / partitions.max(1);
        (
            share,
            (share / 2)
                .clamp(SMALLEST_FETCH.min(self.settings.partition_bytes), self.settings.partition_bytes),
        )
    }
}

impl FetchSink for ReadAhead {
    fn want(&self, partition: &TopicPartition) -> Option<Want> {
        let state = self.state.lock();
        let (share, size) = self.sizes(state.partitions.len());
        state.partitions.get(partition)?.want(size, share)
    }

    fn fetched(&self, partition: &TopicPartition, fetched: Fetched) {
        let end = match self.settings.isolation {
            Isolation::ReadCommitted => fetched.last_stable.unwrap_or(fetched.high_watermark),
            Isolation::ReadUncommitted => fetched.high_watermark,
        };
        let (offset, needs) = (fetched.offset, fetched.truncated_record);
        let limit = self.settings.record_bytes;
        self.change(partition, |known| {
            known.came(fetched, end);
            match needs.map(|bytes| bytes as usize) {
                Some(bytes) if bytes > limit => known.fail(KafkaError::RecordTooLarge {
                    partition: partition.clone(),
                    offset,
                    size: bytes as u64,
                    limit: limit as u64,
                }),
                Some(bytes) => known.grow(bytes),
                None => {}
            }
        });
    }

    fn failed(&self, partition: &TopicPartition, failure: FetchFailure) {
        let error = match failure {
            FetchFailure::OutOfRange { wanted } => return self.find_out_of_range(partition, wanted),
            FetchFailure::NotAvailable { since, cause } => {
                return self.cannot_fetch(partition, since, cause);
            }
            FetchFailure::Hostile(cause) if !matches!(cause, KafkaError::ResponseTooLarge { .. }) => {
                // Another answer may be better; if none is for too long, the reader is told of this one.
                return self.cannot_fetch(partition, Duration::ZERO, cause);
            }
            FetchFailure::Hostile(cause)
            | FetchFailure::TopicUnknown(cause)
            | FetchFailure::Refused(cause) => cause,
            FetchFailure::Corrupt { cause, .. } => cause,
            FetchFailure::TopicRecreated { .. } => {
                KafkaError::TopicRecreated { topic: partition.topic.clone() }
            }
            FetchFailure::LogTruncated { wanted, end } => {
                KafkaError::LogTruncated { partition: partition.clone(), from: end, to: wanted }
            }
        };
        self.fail(partition, error);
    }
}

impl ReadAhead {
    fn find_out_of_range(&self, partition: &TopicPartition, wanted: i64) {
        if self.change(partition, |known| known.find_out_of_range(wanted)) == Some(true) {
            if let Some(error) = self.watch.out_of_range(partition, wanted) {
                self.fail(partition, error);
            }
        }
    }

    fn cannot_fetch(&self, partition: &TopicPartition, for_long: Duration, cause: KafkaError) {
        let begun = Mono::from_origin(now().since_origin().saturating_sub(for_long));
        let detail = format!("{partition}: {cause}");
        let trouble = Trouble::new(begun, cause);
        if self.change(partition, |known| known.cannot_fetch(trouble)) == Some(true) {
            self.watch.tell("partition_unavailable", detail);
        }
    }
}
