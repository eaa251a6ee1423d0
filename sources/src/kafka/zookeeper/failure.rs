//! Why something about a group in ZooKeeper failed, and how errors name who it failed for.

use std::fmt;
use std::sync::Arc;

use super::nodes::Problem;
use crate::kafka::{GroupError, KafkaError};
use crate::zookeeper::ZooKeeperError;

/// Why.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The ZooKeeper says so, or is out of reach.
    ZooKeeper(ZooKeeperError),
    /// The group's nodes say so.
    Group(GroupError),
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Try again.
    Retry,
    /// Begin another session.
    Renew,
    /// Nothing helps.
    GiveUp,
}

impl Failure {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::ZooKeeper(ZooKeeperError::SessionExpired { .. } | ZooKeeperError::Closed { .. }) => {
                Remedy::Renew
            }
            // A name is free again when the session is over that had it.
            Self::Group(GroupError::MemberTwice) => Remedy::Retry,
            Self::ZooKeeper(error) if error.is_passing() => Remedy::Retry,
            Self::ZooKeeper(_) | Self::Group(_) => Remedy::GiveUp,
        }
    }
}

impl Failure {
    /// What a node holds is none of its kind.
    pub(super) fn foreign(path: String, problem: Problem) -> Self {
        Self::Group(GroupError::ForeignNode { path: path.into(), problem })
    }
}

impl From<ZooKeeperError> for Failure {
    fn from(error: ZooKeeperError) -> Self {
        Self::ZooKeeper(error)
    }
}

/// Whom errors name.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The connect string.
    pub(crate) servers: Arc<str>,
    pub(crate) group: Arc<str>,
    /// The member's id.
    pub(crate) member: Arc<str>,
}

impl Who {
    /// The error for a failure.
    pub(crate) fn error(&self, failure: Failure) -> KafkaError {
        match failure {
            Failure::ZooKeeper(cause) => {
                let (group, member) = (Arc::clone(&self.group), Arc::clone(&self.member));
                KafkaError::ZooKeeper { group, member, cause: Arc::new(cause) }
            }
            Failure::Group(cause) => self.group_error(cause),
        }
    }

    /// The error for what is wrong with the membership.
    pub(super) fn group_error(&self, cause: GroupError) -> KafkaError {
        let Self { servers, group, member } = self.clone();
        KafkaError::Group { server: servers, group, member, cause }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZooKeeper(cause) => write!(f, "{cause}"),
            Self::Group(cause) => write!(f, "{cause}"),
        }
    }
}
