//! Outputs that write to a topic: [`KafkaSink`] for streams, [`KafkaBatchSink`] for batches. Records are made and put into
//! the producer's buffer in the tasks of the batch, several at the same time; the thread that runs the output then waits
//! until all are written.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use batchmill::{Batch, DStream, Data, SourceError};

use super::group::Group;
use super::producer::Producer;
use super::record::ProducerRecord;
use super::topic::Topic;
use crate::kafka::KafkaError;

/// The header by which a record of a batch that runs again is known.
const BATCH_HEADER: &str = "batchmill-batch";

/// Writes the batches of a stream to a topic.
pub trait KafkaSink<T: Data> {
    /// Writes what `make` makes of each record to `topic`, unless the record names another one. The output of a batch is
    /// done when the brokers have acknowledged all its records. If one could not be written, the job fails with the first
    /// error after all others are settled, and the error policy decides whether it runs again.
    ///
    /// **A batch that runs again writes its records again.** So that a reader can tell, each record has the header
    /// `batchmill-batch` with the value `<batch time in ms>/<partition>/<number of the record in it, from 0>`: equal values
    /// mean the same record, if the batch is computed in the same order each time. It can be
    /// [left out](KafkaSinkOptions::batch_header), and brokers before 0.11 have no headers.
    ///
    /// A task waits for room in the producer's buffer, and at the end the output for acknowledgements. Both end when
    /// records are written or given up, which they are after the producer's
    /// [`delivery_timeout`](super::ProducerParams::delivery_timeout), or when the producer is
    /// [closed](Producer::close). A stop of the context lets the output end so.
    ///
    /// ```
    /// use std::time::Duration;
    /// use batchmill::StreamingContext;
    /// use batchmill_sources::{fake::kafka::FakeKafka, kafka::{Producer, ProducerParams, ProducerRecord}, prelude::*};
    ///
    /// let cluster = FakeKafka::builder().topic("counts", 1).start()?;
    /// let producer = Producer::connect(cluster.bootstrap(), ProducerParams::new())?;
    ///
    /// let ssc = StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, words) = ssc.queue_stream::<&str>();
    /// words.map(|word| (word, 1_u64)).reduce_by_key(|a, b| a + b).save_to_kafka(&producer, "counts", |(word, n)| {
    ///     ProducerRecord::new().key(*word).value(n.to_string())
    /// });
    /// let mut test = ssc.start_stepped()?;
    /// queue.push(["to", "to"]);
    /// test.step_batch()?;
    ///
    /// let record = &cluster.records("counts", 0)?[0];
    /// assert_eq!(record.key.as_deref(), Some(&b"to"[..]));
    /// assert_eq!(record.value.as_deref(), Some(&b"2"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn save_to_kafka<F>(self, producer: &Producer, topic: impl Into<String>, make: F)
    where
        F: Fn(&T) -> ProducerRecord<'_> + Send + Sync + 'static;

    /// As [`save_to_kafka`](Self::save_to_kafka), with options.
    #[track_caller]
    fn save_to_kafka_with<F>(
        self,
        producer: &Producer,
        topic: impl Into<String>,
        options: KafkaSinkOptions,
        make: F,
    ) where
        F: Fn(&T) -> ProducerRecord<'_> + Send + Sync + 'static;
}

/// Writes a batch to a topic.
pub trait KafkaBatchSink<T: Data> {
    /// As [`KafkaSink::save_to_kafka`], for one batch: it returns when all records are written.
    ///
    /// # Errors
    /// [`KafkaSinkError::Kafka`] with the first error if a record was not written. Others may have been.
    fn write_to_kafka<F>(
        &self,
        producer: &Producer,
        topic: &str,
        options: &KafkaSinkOptions,
        make: F,
    ) -> Result<(), KafkaSinkError>
    where
        F: Fn(&T) -> ProducerRecord<'_> + Sync;
}

/// How an output writes to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct KafkaSinkOptions {
    batch_header: bool,
}

impl KafkaSinkOptions {
    /// The defaults named at each setter.
    pub fn new() -> Self {
        Self { batch_header: true }
    }

    /// Whether records have the header `batchmill-batch`, which takes about 40 bytes in each. Default `true`.
    pub fn batch_header(mut self, on: bool) -> Self {
        self.batch_header = on;
        self
    }
}

impl Default for KafkaSinkOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a batch was not written to a topic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KafkaSinkError {
    /// A record was not written.
    Kafka(KafkaError),
    /// The batch could not be computed.
    Batch(batchmill::Error),
}

impl fmt::Display for KafkaSinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka(error) => error.fmt(f),
            Self::Batch(error) => error.fmt(f),
        }
    }
}

impl Error for KafkaSinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Kafka(error) => error.source(),
            Self::Batch(error) => error.source(),
        }
    }
}

impl<T: Data> KafkaSink<T> for DStream<'_, T> {
    #[track_caller]
    fn save_to_kafka<F>(self, producer: &Producer, topic: impl Into<String>, make: F)
    where
        F: Fn(&T) -> ProducerRecord<'_> + Send + Sync + 'static,
    {
        self.save_to_kafka_with(producer, topic, KafkaSinkOptions::new(), make);
    }

    #[track_caller]
    fn save_to_kafka_with<F>(
        self,
        producer: &Producer,
        topic: impl Into<String>,
        options: KafkaSinkOptions,
        make: F,
    ) where
        F: Fn(&T) -> ProducerRecord<'_> + Send + Sync + 'static,
    {
        let (producer, topic) = (producer.clone(), topic.into());
        self.for_each_batch(move |batch| {
            batch.write_to_kafka(&producer, &topic, &options, &make).map_err(|error| match error {
                KafkaSinkError::Kafka(error) => SourceError::from(error),
                KafkaSinkError::Batch(error) => error.into(),
            })
        });
    }
}

impl<T: Data> KafkaBatchSink<T> for Batch<T> {
    fn write_to_kafka<F>(
        &self,
        producer: &Producer,
        topic: &str,
        options: &KafkaSinkOptions,
        make: F,
    ) -> Result<(), KafkaSinkError>
    where
        F: Fn(&T) -> ProducerRecord<'_> + Sync,
    {
        let group = Arc::new(Group::default());
        let time_ms = self.time().as_ms();
        let written = self.for_each_partition(|partition, records| {
            let sink = Sink { producer, topic, group: &group, options, place: (time_ms, partition) };
            Ok(sink.write(records, &make)?)
        });
        // What is in the buffer is settled before the job may run again, so that no record comes after that run's.
        let hurry = producer.shared().hurry();
        group.wait(None);
        drop(hurry);
        match (written, group.error()) {
            (_, Some(error)) => Err(KafkaSinkError::Kafka(error)),
            (Err(error), None) => Err(KafkaSinkError::Batch(error)),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// What the records of a partition of a batch go into.
struct Sink<'a> {
    producer: &'a Producer,
    topic: &'a str,
    group: &'a Arc<Group>,
    options: &'a KafkaSinkOptions,
    /// The batch time, and the number of the partition.
    place: (i64, usize),
}

impl Sink<'_> {
    fn write<T>(
        &self,
        records: impl Iterator<Item = T>,
        make: impl Fn(&T) -> ProducerRecord<'_>,
    ) -> Result<(), KafkaError> {
        let mut topic: Option<Arc<Topic>> = None;
        for (number, record) in records.enumerate() {
            let record = make(&record);
            let name = if record.topic.is_empty() { self.topic } else { record.topic };
            let topic = match &mut topic {
                Some(topic) if topic.is_named(name) => topic,
                other => other.insert(self.producer.topic(name)?),
            };
            let mut room = [0; 64];
            let mut left = &mut room[..];
            let header = if self.options.batch_header {
                let (time_ms, partition) = self.place;
                // Three numbers of at most 20 digits fit.
                let _ = write!(left, "{time_ms}/{partition}/{number}");
                let left = left.len();
                Some((BATCH_HEADER, Some(&room[..room.len() - left])))
            } else {
                None
            };
            self.producer.send_of(topic, &record, header.as_slice(), self.group)?;
            // The rest of a batch that has failed need not be sent.
            if let Some(error) = self.group.error() {
                return Err(error);
            }
        }
        Ok(())
    }
}
