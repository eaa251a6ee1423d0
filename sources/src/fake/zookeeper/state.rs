//! [`Shared`] and [`State`]: tree, sessions, connections and servers under one lock. The threads of connections, of the timer
//! and of the test change it; a condition wakes whoever waits for a change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, Mono, SystemClock};
use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use super::faults::Faults;
use super::seen::{KEPT, Seen};
use super::tree::{Told, Tree};
use crate::zookeeper::wire::{EventKind, Jute, KeeperState, ReplyHeader, WatcherEvent, XID_EVENT, frame};

/// What all threads of the fake have in common.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    changed: Condvar,
    /// Where the times of nodes come from, and the time by which sessions end.
    pub(super) clock: Arc<dyn Clock>,
    /// Where the deadlines of waits come from.
    time: SystemClock,
    /// Wakes the timer; none once the fake is closed.
    timer: Mutex<Option<channel::Sender<()>>>,
}

impl Shared {
    pub(super) fn new(state: State, clock: Arc<dyn Clock>, timer: channel::Sender<()>) -> Self {
        let (state, timer) = (Mutex::new(state), Mutex::new(Some(timer)));
        Self { state, changed: Condvar::new(), clock, time: SystemClock::new(), timer }
    }

    /// Changes something, after what was due by now, and wakes all who wait for a change.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State, Mono) -> R) -> R {
        let now = self.clock.mono();
        let mut state = self.state.lock();
        state.pass_time(now);
        let before = state.next_deadline();
        let result = change(&mut state, now);
        state.changes += 1;
        let is_due_earlier =
            state.next_deadline().is_some_and(|next| before.is_none_or(|before| next < before));
        drop(state);
        self.changed.notify_all();
        if let Some(timer) = self.timer.lock().as_ref().filter(|_| is_due_earlier) {
            // One that is full wakes it as well.
            let _ = timer.try_send(());
        }
        result
    }

    /// Lets sessions end that are due, and tells when the next one is.
    pub(super) fn pass_time(&self) -> Option<Mono> {
        let now = self.clock.mono();
        let mut state = self.state.lock();
        if state.pass_time(now) {
            state.changes += 1;
            self.changed.notify_all();
        }
        state.next_deadline()
    }

    /// Has the timer end.
    pub(super) fn stop_timer(&self) {
        *self.timer.lock() = None;
    }

    /// Waits until `look` finds something, at most `timeout`.
    pub(super) fn wait<R>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&mut State) -> Option<R>,
    ) -> Option<R> {
        let deadline = self.time.mono() + timeout;
        let mut state = self.state.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = deadline - self.time.mono();
            if left.is_zero() {
                return None;
            }
            self.changed.wait_for(&mut state, left);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// A server of the ensemble.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) running: bool,
    /// How often it was started. A connection belongs to one start.
    pub(super) starts: u64,
    /// What comes is read, and nothing is done.
    pub(super) silent: bool,
}

/// A session.
#[derive(Debug)]
pub(super) struct SessionState {
    pub(super) password: Vec<u8>,
    pub(super) timeout: Duration,
    pub(super) deadline: Mono,
    pub(super) connection: Option<u64>,
}

/// A connection. Watches and credentials are its own, as at a real server.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) server: usize,
    pub(super) stream: Arc<TcpStream>,
    pub(super) session: Option<i64>,
    pub(super) identities: Vec<(String, String)>,
    pub(super) data_watches: BTreeSet<String>,
    pub(super) child_watches: BTreeSet<String>,
    /// What its writer has not sent yet.
    pub(super) outbox: VecDeque<Vec<u8>>,
    /// Closed when the outbox is empty.
    pub(super) closing: bool,
}

/// Everything.
pub(super) struct State {
    pub(super) tree: Tree,
    pub(super) sessions: BTreeMap<i64, SessionState>,
    pub(super) clients: BTreeMap<u64, Client>,
    pub(super) members: Vec<Member>,
    /// Without it no server serves, and no session ends.
    pub(super) has_quorum: bool,
    pub(super) faults: Faults,
    pub(super) requests: VecDeque<Seen>,
    /// How many requests were forgotten.
    pub(super) forgotten: u64,
    pub(super) connections: u64,
    pub(super) changes: u64,
    /// The shortest and the longest session timeout.
    pub(super) timeouts: (Duration, Duration),
    last_session: i64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            tree: Tree::new(),
            sessions: BTreeMap::new(),
            clients: BTreeMap::new(),
            members: Vec::new(),
            has_quorum: true,
            faults: Faults::default(),
            requests: VecDeque::new(),
            forgotten: 0,
            connections: 0,
            changes: 0,
            timeouts: (Duration::from_secs(4), Duration::from_secs(40)),
            last_session: 0x0100_0000_0000_0000,
        }
    }

    fn pass_time(&mut self, now: Mono) -> bool {
        let is_due = |session: &SessionState| self.has_quorum && session.deadline <= now;
        let due: Vec<_> =
            self.sessions.iter().filter(|(_, session)| is_due(session)).map(|(id, _)| *id).collect();
        due.iter().for_each(|id| self.end_session(*id));
        !due.is_empty()
    }

    fn next_deadline(&self) -> Option<Mono> {
        self.sessions.values().map(|session| session.deadline).min().filter(|_| self.has_quorum)
    }

    pub(super) fn runs(&self, server: usize, start: u64) -> bool {
        self.members.get(server - 1).is_some_and(|member| member.running && member.starts == start)
    }

    pub(super) fn note(&mut self, seen: Seen) {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.forgotten += 1;
        }
        self.requests.push_back(seen);
    }

    /// Begins a session: its number.
    pub(super) fn begin_session(&mut self, timeout: Duration, now: Mono) -> i64 {
        self.last_session += 1;
        self.tree.zxid += 1;
        let id = self.last_session;
        let password = [id.to_be_bytes(), (!id).to_be_bytes()].concat();
        let session = SessionState { password, timeout, deadline: now + timeout, connection: None };
        self.sessions.insert(id, session);
        id
    }

    /// Ends a session: its ephemeral nodes go, and its connection is closed once what is to be sent is sent.
    pub(super) fn end_session(&mut self, id: i64) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let told = self.tree.end_session(id);
        if let Some(client) = session.connection.and_then(|number| self.clients.get_mut(&number)) {
            client.data_watches.clear();
            client.child_watches.clear();
            client.closing = true;
        }
        self.tell(told);
    }

    /// Tells those who watch of changes.
    pub(super) fn tell(&mut self, told: Told) {
        for (kind, path) in told {
            for client in self.clients.values_mut().filter(|client| !client.closing) {
                let was_watched = match kind {
                    EventKind::CHILDREN_CHANGED => client.child_watches.remove(&path),
                    EventKind::DELETED => {
                        client.data_watches.remove(&path) | client.child_watches.remove(&path)
                    }
                    _ => client.data_watches.remove(&path),
                };
                if was_watched {
                    client.outbox.push_back(event(kind, &path));
                }
            }
        }
    }

    /// Gives the servers their quorum, or takes it. A new leader lets every session begin its time anew.
    pub(super) fn set_quorum(&mut self, has_quorum: bool, now: Mono) {
        if has_quorum && !self.has_quorum {
            self.sessions.values_mut().for_each(|session| session.deadline = now + session.timeout);
        }
        self.has_quorum = has_quorum;
        if !has_quorum {
            let numbers: Vec<_> = self.clients.keys().copied().collect();
            numbers.into_iter().for_each(|number| self.cut(number));
        }
    }

    /// Cuts the connection of a session at once.
    pub(super) fn cut(&mut self, number: u64) {
        if let Some(client) = self.clients.get_mut(&number) {
            client.outbox.clear();
            client.closing = true;
            let _ = client.stream.shutdown(Shutdown::Both);
        }
    }
}

/// An event as a frame.
pub(super) fn event(kind: EventKind, path: &str) -> Vec<u8> {
    frame(|out| {
        ReplyHeader { xid: XID_EVENT, zxid: -1, error: 0 }.encode(out);
        WatcherEvent { kind, state: KeeperState::SYNC_CONNECTED, path: path.to_owned() }.encode(out);
    })
}
