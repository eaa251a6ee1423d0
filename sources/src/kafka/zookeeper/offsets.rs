//! A group's offsets, in nodes of their own. Servers refuse what comes of a session that has expired, so that a member that
//! was taken for dead cannot write. Others can: old consumers write whatever they think, administrators set offsets. The
//! version last seen of each node tells of that. Called on the member's thread, and [`read`](Offsets::read) on any.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::failure::Failure;
use super::nodes::read_offset;
use super::paths::GroupPaths;
use crate::kafka::TopicPartition;
use crate::kafka::client::transport::Committed;
use crate::zookeeper::{Acl, CreateMode, Session, ZooKeeperError};

/// How often an offset is written over one that somebody else keeps writing.
const ATTEMPTS: usize = 5;

/// The offsets, as this member has seen them.
#[derive(Debug)]
pub(super) struct Offsets {
    paths: GroupPaths,
    acl: Acl,
    /// The versions of nodes; `None` of those that did not exist.
    versions: Mutex<BTreeMap<TopicPartition, Option<i32>>>,
}

/// What became of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there.
    Done,
    /// It is there, over this one that somebody else had written meanwhile.
    Over(i64),
    /// Somebody else owns the partition.
    Fenced,
}

impl Offsets {
    pub(super) fn new(paths: GroupPaths, acl: Acl) -> Self {
        Self { paths, acl, versions: Mutex::default() }
    }

    /// The offset of a partition; `None` when there is none.
    pub(super) fn read(&self, session: &Session, of: &TopicPartition) -> Result<Option<Committed>, Failure> {
        let path = self.paths.offset(of);
        let (found, version) = match session.get(&path) {
            Ok((data, stat)) => {
                let offset = read_offset(&data).map_err(|problem| Failure::foreign(path, problem))?;
                // Some tools write -1 for none.
                let offset = Some(offset).filter(|offset| *offset >= 0);
                (offset.map(Committed::at), Some(stat.version))
            }
            Err(ZooKeeperError::NoNode { .. }) => (None, None),
            Err(error) => return Err(error.into()),
        };
        self.versions.lock().insert(of.clone(), version);
        Ok(found)
    }

    /// Writes the offset of a partition that this session owns.
    pub(super) fn write(
        &self,
        session: &Session,
        of: &TopicPartition,
        offset: i64,
    ) -> Result<Written, Failure> {
        let mut over = None;
        for _ in 0..ATTEMPTS {
            let version = self.version(session, of)?;
            if self.write_version(session, of, offset, version)? {
                return Ok(over.map_or(Written::Done, Written::Over));
            }
            // Another reply of an earlier attempt was lost, or somebody else has written.
            let path = self.paths.owner(of);
            let owner = session.exists(&path)?;
            if owner.is_none_or(|owner| owner.ephemeral_owner != session.id()) {
                return Ok(Written::Fenced);
            }
            match self.read(session, of)? {
                Some(found) if found.offset == offset => return Ok(Written::Done),
                Some(found) => over = Some(found.offset),
                None => {}
            }
        }
        let path = self.paths.offset(of);
        Err(Failure::ZooKeeper(ZooKeeperError::BadVersion { path: path.into(), version: -1 }))
    }

    /// The version of an offset's node as it was last seen; `None` when there was none.
    fn version(&self, session: &Session, of: &TopicPartition) -> Result<Option<i32>, Failure> {
        let seen = || self.versions.lock().get(of).copied();
        if seen().is_none() {
            self.read(session, of)?;
        }
        Ok(seen().flatten())
    }

    /// Writes an offset where the node has this version, or does not exist: whether that was so.
    fn write_version(
        &self,
        session: &Session,
        of: &TopicPartition,
        offset: i64,
        version: Option<i32>,
    ) -> Result<bool, Failure> {
        let (path, data) = (self.paths.offset(of), offset.to_string());
        let written = match version {
            Some(version) => session.set(&path, data.as_bytes(), Some(version)).map(|stat| stat.version),
            None => {
                create_below(session, &path, data.as_bytes(), CreateMode::Persistent, &self.acl).map(|()| 0)
            }
        };
        match written {
            Ok(version) => {
                self.versions.lock().insert(of.clone(), Some(version));
                Ok(true)
            }
            Err(
                ZooKeeperError::BadVersion { .. }
                | ZooKeeperError::NodeExists { .. }
                | ZooKeeperError::NoNode { .. },
            ) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Creates a node, and those above it if they do not exist.
pub(super) fn create_below(
    session: &Session,
    path: &str,
    data: &[u8],
    mode: CreateMode,
    acl: &Acl,
) -> Result<(), ZooKeeperError> {
    match session.create(path, data, mode, acl) {
        Err(ZooKeeperError::NoNode { .. }) => {
            if let Some((parent, _)) = path.rsplit_once('/') {
                session.create_all(parent, b"", acl)?;
            }
            session.create(path, data, mode, acl).map(drop)
        }
        created => created.map(drop),
    }
}
