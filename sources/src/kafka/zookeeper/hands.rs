//! What a member does at the ZooKeeper: each call waits for its answers, on the member's thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::failure::{Failure, Who};
use super::nodes::{Registration, read_topic};
use super::offsets::{Offsets, Written, create_below};
use super::paths::{self, GroupPaths};
use super::share::{Roster, thread_name};
use crate::kafka::client::transport::Committed;
use crate::kafka::{GroupError, TopicPartition};
use crate::zookeeper::{Acl, CreateMode, Session, ZooKeeperError};

/// A member's nodes.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) who: Who,
    paths: GroupPaths,
    acl: Acl,
    /// The topics that it reads, each with so many threads.
    topics: BTreeMap<Arc<str>, u32>,
    pub(super) offsets: Offsets,
}

/// Who has a partition after it was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This session.
    Me,
    /// Another one, as its node says. The end of that is watched.
    Other(String),
}

impl Hands {
    pub(super) fn new(who: Who, topics: BTreeMap<Arc<str>, u32>, acl: Acl) -> Self {
        let paths = GroupPaths::new(&who.group);
        let offsets = Offsets::new(paths.clone(), acl.clone());
        Self { who, paths, acl, topics, offsets }
    }

    /// Says that the member is there. One of its name that a session before this one has left is removed.
    pub(super) fn register(
        &self,
        session: &Session,
        before: Option<i64>,
        now_ms: i64,
    ) -> Result<(), Failure> {
        let path = self.paths.member(&self.who.member);
        let data = Registration::write(&self.topics, now_ms);
        loop {
            match create_below(session, &path, &data, CreateMode::Ephemeral, &self.acl) {
                Ok(()) => return Ok(()),
                Err(ZooKeeperError::NodeExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            match session.exists(&path)? {
                // The reply was lost.
                Some(stat) if stat.ephemeral_owner == session.id() => return Ok(()),
                Some(stat) if Some(stat.ephemeral_owner) == before => match session.delete(&path, None) {
                    Ok(()) | Err(ZooKeeperError::NoNode { .. }) => {}
                    Err(error) => return Err(error.into()),
                },
                Some(_) => return Err(Failure::Group(GroupError::MemberTwice)),
                None => {}
            }
        }
    }

    /// The group as it is now. The next change of it is told to the watcher.
    pub(super) fn roster(&self, session: &Session) -> Result<Roster, Failure> {
        let mut roster = Roster::default();
        // Somebody may have deleted the whole group.
        let ids = match session.watch_children(&self.paths.members()) {
            Ok((ids, _)) => ids,
            Err(ZooKeeperError::NoNode { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        for id in ids {
            let path = self.paths.member(&id);
            match session.get(&path) {
                Ok((data, _)) => match Registration::read(&data) {
                    Ok(registration) => {
                        roster.members.insert(id.into(), registration);
                    }
                    Err(problem) => return Err(Failure::foreign(path, problem)),
                },
                // It has just gone, which the watcher is told.
                Err(ZooKeeperError::NoNode { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for topic in self.topics.keys() {
            let path = paths::topic(topic);
            let data = loop {
                match session.watch_get(&path) {
                    Ok((data, _)) => break Some(data),
                    Err(ZooKeeperError::NoNode { .. }) if session.watch_exists(&path)?.is_none() => {
                        break None;
                    }
                    Err(ZooKeeperError::NoNode { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            };
            let partitions = data.map_or(Ok(Default::default()), |data| read_topic(&data));
            let partitions = partitions.map_err(|problem| Failure::foreign(path, problem))?;
            roster.topics.insert(Arc::clone(topic), partitions);
        }
        Ok(roster)
    }

    /// Takes a partition for a thread, if nobody has it.
    pub(super) fn claim(
        &self,
        session: &Session,
        partition: &TopicPartition,
        thread: u32,
    ) -> Result<Owner, Failure> {
        let path = self.paths.owner(partition);
        let name = thread_name(&self.who.member, thread);
        loop {
            match create_below(session, &path, name.as_bytes(), CreateMode::Ephemeral, &self.acl) {
                Ok(()) => return Ok(Owner::Me),
                Err(ZooKeeperError::NodeExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            match session.watch_get(&path) {
                Ok((found, stat)) if stat.ephemeral_owner == session.id() => {
                    if found != name.as_bytes() {
                        session.set(&path, name.as_bytes(), None)?;
                    }
                    return Ok(Owner::Me);
                }
                Ok((found, _)) => return Ok(Owner::Other(String::from_utf8_lossy(&found).into_owned())),
                Err(ZooKeeperError::NoNode { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives a partition up, if this session has it.
    pub(super) fn release(&self, session: &Session, partition: &TopicPartition) -> Result<(), Failure> {
        let path = self.paths.owner(partition);
        match session.exists(&path)? {
            Some(stat) if stat.ephemeral_owner == session.id() => {}
            _ => return Ok(()),
        }
        match session.delete(&path, None) {
            Ok(()) | Err(ZooKeeperError::NoNode { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes offsets: what became of each, up to the first that fails.
    pub(super) fn commit(
        &self,
        session: &Session,
        offsets: &[(TopicPartition, Committed)],
    ) -> (Vec<Written>, Option<Failure>) {
        let mut written = Vec::with_capacity(offsets.len());
        for (partition, committed) in offsets {
            match self.offsets.write(session, partition, committed.offset) {
                Ok(what) => written.push(what),
                Err(failure) => return (written, Some(failure)),
            }
        }
        (written, None)
    }
}
