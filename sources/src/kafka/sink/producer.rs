//! [`Producer`]: the handle by which a program writes to topics. Its methods run on the program's threads; what they leave in
//! the buffer is sent by threads of the producer's own, one for each broker that leads a partition, and one that asks the
//! cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, SystemClock};
use parking_lot::{Mutex, RwLock};

use super::group::Group;
use super::memory::Before;
use super::params::{Idempotence, ProducerParams};
use super::partition::{Added, Adding, BATCH_ROOM, Partition};
use super::record::{ProducerRecord, RecordData};
use super::settings::Settings;
use super::shared::Shared;
use super::supervisor;
use super::topic::Topic;
use crate::kafka::client::cluster::Cluster;
use crate::kafka::client::control::{Attempt, Control};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::dialer;
use crate::kafka::client::transport::{TopicError, TopicFilter, TopicInfo, unknown_topic};
use crate::kafka::wire::records::{NewHeader, NewRecord};
use crate::kafka::{ErrorCode, KafkaError};

/// Writes records to the topics of a cluster. A clone is another handle of the same producer.
///
/// A record that was [sent](Self::send) is in a buffer. It leaves with a batch of records for its partition, when that is
/// full or [`linger`](ProducerParams::linger) has passed, and counts as written when the brokers have
/// [acknowledged](ProducerParams::acks) it. [`flush`](Self::flush) waits for that and tells what went wrong. Records of a
/// partition are written in the order in which they were sent; where the brokers can (from 0.11 on) none is written twice.
///
/// Sending asks for no topic to be made: one that does not exist is an error.
///
/// Dropping the last handle waits for what is in the buffer, for [`close_timeout`](ProducerParams::close_timeout) at most,
/// then ends the threads and joins them. What was not written by then is logged.
///
/// ```
/// use std::time::Duration;
/// use batchmill_sources::{fake::kafka::FakeKafka, kafka::{Producer, ProducerParams, ProducerRecord}};
///
/// let cluster = FakeKafka::builder().topic("words", 1).start()?;
/// let producer = Producer::connect(cluster.bootstrap(), ProducerParams::new())?;
/// for word in ["to", "be"] {
///     producer.send(ProducerRecord::to("words").value(word))?;
/// }
/// producer.flush(Duration::from_secs(10))?;
/// assert_eq!(cluster.end_offset("words", 0)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// What the clones of a producer share; the last one closes it.
struct Handle {
    shared: Arc<Shared>,
    clock: SystemClock,
    /// Of the records that were sent since the last flush.
    group: RwLock<Arc<Group>>,
    /// Those that were flushed and may not be done.
    flushed: Mutex<Vec<Arc<Group>>>,
}

/// How long sending may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    since: batchmill::Mono,
    wait: Duration,
}

impl Patience {
    pub(super) fn new(wait: Duration) -> Self {
        Self { since: now(), wait }
    }

    fn deadline(self) -> Deadline {
        Deadline::at(self.since + self.wait)
    }
}

impl Producer {
    /// Connects to a cluster. `brokers` are some of its brokers, `host:port,host:port`; an empty text means those of the
    /// parameters.
    ///
    /// It asks each of them once, with the time limits of the parameters.
    ///
    /// # Errors
    /// What is wrong with the parameters or addresses; [`KafkaError::NoBroker`] where none answers;
    /// [`KafkaError::UnsupportedVersion`] where [`Idempotence::Required`] meets brokers before 0.11.
    pub fn connect(brokers: impl AsRef<str>, params: ProducerParams) -> Result<Self, KafkaError> {
        let client = params.client_settings(brokers.as_ref())?;
        if !params.unused().is_empty() {
            log::info!("without meaning for a producer: {}", params.unused().join(", "));
        }
        let dialer = dialer::for_security(&client.secured);
        let control = Control::new(Arc::new(Cluster::new(client, dialer)));
        let deadline = Deadline::after(params.connect_timeout + params.request_timeout);
        control.ask_topics(TopicFilter::Names(&[]), (control.cluster.way_out(), deadline))?;
        let settings = Settings::new(&params);
        let shared = Arc::new(Shared::new(control, settings, params.buffer_bytes));
        if shared.settings.idempotence != Idempotence::Off {
            get_id(&shared, deadline)?;
        }
        let handle = Handle {
            shared: Arc::clone(&shared),
            clock: SystemClock::new(),
            group: RwLock::default(),
            flushed: Mutex::default(),
        };
        let producer = Self { handle: Arc::new(handle) };
        shared.spawn("cluster", supervisor::run).map_err(KafkaError::no_thread)?;
        Ok(producer)
    }

    /// Puts a record into the buffer. The record is copied.
    ///
    /// It waits for room if the buffer is full, and at the first record for a topic for what the cluster says of it: for
    /// [`max_wait`](ProducerParams::max_wait) at most. A [close](Self::close) ends the wait too.
    ///
    /// # Errors
    /// The record is not in the buffer: [`KafkaError::BufferFull`], [`KafkaError::UnknownTopic`],
    /// [`KafkaError::UnknownPartition`], [`KafkaError::RecordOverLimit`], or that the cluster cannot be asked.
    #[inline]
    pub fn send(&self, record: ProducerRecord<'_>) -> Result<(), KafkaError> {
        self.send_timeout(record, self.handle.shared.settings.max_wait)
    }

    /// As [`send`](Self::send), but waits for no room. The first record for a topic still waits for what the cluster says
    /// of it.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<(), KafkaError> {
        let topic = self.topic(record.topic)?;
        self.send_in_group(&topic, &record, Duration::ZERO)
    }

    /// As [`send`](Self::send), with another limit for its wait.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_timeout(&self, record: ProducerRecord<'_>, timeout: Duration) -> Result<(), KafkaError> {
        match self.handle.shared.known_topic(record.topic) {
            Some(topic) => self.send_in_group(&topic, &record, timeout),
            None => {
                let topic = self.ask_topic(record.topic, Patience::new(timeout))?;
                self.send_in_group(&topic, &record, timeout)
            }
        }
    }

    /// Waits until all records that were sent before, through any handle, are written or have failed. Batches that are not
    /// full leave at once. Records that are sent meanwhile are not waited for.
    ///
    /// # Errors
    /// What the first record has failed with that was not written since the last flush, or [`KafkaError::NotFlushed`] after
    /// the timeout; what is left is still tried.
    pub fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.handle.flush(timeout)
    }

    /// Flushes, then ends the producer's threads; records that are sent later, through any handle, are refused with
    /// [`KafkaError::Stopped`]. Takes two seconds longer than the timeout at most.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); what is left is not tried any more.
    pub fn close(&self, timeout: Duration) -> Result<(), KafkaError> {
        if self.handle.shared.is_closed() {
            return Ok(());
        }
        let flushed = self.handle.flush(timeout);
        self.handle.shared.close();
        flushed
    }

    #[inline]
    fn send_in_group(
        &self,
        topic: &Topic,
        record: &ProducerRecord<'_>,
        wait: Duration,
    ) -> Result<(), KafkaError> {
        let mut patience = None;
        loop {
            let full = {
                let group = self.handle.group.read();
                match self.add(topic, record, &[], &group)? {
                    None => return Ok(()),
                    Some(full) => full,
                }
            };
            self.wait_for_room(topic, full, *patience.get_or_insert_with(|| Patience::new(wait)))?;
        }
    }

    /// Adds a record of a group, waiting for room.
    pub(super) fn send_of(
        &self,
        topic: &Topic,
        record: &ProducerRecord<'_>,
        more: &[NewHeader<'_>],
        group: &Arc<Group>,
    ) -> Result<(), KafkaError> {
        let mut patience = None;
        while let Some(full) = self.add(topic, record, more, group)? {
            let wait = self.handle.shared.settings.max_wait;
            self.wait_for_room(topic, full, *patience.get_or_insert_with(|| Patience::new(wait)))?;
        }
        Ok(())
    }

    /// Adds a record, unless there is no memory.
    #[inline]
    fn add(
        &self,
        topic: &Topic,
        record: &ProducerRecord<'_>,
        more: &[NewHeader<'_>],
        group: &Arc<Group>,
    ) -> Result<Option<Before>, KafkaError> {
        let shared = &*self.handle.shared;
        let room = record.size_bound(more);
        let limit = shared.settings.request_bytes.min(shared.memory.limit().saturating_sub(BATCH_ROOM));
        if room > limit {
            return Err(KafkaError::RecordOverLimit { topic: Arc::clone(&topic.name), size: room, limit });
        }
        let key = record.key.as_ref().map(RecordData::bytes);
        let adding = Adding {
            record: NewRecord {
                key,
                value: record.value.as_ref().map(RecordData::bytes),
                headers: record.headers,
                timestamp: record.timestamp_ms.unwrap_or_else(|| self.handle.clock.wall().as_ms()),
            },
            more,
            room,
            group,
            memory: &shared.memory,
            limit: shared.batch_limit(),
            max_records: shared.settings.batch_records,
        };
        let mut sealed = false;
        let add = |partition: &Arc<Partition>| {
            let added = partition.add(&adding, &mut sealed);
            (added, sealed.then_some(partition.name.partition))
        };
        let (added, sealed) = topic.with_partition(record.partition, key, add)?;
        if let Some(partition) = sealed {
            topic.move_on(partition);
        }
        match added {
            Added::Quietly => {}
            Added::Tell(inbox) => inbox.tell(),
            Added::TellSupervisor => shared.tell_supervisor(),
            Added::Full(before) => return Ok(Some(before)),
            Added::Closed => return Err(KafkaError::Stopped),
        }
        Ok(None)
    }

    #[cold]
    fn wait_for_room(&self, topic: &Topic, full: Before, patience: Patience) -> Result<(), KafkaError> {
        let shared = &self.handle.shared;
        // What is not full has to leave as well.
        let hurry = shared.hurry();
        let deadline = patience.deadline();
        // Others may have taken what was given back, as often as it was.
        let is_room = !deadline.is_over() && shared.memory.wait(full, Some(deadline));
        drop(hurry);
        if is_room {
            return Ok(());
        }
        if shared.is_closed() {
            return Err(KafkaError::Stopped);
        }
        Err(KafkaError::BufferFull {
            topic: Arc::clone(&topic.name),
            limit: shared.memory.limit(),
            after: now() - patience.since,
        })
    }

    /// A topic, of which the cluster is asked if it was not written before.
    pub(super) fn topic(&self, name: &str) -> Result<Arc<Topic>, KafkaError> {
        let shared = &self.handle.shared;
        match shared.known_topic(name) {
            Some(topic) => Ok(topic),
            None => self.ask_topic(name, Patience::new(shared.settings.max_wait)),
        }
    }

    #[cold]
    fn ask_topic(&self, name: &str, patience: Patience) -> Result<Arc<Topic>, KafkaError> {
        let shared = &*self.handle.shared;
        if shared.is_closed() {
            return Err(KafkaError::Stopped);
        }
        let names = [Arc::from(name)];
        let least = Deadline::after(Duration::from_secs(1));
        let deadline = patience.deadline().max(least);
        let way = (shared.control.cluster.way_out(), deadline);
        let info = shared.control.cluster.until(deadline, || {
            let infos = shared.control.ask_topics(TopicFilter::Names(&names), way)?;
            let info = infos.into_iter().next();
            info.map_or(Err(TopicError::Unknown), check).map_err(|error| match error {
                TopicError::Unknown => Attempt::Final(unknown(shared, &names[0], deadline)),
                TopicError::Broker(code) => {
                    let error = KafkaError::Topic { topic: Arc::clone(&names[0]), code };
                    if code.is_retriable() { Attempt::Again(error) } else { Attempt::Final(error) }
                }
            })
        })?;
        let topic = shared.add_topic(Topic::new(Arc::clone(&info.name)));
        topic.update(&info, shared);
        if shared.is_closed() {
            // Whoever closed the producer may not have seen these partitions.
            shared.close_partitions();
            return Err(KafkaError::Stopped);
        }
        Ok(topic)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// A topic that is just being made has no partitions yet.
fn check(info: TopicInfo) -> Result<TopicInfo, TopicError> {
    match info.error {
        Some(error) => Err(error),
        None if info.partitions.is_empty() => Err(TopicError::Broker(ErrorCode::LEADER_NOT_AVAILABLE)),
        None => Ok(info),
    }
}

/// The error for a topic that does not exist, with the nearest that does.
fn unknown(shared: &Shared, topic: &Arc<str>, deadline: Deadline) -> KafkaError {
    let way = (shared.control.cluster.way_out(), deadline);
    let all = shared.control.ask_topics(TopicFilter::All, way).unwrap_or_default();
    unknown_topic(topic, &all)
}

/// Gets the first id of an idempotent producer; where it need not be one, none if the brokers cannot or may not give it.
fn get_id(shared: &Shared, deadline: Deadline) -> Result<(), KafkaError> {
    let got = shared.control.cluster.until(deadline, || supervisor::new_id(shared, 1).map_err(Attempt::from));
    match got {
        Ok(id) => {
            shared.set_id(id);
            Ok(())
        }
        Err(error) if shared.settings.idempotence == Idempotence::Auto && is_refusal(&error) => {
            log::info!("records may be written twice where an answer is lost: {error}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &KafkaError) -> bool {
    match error {
        KafkaError::NoBroker { cause, .. } => is_refusal(cause),
        KafkaError::UnsupportedVersion { .. } => true,
        KafkaError::Broker { code, .. } => *code == ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        _ => false,
    }
}

impl Handle {
    fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        let since = now();
        let deadline = Deadline::at(since + timeout);
        let groups = {
            let mut flushed = self.flushed.lock();
            flushed.push(std::mem::take(&mut *self.group.write()));
            flushed.clone()
        };
        let hurry = self.shared.hurry();
        let batches: usize = groups.iter().map(|group| group.wait(Some(deadline))).sum();
        drop(hurry);
        if batches == 0 {
            self.flushed.lock().retain(|group| !groups.iter().any(|done| Arc::ptr_eq(done, group)));
        }
        match groups.iter().find_map(|group| group.error()) {
            Some(error) => Err(error),
            None if batches == 0 => Ok(()),
            None => Err(KafkaError::NotFlushed { batches, after: now() - since }),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shared.is_closed() {
            return;
        }
        if let Err(error) = self.flush(self.shared.settings.close_timeout) {
            log::error!("records of a Kafka producer that was dropped are not written: {error}");
        }
        self.shared.close();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("bootstrap", self.handle.shared.control.cluster.bootstrap())
            .finish_non_exhaustive()
    }
}
