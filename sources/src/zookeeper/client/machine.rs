//! [`Machine`]: what is known of a session, without I/O: requests under way, watches, the newest change seen. Frames go in,
//! replies and events come out. It is under the lock of [`Shared`](super::Shared).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crossbeam_channel as channel;

use crate::zookeeper::wire::{
    ConnectRequest, ConnectRequestBody, ConnectResponse, ErrorCode, EventKind, Jute, OpCode, Reader,
    ReplyHeader, SetWatchesRequest, WatcherEvent, WireError, XID_AUTH, XID_EVENT, XID_PING, XID_SET_WATCHES,
};
use crate::zookeeper::{NodeChange, ZooKeeperError};

/// One message that sets watches again does not grow far beyond this: the rest comes in further ones.
const SET_WATCHES_BYTES: usize = 128 << 10;

/// A request, as its error names it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) op: OpCode,
    pub(crate) path: Arc<str>,
    /// The version that the node must have.
    pub(crate) version: i32,
}

/// The body of a good reply, or why there is none.
pub(crate) type Answer = Result<Vec<u8>, ZooKeeperError>;

/// A request under way.
#[derive(Debug)]
struct Pending {
    xid: i32,
    asked: Asked,
    /// The path as the servers have it, where a change of the node shall be told.
    watch: Option<String>,
    answer: channel::Sender<Answer>,
}

/// What a frame tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing for the caller.
    Nothing,
    /// A watch has met its change, at this path as the servers have it.
    Node(String, NodeChange),
    /// The server does not take the client for who it says it is.
    AuthFailed,
}

/// Why a connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// What came is no message.
    Wire(WireError),
    /// A reply to another request than the next.
    WrongReply { expected: Option<i32>, found: i32 },
}

/// Nodes that are watched, by paths as the servers have them.
#[derive(Debug, Default)]
struct Watches {
    data: BTreeSet<String>,
    exists: BTreeSet<String>,
    children: BTreeSet<String>,
}

/// A session.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) session_id: i64,
    password: Vec<u8>,
    last_zxid: i64,
    last_xid: i32,
    pending: VecDeque<Pending>,
    watches: Watches,
}

impl Machine {
    /// The first message of a connection.
    pub(crate) fn connect_request(&self, timeout_ms: i32) -> ConnectRequest {
        let password = if self.password.is_empty() { vec![0; 16] } else { self.password.clone() };
        let body = ConnectRequestBody {
            protocol_version: 0,
            last_zxid: self.last_zxid,
            timeout_ms,
            session_id: self.session_id,
            password,
        };
        ConnectRequest { body, read_only: Some(false) }
    }

    /// A server has taken the session.
    pub(crate) fn connected(&mut self, response: ConnectResponse) {
        self.session_id = response.body.session_id;
        self.password = response.body.password;
    }

    /// Notes a request that is about to be sent: its number.
    pub(crate) fn ask(
        &mut self,
        asked: Asked,
        watch: Option<String>,
        answer: channel::Sender<Answer>,
    ) -> i32 {
        self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
        self.pending.push_back(Pending { xid: self.last_xid, asked, watch, answer });
        self.last_xid
    }

    /// What sets the watches again on another connection.
    pub(crate) fn set_watches(&self) -> Vec<SetWatchesRequest> {
        let empty = || SetWatchesRequest { relative_zxid: self.last_zxid, ..SetWatchesRequest::default() };
        let (mut messages, mut current, mut bytes) = (Vec::new(), empty(), 0);
        let mut add = |path: &String, list: fn(&mut SetWatchesRequest) -> &mut Vec<String>| {
            if bytes > 0 && bytes + path.len() > SET_WATCHES_BYTES {
                messages.push(std::mem::replace(&mut current, empty()));
                bytes = 0;
            }
            list(&mut current).push(path.clone());
            bytes += path.len() + 4;
        };
        self.watches.data.iter().for_each(|path| add(path, |to| &mut to.data));
        self.watches.exists.iter().for_each(|path| add(path, |to| &mut to.exists));
        self.watches.children.iter().for_each(|path| add(path, |to| &mut to.children));
        if bytes > 0 {
            messages.push(current);
        }
        messages
    }

    /// Takes a frame of the server's, without its length.
    pub(crate) fn hear(
        &mut self,
        frame: &[u8],
        server: &Arc<str>,
        servers: &Arc<str>,
    ) -> Result<Heard, Broken> {
        let mut input = Reader::new(frame);
        let header = ReplyHeader::decode(&mut input).map_err(Broken::Wire)?;
        match header.xid {
            XID_EVENT => return self.hear_event(&mut input),
            XID_AUTH if header.code() != ErrorCode::OK => return Ok(Heard::AuthFailed),
            XID_PING | XID_AUTH | XID_SET_WATCHES => return Ok(Heard::Nothing),
            _ => {}
        }
        let expected = self.pending.front().map(|pending| pending.xid);
        if expected != Some(header.xid) {
            return Err(Broken::WrongReply { expected, found: header.xid });
        }
        let Some(pending) = self.pending.pop_front() else { return Ok(Heard::Nothing) };
        self.last_zxid = self.last_zxid.max(header.zxid);
        self.note_watch(&pending, header.code());
        let answer = match header.code() {
            ErrorCode::OK => Ok(input.rest().to_vec()),
            code => Err(ZooKeeperError::of_code(code, server, servers, &pending.asked)),
        };
        // Whoever asked may have given up.
        let _ = pending.answer.send(answer);
        Ok(Heard::Nothing)
    }

    /// A reply says whether its watch is set: one that found no node waits for its creation.
    fn note_watch(&mut self, pending: &Pending, code: ErrorCode) {
        let Some(path) = &pending.watch else { return };
        let set = match (pending.asked.op, code) {
            (OpCode::GET_CHILDREN_2, ErrorCode::OK) => &mut self.watches.children,
            (_, ErrorCode::OK) => &mut self.watches.data,
            (OpCode::EXISTS, ErrorCode::NO_NODE) => &mut self.watches.exists,
            _ => return,
        };
        set.insert(path.clone());
    }

    fn hear_event(&mut self, input: &mut Reader<'_>) -> Result<Heard, Broken> {
        let event = WatcherEvent::decode(input).map_err(Broken::Wire)?;
        input.finish().map_err(Broken::Wire)?;
        let Watches { data, exists, children } = &mut self.watches;
        let (change, was_watched) = match event.kind {
            EventKind::CREATED => {
                (NodeChange::Created, exists.remove(&event.path) | data.remove(&event.path))
            }
            EventKind::DATA_CHANGED => {
                (NodeChange::DataChanged, exists.remove(&event.path) | data.remove(&event.path))
            }
            EventKind::CHILDREN_CHANGED => (NodeChange::ChildrenChanged, children.remove(&event.path)),
            EventKind::DELETED => {
                let was = data.remove(&event.path) | exists.remove(&event.path);
                (NodeChange::Deleted, was | children.remove(&event.path))
            }
            EventKind::NONE => return Ok(Heard::Nothing),
            EventKind(kind) => {
                let what = "WatcherEvent.kind";
                return Err(Broken::Wire(WireError::InvalidValue { what, value: i64::from(kind) }));
            }
        };
        // One that nobody waits for is not told: a server cannot fill anybody's queue.
        Ok(if was_watched { Heard::Node(event.path, change) } else { Heard::Nothing })
    }

    /// The connection is lost: what is under way fails, the first with what broke it.
    pub(crate) fn lose(&mut self, server: &Arc<str>, cause: Option<ZooKeeperError>) {
        let mut cause = cause;
        for pending in self.pending.drain(..) {
            let Asked { op: operation, path, .. } = pending.asked;
            let lost = ZooKeeperError::ConnectionLoss { server: Arc::clone(server), operation, path };
            let _ = pending.answer.send(Err(cause.take().unwrap_or(lost)));
        }
    }

    /// The session has ended: what is under way fails so.
    pub(crate) fn end(&mut self, error: &ZooKeeperError) {
        for pending in self.pending.drain(..) {
            let _ = pending.answer.send(Err(error.clone()));
        }
        self.watches = Watches::default();
    }
}

#[cfg(test)]
mod tests;
