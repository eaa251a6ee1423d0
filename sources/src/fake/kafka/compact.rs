//! The verbs of a [`FakeKafka`] that take records out of a log, and so leave gaps in its offsets, as log compaction does. They
//! run on the test's thread.

use std::collections::HashMap;

use super::batch::StoredRecord;
use super::codec::{self, Batch, Form, Record};
use super::topic::Partition;
use super::{FakeError, FakeKafka};
use crate::kafka::wire::records::{BatchFlags, BatchSpan};

impl FakeKafka {
    /// Compacts a partition: of all records of one key only the last stays. As a broker does, it leaves the newest batch as
    /// it is and takes records without a key out; markers of transactions stay. Unlike a broker it does not look whether a
    /// transaction was aborted.
    ///
    /// ```
    /// use batchmill_sources::fake::kafka::FakeKafka;
    ///
    /// let kafka = FakeKafka::builder().topic("users", 1).start()?;
    /// kafka.produce("users", 0, [("a", "1"), ("b", "1"), ("a", "2")])?;
    /// kafka.produce("users", 0, [("c", "1")])?;
    /// kafka.compact("users", 0)?;
    /// let offsets: Vec<_> = kafka.records("users", 0)?.iter().map(|record| record.offset).collect();
    /// assert_eq!(offsets, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such partition, or bytes were stored in it that are no records.
    pub fn compact(&self, topic: &str, partition: i32) -> Result<(), FakeError> {
        let mut last = HashMap::new();
        for record in self.records(topic, partition)? {
            last.insert(record.key, record.offset);
        }
        last.remove(&None);
        self.retain(topic, partition, |record| last.get(&record.key) == Some(&record.offset))
    }

    /// Takes the records out for which `keep` is false, but for the newest batch. A batch that is left without records goes,
    /// but for its offsets. `keep` runs on this thread, under the cluster's lock: it must not call the cluster.
    ///
    /// # Errors
    /// As of [`compact`](Self::compact).
    pub fn retain(
        &self,
        topic: &str,
        partition: i32,
        mut keep: impl FnMut(&StoredRecord) -> bool,
    ) -> Result<(), FakeError> {
        let retained = |found: &mut Partition| -> Result<(), String> {
            let mut batches = kept(found, &mut keep)?;
            found.log.replace(batches.drain(..));
            Ok(())
        };
        self.with(topic, partition, retained)?.map_err(FakeError::Records)
    }
}

/// The batches of a partition without the records that are not to be kept.
fn kept(partition: &Partition, keep: &mut impl FnMut(&StoredRecord) -> bool) -> Result<Vec<Batch>, String> {
    let entries = partition.log.entries();
    let mut batches = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let bytes = partition.log.bytes(entry);
        let spans = codec::walk(bytes).map_err(|error| error.to_string())?;
        let [span] = &spans[..] else { return Err("an entry is no batch".to_owned()) };
        if span.is_control || at + 1 == entries.len() {
            let as_it_is =
                Batch { last_offset: entry.last_offset, ..Batch::of(bytes, span, entry.base_offset) };
            batches.push(as_it_is);
            continue;
        }
        let mut records = codec::decode(bytes, span).map_err(|error| error.to_string())?;
        records.retain(|record| keep(&StoredRecord::of(record.clone(), span.is_transactional)));
        batches.extend(rebuilt(&records, span, entry.base_offset)?);
    }
    Ok(batches)
}

/// A batch of what is left of another. In format 2 it keeps the offsets at which the other began and ended.
fn rebuilt(records: &[Record], span: &BatchSpan, base_offset: i64) -> Result<Vec<Batch>, String> {
    let flags = BatchFlags {
        base_offset,
        leader_epoch: span.leader_epoch,
        producer_id: span.producer_id,
        producer_epoch: span.producer_epoch,
        base_sequence: span.base_sequence,
        transactional: span.is_transactional,
        control: false,
        log_append_time: span.log_append_time,
    };
    let form = Form { magic: span.magic, codec: span.codec, flags };
    match (records, span.magic) {
        ([], _) => Ok(Vec::new()),
        (_, 2) => codec::batch(records, base_offset..=span.last_offset, &form).map(|batch| vec![batch]),
        _ => codec::encode(records, &form),
    }
}

#[cfg(test)]
mod tests {
    use crate::fake::kafka::{Codec, FakeBatch, FakeKafka, Profile};

    #[test]
    fn what_is_taken_out_leaves_gaps_in_every_format() {
        for profile in [Profile::V0_9, Profile::V0_10, Profile::V4_3] {
            for codec in [Codec::None, Codec::Gzip] {
                let kafka = FakeKafka::builder().profile(profile).topic("lines", 1).start().unwrap();
                for first in ["a", "b", "c"] {
                    let batch = FakeBatch::of([(first, "1"), ("k", first), ("l", first)]).codec(codec);
                    kafka.produce_batch("lines", 0, batch).unwrap();
                }
                kafka.compact("lines", 0).unwrap();
                let records = kafka.records("lines", 0).unwrap();
                let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
                assert_eq!(offsets, [0, 3, 6, 7, 8], "{profile} {codec:?}");
                kafka.retain("lines", 0, |_| false).unwrap();
                assert_eq!(kafka.end_offset("lines", 0).unwrap(), 9);
                kafka.produce("lines", 0, ["x"]).unwrap();
                assert_eq!(kafka.records("lines", 0).unwrap().last().unwrap().offset, 9);
            }
        }
    }
}
