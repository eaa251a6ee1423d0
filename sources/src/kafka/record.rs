//! [`KafkaRecord`], a record as a stream carries it, and [`RecordRef`], the same record while it is decoded. Made in the
//! tasks of a batch.
//!
//! Keys, values and headers lie where the broker's bytes lie: in the fetched block, or in what a compressed batch became.

use std::fmt;
use std::sync::Arc;

use batchmill::Text;

use super::client::fetch::block::RecordBytes;
use super::wire::Reader;
use super::wire::records::{RawRecord, Span};

/// A record of a Kafka topic.
///
/// It is a slice of the block that the broker sent, which it keeps in memory. One that is kept for longer than its
/// batch should be [detached](Self::detach).
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, KafkaRecord, OffsetReset};
///
/// let cluster = FakeKafka::builder().topic("lines", 1).start()?;
/// cluster.produce("lines", 0, ["to be", "or not"])?;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest).end_offsets(EndOffsets::Asked);
/// let topics = ConsumerStrategy::subscribe(["lines"]);
/// let records = kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params).collect();
/// ssc.start_stepped()?.step_batch()?;
///
/// let records: Vec<KafkaRecord> = records.take_all();
/// assert_eq!((records[1].topic(), records[1].partition(), records[1].offset()), ("lines", 0, 1));
/// assert_eq!((records[1].key(), records[1].value()), (None, Some(&b"or not"[..])));
/// assert_eq!(records[1].value_text(), "or not");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ConsumerRecord")]
#[derive(Clone)]
pub struct KafkaRecord {
    payload: Arc<RecordBytes>,
    parts: RawRecord,
}

impl KafkaRecord {
    pub(super) fn new(payload: Arc<RecordBytes>, parts: RawRecord) -> Self {
        Self { payload, parts }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.payload.partition().topic
    }

    /// The number of the partition.
    pub fn partition(&self) -> i32 {
        self.payload.partition().partition
    }

    /// The offset in the partition.
    pub fn offset(&self) -> i64 {
        self.parts.offset
    }

    /// When it was made or appended, as the topic is set, in milliseconds since the epoch. Records of brokers before 0.10
    /// have none.
    pub fn timestamp(&self) -> Option<i64> {
        self.parts.timestamp
    }

    /// The key; `None` is a null key.
    pub fn key(&self) -> Option<&[u8]> {
        self.parts.key.of(self.payload.bytes())
    }

    /// The value; `None` is a null value, which in a compacted topic deletes its key.
    pub fn value(&self) -> Option<&[u8]> {
        self.parts.value.of(self.payload.bytes())
    }

    /// The key as text: a null key is the empty text, and what is no UTF-8 is replaced.
    pub fn key_text(&self) -> Text {
        text(self.key())
    }

    /// The value as text: a null value is the empty text, and what is no UTF-8 is replaced. To have values as text and
    /// nothing else, [`text_values`](super::text_values) is faster.
    pub fn value_text(&self) -> Text {
        text(self.value())
    }

    /// The headers, in their order; a key may come twice.
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(self.parts, self.payload.bytes())
    }

    /// The same record with memory of its own, so that it no longer keeps its block.
    #[must_use]
    pub fn detach(&self) -> Self {
        let mut bytes = Vec::new();
        let mut copy = |span: Span| match span.of(self.payload.bytes()) {
            None => Span::NULL,
            Some(part) => {
                let start = bytes.len();
                bytes.extend_from_slice(part);
                Span::new(start, part.len())
            }
        };
        let RawRecord { key, value, headers, .. } = self.parts;
        let (key, value, headers) = (copy(key), copy(value), copy(headers));
        let payload = Arc::new(RecordBytes::own(self.payload.partition().clone(), bytes));
        Self { payload, parts: RawRecord { key, value, headers, ..self.parts } }
    }
}

/// Records are equal if all that can be seen of them is.
impl PartialEq for KafkaRecord {
    fn eq(&self, other: &Self) -> bool {
        let seen = |r: &Self| (r.partition(), r.offset(), r.timestamp());
        seen(self) == seen(other)
            && self.topic() == other.topic()
            && self.key() == other.key()
            && self.value() == other.value()
            && self.headers().eq(other.headers())
    }
}

impl Eq for KafkaRecord {}

impl fmt::Debug for KafkaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |bytes: Option<&[u8]>| bytes.map(|bytes| bytes.escape_ascii().to_string());
        f.debug_struct("KafkaRecord")
            .field("partition", self.payload.partition())
            .field("offset", &self.offset())
            .field("timestamp", &self.timestamp())
            .field("key", &bytes(self.key()))
            .field("value", &bytes(self.value()))
            .field("headers", &self.headers().collect::<Vec<_>>())
            .finish()
    }
}

/// A record that is being decoded: borrowed from its block, so that a decoder copies only what it keeps.
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    payload: &'a Arc<RecordBytes>,
    bytes: &'a [u8],
    parts: RawRecord,
}

impl<'a> RecordRef<'a> {
    pub(super) fn new(payload: &'a Arc<RecordBytes>, bytes: &'a [u8], parts: RawRecord) -> Self {
        Self { payload, bytes, parts }
    }

    /// The topic.
    pub fn topic(&self) -> &'a str {
        &self.payload.partition().topic
    }

    /// The number of the partition.
    pub fn partition(&self) -> i32 {
        self.payload.partition().partition
    }

    /// The offset in the partition.
    pub fn offset(&self) -> i64 {
        self.parts.offset
    }

    /// As [`KafkaRecord::timestamp`].
    pub fn timestamp(&self) -> Option<i64> {
        self.parts.timestamp
    }

    /// The key; `None` is a null key.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.parts.key.of(self.bytes)
    }

    /// The value; `None` is a null value.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.parts.value.of(self.bytes)
    }

    /// The headers, in their order.
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.parts, self.bytes)
    }

    /// The record as one that may leave the decoder. It keeps the block.
    pub fn to_record(&self) -> KafkaRecord {
        KafkaRecord::new(Arc::clone(self.payload), self.parts)
    }
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_record().fmt(f)
    }
}

/// A header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value; `None` is a null value.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in their order.
#[derive(Clone)]
pub struct Headers<'a> {
    left: u32,
    input: Reader<'a>,
}

impl<'a> Headers<'a> {
    fn new(parts: RawRecord, bytes: &'a [u8]) -> Self {
        Self { left: parts.header_count, input: Reader::new(parts.headers.of(bytes).unwrap_or_default()) }
    }

    fn read(&mut self) -> Option<Header<'a>> {
        let length = |n: i32| usize::try_from(n).ok();
        let key = length(self.input.varint().ok()?)?;
        let key = self.input.take(key).ok()?;
        let value = match length(self.input.varint().ok()?) {
            Some(length) => Some(self.input.take(length).ok()?),
            None => None,
        };
        Some(Header { key: std::str::from_utf8(key).unwrap_or(REPLACED), value })
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // Their lengths were checked when the record was read.
        self.read()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// What stands for the key of a header that is no UTF-8.
const REPLACED: &str = "\u{FFFD}";

fn text(bytes: Option<&[u8]>) -> Text {
    Text::from(&*String::from_utf8_lossy(bytes.unwrap_or_default()))
}
