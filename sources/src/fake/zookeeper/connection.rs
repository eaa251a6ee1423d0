//! [`Connection`]: one client's connection. One thread reads requests, lets scripted faults befall them and does what is
//! asked; another writes replies and events in the order in which they were made.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::faults::Action;
use super::requests::{self, Request};
use super::seen::Seen;
use super::state::{Shared, State};
use crate::fake::faults::Befallen;
use crate::zookeeper::wire::{
    ConnectRequest, ErrorCode, Jute, LENGTH_BYTES, OpCode, REQUEST_BYTES_MAX, ReplyHeader, XID_AUTH,
    XID_PING, XID_SET_WATCHES, decode_whole, frame, read_length,
};

/// A connection to one server.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: Arc<TcpStream>,
    pub(super) server: usize,
    pub(super) start: u64,
    pub(super) number: u64,
}

/// For as long as nothing else ends a wait.
const FOREVER: Duration = Duration::from_secs(1 << 30);

impl Connection {
    /// The thread that reads.
    pub(super) fn read(self) {
        if let Err(error) = self.serve() {
            log::debug!("the fake ZooKeeper closes connection {}: {error}", self.number);
        }
        self.shared.change(|state, _| {
            if let Some(client) = state.clients.get_mut(&self.number) {
                client.closing = true;
            }
        });
    }

    /// The thread that writes. The connection is closed when it ends.
    pub(super) fn write(self) {
        let next = |state: &mut State| {
            let runs = state.runs(self.server, self.start);
            let Some(client) = state.clients.get_mut(&self.number).filter(|_| runs) else {
                return Some(None);
            };
            match client.outbox.pop_front() {
                Some(bytes) => Some(Some(bytes)),
                None => client.closing.then_some(None),
            }
        };
        while let Some(Some(bytes)) = self.shared.wait(FOREVER, next) {
            if (&*self.stream).write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = self.stream.shutdown(Shutdown::Both);
        self.shared.change(|state, _| {
            if let Some(client) = state.clients.remove(&self.number) {
                let session = client.session.and_then(|id| state.sessions.get_mut(&id));
                if let Some(session) = session.filter(|session| session.connection == Some(self.number)) {
                    session.connection = None;
                }
            }
        });
    }

    fn serve(&self) -> io::Result<()> {
        let mut input = BufReader::new(&*self.stream);
        let mut is_first = true;
        while let Some(packet) = read_frame(&mut input)? {
            let is_silent = self.shared.state.lock().members[self.server - 1].silent;
            if is_silent {
                continue;
            }
            let goes_on = if is_first { self.connect(&packet)? } else { self.request(&packet)? };
            is_first = false;
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    fn connect(&self, packet: &[u8]) -> io::Result<bool> {
        let request: ConnectRequest = decode_whole(packet).map_err(io::Error::other)?;
        let seen = self.seen(OpCode::CREATE_SESSION, 0, None);
        self.act(seen, |state, now, fail| match fail {
            Some(_) => None,
            None => requests::connect(state, self.number, &request, now),
        })
    }

    fn request(&self, packet: &[u8]) -> io::Result<bool> {
        let request = Request::read(packet).map_err(io::Error::other)?;
        let xid = request.header.xid;
        let seen = self.seen(request.op(), xid, request.path());
        self.act(seen, |state, now, fail| {
            let session = state.clients.get(&self.number).and_then(|client| client.session);
            let session = session.and_then(|id| state.sessions.get_mut(&id))?;
            session.deadline = now + session.timeout;
            let now_ms = self.shared.clock.wall().as_ms();
            let done = match fail {
                Some(code) => Err(code),
                None => requests::serve(state, self.number, &request, now_ms),
            };
            let (error, body) = match done {
                Ok(body) => (ErrorCode::OK, body),
                Err(code) => (code, Vec::new()),
            };
            let zxid = state.tree.zxid;
            let mut reply = frame(|out| ReplyHeader { xid, zxid, error: error.0 }.encode(out));
            reply.extend(body);
            Some(reply.split_off(LENGTH_BYTES))
        })
    }

    fn seen(&self, op: OpCode, xid: i32, path: Option<String>) -> Seen {
        let op = match xid {
            XID_PING => OpCode::PING,
            XID_AUTH => OpCode::AUTH,
            XID_SET_WATCHES => OpCode::SET_WATCHES,
            _ => op,
        };
        Seen { server: self.server, connection: self.number, op, xid, path }
    }

    /// Lets faults befall a request and queues the reply: whether the connection goes on. `serve` makes the reply's header
    /// and body; nothing where the connection shall be closed instead.
    fn act(
        &self,
        seen: Seen,
        serve: impl FnOnce(&mut State, batchmill::Mono, Option<ErrorCode>) -> Option<Vec<u8>>,
    ) -> io::Result<bool> {
        let Befallen { delay, fault } = self.shared.change(|state, _| {
            state.note(seen.clone());
            state.faults.take(&seen)
        });
        let befalls = fault.map(|(_, action)| action);
        if !delay.is_zero() {
            let is_over = |state: &mut State| (!state.runs(self.server, self.start)).then_some(());
            if self.shared.wait(delay, is_over).is_some() {
                return Ok(false);
            }
        }
        Ok(self.shared.change(|state, now| {
            if !state.has_quorum {
                return false;
            }
            let (fail, raw) = match &befalls {
                Some(Action::Disconnect) => return false,
                Some(Action::Silence) => return true,
                Some(Action::ReplyRaw(bytes)) => (None, Some(bytes.clone())),
                Some(Action::Fail(code)) => (Some(*code), None),
                _ => (None, None),
            };
            let bytes = match raw {
                Some(raw) => raw,
                None => {
                    let Some(mut reply) = serve(state, now, fail) else { return false };
                    if let Some(Action::ReplyWith(rewrite)) = &befalls {
                        reply = rewrite(&seen, reply);
                    }
                    let length = i32::try_from(reply.len()).unwrap_or(i32::MAX);
                    let mut bytes = length.to_be_bytes().to_vec();
                    bytes.append(&mut reply);
                    bytes
                }
            };
            let Some(client) = state.clients.get_mut(&self.number) else { return false };
            match befalls {
                Some(Action::ReplyLost) => false,
                Some(Action::CutAfter(count)) => {
                    client.outbox.push_back(bytes[..count.min(bytes.len())].to_vec());
                    false
                }
                _ => {
                    client.outbox.push_back(bytes);
                    !client.closing
                }
            }
        }))
    }
}

/// Reads a request: `None` at the end of the stream.
fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut word = [0; LENGTH_BYTES];
    match input.read_exact(&mut word) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = read_length(word, REQUEST_BYTES_MAX)
        .map_err(|length| io::Error::other(format!("a packet of {length} bytes")))?;
    let mut packet = Vec::new();
    // What is told is not trusted: memory grows with what comes.
    let read = input.take(length as u64).read_to_end(&mut packet)?;
    Ok((read == length).then_some(packet))
}
