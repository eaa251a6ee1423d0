//! What a stream makes of records: [`RecordDecoder`]. Runs inside the tasks of a batch, on borrowed records.

use std::cell::RefCell;

use batchmill::text::{TextChunk, Utf8Policy};
use batchmill::{SourceError, Text};

use super::piece::RecordRefs;
use crate::kafka::{KafkaRecord, RecordRef};

/// Makes what a stream carries out of the records of a topic: Spark's `messageHandler`.
///
/// A closure `Fn(RecordRef<'_>) -> T` is one, for one value a record. [`decode_records`] makes one of a closure that may
/// give several values or fail, [`text_values`] is the fast one for text.
///
/// One decoder serves all partitions, from several threads at once. A batch may run again; then its records are decoded
/// again and must give the same.
pub trait RecordDecoder<T>: Send + Sync + 'static {
    /// Decodes all of `records`, a few hundred at most, and pushes onto `out`.
    ///
    /// # Errors
    /// When a record is not what it should be. It fails the task; the error that a program sees names the partition and
    /// the offset of the record that was taken from `records` last.
    fn decode(&self, records: &mut RecordRefs<'_>, out: &mut Vec<T>) -> Result<(), SourceError>;
}

impl<T, F> RecordDecoder<T> for F
where
    F: Fn(RecordRef<'_>) -> T + Send + Sync + 'static,
{
    fn decode(&self, records: &mut RecordRefs<'_>, out: &mut Vec<T>) -> Result<(), SourceError> {
        out.extend(records.map(self));
        Ok(())
    }
}

/// Whole records.
pub(super) fn whole_records() -> impl RecordDecoder<KafkaRecord> {
    |record: RecordRef<'_>| record.to_record()
}

/// A decoder of a closure that pushes what it makes of a record, nothing or several values, or fails.
///
/// ```
/// use std::time::Duration;
/// use batchmill::{SourceError, StreamingContext};
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka};
/// use kafka::{ConsumerStrategy, EndOffsets, KafkaParams, OffsetReset, RecordRef, decode_records};
///
/// let cluster = FakeKafka::builder().topic("numbers", 1).start()?;
/// cluster.produce("numbers", 0, ["7", "9 11"])?;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let params = KafkaParams::new().offset_reset(OffsetReset::Earliest).end_offsets(EndOffsets::Asked);
/// let numbers = decode_records(|record: RecordRef<'_>, out: &mut Vec<u64>| -> Result<(), SourceError> {
///     for number in std::str::from_utf8(record.value().unwrap_or_default())?.split(' ') {
///         out.push(number.parse()?);
///     }
///     Ok(())
/// });
/// let topics = ConsumerStrategy::subscribe(["numbers"]);
/// let numbers = kafka::create_direct_stream_with(&ssc, cluster.bootstrap(), topics, params, numbers).collect();
/// ssc.start_stepped()?.step_batch()?;
/// assert_eq!(numbers.take_all(), [7, 9, 11]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_records<T, F>(decode: F) -> impl RecordDecoder<T>
where
    T: 'static,
    F: Fn(RecordRef<'_>, &mut Vec<T>) -> Result<(), SourceError> + Send + Sync + 'static,
{
    Each(decode)
}

struct Each<F>(F);

impl<T, F> RecordDecoder<T> for Each<F>
where
    F: Fn(RecordRef<'_>, &mut Vec<T>) -> Result<(), SourceError> + Send + Sync + 'static,
{
    fn decode(&self, records: &mut RecordRefs<'_>, out: &mut Vec<T>) -> Result<(), SourceError> {
        records.try_for_each(|record| (self.0)(record, out))
    }
}

/// The values as [`Text`], made together, so that they cost no allocation each. A null value is the empty text, and what
/// is no UTF-8 is replaced.
pub fn text_values() -> impl RecordDecoder<Text> {
    text_values_with(Utf8Policy::Lossy)
}

/// As [`text_values`], with a policy for what is no UTF-8.
pub fn text_values_with(policy: Utf8Policy) -> impl RecordDecoder<Text> {
    Values(policy)
}

struct Values(Utf8Policy);

thread_local! {
    static CHUNK: RefCell<TextChunk> = RefCell::default();
}

impl RecordDecoder<Text> for Values {
    fn decode(&self, records: &mut RecordRefs<'_>, out: &mut Vec<Text>) -> Result<(), SourceError> {
        CHUNK.with_borrow_mut(|chunk| {
            for record in records {
                chunk.push(record.value().unwrap_or_default());
            }
            chunk.finish(self.0, out)?;
            Ok(())
        })
    }
}
