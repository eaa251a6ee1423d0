//! [`FakeBatch`] and [`FakeRecord`]: what a test stores in a [`FakeKafka`](super::FakeKafka), and [`StoredRecord`], what it
//! finds there.

use super::codec::Record;
use crate::kafka::wire::records::Codec;

/// A record to be stored. Made of a value, of a key and a value, or built up.
///
/// ```
/// use batchmill_sources::fake::kafka::{FakeKafka, FakeRecord};
///
/// let kafka = FakeKafka::builder().topic("lines", 1).start()?;
/// let record = FakeRecord::from(("key", "value")).timestamp(1_700_000_000_000).header("trace", "7");
/// kafka.produce("lines", 0, [record])?;
/// assert_eq!(kafka.records("lines", 0)?[0].timestamp, Some(1_700_000_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
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

    /// With one header more. Only format 2 has headers.
    #[must_use]
    pub fn header(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((key.to_owned(), Some(value.into())));
        self
    }

    pub(super) fn into_record(self, now_ms: i64) -> Record {
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

/// Records to be stored as a batch, and how.
///
/// ```
/// use batchmill_sources::fake::kafka::{Codec, FakeBatch, FakeKafka, Profile};
///
/// let kafka = FakeKafka::builder().profile(Profile::V0_9).topic("lines", 1).start()?;
/// kafka.produce_batch("lines", 0, FakeBatch::of(["a", "b"]).codec(Codec::Snappy))?;
/// assert_eq!(kafka.end_offset("lines", 0)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FakeBatch {
    pub(super) records: Vec<FakeRecord>,
    pub(super) codec: Codec,
    pub(super) magic: Option<u8>,
    pub(super) producer: Option<(i64, i16, i32)>,
}

impl FakeBatch {
    /// A batch of these records, without compression, in the release's format.
    pub fn of<R: Into<FakeRecord>>(records: impl IntoIterator<Item = R>) -> Self {
        Self { records: records.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Compressed.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// In this format (0, 1 or 2), as an earlier release has left it in the log.
    #[must_use]
    pub fn magic(mut self, magic: u8) -> Self {
        self.magic = Some(magic);
        self
    }

    /// Of an idempotent producer: its id, its epoch and the sequence number of the first record. Nothing is checked.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer = Some((id, epoch, base_sequence));
        self
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

impl StoredRecord {
    pub(super) fn of(record: Record, is_transactional: bool) -> Self {
        let Record { offset, timestamp, key, value, headers } = record;
        Self { offset, timestamp, key, value, headers, is_transactional }
    }
}
