//! [`FakeError`]: what a test asks of a fake cluster that it cannot do.

use std::error::Error;
use std::{fmt, io};

/// Why a verb of a [`FakeKafka`](super::FakeKafka) could not be done. Nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FakeError {
    /// There is no such topic.
    UnknownTopic(String),
    /// The topic has no such partition.
    UnknownPartition(String, i32),
    /// There is no broker of this id.
    UnknownBroker(i32),
    /// There is no group of this name.
    UnknownGroup(String),
    /// The group has no such member.
    UnknownMember(String, String),
    /// The topic exists already.
    TopicExists(String),
    /// A broker cannot listen again.
    Listen(io::Error),
    /// The records are not what the release can store; in words.
    Records(String),
}

impl fmt::Display for FakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTopic(topic) => write!(f, "the fake cluster has no topic {topic:?}"),
            Self::UnknownPartition(topic, partition) => {
                write!(f, "topic {topic:?} of the fake cluster has no partition {partition}")
            }
            Self::UnknownBroker(id) => write!(f, "the fake cluster has no broker {id}"),
            Self::UnknownGroup(group) => write!(f, "the fake cluster has no group {group:?}"),
            Self::UnknownMember(group, member) => {
                write!(f, "group {group:?} of the fake cluster has no member {member:?}")
            }
            Self::TopicExists(topic) => write!(f, "the fake cluster has a topic {topic:?} already"),
            Self::Listen(_) => f.write_str("the fake broker cannot listen again"),
            Self::Records(reason) => write!(f, "the fake cluster cannot store these records: {reason}"),
        }
    }
}

impl Error for FakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            _ => None,
        }
    }
}
