//! What an answer about one partition leads to: what the sink is told, and whether the broker goes on with the partition.

use std::sync::Arc;

use super::answer::Read;
use super::epochs::{Finding, Question};
use super::partition::FetchPartition;
use super::shared::FetchShared;
use crate::kafka::KafkaError;
use crate::kafka::client::control::bad_value;
use crate::kafka::client::deadline::now;
use crate::kafka::client::settings::Isolation;
use crate::kafka::client::transport::{FetchFailure, Fetched, Want};
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::PartitionData;

/// What becomes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka::client) enum Settled {
    /// It may be fetched now.
    Checked,
    /// It stays with the broker's thread.
    Kept,
    /// The supervisor finds out where to go with it.
    GivenBack,
}

/// Settles the partitions of one answer.
pub(in crate::kafka::client) struct Settler<'a> {
    shared: &'a FetchShared,
    node: i32,
    broker: &'a Arc<str>,
    has_something: bool,
}

impl<'a> Settler<'a> {
    pub(super) fn new(shared: &'a FetchShared, node: i32, broker: &'a Arc<str>) -> Self {
        Self { shared, node, broker, has_something: false }
    }

    /// Whether no partition had an error, or anything new.
    pub(super) fn has_nothing(&self) -> bool {
        !self.has_something
    }

    /// Hands over what a partition's answer has, as it is `read`, or notes its error. The partition that `is_first` in the
    /// request has not gone without records for the sake of others.
    pub(in crate::kafka::client) fn settle(
        &mut self,
        partition: &mut FetchPartition,
        want: &Want,
        data: &PartitionData<'_>,
        is_first: bool,
        read: impl FnOnce() -> Result<Read, FetchFailure>,
    ) -> Settled {
        self.has_something |= !data.error_code.is_ok();
        match data.error_code {
            ErrorCode::NONE if self.is_sent_elsewhere(partition, data) => {
                let until = now() + self.shared.cluster().settings().metadata_max_age;
                partition.read_from(data.preferred_read_replica, until);
                Settled::GivenBack
            }
            ErrorCode::NONE => {
                if let Err(failure) = self.hand_over(partition, want, data, is_first, read) {
                    self.pause(partition, want.offset, failure);
                }
                Settled::Kept
            }
            // What a follower says of itself may be behind: the leader is asked first.
            _ if partition.back_to_leader() => Settled::GivenBack,
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                // The log may have been cut back.
                partition.checked_epoch = None;
                let failure = FetchFailure::OutOfRange { wanted: want.offset };
                self.pause(partition, want.offset, failure)
            }
            code => self.refused(partition, want, "Fetch", code),
        }
    }

    /// The leader names a follower that is nearer. Followers name none, and one without an address cannot be asked.
    fn is_sent_elsewhere(&self, partition: &FetchPartition, data: &PartitionData<'_>) -> bool {
        data.preferred_read_replica >= 0
            && data.preferred_read_replica != self.node
            && data.records.is_empty()
            && !partition.is_at_follower()
            && self.shared.cluster().target(data.preferred_read_replica).is_some()
    }

    /// What was found out about the log of a partition.
    pub(super) fn settle_finding(
        &mut self,
        partition: &mut FetchPartition,
        question: &Question,
        finding: Finding,
    ) -> Settled {
        match finding {
            Finding::Whole => {
                partition.checked_epoch = Some(question.current);
                Settled::Checked
            }
            Finding::Truncated(failure) => self.pause(partition, question.want.offset, failure),
            Finding::Refused(code) => self.refused(partition, &question.want, "OffsetForLeaderEpoch", code),
            Finding::Unanswered => self.unanswered(partition, &question.want, "OffsetForLeaderEpoch"),
        }
    }

    /// The answer says nothing of a partition that it should be about.
    pub(in crate::kafka::client) fn unanswered(
        &self,
        partition: &mut FetchPartition,
        want: &Want,
        request: &'static str,
    ) -> Settled {
        let (broker, about) = (Arc::clone(self.broker), partition.name.to_string().into());
        let failure = FetchFailure::Hostile(KafkaError::Unanswered { broker, request, about });
        self.pause(partition, want.offset, failure)
    }

    fn refused(
        &self,
        partition: &mut FetchPartition,
        want: &Want,
        request: &'static str,
        code: ErrorCode,
    ) -> Settled {
        let now = now();
        let about = Some(partition.name.to_string().into());
        let cause = KafkaError::Broker { broker: Arc::clone(self.broker), request, about, code };
        if code.is_stale_metadata() {
            let since = partition.unavailable(now);
            partition.leader_is_wrong(now);
            let until = now + partition.next_pause();
            partition.hold(self.node, until);
            self.shared.sink.failed(&partition.name, FetchFailure::NotAvailable { since, cause });
            return Settled::GivenBack;
        }
        let failure = match code {
            ErrorCode::CORRUPT_MESSAGE => FetchFailure::Corrupt { offset: want.offset, cause },
            _ if code.is_retriable() => {
                FetchFailure::NotAvailable { since: partition.unavailable(now), cause }
            }
            _ => FetchFailure::Refused(cause),
        };
        self.pause(partition, want.offset, failure)
    }

    fn pause(&self, partition: &mut FetchPartition, offset: i64, failure: FetchFailure) -> Settled {
        partition.pause(offset, now());
        self.shared.sink.failed(&partition.name, failure);
        Settled::Kept
    }

    fn hand_over(
        &mut self,
        partition: &mut FetchPartition,
        want: &Want,
        data: &PartitionData<'_>,
        is_first: bool,
        read: impl FnOnce() -> Result<Read, FetchFailure>,
    ) -> Result<(), FetchFailure> {
        let name = partition.name.clone();
        if data.high_watermark < 0 {
            let (what, value) = ("high watermark", data.high_watermark);
            return Err(FetchFailure::Hostile(bad_value(self.broker, "Fetch", Some(&name), what, value)));
        }
        let isolation = self.shared.cluster().settings().isolation;
        let read = read()?;
        let is_new = read.next_offset > want.offset
            || read.truncated_record.is_some_and(|bytes| bytes > want.max_bytes);
        self.has_something |= is_new;
        let last_stable = Some(data.last_stable_offset).filter(|offset| *offset >= 0);
        // No broker lets transactions end behind what is replicated.
        let last_stable = last_stable.map(|offset| offset.min(data.high_watermark));
        let end = match isolation {
            Isolation::ReadCommitted => last_stable.unwrap_or(data.high_watermark),
            Isolation::ReadUncommitted => data.high_watermark,
        };
        if is_new || end <= want.offset {
            partition.is_well();
        } else if is_first && partition.starves() {
            let cause = KafkaError::NoRecords {
                broker: Arc::clone(self.broker),
                partition: name,
                offset: want.offset,
                end,
            };
            return Err(FetchFailure::NotAvailable { since: partition.unavailable(now()), cause });
        }
        let fetched = Fetched {
            offset: want.offset,
            blocks: read.blocks,
            next_offset: read.next_offset,
            leader_epoch: read.leader_epoch.or(want.leader_epoch),
            high_watermark: data.high_watermark,
            last_stable,
            truncated_record: read.truncated_record,
        };
        self.shared.sink.fetched(&name, fetched);
        Ok(())
    }
}
