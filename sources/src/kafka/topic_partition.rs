//! How a partition and a topic are named: by every layer, in errors and by users.

use std::fmt;
use std::sync::Arc;

use super::wire::Uuid;

/// One partition of a topic. It shows itself as `topic-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0 on.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What tells a topic from one that was made under the same name after it was deleted. Brokers from 2.8 on know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(Uuid);

impl TopicId {
    /// The id with these bytes; `None` for all zeros, by which brokers mean that there is none.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::from_wire(Uuid(bytes))
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.0
    }

    /// The id in a message.
    pub(crate) fn from_wire(id: Uuid) -> Option<Self> {
        (!id.is_zero()).then_some(Self(id))
    }
}

impl fmt::Display for TopicId {
    /// As Kafka's tools show it: 22 letters of the URL alphabet of base 64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_shows_topic_and_number() {
        assert_eq!(TopicPartition::new("clicks", 3).to_string(), "clicks-3");
    }

    #[test]
    fn a_topic_id_looks_as_in_kafkas_tools() {
        let id = TopicId::from_bytes([0, 16, 131, 16, 81, 135, 32, 146, 139, 48, 211, 143, 65, 20, 147, 255]);
        // The first 21 letters carry six bits each, the last one two.
        assert_eq!(id.map(|id| id.to_string()), Some("ABCDEFGHIJKLMNOPQRST_w".to_owned()));
        assert_eq!(TopicId::from_bytes([0; 16]), None);
    }
}
