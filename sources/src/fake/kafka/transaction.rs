//! [`Transaction`]: a transaction of a producer, as a test makes it. It runs on the test's thread.

use super::append::{Storage, store};
use super::batch::{FakeBatch, FakeRecord};
use super::codec::{Form, Record};
use super::topic::{Aborted, Partition};
use super::{FakeError, FakeKafka};
use crate::kafka::wire::records::BatchFlags;

/// A transaction that is open until it is committed or aborted; one that is dropped stays open, and holds back all readers
/// of committed records.
#[derive(Debug)]
#[must_use = "a transaction that is neither committed nor aborted stays open"]
pub struct Transaction<'a> {
    kafka: &'a FakeKafka,
    producer_id: i64,
    partitions: Vec<(String, i32)>,
    records: i32,
}

impl FakeKafka {
    /// Begins a transaction of a producer of its own. Needs a release with format 2, that is from 0.11 on.
    ///
    /// ```
    /// use batchmill_sources::fake::kafka::FakeKafka;
    ///
    /// let kafka = FakeKafka::builder().topic("lines", 1).start()?;
    /// let mut transaction = kafka.begin_transaction();
    /// transaction.produce("lines", 0, ["not to be seen"])?;
    /// transaction.abort()?;
    /// // The record and the marker of the end.
    /// assert_eq!(kafka.end_offset("lines", 0)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_transaction(&self) -> Transaction<'_> {
        let producer_id = self.shared.state.lock().new_producer_id();
        Transaction { kafka: self, producer_id, partitions: Vec::new(), records: 0 }
    }
}

impl Transaction<'_> {
    /// Stores records as one batch: the offset of the first.
    ///
    /// # Errors
    /// As of [`FakeKafka::produce`]; also when the release has no transactions.
    pub fn produce<R: Into<FakeRecord>>(
        &mut self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = R>,
    ) -> Result<i64, FakeError> {
        if self.kafka.profile().magic() < 2 {
            return Err(FakeError::Records("the release has no transactions".to_owned()));
        }
        let batch = FakeBatch::of(records);
        let count = i32::try_from(batch.records.len()).unwrap_or(i32::MAX);
        let form = self.form(BatchFlags { base_sequence: self.records, ..BatchFlags::default() });
        let offset = self.kafka.store(topic, partition, batch, form.flags)?;
        self.records = self.records.wrapping_add(count) & i32::MAX;
        let place = (topic.to_owned(), partition);
        if !self.partitions.contains(&place) {
            self.partitions.push(place);
        }
        Ok(offset)
    }

    /// The id of its producer, by which readers are told that it was aborted.
    pub fn producer_id(&self) -> i64 {
        self.producer_id
    }

    /// Commits it: each partition gets a marker, and readers of committed records see it.
    ///
    /// # Errors
    /// When a partition is gone.
    pub fn commit(self) -> Result<(), FakeError> {
        self.end(true)
    }

    /// Aborts it: each partition gets a marker, and readers of committed records never see it.
    ///
    /// # Errors
    /// When a partition is gone.
    pub fn abort(self) -> Result<(), FakeError> {
        self.end(false)
    }

    fn form(&self, flags: BatchFlags) -> Form {
        let flags =
            BatchFlags { transactional: true, producer_id: self.producer_id, producer_epoch: 0, ..flags };
        Form { magic: 2, flags, ..Form::default() }
    }

    fn end(self, committed: bool) -> Result<(), FakeError> {
        let now_ms = self.kafka.shared.now_ms();
        let marker = marker(now_ms, committed);
        let form = self.form(BatchFlags { control: true, ..BatchFlags::default() });
        for (topic, partition) in &self.partitions {
            let ended =
                |found: &mut Partition| end(found, self.producer_id, committed, marker.clone(), &form);
            self.kafka.with(topic, *partition, ended)?.map_err(FakeError::Records)?;
        }
        Ok(())
    }
}

fn end(
    partition: &mut Partition,
    producer_id: i64,
    committed: bool,
    marker: Record,
    form: &Form,
) -> Result<(), String> {
    let storage = Storage { magic: 2, now_ms: marker.timestamp.unwrap_or(-1), log_append_time: false };
    let last_offset = store(partition, vec![marker], form, storage)?;
    let first_offset = partition.open.remove(&producer_id);
    if let Some(first_offset) = first_offset.filter(|_| !committed) {
        partition.aborted.push(Aborted { producer_id, first_offset, last_offset });
    }
    Ok(())
}

/// The record of a control batch: its key says how the transaction ended.
fn marker(now_ms: i64, committed: bool) -> Record {
    let (version, kind, coordinator_epoch) = (0i16, i16::from(committed), 0i32);
    let key = [version.to_be_bytes(), kind.to_be_bytes()].concat();
    let value = [&version.to_be_bytes()[..], &coordinator_epoch.to_be_bytes()].concat();
    Record { offset: 0, timestamp: Some(now_ms), key: Some(key), value: Some(value), headers: Vec::new() }
}
