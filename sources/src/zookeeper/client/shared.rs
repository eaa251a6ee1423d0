//! [`Shared`]: a session as its own thread and the threads that ask share it.
//!
//! Two locks: `link` is held while something is written, so that requests are sent in the order of their numbers; `state`
//! only for moments, and may be taken while `link` is held, never the other way round.

use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;
use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};
use socket2::Socket;

use super::machine::{Asked, Machine};
use crate::net::deadline::{Deadline, now};
use crate::net::tcp::write_all;
use crate::net::way_out::WayOut;
use crate::zookeeper::servers::Servers;
use crate::zookeeper::wire::{Jute, LENGTH_BYTES, OpCode, REQUEST_BYTES_MAX, RequestHeader, frame};
use crate::zookeeper::{Event, ZooKeeperError};

/// What is told of the session, on its thread.
pub(crate) type Watcher = dyn Fn(&Event) + Send + Sync;

/// What a session is to be like.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) session_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    /// Schemes and secrets.
    pub(crate) auth: Vec<(String, Vec<u8>)>,
    pub(crate) watcher: Arc<Watcher>,
}

/// Where the session is.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Connecting,
    /// To this server.
    Connected(Arc<str>),
    /// For good.
    Ended(ZooKeeperError),
}

/// What changes.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) machine: Machine,
    /// The session timeout that was agreed; the one asked for until then.
    pub(crate) timeout: Duration,
    /// What the last attempts came to, as many as there are servers, since the connection was lost.
    pub(crate) failures: Vec<ZooKeeperError>,
    /// A round of attempts has found that what answers is no ZooKeeper.
    pub(crate) is_hopeless: bool,
    /// The session is being closed: a lost connection is its end.
    pub(crate) closing: bool,
    pub(crate) last_sent: Mono,
}

/// A session.
pub(crate) struct Shared {
    pub(crate) servers: Servers,
    pub(crate) settings: Settings,
    pub(crate) state: Mutex<State>,
    pub(crate) changed: Condvar,
    /// There is one while the phase is connected.
    pub(crate) link: Mutex<Option<Arc<Socket>>>,
    pub(crate) way_out: WayOut,
}

impl Shared {
    pub(crate) fn new(servers: Servers, settings: Settings) -> Self {
        let state = State {
            phase: Phase::Connecting,
            machine: Machine::default(),
            timeout: settings.session_timeout,
            failures: Vec::new(),
            is_hopeless: false,
            closing: false,
            last_sent: now(),
        };
        Self {
            servers,
            settings,
            state: Mutex::new(state),
            changed: Condvar::new(),
            link: Mutex::new(None),
            way_out: WayOut::default(),
        }
    }

    pub(crate) fn unreachable(&self, state: &State) -> ZooKeeperError {
        let servers = Arc::clone(&self.servers.named);
        ZooKeeperError::Unreachable { servers, causes: state.failures.clone() }
    }

    /// Waits until there is a connection.
    pub(crate) fn wait_connected(&self, deadline: Deadline) -> Result<(), ZooKeeperError> {
        let mut state = self.state.lock();
        loop {
            match &state.phase {
                Phase::Connected(_) => return Ok(()),
                Phase::Ended(error) => return Err(error.clone()),
                Phase::Connecting if deadline.is_over() || state.is_hopeless => {
                    return Err(self.unreachable(&state));
                }
                Phase::Connecting => self.changed.wait_for(&mut state, deadline.left()),
            };
        }
    }

    /// Waits until the session has ended, at most until the deadline: whether it has.
    pub(crate) fn wait_ended(&self, deadline: Deadline) -> bool {
        let mut state = self.state.lock();
        while !matches!(state.phase, Phase::Ended(_)) && !deadline.is_over() {
            self.changed.wait_for(&mut state, deadline.left());
        }
        matches!(state.phase, Phase::Ended(_))
    }

    /// Asks for something and waits for the body of the reply, at most `timeout`: first for a connection.
    pub(crate) fn ask(
        &self,
        asked: &Asked,
        body: Option<&dyn Encode>,
        watch: Option<String>,
        timeout: Duration,
    ) -> Result<(Vec<u8>, Arc<str>), ZooKeeperError> {
        let deadline = Deadline::after(timeout);
        let (answer, answered) = channel::bounded(1);
        let server = loop {
            self.wait_connected(deadline)?;
            let Some(link) = self.link.try_lock_for(deadline.left()) else {
                // Somebody else writes, and the server does not read.
                match self.state.lock().phase.clone() {
                    Phase::Connected(server) if deadline.is_over() => {
                        let (operation, path) = (asked.op, Arc::clone(&asked.path));
                        return Err(ZooKeeperError::Timeout { server, operation, path, after: timeout });
                    }
                    _ => continue,
                }
            };
            let Some(socket) = link.as_ref() else { continue };
            let (xid, server, timeout) = {
                let mut state = self.state.lock();
                let Phase::Connected(server) = &state.phase else { continue };
                let server = Arc::clone(server);
                state.closing |= asked.op == OpCode::CLOSE_SESSION;
                state.last_sent = now();
                let xid = state.machine.ask(asked.clone(), watch.clone(), answer.clone());
                (xid, server, state.timeout)
            };
            let bytes = frame(|out| {
                RequestHeader::new(xid, asked.op).encode(out);
                if let Some(body) = body {
                    body.encode_to(out);
                }
            });
            if write_all(socket, &bytes, Deadline::after(timeout)).is_err() {
                // The thread reads its end, and tells all who wait.
                let _ = socket.shutdown(Shutdown::Both);
            }
            break server;
        };
        match answered.recv_timeout(deadline.left()) {
            Ok(answer) => answer.map(|body| (body, server)),
            Err(_) => Err(ZooKeeperError::Timeout {
                server,
                operation: asked.op,
                path: Arc::clone(&asked.path),
                after: timeout,
            }),
        }
    }

    /// Refuses a request that servers would.
    pub(crate) fn check_length(asked: &Asked, body: &dyn Encode) -> Result<(), ZooKeeperError> {
        let length = frame(|out| body.encode_to(out)).len() - LENGTH_BYTES + RequestHeader::SMALLEST;
        if length > REQUEST_BYTES_MAX {
            let (operation, path) = (asked.op, Arc::clone(&asked.path));
            return Err(ZooKeeperError::RequestTooLarge {
                operation,
                path,
                length,
                limit: REQUEST_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Gives the connection up: the thread reads its end.
    pub(crate) fn cut(&self) {
        if let Some(socket) = self.link.lock().as_ref() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Tells the watcher something, without a lock. One that panics is told of later events all the same.
    pub(crate) fn tell(&self, event: &Event) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.settings.watcher)(event)));
        if told.is_err() {
            log::error!("the watcher of a ZooKeeper session panicked at {event:?}");
        }
    }
}

/// A message of any kind.
pub(crate) trait Encode {
    fn encode_to(&self, out: &mut crate::zookeeper::wire::Writer);
}

impl<T: Jute> Encode for T {
    fn encode_to(&self, out: &mut crate::zookeeper::wire::Writer) {
        self.encode(out);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("servers", &self.servers.named).finish_non_exhaustive()
    }
}
