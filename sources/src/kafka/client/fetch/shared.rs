//! What the threads of a fetcher share: which partitions are wanted, who has them, and who is still running. No lock is held
//! while the sink is called or a broker is asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use batchmill::Mono;
use parking_lot::{Condvar, Mutex};

use super::FetchClient;
use super::partition::FetchPartition;
use crate::kafka::TopicPartition;
use crate::kafka::client::cluster::{Cluster, Watcher};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::FetchSink;
use crate::kafka::client::way_out::WayOut;

/// Shared by the fetcher and its threads.
pub(in crate::kafka::client) struct FetchShared {
    pub(super) client: Arc<dyn FetchClient>,
    pub(super) sink: Arc<dyn FetchSink>,
    /// The threads' names begin with it.
    pub(super) thread_prefix: String,
    pub(in crate::kafka::client) way_out: WayOut,
    state: Mutex<State>,
    /// The supervisor waits here.
    supervisor: Condvar,
    /// The end of the threads is waited for here.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// The partitions that are wanted, with their incarnations.
    wanted: HashMap<TopicPartition, u64>,
    incarnations: u64,
    /// Those that no broker's thread has: they are the supervisor's.
    idle: Vec<FetchPartition>,
    /// Something has changed since the supervisor looked.
    poked: bool,
    inboxes: HashMap<i32, Inbox>,
    running: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What is left for the thread of a broker to take.
struct Inbox {
    arrived: Vec<FetchPartition>,
    poked: bool,
    wake: Arc<Condvar>,
}

impl FetchShared {
    pub(super) fn new(client: Arc<dyn FetchClient>, sink: Arc<dyn FetchSink>, thread_prefix: &str) -> Self {
        Self {
            client,
            sink,
            thread_prefix: thread_prefix.to_owned(),
            way_out: WayOut::default(),
            state: Mutex::default(),
            supervisor: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    pub(in crate::kafka::client) fn cluster(&self) -> &Arc<Cluster> {
        self.client.cluster()
    }

    /// Replaces the partitions that are wanted.
    pub(super) fn set_partitions(&self, partitions: &[TopicPartition]) {
        let backoff = self.cluster().settings().backoff;
        let mut state = self.state.lock();
        let state = &mut *state;
        let mut before = std::mem::take(&mut state.wanted);
        for name in partitions {
            if state.wanted.contains_key(name) {
                continue;
            }
            let incarnation = before.remove(name).unwrap_or_else(|| {
                state.incarnations += 1;
                state.idle.push(FetchPartition::new(name.clone(), state.incarnations, backoff));
                state.incarnations
            });
            state.wanted.insert(name.clone(), incarnation);
        }
        state.idle.retain(|partition| state.wanted.get(&partition.name) == Some(&partition.incarnation));
        state.poked = true;
        self.supervisor.notify_all();
    }

    /// Lets every thread look anew.
    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        for inbox in state.inboxes.values_mut() {
            inbox.poked = true;
            inbox.wake.notify_all();
        }
    }

    /// The topics of the partitions that are wanted.
    pub(super) fn wanted_topics(&self) -> Vec<Arc<str>> {
        let state = self.state.lock();
        let topics: BTreeSet<_> = state.wanted.keys().map(|name| &name.topic).collect();
        topics.into_iter().cloned().collect()
    }

    /// The supervisor shall look anew.
    fn poke_supervisor(&self) {
        self.state.lock().poked = true;
        self.supervisor.notify_all();
    }

    /// The supervisor takes what no broker's thread has. `None`: the fetcher is closed.
    pub(super) fn take_idle(&self) -> Option<Vec<FetchPartition>> {
        let mut state = self.state.lock();
        state.poked = false;
        state.reap();
        (!state.closed).then(|| std::mem::take(&mut state.idle))
    }

    /// The supervisor waits until there is something to do, or until `until`.
    pub(super) fn wait_as_supervisor(&self, until: Option<Mono>) {
        let mut state = self.state.lock();
        while !state.poked && !state.closed {
            match until.map(|until| Deadline::at(until).left()) {
                Some(Duration::ZERO) => return,
                Some(left) => _ = self.supervisor.wait_for(&mut state, left),
                None => self.supervisor.wait(&mut state),
            }
        }
    }

    /// Keeps partitions for the supervisor to look at later, without waking it.
    pub(super) fn keep_idle(&self, partitions: Vec<FetchPartition>) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.idle.extend(
            partitions
                .into_iter()
                .filter(|partition| state.wanted.get(&partition.name) == Some(&partition.incarnation)),
        );
    }

    /// The thread of a broker gives partitions to the supervisor.
    pub(super) fn give_back(&self, partitions: Vec<FetchPartition>) {
        if !partitions.is_empty() {
            self.keep_idle(partitions);
            self.poke_supervisor();
        }
    }

    /// Gives a partition to the thread of a broker. `false`: there is none, start it with [`spawn`](Self::spawn).
    pub(super) fn deliver(&self, node: i32, partition: FetchPartition) -> bool {
        let mut state = self.state.lock();
        let is_new = !state.inboxes.contains_key(&node);
        let inbox = state.inboxes.entry(node).or_insert_with(Inbox::new);
        inbox.arrived.push(partition);
        inbox.poked = true;
        inbox.wake.notify_all();
        !is_new
    }

    /// Takes what has arrived for a broker's thread, and drops what is not wanted any more. `false`: the fetcher is closed.
    pub(super) fn collect(&self, node: i32, own: &mut Vec<FetchPartition>) -> bool {
        let mut state = self.state.lock();
        if let Some(inbox) = state.inboxes.get_mut(&node) {
            inbox.poked = false;
            own.append(&mut inbox.arrived);
        }
        own.retain(|partition| state.wanted.get(&partition.name) == Some(&partition.incarnation));
        !state.closed
    }

    /// A broker's thread waits until something is poked or has arrived since it collected, or until `until`.
    /// `false`: it was woken by the time.
    pub(super) fn wait(&self, node: i32, until: Option<Mono>) -> bool {
        let mut state = self.state.lock();
        loop {
            let wake = match state.inboxes.get(&node) {
                Some(inbox) if !inbox.poked && !state.closed => Arc::clone(&inbox.wake),
                _ => return true,
            };
            match until.map(|until| Deadline::at(until).left()) {
                Some(Duration::ZERO) => return false,
                Some(left) => _ = wake.wait_for(&mut state, left),
                None => wake.wait(&mut state),
            }
        }
    }

    /// A broker's thread ends for want of work. `false`: some has arrived.
    pub(super) fn retire(&self, node: i32) -> bool {
        let mut state = self.state.lock();
        let is_idle = state.inboxes.get(&node).is_none_or(|inbox| inbox.arrived.is_empty());
        if is_idle {
            state.inboxes.remove(&node);
        }
        is_idle
    }

    /// The thread of a broker is not there, or not any more: the supervisor has its partitions, and `own`.
    pub(super) fn dissolve(&self, node: i32, mut own: Vec<FetchPartition>, until: Mono) {
        let inbox = self.state.lock().inboxes.remove(&node);
        own.extend(inbox.into_iter().flat_map(|inbox| inbox.arrived));
        own.iter_mut().for_each(|partition| partition.hold(node, until));
        self.give_back(own);
    }

    /// Starts a thread; its end is waited for by [`close`](Self::close).
    pub(super) fn spawn(
        self: &Arc<Self>,
        name: &str,
        run: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        let running = Running { shared: Arc::clone(self) };
        self.state.lock().running += 1;
        let spawned = Builder::new()
            .name(format!("{}{name}", self.thread_prefix))
            .spawn(move || run(&running.shared))?;
        self.state.lock().threads.push(spawned);
        Ok(())
    }

    /// Ends all threads and joins those that end by the deadline; the names of the others.
    pub(super) fn close(&self, deadline: Deadline) -> Vec<String> {
        let mut state = self.state.lock();
        state.closed = true;
        for inbox in state.inboxes.values() {
            inbox.wake.notify_all();
        }
        self.supervisor.notify_all();
        parking_lot::MutexGuard::unlocked(&mut state, || self.way_out.close());
        while state.running > 0 && !deadline.is_over() {
            self.ended.wait_for(&mut state, deadline.left());
        }
        let all_ended = state.running == 0;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        let mut left = Vec::new();
        for thread in threads {
            if all_ended || thread.is_finished() {
                // A panic was logged by the thread's own hook.
                let _ = thread.join();
            } else {
                left.push(thread.thread().name().unwrap_or("?").to_owned());
            }
        }
        left
    }
}

impl Watcher for FetchShared {
    fn view_changed(&self) {
        self.poke_supervisor();
    }
}

impl State {
    /// Joins threads that have ended.
    fn reap(&mut self) {
        let mut at = 0;
        while at < self.threads.len() {
            if self.threads[at].is_finished() {
                let _ = self.threads.swap_remove(at).join();
            } else {
                at += 1;
            }
        }
    }
}

impl Inbox {
    fn new() -> Self {
        Self { arrived: Vec::new(), poked: false, wake: Arc::new(Condvar::new()) }
    }
}

impl fmt::Debug for FetchShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchShared").field("thread_prefix", &self.thread_prefix).finish_non_exhaustive()
    }
}

/// Counts a thread while it runs, also one that panics.
struct Running {
    shared: Arc<FetchShared>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.state.lock().running -= 1;
        self.shared.ended.notify_all();
    }
}
