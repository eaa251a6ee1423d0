//! [`Tree`]: the nodes, as the servers of an ensemble share them. Every change has a number (zxid) and says which watches it
//! meets. Pure; under the lock of the fake.
//!
//! As ZooKeeper 3.8: the number of a sequential node is how many children its parent was ever given; `cversion` counts
//! children created and deleted.

use std::collections::{BTreeMap, BTreeSet};

use crate::zookeeper::wire::{AclEntry, ErrorCode, EventKind, Permissions, Stat};
use crate::zookeeper::{check_path, split_path};

/// A node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) data: Vec<u8>,
    pub(super) acl: Vec<AclEntry>,
    stat: Stat,
    children: BTreeSet<String>,
    /// How many children were ever created.
    created: i32,
}

/// Who asks: pairs of scheme and id. None asks for the test itself, which may do everything.
pub(super) type Identities<'a> = Option<&'a [(String, String)]>;

/// Which watches a change meets: the kind and the node of each event.
pub(super) type Told = Vec<(EventKind, String)>;

/// All nodes.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<String, Node>,
    /// The number of the last change.
    pub(super) zxid: i64,
}

impl Tree {
    /// As a fresh server has it.
    pub(super) fn new() -> Self {
        let mut tree = Self { nodes: BTreeMap::new(), zxid: 0 };
        tree.nodes.insert("/".to_owned(), Node::default());
        tree.put("/zookeeper", b"", 0);
        tree
    }

    pub(super) fn node(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.nodes.get(path).ok_or(ErrorCode::NO_NODE)
    }

    fn node_mut(&mut self, path: &str) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(path).ok_or(ErrorCode::NO_NODE)
    }

    pub(super) fn children(&self, path: &str) -> Result<Vec<String>, ErrorCode> {
        Ok(self.node(path)?.children.iter().cloned().collect())
    }

    pub(super) fn stat(&self, path: &str) -> Result<Stat, ErrorCode> {
        let node = self.node(path)?;
        let children = i32::try_from(node.children.len()).unwrap_or(i32::MAX);
        let data_length = i32::try_from(node.data.len()).unwrap_or(i32::MAX);
        let cversion = node.created.wrapping_mul(2).wrapping_sub(children);
        Ok(Stat { cversion, data_length, num_children: children, ..node.stat.clone() })
    }

    /// Whether who asks may do one of these things.
    pub(super) fn check(&self, path: &str, who: Identities<'_>, need: Permissions) -> Result<(), ErrorCode> {
        let Some(who) = who else { return Ok(()) };
        let acl = &self.node(path)?.acl;
        let is_meant = |entry: &AclEntry| {
            (entry.scheme == "world" && entry.id == "anyone")
                || who.iter().any(|(scheme, id)| *scheme == entry.scheme && *id == entry.id)
        };
        let may =
            acl.is_empty() || acl.iter().any(|entry| entry.permissions.has_any(need) && is_meant(entry));
        if may { Ok(()) } else { Err(ErrorCode::NO_AUTH) }
    }

    /// Creates a node: its path.
    pub(super) fn create(
        &mut self,
        new: New<'_>,
        who: Identities<'_>,
        now_ms: i64,
    ) -> Result<(String, Told), ErrorCode> {
        let mut path = new.path.to_owned();
        let parent = split_parent(&path).ok_or(ErrorCode::BAD_ARGUMENTS)?.to_owned();
        self.node(&parent)?;
        self.check(&parent, who, Permissions::CREATE)?;
        if new.is_sequential {
            path += &format!("{:010}", self.node(&parent)?.created);
        }
        check_path(&path).map_err(|_| ErrorCode::BAD_ARGUMENTS)?;
        let (parent, name) = split_path(&path).ok_or(ErrorCode::NODE_EXISTS)?;
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NODE_EXISTS);
        }
        if self.node(parent)?.stat.is_ephemeral() {
            return Err(ErrorCode::NO_CHILDREN_FOR_EPHEMERALS);
        }
        self.zxid += 1;
        let zxid = self.zxid;
        let above = self.node_mut(parent)?;
        above.children.insert(name.to_owned());
        above.created = above.created.wrapping_add(1);
        above.stat.pzxid = zxid;
        let stat = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: now_ms,
            mtime: now_ms,
            ephemeral_owner: new.owner,
            ..Stat::default()
        };
        let told = vec![(EventKind::CREATED, path.clone()), (EventKind::CHILDREN_CHANGED, parent.to_owned())];
        let node = Node { data: new.data.to_vec(), acl: new.acl, stat, ..Node::default() };
        self.nodes.insert(path.clone(), node);
        Ok((path, told))
    }

    pub(super) fn delete(
        &mut self,
        path: &str,
        version: i32,
        who: Identities<'_>,
    ) -> Result<Told, ErrorCode> {
        let (parent, _) = split_path(path).ok_or(ErrorCode::BAD_ARGUMENTS)?;
        let node = self.node(path)?;
        self.check(parent, who, Permissions::DELETE)?;
        if version != -1 && version != node.stat.version {
            return Err(ErrorCode::BAD_VERSION);
        }
        if !node.children.is_empty() {
            return Err(ErrorCode::NOT_EMPTY);
        }
        self.zxid += 1;
        Ok(self.remove(path))
    }

    /// Removes a node as part of the last change.
    fn remove(&mut self, path: &str) -> Told {
        self.nodes.remove(path);
        let mut told = vec![(EventKind::DELETED, path.to_owned())];
        if let Some((parent, name)) = split_path(path) {
            if let Some(above) = self.nodes.get_mut(parent) {
                above.children.remove(name);
                above.stat.pzxid = self.zxid;
            }
            told.push((EventKind::CHILDREN_CHANGED, parent.to_owned()));
        }
        told
    }

    pub(super) fn set(
        &mut self,
        path: &str,
        data: &[u8],
        version: i32,
        who: Identities<'_>,
        now_ms: i64,
    ) -> Result<Told, ErrorCode> {
        let current = self.node(path)?.stat.version;
        self.check(path, who, Permissions::WRITE)?;
        if version != -1 && version != current {
            return Err(ErrorCode::BAD_VERSION);
        }
        self.zxid += 1;
        let zxid = self.zxid;
        let node = self.node_mut(path)?;
        node.data = data.to_vec();
        node.stat.version = node.stat.version.wrapping_add(1);
        node.stat.mzxid = zxid;
        node.stat.mtime = now_ms;
        Ok(vec![(EventKind::DATA_CHANGED, path.to_owned())])
    }

    pub(super) fn set_acl(
        &mut self,
        path: &str,
        acl: Vec<AclEntry>,
        version: i32,
        who: Identities<'_>,
    ) -> Result<(), ErrorCode> {
        let current = self.node(path)?.stat.aversion;
        self.check(path, who, Permissions::ADMIN)?;
        if version != -1 && version != current {
            return Err(ErrorCode::BAD_VERSION);
        }
        self.zxid += 1;
        let node = self.node_mut(path)?;
        node.acl = acl;
        node.stat.aversion = node.stat.aversion.wrapping_add(1);
        Ok(())
    }

    /// Sets the data of a node for the test, which is created with those above it where it does not exist. The path is
    /// valid.
    pub(super) fn put(&mut self, path: &str, data: &[u8], now_ms: i64) -> Told {
        if let Ok(told) = self.set(path, data, -1, None, now_ms) {
            return told;
        }
        let mut told = match split_path(path) {
            Some((parent, _)) if !self.nodes.contains_key(parent) => self.put(parent, b"", now_ms),
            _ => Told::new(),
        };
        let new = New { path, data, acl: Vec::new(), owner: 0, is_sequential: false };
        told.extend(self.create(new, None, now_ms).map(|(_, told)| told).unwrap_or_default());
        told
    }

    /// Deletes a node for the test, with all below it.
    pub(super) fn delete_all(&mut self, path: &str) -> Result<Told, ErrorCode> {
        let mut told = Told::new();
        for child in self.children(path)? {
            told.extend(self.delete_all(&format!("{}/{child}", path.trim_end_matches('/')))?);
        }
        told.extend(self.delete(path, -1, None)?);
        Ok(told)
    }

    /// The ephemeral nodes of a session.
    pub(super) fn ephemerals(&self, session: i64) -> Vec<String> {
        let is_its = |node: &&Node| node.stat.ephemeral_owner == session;
        self.nodes.iter().filter(|(_, node)| is_its(node)).map(|(path, _)| path.clone()).collect()
    }

    /// A session ends: one change, whatever it had.
    pub(super) fn end_session(&mut self, session: i64) -> Told {
        self.zxid += 1;
        self.ephemerals(session).iter().flat_map(|path| self.remove(path)).collect()
    }
}

/// A node to be created.
pub(super) struct New<'a> {
    pub(super) path: &'a str,
    pub(super) data: &'a [u8],
    pub(super) acl: Vec<AclEntry>,
    /// The session of an ephemeral node; 0 for others.
    pub(super) owner: i64,
    pub(super) is_sequential: bool,
}

/// The parent of a node whose name may still be without its number, and so be empty.
fn split_parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}
