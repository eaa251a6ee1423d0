//! What a server does with a request, under the fake's lock.
//!
//! Serves what 3.8 serves but multi, containers, TTL nodes, persistent watches, SASL, quotas and read-only servers; ids of
//! other schemes than `world`, `auth` and `digest` are not valid.

use std::time::Duration;

use batchmill::Mono;

use super::digest;
use super::state::State;
use super::tree::{New, Told};
use crate::zookeeper::check_path;
use crate::zookeeper::wire::{
    AclEntry, AclReply, AuthRequest, ChildrenReply, ChildrenStatReply, ConnectRequest, ConnectResponse,
    ConnectResponseBody, CreateRequest, CreateStatReply, CreatedReply, DataReply, DeleteRequest, ErrorCode,
    EventKind, Jute, OpCode, PathReply, PathRequest, PathWatchRequest, Permissions, Reader, RequestHeader,
    SetAclRequest, SetDataRequest, SetWatchesRequest, StatReply, WireError, Writer, decode_whole,
};

/// The body of a reply, or its error.
type Done = Result<Vec<u8>, ErrorCode>;

/// A request that has been read.
pub(super) struct Request<'a> {
    pub(super) header: RequestHeader,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(super) fn read(frame: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(frame);
        let header = RequestHeader::decode(&mut input)?;
        Ok(Self { header, body: input.rest() })
    }

    pub(super) fn op(&self) -> OpCode {
        OpCode(self.header.op)
    }

    /// The node that it is about: most bodies begin with it.
    pub(super) fn path(&self) -> Option<String> {
        match self.op() {
            OpCode::PING | OpCode::AUTH | OpCode::SET_WATCHES | OpCode::CLOSE_SESSION => None,
            _ => String::decode(&mut Reader::new(self.body)).ok(),
        }
    }
}

fn body(message: &impl Jute) -> Vec<u8> {
    let mut out = Writer::new();
    message.encode(&mut out);
    out.into_bytes()
}

/// Begins a session or takes one up: the answer, or nothing where the connection is closed without one.
pub(super) fn connect(
    state: &mut State,
    number: u64,
    request: &ConnectRequest,
    now: Mono,
) -> Option<Vec<u8>> {
    if request.body.last_zxid > state.tree.zxid {
        // A real server does not take a client either that has seen more than it has.
        return None;
    }
    let asked = Duration::from_millis(u64::try_from(request.body.timeout_ms).unwrap_or(0));
    let timeout = asked.clamp(state.timeouts.0, state.timeouts.1);
    let id = match request.body.session_id {
        0 => Some(state.begin_session(timeout, now)),
        id => {
            let is_known =
                state.sessions.get(&id).is_some_and(|session| session.password == request.body.password);
            is_known.then_some(id)
        }
    };
    let mut answer = ConnectResponseBody { password: vec![0; 16], ..ConnectResponseBody::default() };
    if let Some(id) = id {
        if let Some(before) = state.sessions.get(&id).and_then(|session| session.connection) {
            state.cut(before);
        }
        if let Some(session) = state.sessions.get_mut(&id) {
            session.timeout = timeout;
            session.deadline = now + timeout;
            session.connection = Some(number);
            answer.password.clone_from(&session.password);
        }
        answer.timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        answer.session_id = id;
    }
    if let Some(client) = state.clients.get_mut(&number) {
        client.session = id;
        client.closing = id.is_none();
    }
    Some(body(&ConnectResponse { body: answer, read_only: request.read_only.map(|_| false) }))
}

/// Does what is asked on a connection with a session.
pub(super) fn serve(state: &mut State, number: u64, request: &Request<'_>, now_ms: i64) -> Done {
    let Some(client) = state.clients.get(&number) else { return Err(ErrorCode::CONNECTION_LOSS) };
    let Some(session) = client.session else { return Err(ErrorCode::SESSION_EXPIRED) };
    let identities = client.identities.clone();
    let who = Some(&*identities);
    match request.op() {
        OpCode::PING => Ok(Vec::new()),
        OpCode::CLOSE_SESSION => {
            state.end_session(session);
            Ok(Vec::new())
        }
        OpCode::AUTH => auth(state, number, &read(request)?),
        OpCode::SET_WATCHES => set_watches(state, number, read(request)?),
        OpCode::CREATE | OpCode::CREATE_2 => {
            let create: CreateRequest = read(request)?;
            let (is_ephemeral, is_sequential) = match create.flags {
                flags @ 0..=3 => (flags & 1 != 0, flags & 2 != 0),
                _ => return Err(ErrorCode::UNIMPLEMENTED),
            };
            let new = New {
                path: &create.path,
                data: &create.data,
                acl: fixed(create.acl, &identities)?,
                owner: if is_ephemeral { session } else { 0 },
                is_sequential,
            };
            let (path, told) = state.tree.create(new, who, now_ms)?;
            state.tell(told);
            if request.op() == OpCode::CREATE {
                return Ok(body(&CreatedReply { path }));
            }
            let stat = state.tree.stat(&path)?;
            Ok(body(&CreateStatReply { path, stat }))
        }
        OpCode::DELETE => {
            let delete: DeleteRequest = read(request)?;
            let told = state.tree.delete(&delete.path, delete.version, who)?;
            state.tell(told);
            Ok(Vec::new())
        }
        OpCode::SET_DATA => {
            let set: SetDataRequest = read(request)?;
            let told = state.tree.set(&set.path, &set.data, set.version, who, now_ms)?;
            state.tell(told);
            Ok(body(&StatReply { stat: state.tree.stat(&set.path)? }))
        }
        OpCode::EXISTS => {
            let exists: PathWatchRequest = read(request)?;
            valid(&exists.path)?;
            watch(state, number, &exists, false);
            Ok(body(&StatReply { stat: state.tree.stat(&exists.path)? }))
        }
        OpCode::GET_DATA => {
            let get: PathWatchRequest = read(request)?;
            valid(&get.path)?;
            let data = state.tree.node(&get.path)?.data.clone();
            state.tree.check(&get.path, who, Permissions::READ)?;
            watch(state, number, &get, false);
            Ok(body(&DataReply { data, stat: state.tree.stat(&get.path)? }))
        }
        op @ (OpCode::GET_CHILDREN | OpCode::GET_CHILDREN_2) => {
            let list: PathWatchRequest = read(request)?;
            valid(&list.path)?;
            let children = state.tree.children(&list.path)?;
            state.tree.check(&list.path, who, Permissions::READ)?;
            watch(state, number, &list, true);
            if op == OpCode::GET_CHILDREN {
                return Ok(body(&ChildrenReply { children }));
            }
            Ok(body(&ChildrenStatReply { children, stat: state.tree.stat(&list.path)? }))
        }
        OpCode::SYNC => {
            let sync: PathRequest = read(request)?;
            Ok(body(&PathReply { path: sync.path }))
        }
        OpCode::GET_ACL => {
            let get: PathRequest = read(request)?;
            let acl = state.tree.node(&get.path)?.acl.clone();
            state.tree.check(&get.path, who, Permissions::READ | Permissions::ADMIN)?;
            let acl = if acl.is_empty() { vec![everybody()] } else { acl };
            Ok(body(&AclReply { acl, stat: state.tree.stat(&get.path)? }))
        }
        OpCode::SET_ACL => {
            let set: SetAclRequest = read(request)?;
            let acl = fixed(set.acl, &identities)?;
            state.tree.set_acl(&set.path, acl, set.version, who)?;
            Ok(body(&StatReply { stat: state.tree.stat(&set.path)? }))
        }
        _ => Err(ErrorCode::UNIMPLEMENTED),
    }
}

fn read<T: Jute>(request: &Request<'_>) -> Result<T, ErrorCode> {
    decode_whole(request.body).map_err(|_| ErrorCode::MARSHALLING_ERROR)
}

fn valid(path: &str) -> Result<(), ErrorCode> {
    check_path(path).map_err(|_| ErrorCode::BAD_ARGUMENTS)
}

fn everybody() -> AclEntry {
    AclEntry { permissions: Permissions::ALL, scheme: "world".to_owned(), id: "anyone".to_owned() }
}

fn watch(state: &mut State, number: u64, request: &PathWatchRequest, of_children: bool) {
    let Some(client) = state.clients.get_mut(&number).filter(|_| request.watch) else { return };
    let watches = if of_children { &mut client.child_watches } else { &mut client.data_watches };
    watches.insert(request.path.clone());
}

fn auth(state: &mut State, number: u64, request: &AuthRequest) -> Done {
    let Some(client) = state.clients.get_mut(&number) else { return Err(ErrorCode::CONNECTION_LOSS) };
    if request.scheme != "digest" {
        // The reply is sent, and then the connection is closed.
        client.closing = true;
        return Err(ErrorCode::AUTH_FAILED);
    }
    let identity = (request.scheme.clone(), digest::id_of(&request.auth));
    if !client.identities.contains(&identity) {
        client.identities.push(identity);
    }
    Ok(Vec::new())
}

/// The list as it is stored: `auth` stands for all that the connection has said it is.
fn fixed(acl: Vec<AclEntry>, identities: &[(String, String)]) -> Result<Vec<AclEntry>, ErrorCode> {
    let mut fixed = Vec::new();
    for entry in acl {
        match &*entry.scheme {
            "world" if entry.id == "anyone" => fixed.push(entry),
            "digest" if entry.id.split(':').count() == 2 => fixed.push(entry),
            "auth" if !identities.is_empty() => fixed.extend(identities.iter().map(|(scheme, id)| {
                AclEntry { permissions: entry.permissions, scheme: scheme.clone(), id: id.clone() }
            })),
            _ => return Err(ErrorCode::INVALID_ACL),
        }
    }
    if fixed.is_empty() { Err(ErrorCode::INVALID_ACL) } else { Ok(fixed) }
}

/// Sets watches again. What has changed since the client last saw is told at once.
fn set_watches(state: &mut State, number: u64, request: SetWatchesRequest) -> Done {
    let mut told = Told::new();
    let (mut data, mut children) = (Vec::new(), Vec::new());
    for path in request.data {
        match state.tree.stat(&path) {
            Err(_) => told.push((EventKind::DELETED, path)),
            Ok(stat) if stat.mzxid > request.relative_zxid => told.push((EventKind::DATA_CHANGED, path)),
            Ok(_) => data.push(path),
        }
    }
    for path in request.exists {
        match state.tree.stat(&path) {
            Ok(_) => told.push((EventKind::CREATED, path)),
            Err(_) => data.push(path),
        }
    }
    for path in request.children {
        match state.tree.stat(&path) {
            Err(_) => told.push((EventKind::DELETED, path)),
            Ok(stat) if stat.pzxid > request.relative_zxid => told.push((EventKind::CHILDREN_CHANGED, path)),
            Ok(_) => children.push(path),
        }
    }
    if let Some(client) = state.clients.get_mut(&number) {
        client.data_watches.extend(data);
        client.child_watches.extend(children);
        client.outbox.extend(told.iter().map(|(kind, path)| super::state::event(*kind, path)));
    }
    Ok(Vec::new())
}
