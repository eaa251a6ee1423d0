//! The verbs of a [`FakeKafka`] that store and read records. They run on the test's thread, take effect at once, and wake the
//! fetches that wait.

use super::append::{Storage, store};
use super::codec::{self, Form, Record};
use super::topic::Partition;
use super::{FakeError, FakeKafka};

/// A record to be stored. Made of a value, of a key and a value, or built up.
///
/// ```
/// use batchmill_sources::fake::kafka::FakeRecord;
///
/// let record = FakeRecord::from(("key", "value")).timestamp(1_700_000_000_000).header("trace", "7");
/// assert_eq!(record, record.clone());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FakeRecord {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
}

impl FakeRecord {
    /// A record with this value, and neither key nor headers.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A record without a value, which deletes its key from a compacted topic.
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With this time, in milliseconds since 1970, instead of the cluster's time. Formats 1 and 2 keep it.
    #[must_use]
    pub fn timestamp(mut self, ms: i64) -> Self {
        self.timestamp = Some(ms);
        self
    }

    /// With one header more. Format 2 keeps it.
    #[must_use]
    pub fn header(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((key.to_owned(), Some(value.into())));
        self
    }

    fn into_record(self, now_ms: i64) -> Record {
        let Self { key, value, headers, timestamp } = self;
        Record { offset: 0, timestamp: Some(timestamp.unwrap_or(now_ms)), key, value, headers }
    }
}

impl From<&str> for FakeRecord {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for FakeRecord {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl From<Vec<u8>> for FakeRecord {
    fn from(value: Vec<u8>) -> Self {
        Self::new(value)
    }
}

impl From<(&str, &str)> for FakeRecord {
    /// Of a key and a value.
    fn from((key, value): (&str, &str)) -> Self {
        Self::new(value).key(key)
    }
}

/// A record as a partition holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time in milliseconds since 1970; none in format 0.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// It belongs to a transaction (open, committed or aborted).
    pub is_transactional: bool,
}

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
        self.store(topic, partition, records, &Form::default())
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
        self.look(topic, partition, stored)?.map_err(FakeError::Records)
    }

    pub(super) fn store<R: Into<FakeRecord>>(
        &self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = R>,
        form: &Form,
    ) -> Result<i64, FakeError> {
        let now_ms = self.shared.now_ms();
        let records: Vec<_> = records.into_iter().map(|record| record.into().into_record(now_ms)).collect();
        if records.is_empty() {
            return Err(FakeError::Records("there are none".to_owned()));
        }
        let (magic, log_append_time) = {
            let state = self.shared.state.lock();
            (state.profile.magic(), state.topics.get(topic).is_some_and(|topic| topic.log_append_time))
        };
        let storage = Storage { magic, log_append_time_ms: log_append_time.then_some(now_ms) };
        let form = Form { magic, ..*form };
        let stored = self.with(topic, partition, |found| store(found, records, &form, storage))?;
        stored.map_err(FakeError::Records)
    }
}

fn stored(partition: &Partition) -> Result<Vec<StoredRecord>, String> {
    let mut stored = Vec::new();
    let start = partition.log.start_offset();
    for entry in partition.log.entries() {
        let bytes = partition.log.bytes(entry);
        for head in codec::walk(bytes).map_err(|error| error.to_string())? {
            if head.is_control {
                continue;
            }
            let records = codec::decode(bytes, &head).map_err(|code| code.to_string())?;
            stored.extend(records.into_iter().filter(|record| record.offset >= start).map(|record| {
                let Record { offset, timestamp, key, value, headers } = record;
                StoredRecord {
                    offset,
                    timestamp,
                    key,
                    value,
                    headers,
                    is_transactional: head.is_transactional,
                }
            }));
        }
    }
    Ok(stored)
}
