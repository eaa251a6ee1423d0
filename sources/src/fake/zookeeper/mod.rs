//! [`FakeZooKeeper`]: a ZooKeeper on loopback, in this process, for tests. It behaves as 3.8; real clients can talk to it as
//! well.
//!
//! ```
//! use batchmill_sources::fake::zookeeper::FakeZooKeeper;
//! use batchmill_sources::zookeeper::{ErrorCode, Operation, ZooKeeper, ZooKeeperError};
//!
//! let server = FakeZooKeeper::builder().servers(2).node("/app/limit", "10").check_faults_at_drop().start()?;
//! let zookeeper = ZooKeeper::connect(&format!("{}/app", server.connect_string()))?;
//! server.on(Operation::GET_DATA).path("/app/limit").fail(ErrorCode::NO_AUTH);
//! assert!(matches!(zookeeper.get("/limit"), Err(ZooKeeperError::NoAuth { .. })));
//! assert_eq!(zookeeper.get("/limit")?.0, b"10");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it is not
//!
//! Nothing is replicated: the servers share one tree, so that a change is at once at all of them, and they have a quorum
//! until it is taken from them, whichever of them run. Sessions end exactly at their time, not rounded up to a tick. `requests.rs` says what is not served.

mod builder;
mod connection;
mod digest;
mod faults;
mod port;
mod requests;
#[cfg(test)]
mod scenarios;
mod seen;
mod state;
mod tree;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::fake::timer::Timer;
use port::Port;
use state::{Shared, State};

use crate::zookeeper::{AclEntry, Operation, Stat, check_path};

pub use builder::FakeZooKeeperBuilder;
pub use faults::{Fault, FaultBuilder};
pub use seen::Seen;

/// A session as the servers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeSession {
    /// Its number.
    pub id: i64,
    /// How long it lives without a word of its client.
    pub timeout: Duration,
    /// The server that it is connected to, if it is.
    pub server: Option<usize>,
    /// Its ephemeral nodes, sorted.
    pub ephemerals: Vec<String>,
}

/// A node as the servers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeNode {
    /// What is in it.
    pub data: Vec<u8>,
    /// Its figures.
    pub stat: Stat,
    /// Who may do what with it; nothing stands for everybody everything.
    pub acl: Vec<AclEntry>,
}

/// One or more ZooKeeper servers with one tree, on free ports of `127.0.0.1`. Dropping it closes them and joins their
/// threads. Its methods may be called from any thread but the fake's own.
pub struct FakeZooKeeper {
    shared: Arc<Shared>,
    ports: Vec<Port>,
    timer: Timer,
    checks_faults: bool,
}

/// The nodes of a fake, whether it still runs or not.
pub(in crate::fake) struct Nodes(Arc<Shared>);

impl Nodes {
    /// Sets the data of a node; one that does not exist is created, with those above it.
    pub(in crate::fake) fn put(&self, path: &str, data: &[u8]) {
        assert!(check_path(path).is_ok(), "{path:?} is no path of a node");
        let now_ms = self.0.clock.wall().as_ms();
        self.0.change(|state, _| {
            let told = state.tree.put(path, data, now_ms);
            state.tell(told);
        });
    }

    /// Sets the data of a node, unless it has it already.
    #[cfg(feature = "kafka")]
    pub(in crate::fake) fn put_changed(&self, path: &str, data: &[u8]) {
        let has = self.0.state.lock().tree.node(path).is_ok_and(|node| node.data == data);
        if !has {
            self.put(path, data);
        }
    }

    /// Deletes a node with all below it: whether it existed.
    pub(in crate::fake) fn delete(&self, path: &str) -> bool {
        self.0.change(|state, _| match state.tree.delete_all(path) {
            Ok(told) => {
                state.tell(told);
                true
            }
            Err(_) => false,
        })
    }
}

impl FakeZooKeeper {
    /// Starts one server.
    ///
    /// # Errors
    /// When there is no free port, or no thread.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Settings for another one.
    pub fn builder() -> FakeZooKeeperBuilder {
        FakeZooKeeperBuilder::new()
    }

    /// The addresses of all servers, `127.0.0.1:port,127.0.0.1:port`.
    pub fn connect_string(&self) -> String {
        let addresses: Vec<_> = (1..=self.ports.len()).map(|server| self.address(server)).collect();
        addresses.join(",")
    }

    /// The address of one server, by its number from 1.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn address(&self, server: usize) -> String {
        format!("127.0.0.1:{}", self.ports[server - 1].number())
    }

    /// A node; `None` when it does not exist.
    pub fn node(&self, path: &str) -> Option<FakeNode> {
        let state = self.shared.state.lock();
        let node = state.tree.node(path).ok()?;
        Some(FakeNode { data: node.data.clone(), stat: state.tree.stat(path).ok()?, acl: node.acl.clone() })
    }

    /// The data of a node; `None` when it does not exist.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.node(path).map(|node| node.data)
    }

    /// The names of a node's children, sorted; `None` when it does not exist.
    pub fn children(&self, path: &str) -> Option<Vec<String>> {
        self.shared.state.lock().tree.children(path).ok()
    }

    /// Sets the data of a node; one that does not exist is created, with those above it. Watches are told.
    ///
    /// # Panics
    /// When no node can have this path.
    pub fn put(&self, path: &str, data: impl AsRef<[u8]>) {
        self.nodes().put(path, data.as_ref());
    }

    /// Deletes a node with all below it: whether it existed. Watches are told.
    pub fn delete(&self, path: &str) -> bool {
        self.nodes().delete(path)
    }

    /// Its nodes, for another fake.
    pub(in crate::fake) fn nodes(&self) -> Nodes {
        Nodes(Arc::clone(&self.shared))
    }

    /// The sessions, in the order in which they began.
    pub fn sessions(&self) -> Vec<FakeSession> {
        let state = self.shared.state.lock();
        let session = |(id, session): (&i64, &state::SessionState)| FakeSession {
            id: *id,
            timeout: session.timeout,
            server: session.connection.and_then(|number| state.clients.get(&number)).map(|c| c.server),
            ephemerals: state.tree.ephemerals(*id),
        };
        state.sessions.iter().map(session).collect()
    }

    /// Ends a session as if its time were over: its ephemeral nodes go and its connection is closed. Whether there was one.
    pub fn expire(&self, session: i64) -> bool {
        self.shared.change(|state, _| {
            let is_there = state.sessions.contains_key(&session);
            state.end_session(session);
            is_there
        })
    }

    /// Cuts the connection of a session, which goes on: whether it had one.
    pub fn disconnect(&self, session: i64) -> bool {
        self.shared.change(|state, _| {
            let number = state.sessions.get(&session).and_then(|session| session.connection);
            number.map(|number| state.cut(number)).is_some()
        })
    }

    /// Sends these bytes to the client of a session as they are: whether it is connected.
    pub fn send_raw(&self, session: i64, bytes: impl Into<Vec<u8>>) -> bool {
        self.shared.change(|state, _| {
            let number = state.sessions.get(&session).and_then(|session| session.connection);
            let client = number.and_then(|number| state.clients.get_mut(&number));
            client.map(|client| client.outbox.push_back(bytes.into())).is_some()
        })
    }

    /// Stops a server: its connections are closed and new ones refused; sessions go on.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn stop(&self, server: usize) {
        self.shared.change(|state, _| state.members[server - 1].running = false);
        self.ports[server - 1].stop();
    }

    /// Starts a server again, at its address. One that runs is left alone.
    ///
    /// # Errors
    /// When its port is taken, or there is no thread.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn start_again(&self, server: usize) -> io::Result<()> {
        if self.shared.state.lock().members[server - 1].running {
            return Ok(());
        }
        let listener = self.ports[server - 1].bind_again()?;
        let start = self.shared.change(|state, _| {
            let member = &mut state.members[server - 1];
            member.running = true;
            member.starts += 1;
            member.starts
        });
        self.ports[server - 1].listen(listener, start)
    }

    /// A server takes connections and reads, but does nothing and says nothing, until [`speak`](Self::speak).
    ///
    /// # Panics
    /// When there is no such server.
    pub fn silence(&self, server: usize) {
        self.shared.change(|state, _| state.members[server - 1].silent = true);
    }

    /// Ends the silence of a server. What came meanwhile is lost.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn speak(&self, server: usize) {
        self.shared.change(|state, _| state.members[server - 1].silent = false);
    }

    /// Takes the quorum from the servers, as if most of them were dead to each other: they close all connections, and new ones
    /// as soon as a session is asked for. No session ends meanwhile.
    pub fn lose_quorum(&self) {
        self.shared.change(|state, now| state.set_quorum(false, now));
    }

    /// Gives the servers a quorum again. Sessions have their whole timeout from now on.
    pub fn regain_quorum(&self) {
        self.shared.change(|state, now| state.set_quorum(true, now));
    }

    /// Begins to script a fault: what the next request of this kind meets.
    pub fn on(&self, op: Operation) -> FaultBuilder<'_> {
        FaultBuilder::new(&self.shared, op)
    }

    /// Checks that every scripted fault has fired as often as it should, and at least once where it is for always.
    ///
    /// # Panics
    /// When one has not; the message lists them.
    #[track_caller]
    pub fn assert_all_fired(&self) {
        let unfired = self.shared.state.lock().faults.unfired();
        assert!(unfired.is_empty(), "faults that did not fire: {}", unfired.join("; "));
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.state.lock().faults.clear();
    }

    /// The requests so far, the oldest first. Of more than 10,000 the oldest are forgotten.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state.lock().requests.iter().cloned().collect()
    }

    /// The requests of one kind so far, the oldest first.
    pub fn requests_of(&self, op: Operation) -> Vec<Seen> {
        self.shared.state.lock().requests.iter().filter(|seen| seen.op == op).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        let mut state = self.shared.state.lock();
        state.forgotten += state.requests.len() as u64;
        state.requests.clear();
    }

    /// Waits for a request that `is_it`, among those so far and those that come, at most `timeout`. It runs under the fake's
    /// lock: it must not call the fake.
    pub fn wait_for_request(&self, timeout: Duration, is_it: impl Fn(&Seen) -> bool) -> Option<Seen> {
        self.shared.wait(timeout, |state| state.requests.iter().find(|seen| is_it(seen)).cloned())
    }

    /// Waits until `done`, at most `timeout`: whether it is. `done` is called again whenever something has changed, on this
    /// thread, and may ask the fake.
    pub fn wait_until(&self, timeout: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let clock = batchmill::SystemClock::new();
        let deadline = batchmill::Clock::mono(&clock) + timeout;
        let mut looked_at = None;
        loop {
            let changed = |state: &mut State| (looked_at != Some(state.changes)).then_some(state.changes);
            let now = self.shared.wait(deadline - batchmill::Clock::mono(&clock), changed);
            if done(self) {
                return true;
            }
            if now.is_none() {
                return false;
            }
            looked_at = now;
        }
    }

    /// How many connections were made since the start.
    pub fn connections(&self) -> u64 {
        self.shared.state.lock().connections
    }

    /// Stops all servers for good and joins their threads. Dropping it does the same.
    pub fn close(&self) {
        self.shared.change(|state, _| state.members.iter_mut().for_each(|member| member.running = false));
        self.ports.iter().for_each(Port::stop);
        self.shared.stop_timer();
        self.timer.join();
    }
}

impl Drop for FakeZooKeeper {
    fn drop(&mut self) {
        self.close();
        if self.checks_faults && !std::thread::panicking() {
            self.assert_all_fired();
        }
    }
}

impl fmt::Debug for FakeZooKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeZooKeeper").field("servers", &self.connect_string()).finish_non_exhaustive()
    }
}
