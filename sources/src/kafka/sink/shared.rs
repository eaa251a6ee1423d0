//! [`Shared`]: what the handles of a producer and its threads have in common.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use batchmill::Mono;
use parking_lot::{Condvar, Mutex, RwLock};

use super::batch::{Batch, FIRST_BYTES, ProducerId};
use super::inbox::Inbox;
use super::memory::Memory;
use super::partition::Partition;
use super::settings::Settings;
use super::topic::Topic;
use crate::kafka::KafkaError;
use crate::kafka::client::control::Control;
use crate::kafka::client::deadline::Deadline;

/// How long the threads are waited for at the end; each of their waits has a way out, but for the system's resolver.
const JOIN_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) control: Control,
    pub(super) settings: Settings,
    pub(super) memory: Memory,
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    /// By the number of the broker.
    inboxes: RwLock<HashMap<i32, Arc<Inbox>>>,
    desk: Mutex<Desk>,
    supervisor: Condvar,
    ended: Condvar,
    /// Who waits for records to be acknowledged.
    flushes: AtomicUsize,
    partitions: AtomicUsize,
}

/// What the supervisor finds on its desk.
#[derive(Debug, Default)]
struct Desk {
    is_told: bool,
    /// The cluster shall be asked who leads what.
    refresh: bool,
    /// An id is wanted that is newer than this generation.
    id_wanted: Option<u64>,
    id: Option<ProducerId>,
    is_closed: bool,
    running: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What the supervisor has to do.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) refresh: bool,
    pub(super) id_wanted: Option<u64>,
}

/// While it lives, batches that are not full do not wait.
pub(super) struct Hurry<'a>(&'a Shared);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.flushes.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    pub(super) fn new(control: Control, settings: Settings, buffer_bytes: usize) -> Self {
        Self {
            control,
            settings,
            memory: Memory::new(buffer_bytes),
            topics: RwLock::default(),
            inboxes: RwLock::default(),
            desk: Mutex::default(),
            supervisor: Condvar::new(),
            ended: Condvar::new(),
            flushes: AtomicUsize::new(0),
            partitions: AtomicUsize::new(0),
        }
    }

    /// A topic that was written before.
    pub(super) fn known_topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().get(name).cloned()
    }

    /// A topic that is written now; another thread may have been first.
    pub(super) fn add_topic(&self, topic: Topic) -> Arc<Topic> {
        Arc::clone(self.topics.write().entry(Arc::clone(&topic.name)).or_insert_with(|| Arc::new(topic)))
    }

    /// All topics that were written.
    pub(super) fn all_topics(&self) -> Vec<Arc<Topic>> {
        self.topics.read().values().cloned().collect()
    }

    /// A number for a new partition.
    pub(super) fn next_partition(&self) -> usize {
        self.partitions.fetch_add(1, Ordering::Relaxed)
    }

    /// The size of a full batch: all partitions together shall not need more than half of the buffer for open ones.
    #[inline]
    pub(super) fn batch_limit(&self) -> usize {
        let partitions = self.partitions.load(Ordering::Relaxed).max(1);
        let share = self.memory.limit() / (2 * partitions);
        share.max(FIRST_BYTES).min(self.settings.batch_bytes)
    }

    /// Batches that are not full do not wait any more, as long as what is returned lives.
    pub(super) fn hurry(&self) -> Hurry<'_> {
        self.flushes.fetch_add(1, Ordering::AcqRel);
        self.tell_all();
        Hurry(self)
    }

    /// Whether somebody waits for batches that are not full.
    pub(super) fn is_in_a_hurry(&self) -> bool {
        self.flushes.load(Ordering::Acquire) > 0 || self.memory.is_short()
    }

    /// Wakes the threads of all brokers.
    pub(super) fn tell_all(&self) {
        self.inboxes.read().values().for_each(|inbox| inbox.tell());
    }

    /// The inbox of a broker, if its thread runs.
    pub(super) fn inbox(&self, node: i32) -> Option<Arc<Inbox>> {
        self.inboxes.read().get(&node).cloned()
    }

    /// Its thread ends at once if the producer was closed meanwhile.
    pub(super) fn add_inbox(&self, inbox: Arc<Inbox>) {
        self.inboxes.write().insert(inbox.node(), Arc::clone(&inbox));
        if self.is_closed() {
            inbox.close();
        }
    }

    /// Wakes the supervisor: a partition has nobody who looks after it.
    pub(super) fn tell_supervisor(&self) {
        self.desk.lock().is_told = true;
        self.supervisor.notify_one();
    }

    /// The cluster shall be asked who leads what.
    pub(super) fn want_refresh(&self) {
        let mut desk = self.desk.lock();
        (desk.is_told, desk.refresh) = (true, true);
        self.supervisor.notify_one();
    }

    /// An id is wanted that is newer than `spent`.
    pub(super) fn want_id(&self, spent: u64) {
        let mut desk = self.desk.lock();
        desk.is_told = true;
        desk.id_wanted = Some(desk.id_wanted.map_or(spent, |wanted| wanted.max(spent)));
        self.supervisor.notify_one();
    }

    /// The newest id.
    pub(super) fn id(&self) -> Option<ProducerId> {
        self.desk.lock().id
    }

    pub(super) fn set_id(&self, id: ProducerId) {
        self.desk.lock().id = Some(id);
        self.tell_all();
    }

    /// What there is to do; `None`: the supervisor shall end.
    pub(super) fn orders(&self) -> Option<Orders> {
        let mut desk = self.desk.lock();
        desk.is_told = false;
        let orders = Orders { refresh: std::mem::take(&mut desk.refresh), id_wanted: desk.id_wanted.take() };
        (!desk.is_closed).then_some(orders)
    }

    /// Sleeps as the supervisor, until it is told of something or the moment has come.
    pub(super) fn wait_for_orders(&self, until: Mono) {
        let mut desk = self.desk.lock();
        let deadline = Deadline::at(until);
        while !desk.is_told && !desk.is_closed && !deadline.is_over() {
            self.supervisor.wait_for(&mut desk, deadline.left());
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.desk.lock().is_closed
    }

    /// Starts a thread whose end [`close`](Self::close) waits for.
    pub(super) fn spawn(
        self: &Arc<Self>,
        name: &str,
        run: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        let running = Running { shared: Arc::clone(self) };
        self.desk.lock().running += 1;
        let spawned =
            Builder::new().name(format!("kafka-producer-{name}")).spawn(move || run(&running.shared))?;
        self.desk.lock().threads.push(spawned);
        Ok(())
    }

    /// Ends all threads, and fails what is left with [`KafkaError::Stopped`]. Waits for the threads for 2 s at most.
    pub(super) fn close(&self) {
        self.desk.lock().is_closed = true;
        self.supervisor.notify_all();
        self.memory.close();
        self.inboxes.read().values().for_each(|inbox| inbox.close());
        self.control.cluster.way_out().close();
        let deadline = Deadline::after(JOIN_WAIT);
        let mut desk = self.desk.lock();
        while desk.running > 0 && !deadline.is_over() {
            self.ended.wait_for(&mut desk, deadline.left());
        }
        let threads = std::mem::take(&mut desk.threads);
        let still_running = desk.running;
        drop(desk);
        if still_running == 0 {
            for thread in threads {
                let _ = thread.join();
            }
        } else {
            log::warn!("{still_running} threads of a Kafka producer have not ended within {JOIN_WAIT:?}");
        }
        self.close_partitions();
    }

    /// Nothing is added any more, and what is there and not under way fails.
    pub(super) fn close_partitions(&self) {
        for partition in self.all_topics().iter().flat_map(|topic| topic.all()) {
            partition
                .close()
                .into_iter()
                .for_each(|batch| batch.end(Some(&KafkaError::Stopped), &self.memory));
        }
    }

    /// Ends batches that have failed, each with its error.
    pub(super) fn end_failed(&self, failed: Vec<(Batch, KafkaError)>) {
        failed.into_iter().for_each(|(batch, error)| batch.end(Some(&error), &self.memory));
    }

    /// Tells whoever looks after a partition, if that is not the thread of `node`, that its batches have come back.
    pub(super) fn tell_other_home(&self, partition: &Partition, node: i32) {
        match partition.other_home(node) {
            Some(home) => home.tell(),
            None if partition.is_stranded() => self.tell_supervisor(),
            None => {}
        }
    }
}

/// Counts a thread as running until it ends, however it does.
struct Running {
    shared: Arc<Shared>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.desk.lock().running -= 1;
        self.shared.ended.notify_all();
    }
}
