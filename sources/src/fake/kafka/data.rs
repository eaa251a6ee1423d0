//! The verbs of a [`FakeKafka`] that store and read records. They run on the test's thread, take effect at once, and wake the
//! fetches that wait.

use std::ops::Range;

use super::append::{Storage, store};
use super::batch::{FakeBatch, FakeRecord, StoredRecord};
use super::codec::{self, Batch, Form};
use super::topic::Partition;
use super::{FakeError, FakeKafka};
use crate::kafka::wire::records::BatchFlags;

impl FakeKafka {
    /// Stores records as one batch, without compression: the offset of the first.
    ///
    /// # Errors
    /// When there is no such partition, or no records, or they have no form in the release's format.
    pub fn produce<R: Into<FakeRecord>>(
        &self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = R>,
    ) -> Result<i64, FakeError> {
        self.produce_batch(topic, partition, FakeBatch::of(records))
    }

    /// Stores a batch: the offset of its first record.
    ///
    /// # Errors
    /// As of [`produce`](Self::produce).
    pub fn produce_batch(&self, topic: &str, partition: i32, batch: FakeBatch) -> Result<i64, FakeError> {
        let mut flags = BatchFlags::default();
        if let Some((id, epoch, base_sequence)) = batch.producer {
            flags = BatchFlags { producer_id: id, producer_epoch: epoch, base_sequence, ..flags };
        }
        self.store(topic, partition, batch, flags)
    }

    /// Puts bytes into a partition's log as they are, in place of the records from the first of these offsets (which must be
    /// the end of the log, or above) up to the second: for what no broker would store.
    ///
    /// # Errors
    /// When there is no such partition, or the range is empty or begins below the end of the log.
    pub fn store_bytes(
        &self,
        topic: &str,
        partition: i32,
        offsets: Range<i64>,
        bytes: &[u8],
    ) -> Result<(), FakeError> {
        self.with(topic, partition, |found| {
            if offsets.is_empty() || offsets.start < found.log.end_offset() {
                return Err(FakeError::Records(format!("the log ends at {}", found.log.end_offset())));
            }
            found.begin_epoch();
            found.log.append(&Batch {
                bytes: bytes.to_vec(),
                // So that old requests get them as they are too.
                magic: 0,
                base_offset: offsets.start,
                last_offset: offsets.end - 1,
                max_timestamp: -1,
            });
            Ok(())
        })?
    }

    /// The first offset of a partition that can be read.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn start_offset(&self, topic: &str, partition: i32) -> Result<i64, FakeError> {
        self.look(topic, partition, |found| found.log.start_offset())
    }

    /// The offset of the next record of a partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn end_offset(&self, topic: &str, partition: i32) -> Result<i64, FakeError> {
        self.look(topic, partition, |found| found.log.end_offset())
    }

    /// All records of a partition, those of aborted and open transactions too.
    ///
    /// # Errors
    /// When there is no such partition, or bytes were stored in it that are no records.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, FakeError> {
        self.look(topic, partition, stored)?
    }

    pub(super) fn store(
        &self,
        topic: &str,
        partition: i32,
        batch: FakeBatch,
        flags: BatchFlags,
    ) -> Result<i64, FakeError> {
        let now_ms = self.shared.now_ms();
        let FakeBatch { records, codec, magic, .. } = batch;
        let records: Vec<_> = records.into_iter().map(|record| record.into_record(now_ms)).collect();
        if records.is_empty() {
            return Err(FakeError::Records("there are none".to_owned()));
        }
        let (of_release, log_append_time) = {
            let state = self.shared.state.lock();
            (state.profile.magic(), state.topics.get(topic).is_some_and(|topic| topic.log_append_time))
        };
        let magic = magic.unwrap_or(of_release);
        let storage = Storage { magic, now_ms, log_append_time };
        let form = Form { magic, codec, flags };
        self.with(topic, partition, |found| store(found, records, &form, storage))?
            .map_err(FakeError::Records)
    }
}

fn stored(partition: &Partition) -> Result<Vec<StoredRecord>, FakeError> {
    let damaged = |error| FakeError::Records(format!("{error}"));
    let mut stored = Vec::new();
    let start = partition.log.start_offset();
    for entry in partition.log.entries() {
        let bytes = partition.log.bytes(entry);
        for span in codec::walk(bytes).map_err(damaged)?.iter().filter(|span| !span.is_control) {
            let records = codec::decode(bytes, span).map_err(damaged)?.into_iter();
            let readable = records.filter(|record| record.offset >= start);
            stored.extend(readable.map(|record| StoredRecord::of(record, span.is_transactional)));
        }
    }
    Ok(stored)
}
