//! [`FakeZooKeeperBuilder`]: what a fake ZooKeeper is to be like before it starts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, SystemClock};
use crossbeam_channel as channel;

use super::FakeZooKeeper;
use super::port::Port;
use super::state::{Member, Shared, State};
use crate::fake::timer::Timer;

/// Settings of a [`FakeZooKeeper`].
#[derive(Debug)]
#[must_use = "a ZooKeeper begins with `start`"]
pub struct FakeZooKeeperBuilder {
    servers: usize,
    nodes: Vec<(String, Vec<u8>)>,
    clock: Arc<dyn Clock>,
    checks_faults: bool,
    timeouts: Option<(Duration, Duration)>,
}

impl FakeZooKeeperBuilder {
    pub(super) fn new() -> Self {
        let (clock, nodes) = (Arc::new(SystemClock::new()), Vec::new());
        Self { servers: 1, nodes, clock, checks_faults: false, timeouts: None }
    }

    /// How many servers share the tree, with numbers from 1; one if it is not set.
    pub fn servers(mut self, servers: u16) -> Self {
        self.servers = usize::from(servers.max(1));
        self
    }

    /// Has a node from the start, and those above it.
    pub fn node(mut self, path: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.nodes.push((path.into(), data.into()));
        self
    }

    /// The shortest and the longest session timeout; 4 s and 40 s if it is not set, as with a tickTime of 2 s.
    pub fn session_timeouts(mut self, shortest: Duration, longest: Duration) -> Self {
        self.timeouts = Some((shortest, longest.max(shortest)));
        self
    }

    /// Where the times of nodes come from, and the time by which sessions end; the system's clock if it is not set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Dropping the fake panics when a scripted fault has not fired as often as it should.
    pub fn check_faults_at_drop(mut self) -> Self {
        self.checks_faults = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When there is no free port, or no thread.
    pub fn start(self) -> io::Result<FakeZooKeeper> {
        let Self { servers, nodes, clock, checks_faults, timeouts } = self;
        let mut state = State::new();
        state.timeouts = timeouts.unwrap_or(state.timeouts);
        for (path, data) in nodes {
            state.tree.put(&path, &data, clock.wall().as_ms());
        }
        state.members.extend((0..servers).map(|_| Member { running: true, starts: 1, silent: false }));
        let (timer, woken) = channel::bounded(1);
        let shared = Arc::new(Shared::new(state, clock, timer));
        let bound: Vec<_> = (1..=servers).map(|n| Port::bind(n, &shared)).collect::<io::Result<_>>()?;
        let (ports, listeners): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let timer = {
            let (clock, shared) = (Arc::clone(&shared.clock), Arc::clone(&shared));
            Timer::start("fake-zk-timer", clock, woken, move || shared.pass_time())?
        };
        let zookeeper = FakeZooKeeper { shared, ports, timer, checks_faults };
        for (port, listener) in zookeeper.ports.iter().zip(listeners) {
            port.listen(listener, 1)?;
        }
        Ok(zookeeper)
    }
}
