//! [`Session`]: what can be asked of a ZooKeeper, on the caller's thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Asked, Phase, Shared};
use super::wire::{
    AclEntry, AclReply, ChildrenStatReply, CreateRequest, CreatedReply, DataReply, DeleteRequest, Jute,
    OpCode, PathReply, PathRequest, PathWatchRequest, Permissions, SetDataRequest, Stat, StatReply,
    decode_whole,
};
use super::{ZooKeeperError, path};

/// How long a node lives, and who names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// Until it is deleted.
    Persistent,
    /// Until the session ends.
    Ephemeral,
    /// Until it is deleted; the server adds a number of ten digits to its name.
    PersistentSequential,
    /// Until the session ends; the server adds a number of ten digits to its name.
    EphemeralSequential,
}

/// Who may do what with a new node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acl {
    /// Everybody everything.
    Open,
    /// Everything those who were told to the session by [`digest_auth`](super::ZooKeeperBuilder::digest_auth), and nobody
    /// else anything.
    CreatorAll,
    /// Everything the creator, and everybody may read.
    CreatorAllOthersRead,
}

impl Acl {
    fn entries(&self) -> Vec<AclEntry> {
        let entry = |permissions, scheme: &str, id: &str| AclEntry {
            permissions,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        };
        let creator = || entry(Permissions::ALL, "auth", "");
        match self {
            Self::Open => vec![entry(Permissions::ALL, "world", "anyone")],
            Self::CreatorAll => vec![creator()],
            Self::CreatorAllOthersRead => vec![creator(), entry(Permissions::READ, "world", "anyone")],
        }
    }
}

/// A session with a ZooKeeper: a clone is the same one, for another thread.
///
/// Each method waits for a connection and then for the reply, at most the timeout of this handle
/// ([`within`](Self::within)). Closing the session, its expiry and the loss of the connection end the wait too. Every method
/// may fail with any error that says so of itself; those in its own documentation are the ones to expect.
///
/// What is asked for when the connection is lost may be done or not: see
/// [`ZooKeeperError::may_be_done`](super::ZooKeeperError::may_be_done).
#[derive(Clone)]
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) timeout: Duration,
}

impl Session {
    /// The same session, whose methods wait at most so long.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), timeout }
    }

    /// The number of the session.
    pub fn id(&self) -> i64 {
        self.shared.state.lock().machine.session_id
    }

    /// How long the session lives without a connection, as agreed with the servers.
    pub fn session_timeout(&self) -> Duration {
        self.shared.state.lock().timeout
    }

    /// The server that it is connected to; `None` while it is not.
    pub fn server(&self) -> Option<String> {
        match &self.shared.state.lock().phase {
            Phase::Connected(server) => Some(server.to_string()),
            _ => None,
        }
    }

    /// Creates a node: its path, which is another than `path` where the server adds a number.
    ///
    /// # Errors
    /// When there is one already, when its parent does not exist or is ephemeral, or when the client may not.
    pub fn create(
        &self,
        path: &str,
        data: &[u8],
        mode: CreateMode,
        acl: &Acl,
    ) -> Result<String, ZooKeeperError> {
        let is_sequential =
            matches!(mode, CreateMode::PersistentSequential | CreateMode::EphemeralSequential);
        let is_ephemeral = matches!(mode, CreateMode::Ephemeral | CreateMode::EphemeralSequential);
        // The name of a sequential node may be nothing but its number.
        let full = if is_sequential && path.ends_with('/') && path != "/" {
            self.full(&path[..path.len() - 1]).map(|parent| parent + "/")?
        } else if is_sequential && path == "/" {
            format!("{}/", self.shared.servers.chroot)
        } else {
            self.full(path)?
        };
        let flags = i32::from(is_ephemeral) | i32::from(is_sequential) << 1;
        let body = CreateRequest { path: full, data: data.to_vec(), acl: acl.entries(), flags };
        let created: CreatedReply = self.call(OpCode::CREATE, path, -1, &body, None)?;
        Ok(self.shared.servers.short(&created.path).to_owned())
    }

    /// Creates a persistent node and those above it, as far as they do not exist. One that exists keeps its data.
    ///
    /// # Errors
    /// When a node above it is ephemeral, or when the client may not.
    pub fn create_all(&self, path: &str, data: &[u8], acl: &Acl) -> Result<(), ZooKeeperError> {
        match self.create(path, data, CreateMode::Persistent, acl) {
            Ok(_) | Err(ZooKeeperError::NodeExists { .. }) => return Ok(()),
            Err(ZooKeeperError::NoNode { .. }) => {}
            Err(error) => return Err(error),
        }
        if let Some((parent, _)) = path::split(path) {
            self.create_all(parent, b"", acl)?;
        }
        match self.create(path, data, CreateMode::Persistent, acl) {
            Ok(_) | Err(ZooKeeperError::NodeExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes a node, only in this version if one is given.
    ///
    /// # Errors
    /// When it does not exist, has another version or has children, or when the client may not.
    pub fn delete(&self, path: &str, version: Option<i32>) -> Result<(), ZooKeeperError> {
        let version = version.unwrap_or(-1);
        let body = DeleteRequest { path: self.full(path)?, version };
        self.call(OpCode::DELETE, path, version, &body, None)
    }

    /// The figures of a node; `None` when it does not exist.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn exists(&self, path: &str) -> Result<Option<Stat>, ZooKeeperError> {
        self.stat(path, false)
    }

    /// As [`exists`](Self::exists); the next change of the node's data, its creation or deletion is told to the watcher.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn watch_exists(&self, path: &str) -> Result<Option<Stat>, ZooKeeperError> {
        self.stat(path, true)
    }

    /// The data and the figures of a node.
    ///
    /// # Errors
    /// When it does not exist, or the client may not.
    pub fn get(&self, path: &str) -> Result<(Vec<u8>, Stat), ZooKeeperError> {
        let found: DataReply = self.read(OpCode::GET_DATA, path, false)?;
        Ok((found.data, found.stat))
    }

    /// As [`get`](Self::get); the next change of the node's data or its deletion is told to the watcher.
    ///
    /// # Errors
    /// As `get`; then no watch is set.
    pub fn watch_get(&self, path: &str) -> Result<(Vec<u8>, Stat), ZooKeeperError> {
        let found: DataReply = self.read(OpCode::GET_DATA, path, true)?;
        Ok((found.data, found.stat))
    }

    /// Sets the data of a node, only in this version if one is given: its new figures.
    ///
    /// # Errors
    /// When it does not exist or has another version, or when the client may not.
    pub fn set(&self, path: &str, data: &[u8], version: Option<i32>) -> Result<Stat, ZooKeeperError> {
        let version = version.unwrap_or(-1);
        let body = SetDataRequest { path: self.full(path)?, data: data.to_vec(), version };
        let set: StatReply = self.call(OpCode::SET_DATA, path, version, &body, None)?;
        Ok(set.stat)
    }

    /// The names of a node's children, sorted, and its figures.
    ///
    /// # Errors
    /// When it does not exist, or the client may not.
    pub fn children(&self, path: &str) -> Result<(Vec<String>, Stat), ZooKeeperError> {
        self.names(path, false)
    }

    /// As [`children`](Self::children); the next child that is created or deleted, or the node's deletion, is told to the
    /// watcher.
    ///
    /// # Errors
    /// As `children`; then no watch is set.
    pub fn watch_children(&self, path: &str) -> Result<(Vec<String>, Stat), ZooKeeperError> {
        self.names(path, true)
    }

    /// Has the server learn what the leader knows: reads after it see all that was written before it, by whomever.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn sync(&self, path: &str) -> Result<(), ZooKeeperError> {
        let body = PathRequest { path: self.full(path)? };
        self.call::<PathReply>(OpCode::SYNC, path, -1, &body, None).map(|_| ())
    }

    /// Who may do what with a node.
    ///
    /// # Errors
    /// When it does not exist, or the client may not.
    pub fn acl(&self, path: &str) -> Result<Vec<AclEntry>, ZooKeeperError> {
        let body = PathRequest { path: self.full(path)? };
        Ok(self.call::<AclReply>(OpCode::GET_ACL, path, -1, &body, None)?.acl)
    }

    fn stat(&self, path: &str, watch: bool) -> Result<Option<Stat>, ZooKeeperError> {
        match self.read::<StatReply>(OpCode::EXISTS, path, watch) {
            Ok(found) => Ok(Some(found.stat)),
            Err(ZooKeeperError::NoNode { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn names(&self, path: &str, watch: bool) -> Result<(Vec<String>, Stat), ZooKeeperError> {
        let ChildrenStatReply { mut children, stat } = self.read(OpCode::GET_CHILDREN_2, path, watch)?;
        children.sort_unstable();
        Ok((children, stat))
    }

    fn read<R: Jute>(&self, op: OpCode, path: &str, watch: bool) -> Result<R, ZooKeeperError> {
        let full = self.full(path)?;
        let watched = watch.then(|| full.clone());
        self.call(op, path, -1, &PathWatchRequest { path: full, watch }, watched)
    }

    fn call<R: Jute>(
        &self,
        op: OpCode,
        path: &str,
        version: i32,
        body: &impl Jute,
        watch: Option<String>,
    ) -> Result<R, ZooKeeperError> {
        let (reply, server) = self.ask(op, path, version, body, watch)?;
        decode_whole(&reply).map_err(|cause| {
            // What follows cannot be trusted either.
            self.shared.cut();
            ZooKeeperError::Protocol { server, cause }
        })
    }

    fn ask(
        &self,
        op: OpCode,
        path: &str,
        version: i32,
        body: &impl Jute,
        watch: Option<String>,
    ) -> Result<(Vec<u8>, Arc<str>), ZooKeeperError> {
        let asked = Asked { op, path: path.into(), version };
        Shared::check_length(&asked, body)?;
        self.shared.ask(&asked, Some(body), watch, self.timeout)
    }

    /// The path as the servers have it.
    fn full(&self, path: &str) -> Result<String, ZooKeeperError> {
        path::check(path).map_err(|problem| ZooKeeperError::Path { path: path.into(), problem })?;
        Ok(self.shared.servers.full(path))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("servers", &self.shared.servers.named).finish_non_exhaustive()
    }
}
