//! The thread `zookeeper-session`: connects to a server, reads what it says, keeps the session alive with pings, and goes to
//! another server when one is lost, until the session ends.

use std::hash::{BuildHasher, RandomState};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::link::{Link, ReadError};
use super::machine::{Broken, Heard};
use super::probe;
use super::shared::{Phase, Shared, State};
use crate::net::address::Address;
use crate::net::backoff::{Backoff, BackoffRange};
use crate::net::deadline::{Deadline, now};
use crate::net::tcp::write_all;
use crate::zookeeper::wire::{
    AuthRequest, ConnectResponse, Jute, OpCode, RequestHeader, WireError, XID_AUTH, XID_PING,
    XID_SET_WATCHES, decode_whole, frame,
};
use crate::zookeeper::{Event, ZooKeeperError};

/// Between rounds in which no server took the session, and after a connection that did not last as long as the longest.
const PAUSES: BackoffRange =
    BackoffRange { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// However short a server wants sessions to be, pings are not more frequent, and no silence is shorter.
const SHORTEST_PING: Duration = Duration::from_millis(20);
const SHORTEST_SILENCE: Duration = Duration::from_millis(100);

/// Starts the thread of a session.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<JoinHandle<()>, ZooKeeperError> {
    let shared = Arc::clone(shared);
    let mut servers = shared.servers.addresses.clone();
    servers.sort_by_cached_key(|address| RandomState::new().hash_one(address));
    let work = move || Thread { shared, servers, next: 0, backoff: Backoff::new(PAUSES) }.run();
    Builder::new()
        .name("zookeeper-session".to_owned())
        .spawn(work)
        .map_err(|cause| ZooKeeperError::Thread { cause: Arc::new(cause) })
}

struct Thread {
    shared: Arc<Shared>,
    /// In an order of this client's own, so that clients spread over the servers.
    servers: Vec<Address>,
    /// Which one is tried next.
    next: usize,
    backoff: Backoff,
}

impl Thread {
    fn run(mut self) {
        let mut was_connected = false;
        let end = loop {
            let mut link = match self.connect() {
                Ok(link) => link,
                Err(end) => break end,
            };
            let server = Arc::clone(&link.server);
            let event = if was_connected {
                Event::Reconnected { server: Arc::clone(&server) }
            } else {
                Event::Connected { server: Arc::clone(&server) }
            };
            was_connected = true;
            let since = now();
            self.shared.tell(&event);
            let ended = self.listen(&mut link);
            // Whoever writes is stopped first, for it holds the link.
            let _ = link.socket.shutdown(Shutdown::Both);
            *self.shared.link.lock() = None;
            if let Err(Ended::For(error)) = ended {
                break error;
            }
            if let Some(error) = self.lose(&server, ended.err()) {
                break error;
            }
            self.shared.tell(&Event::Disconnected { server });
            if now() - since >= PAUSES.longest {
                self.backoff.reset();
            } else if !self.pause() {
                break self.closed();
            }
        };
        self.end(end);
    }

    /// Tries server after server until one takes the session. An error is the end of the session.
    fn connect(&mut self) -> Result<Link, ZooKeeperError> {
        self.shared.state.lock().failures.clear();
        loop {
            for _ in 0..self.servers.len() {
                let server = self.servers[self.next].clone();
                self.next = (self.next + 1) % self.servers.len();
                match self.attempt(&server) {
                    Ok(link) => return Ok(link),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => {
                        log::warn!("{error}");
                        let failures = &mut self.shared.state.lock().failures;
                        failures.push(error);
                        if failures.len() > self.servers.len() {
                            failures.remove(0);
                        }
                    }
                }
            }
            {
                let mut state = self.shared.state.lock();
                let is_other = |error: &_| matches!(error, ZooKeeperError::NotZooKeeper { .. });
                state.is_hopeless = state.failures.iter().all(is_other);
            }
            self.shared.changed.notify_all();
            if !self.pause() {
                return Err(self.closed());
            }
        }
    }

    /// Whether the way out is still open after the next pause.
    fn pause(&mut self) -> bool {
        self.shared.way_out.pause(Deadline::after(self.backoff.pause()))
    }

    /// Connects to one server and has it take the session.
    fn attempt(&self, to: &Address) -> Result<Link, ZooKeeperError> {
        let shared = &self.shared;
        let (timeout, request, is_new) = {
            let state = shared.state.lock();
            let timeout_ms = i32::try_from(shared.settings.session_timeout.as_millis()).unwrap_or(i32::MAX);
            let machine = &state.machine;
            (state.timeout, machine.connect_request(timeout_ms), machine.session_id == 0)
        };
        let asked_for = request.body.session_id;
        let share = timeout / u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        let deadline = Deadline::after(share.max(Duration::from_millis(100)));
        let Some(mut link) = Link::dial(to, deadline, &shared.way_out)? else { return Err(self.closed()) };
        let server = Arc::clone(&link.server);
        let refused = || ZooKeeperError::Refused { server: Arc::clone(&server) };
        let bytes = frame(|out| request.encode(out));
        write_all(&link.socket, &bytes, deadline).map_err(|_| refused())?;
        let soon = if is_new { deadline.min(Deadline::after(probe::SOON)) } else { deadline };
        let mut answer = link.read(soon);
        if is_new && matches!(answer, Err(ReadError::TimedOut | ReadError::Closed)) {
            if probe::is_kafka(to, deadline, &shared.way_out) {
                return Err(ZooKeeperError::NotZooKeeper { server, looks_like: "Kafka's protocol" });
            }
            if matches!(answer, Err(ReadError::TimedOut)) {
                answer = link.read(deadline);
            }
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) if shared.way_out.is_closed() => return Err(self.closed()),
            Err(ReadError::Hostile(error)) => return Err(error),
            Err(ReadError::TimedOut) => return Err(ZooKeeperError::NoSession { server, after: share }),
            Err(ReadError::Closed) => return Err(refused()),
        };
        let response: ConnectResponse = decode_whole(&answer)
            .map_err(|cause| ZooKeeperError::Protocol { server: Arc::clone(&server), cause })?;
        let timeout_ms = u64::try_from(response.body.timeout_ms).unwrap_or(0);
        if timeout_ms == 0 {
            return Err(ZooKeeperError::SessionExpired { servers: Arc::clone(&shared.servers.named) });
        }
        let given = response.body.session_id;
        if given == 0 || !is_new && given != asked_for {
            // Were another one taken for ours, nobody would hear that its ephemeral nodes and watches are gone.
            let cause = WireError::InvalidValue { what: "ConnectResponseBody.session_id", value: given };
            return Err(ZooKeeperError::Protocol { server, cause });
        }
        self.attach(&link, response, Duration::from_millis(timeout_ms), deadline).map_err(|_| refused())?;
        Ok(link)
    }

    /// The server has taken the session: says who we are, sets the watches again, and lets requests through.
    fn attach(
        &self,
        link: &Link,
        response: ConnectResponse,
        timeout: Duration,
        deadline: Deadline,
    ) -> std::io::Result<()> {
        let shared = &self.shared;
        let mut open = shared.link.lock();
        let watches = {
            let mut state = shared.state.lock();
            state.machine.connected(response);
            state.timeout = timeout;
            state.machine.set_watches()
        };
        for (scheme, auth) in &shared.settings.auth {
            let auth = AuthRequest { kind: 0, scheme: scheme.clone(), auth: auth.clone() };
            send(link, XID_AUTH, OpCode::AUTH, &auth, deadline)?;
        }
        for message in &watches {
            send(link, XID_SET_WATCHES, OpCode::SET_WATCHES, message, deadline)?;
        }
        *open = Some(Arc::clone(&link.socket));
        let mut state = shared.state.lock();
        state.phase = Phase::Connected(Arc::clone(&link.server));
        state.is_hopeless = false;
        state.last_sent = now();
        drop(state);
        shared.changed.notify_all();
        Ok(())
    }

    /// Reads until the connection is lost.
    fn listen(&self, link: &mut Link) -> Result<(), Ended> {
        let shared = &self.shared;
        let mut heard = now();
        loop {
            let State { timeout, last_sent, .. } = *shared.state.lock();
            let ping_due = last_sent + (timeout / 3).max(SHORTEST_PING);
            let silent = Deadline::at(heard + (timeout * 2 / 3).max(SHORTEST_SILENCE));
            if silent.is_over() {
                log::warn!("ZooKeeper server {} is silent", link.server);
                return Ok(());
            }
            if Deadline::at(ping_due).is_over() {
                self.ping(link, timeout);
                continue;
            }
            match link.read(silent.min(Deadline::at(ping_due))) {
                Ok(frame) => self.hear(link, &frame)?,
                Err(ReadError::TimedOut) => continue,
                Err(ReadError::Closed) => return Ok(()),
                Err(ReadError::Hostile(error)) => return Err(Ended::Broken(error)),
            }
            heard = now();
        }
    }

    fn hear(&self, link: &Link, frame: &[u8]) -> Result<(), Ended> {
        let shared = &self.shared;
        let heard = shared.state.lock().machine.hear(frame, &link.server, &shared.servers.named);
        let server = Arc::clone(&link.server);
        match heard {
            Ok(Heard::Nothing) => Ok(()),
            Ok(Heard::Node(path, change)) => {
                let path = shared.servers.short(&path).to_owned();
                shared.tell(&Event::Node { path, change });
                Ok(())
            }
            Ok(Heard::AuthFailed) => Err(Ended::For(ZooKeeperError::AuthFailed { server })),
            Err(Broken::Wire(cause)) => Err(Ended::Broken(ZooKeeperError::Protocol { server, cause })),
            Err(Broken::WrongReply { expected, found }) => {
                Err(Ended::Broken(ZooKeeperError::WrongReply { server, expected, found }))
            }
        }
    }

    /// Whoever is writing needs no ping beside it.
    fn ping(&self, link: &Link, timeout: Duration) {
        let open = self.shared.link.try_lock();
        self.shared.state.lock().last_sent = now();
        if open.is_some() {
            let bytes = frame(|out| RequestHeader::new(XID_PING, OpCode::PING).encode(out));
            if write_all(&link.socket, &bytes, Deadline::after(timeout / 3)).is_err() {
                let _ = link.socket.shutdown(Shutdown::Both);
            }
        }
    }

    /// The connection is lost. Some: that is the end of the session.
    fn lose(&self, server: &Arc<str>, why: Option<Ended>) -> Option<ZooKeeperError> {
        let cause = match why {
            Some(Ended::Broken(error) | Ended::For(error)) => {
                log::warn!("{error}");
                Some(error)
            }
            None => None,
        };
        let mut state = self.shared.state.lock();
        state.machine.lose(server, cause);
        if state.closing || self.shared.way_out.is_closed() {
            return Some(self.closed());
        }
        state.phase = Phase::Connecting;
        None
    }

    fn end(&self, error: ZooKeeperError) {
        let event = match &error {
            ZooKeeperError::SessionExpired { .. } => Event::Expired,
            ZooKeeperError::AuthFailed { .. } => Event::AuthFailed,
            _ => Event::Closed,
        };
        let mut state = self.shared.state.lock();
        state.machine.end(&error);
        state.phase = Phase::Ended(error);
        drop(state);
        self.shared.changed.notify_all();
        self.shared.tell(&event);
    }

    fn closed(&self) -> ZooKeeperError {
        ZooKeeperError::Closed { servers: Arc::clone(&self.shared.servers.named) }
    }
}

/// Why a connection is not read any longer.
enum Ended {
    /// What came does not follow the protocol.
    Broken(ZooKeeperError),
    /// The session has ended.
    For(ZooKeeperError),
}

fn send(link: &Link, xid: i32, op: OpCode, body: &impl Jute, deadline: Deadline) -> std::io::Result<()> {
    let bytes = frame(|out| {
        RequestHeader::new(xid, op).encode(out);
        body.encode(out);
    });
    write_all(&link.socket, &bytes, deadline)
}
