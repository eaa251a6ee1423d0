//! The thread that keeps a direct stream in touch with its cluster: it looks for new partitions, sends commits, and finds
//! out what has become of offsets that a broker no longer has. One for each stream, `{name}-keeper`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use batchmill::InputHandle;
use parking_lot::{Condvar, Mutex};

use super::commit::{Commits, Position, Waiting, instance_of, metadata};
use super::topics::{Found, Topics};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::{Committed, OffsetAt, Transport};
use crate::kafka::params::KafkaParams;
use crate::kafka::streams::lost_range::settle;
use crate::kafka::streams::read_ahead::{ReadAhead, Watch};
use crate::kafka::{KafkaError, TopicPartition};

/// So many commits that were not acknowledged are remembered as ours.
const MOST_SENT: usize = 64;

/// How often offsets are committed again that have not changed: brokers forget those of idle groups, some after a day.
const RECOMMIT: Duration = Duration::from_secs(3_600);

/// How long the last commit may take when the stream stops.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// The way to the keeper's thread.
pub(super) struct Keeper {
    todo: Arc<Todo>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is to do, and what it has found.
#[derive(Default)]
pub(super) struct Todo {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Partitions whose offset is not in the log.
    out_of_range: Vec<(TopicPartition, i64)>,
    commit: bool,
    stop: bool,
    /// New partitions, and where they begin; taken at the next cut.
    found: Vec<(TopicPartition, i64)>,
    /// What went wrong for the whole stream, for the next cut.
    failed: Option<KafkaError>,
}

impl Todo {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    /// The partitions that were found since the last call.
    ///
    /// # Errors
    /// What the stream cannot go on with.
    pub(super) fn take_found(&self) -> Result<Vec<(TopicPartition, i64)>, KafkaError> {
        let mut state = self.state.lock();
        match &state.failed {
            Some(error) => Err(error.clone()),
            None => Ok(std::mem::take(&mut state.found)),
        }
    }
}

/// Tells the keeper and the listener what the fetch threads find.
pub(super) struct Telling {
    pub(super) todo: Arc<Todo>,
    pub(super) handle: InputHandle,
}

impl Watch for Telling {
    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) -> Option<KafkaError> {
        self.todo.change(|state| state.out_of_range.push((partition.clone(), wanted)));
        None
    }

    fn tell(&self, kind: &'static str, detail: String) {
        log::warn!("{kind}: {detail}");
        self.handle.source_event(kind, detail);
    }
}

impl Keeper {
    /// Starts the thread.
    pub(super) fn start(name: &str, todo: Arc<Todo>, work: Work) -> Result<Self, KafkaError> {
        let wake = Arc::clone(&todo);
        work.commits.on_waiting(move || wake.change(|state| state.commit = true));
        let thread = {
            let todo = Arc::clone(&todo);
            std::thread::Builder::new()
                .name(format!("{name}-keeper"))
                .spawn(move || work.run(&todo))
                .map_err(KafkaError::no_thread)?
        };
        Ok(Self { todo, thread: Some(thread) })
    }

    /// Sends what waits to be committed, and ends the thread.
    pub(super) fn stop(&mut self) {
        self.todo.change(|state| state.stop = true);
        if let Some(thread) = self.thread.take() {
            // A panic in there was logged by the thread's own hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the thread works with.
pub(super) struct Work {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) read_ahead: Arc<ReadAhead>,
    pub(super) commits: Arc<Commits>,
    pub(super) topics: Topics,
    pub(super) handle: InputHandle,
    pub(super) params: KafkaParams,
    /// What we and nobody else write with a commit.
    pub(super) instance: String,
    /// What was committed when the stream began.
    pub(super) at_start: BTreeMap<TopicPartition, Committed>,
    /// What we have committed since.
    pub(super) committed: BTreeMap<TopicPartition, Position>,
    /// What we have sent since and do not know to be committed, the newest last.
    pub(super) sent: BTreeMap<TopicPartition, Vec<i64>>,
}

/// What there is to do now.
enum Next {
    OutOfRange(Vec<(TopicPartition, i64)>),
    Commit,
    Refresh,
    Recommit,
    Stop,
}

impl Work {
    fn run(mut self, todo: &Todo) {
        let mut refresh = Deadline::after(self.params.refresh);
        let mut recommit = Deadline::after(RECOMMIT);
        loop {
            match wait(todo, refresh, recommit) {
                Next::OutOfRange(partitions) => {
                    // A topic that was made anew has other offsets: that is to be known before they are judged.
                    self.refresh(todo);
                    let failed = todo.state.lock().failed.clone();
                    for (partition, wanted) in &partitions {
                        match &failed {
                            Some(error) => self.read_ahead.fail(partition, error.clone()),
                            None => self.out_of_range(partition, *wanted),
                        }
                    }
                }
                Next::Commit => self.commit(todo, self.params.request_timeout),
                Next::Refresh => {
                    self.refresh(todo);
                    refresh = Deadline::after(self.params.refresh);
                }
                Next::Recommit => {
                    self.recommit();
                    recommit = Deadline::after(RECOMMIT);
                }
                Next::Stop => break,
            }
        }
        self.commit(todo, LAST_COMMIT.min(self.params.request_timeout));
        self.commits.end(KafkaError::Stopped);
    }

    fn tell(&self, kind: &'static str, detail: String) {
        log::warn!("{kind}: {detail}");
        self.handle.source_event(kind, detail);
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.params.request_timeout)
    }

    /// Looks for partitions that are new, and for topics that are no longer the same.
    fn refresh(&mut self, todo: &Todo) {
        let found = match self.topics.refresh(&*self.transport, self.deadline()) {
            Ok(found) => found,
            // The brokers are asked again next time; that they cannot be reached is told by the fetch threads.
            Err(error) => return log::debug!("topics could not be looked at: {error}"),
        };
        match found {
            Found::Recreated(topic) => {
                todo.change(|state| state.failed = Some(KafkaError::TopicRecreated { topic }));
            }
            Found::Partitions(new) if !new.is_empty() => self.begin(todo, new),
            Found::Partitions(_) => {}
        }
    }

    /// New partitions are read from their beginning: what was written before they were found is not lost.
    fn begin(&mut self, todo: &Todo, new: Vec<TopicPartition>) {
        let at: Vec<_> = new.into_iter().map(|partition| (partition, OffsetAt::Earliest)).collect();
        match self.transport.offsets(&at, self.deadline()) {
            Ok(offsets) => {
                for (partition, offset) in offsets {
                    match offset {
                        Ok(found) => {
                            let from = found.map_or(0, |found| found.offset);
                            let detail = format!("{partition}, from offset {from} on");
                            // First, so that whoever hears of it finds it in the next batch.
                            todo.change(|state| state.found.push((partition, from)));
                            self.tell("partition_found", detail);
                        }
                        Err(error) => {
                            log::debug!("{partition} is new and cannot be read yet: {error}");
                            self.topics.forget(&partition);
                        }
                    }
                }
            }
            Err(error) => {
                log::debug!("where new partitions begin could not be asked: {error}");
                at.iter().for_each(|(partition, _)| self.topics.forget(partition));
            }
        }
    }

    /// Finds out why an offset is not in the log, and does what the settings say.
    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) {
        let (policy, deadline) = (self.params.on_lost_range, self.deadline());
        if let Some(detail) = settle(partition, wanted, policy, &*self.transport, &self.read_ahead, deadline)
        {
            self.tell("range_lost", detail);
        }
    }

    fn commit(&mut self, todo: &Todo, within: Duration) {
        let Some(waiting) = self.commits.take() else { return };
        let Some(group) = self.commits.group.clone() else { return };
        let result = self.send(&group, &waiting, Deadline::after(within));
        match &result {
            Ok(()) => {
                self.committed.extend(waiting.offsets.iter().map(|(p, position)| (p.clone(), *position)));
                waiting.offsets.keys().for_each(|partition| _ = self.sent.remove(partition));
            }
            Err(error) => {
                self.tell("commit_failed", error.to_string());
                if let KafkaError::ForeignGroup { .. } = error {
                    todo.change(|state| state.failed = Some(error.clone()));
                    self.commits.end(error.clone());
                }
            }
        }
        waiting.answer(&result);
    }

    /// Looks whose commits are there, then commits.
    fn send(&mut self, group: &Arc<str>, waiting: &Waiting, deadline: Deadline) -> Result<(), KafkaError> {
        let partitions: Vec<_> = waiting.offsets.keys().cloned().collect();
        for (partition, committed) in self.transport.committed(group, &partitions, deadline)? {
            let Some(committed) = committed else { continue };
            self.check_owner(group, &partition, &committed)?;
        }
        let offsets: Vec<_> =
            waiting.offsets.iter().map(|(partition, position)| self.entry(partition, *position)).collect();
        for (partition, position) in &waiting.offsets {
            let sent = self.sent.entry(partition.clone()).or_default();
            sent.push(position.offset);
            sent.drain(..sent.len().saturating_sub(MOST_SENT));
        }
        self.transport.commit(group, &offsets, deadline)
    }

    /// Whether a commit is one of ours, where its text is not kept.
    fn is_like_ours(&self, partition: &TopicPartition, offset: i64) -> bool {
        let acknowledged = self.committed.get(partition).is_some_and(|position| position.offset == offset);
        let sent = || self.sent.get(partition).is_some_and(|sent| sent.contains(&offset));
        !self.transport.keeps_metadata() && (acknowledged || sent())
    }

    fn entry(&self, partition: &TopicPartition, position: Position) -> (TopicPartition, Committed) {
        let Position { offset, leader_epoch } = position;
        (partition.clone(), Committed { offset, leader_epoch, metadata: metadata(&self.instance) })
    }

    /// # Errors
    /// [`KafkaError::ForeignGroup`] if a commit is neither ours nor was there when the stream began.
    fn check_owner(
        &self,
        group: &Arc<str>,
        partition: &TopicPartition,
        committed: &Committed,
    ) -> Result<(), KafkaError> {
        let owner = instance_of(committed);
        if owner == Some(self.instance.as_str())
            || self.at_start.get(partition) == Some(committed)
            || self.is_like_ours(partition, committed.offset)
        {
            return Ok(());
        }
        let owner = match owner {
            Some(instance) => format!("another stream of this library ({instance})"),
            None => "another client".to_owned(),
        };
        Err(KafkaError::ForeignGroup { group: Arc::clone(group), owner })
    }

    /// Says again what is committed already.
    fn recommit(&self) {
        let Some(group) = &self.commits.group else { return };
        if self.committed.is_empty() {
            return;
        }
        let offsets: Vec<_> =
            self.committed.iter().map(|(partition, position)| self.entry(partition, *position)).collect();
        if let Err(error) = self.transport.commit(group, &offsets, self.deadline()) {
            self.tell("commit_failed", error.to_string());
        }
    }
}

/// Waits until there is something to do. A stop, a commit and a lost offset end the wait at once.
fn wait(todo: &Todo, refresh: Deadline, recommit: Deadline) -> Next {
    let mut state = todo.state.lock();
    loop {
        if state.stop {
            return Next::Stop;
        }
        if !state.out_of_range.is_empty() {
            return Next::OutOfRange(std::mem::take(&mut state.out_of_range));
        }
        if std::mem::take(&mut state.commit) {
            return Next::Commit;
        }
        if refresh.is_over() {
            return Next::Refresh;
        }
        if recommit.is_over() {
            return Next::Recommit;
        }
        todo.changed.wait_for(&mut state, refresh.min(recommit).left());
    }
}
