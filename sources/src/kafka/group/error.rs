//! What is wrong with a membership; [`KafkaError::Group`](crate::kafka::KafkaError::Group) names server, group and member.

use std::fmt;
use std::sync::Arc;

use crate::kafka::{ErrorCode, WireError};

/// Why a member cannot take part in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// The partitions are no longer this member's, so that nothing is committed for them.
    Fenced,
    /// Another member has the same static name (`group.instance.id`) and joined later.
    InstanceTwice,
    /// The other members share out by assignors that this one does not have: none of ours is among theirs.
    NoCommonAssignor {
        /// What this member offers.
        ours: Vec<String>,
    },
    /// The member that shares out sends something else than partitions.
    BadShare(WireError),
    /// The server refuses this member.
    Refused(ErrorCode),
    /// Another member of a group in ZooKeeper has the same id (`consumer.id`), and keeps it.
    MemberTwice,
    /// A node of the group in ZooKeeper holds something else than it should.
    ForeignNode {
        /// Its path, below the chroot.
        path: Arc<str>,
        /// What is wrong with its contents.
        problem: String,
    },
    /// No broker is registered in the ZooKeeper that listens by the protocol. The chroot may be another one.
    NoBrokers {
        /// The protocol: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
        protocol: String,
    },
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced => f.write_str("the partitions belong to other members by now"),
            Self::InstanceTwice => f.write_str("another member of the same group.instance.id has joined"),
            Self::NoCommonAssignor { ours } => {
                write!(f, "the other members share out by none of {}", ours.join(", "))
            }
            Self::BadShare(cause) => write!(f, "the member that shares out sends no partitions: {cause}"),
            Self::Refused(code) => write!(f, "{code}"),
            Self::MemberTwice => f.write_str("another member has the same id"),
            Self::ForeignNode { path, problem } => write!(f, "the ZooKeeper node {path} {problem}"),
            Self::NoBrokers { protocol } => {
                write!(f, "no broker is registered that listens by {protocol}; is it another chroot?")
            }
        }
    }
}
