//! How a group's partitions are shared out among its members: by the one of them that leads, in the way that all of them
//! know. The results are those of the Java client's assignors, for members that use it lead as well. Pure; runs on the
//! member's thread.

mod cooperative_sticky;
mod hostile;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use self::hostile::share_among_strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::kafka::TopicPartition;
use crate::kafka::nearest::nearest;
use crate::kafka::wire::WireError;
use crate::kafka::wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolTopic,
};

/// A way to share out the partitions of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Assignor {
    /// Topic by topic, a run of neighbouring partitions for each member.
    Range,
    /// All partitions of all topics, dealt out in turn.
    RoundRobin,
    /// As even as can be, and as little moved from one time to the next as that allows.
    Sticky,
    /// As [`Sticky`](Self::Sticky), and a partition that moves is given up by the one before it is given to the other, so
    /// that nobody has to stop for those that stay.
    CooperativeSticky,
}

/// How many partitions topics have.
pub(super) type Counts = BTreeMap<Arc<str>, i32>;

/// What each member gets, by its id.
pub(super) type Shares = BTreeMap<String, Vec<TopicPartition>>;

/// A member, as the one that leads sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupMember {
    pub(super) id: String,
    /// The name that it keeps when it starts anew, if it has one.
    pub(super) instance: Option<String>,
    pub(super) topics: BTreeSet<Arc<str>>,
    /// What it says that it has, or had.
    pub(super) owned: BTreeSet<TopicPartition>,
    /// The generation that it says this of, or -1.
    pub(super) generation: i32,
}

/// What a member has when it joins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) partitions: &'a BTreeSet<TopicPartition>,
    /// The generation that it got them in, or -1.
    pub(super) generation: i32,
}

/// All of them, with the name in the protocol and the last part of the name of Java's class.
const NAMES: &[(Assignor, &str, &str)] = &[
    (Assignor::Range, "range", "RangeAssignor"),
    (Assignor::RoundRobin, "roundrobin", "RoundRobinAssignor"),
    (Assignor::Sticky, "sticky", "StickyAssignor"),
    (Assignor::CooperativeSticky, "cooperative-sticky", "CooperativeStickyAssignor"),
];

impl Assignor {
    /// What a member offers that has not been told otherwise.
    pub(super) const DEFAULT: &'static [Self] = &[Self::Range, Self::CooperativeSticky];

    /// Its name in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(assignor, _, _)| *assignor == self).map_or("", |(_, name, _)| name)
    }

    /// The one of that name in the protocol.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known, _)| *known == name).map(|(assignor, _, _)| *assignor)
    }

    /// Whether members keep their partitions until they are told to give them up, rather than all of them at every join.
    pub(super) fn is_cooperative(self) -> bool {
        self == Self::CooperativeSticky
    }

    /// Reads names in the protocol, or those of Java's classes, with commas between.
    pub(super) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut list = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let class = name.rsplit('.').next().unwrap_or(name);
            let found = NAMES.iter().find(|(_, known, java)| *known == name || *java == class);
            let Some((assignor, _, _)) = found else {
                let names: Vec<_> = NAMES.iter().map(|(_, known, _)| *known).collect();
                let near = nearest(name, names.iter().copied());
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                return Err(format!("{name} is no assignor: use {}{near}", names.join(", ")));
            };
            if !list.contains(assignor) {
                list.push(*assignor);
            }
        }
        if list.is_empty() { Err("a member needs an assignor".to_owned()) } else { Ok(list) }
    }

    /// What a member says with it when it joins.
    pub(super) fn subscription(
        self,
        topics: &BTreeSet<Arc<str>>,
        held: Held<'_>,
    ) -> Result<Vec<u8>, WireError> {
        let user_data = match self {
            // Not null: brokers and clients of 0.9 do not read that.
            Self::Range | Self::RoundRobin => Vec::new(),
            Self::Sticky => sticky::previous_data(held)?,
            Self::CooperativeSticky => sticky::cooperative_data(held.generation),
        };
        let subscription = ConsumerProtocolSubscription {
            topics: topics.iter().map(ToString::to_string).collect(),
            user_data: &user_data,
            owned_partitions: by_topic(held.partitions),
            generation_id: held.generation,
            ..Default::default()
        };
        // Everybody reads it, the older ones what they know of it; librdkafka finds the generation here only.
        subscription.to_bytes(2)
    }

    /// Reads what a member has said with it.
    pub(super) fn member(
        self,
        id: &str,
        instance: Option<&str>,
        said: &[u8],
    ) -> Result<GroupMember, WireError> {
        let subscription = ConsumerProtocolSubscription::from_bytes(said)?;
        let data = subscription.user_data;
        let (owned, generation) = match self {
            Self::Range | Self::RoundRobin => (BTreeSet::new(), -1),
            // Members of an eager group give up all before they join, and remember it here.
            Self::Sticky => sticky::previous_assignment(data),
            Self::CooperativeSticky => {
                let owned = subscription.owned_partitions.into_iter().flat_map(partitions_of).collect();
                let named = subscription.generation_id;
                (owned, if named >= 0 { named } else { sticky::cooperative_generation(data) })
            }
        };
        Ok(GroupMember {
            id: id.to_owned(),
            instance: instance.map(ToOwned::to_owned),
            topics: subscription.topics.into_iter().map(Arc::from).collect(),
            owned,
            generation,
        })
    }

    /// Shares out the partitions of the topics that are known. Every member is in the result.
    pub(super) fn assign(self, counts: &Counts, members: &[GroupMember]) -> Shares {
        match self {
            Self::Range => range::assign(counts, members),
            Self::RoundRobin => round_robin::assign(counts, members),
            Self::Sticky => sticky::assign(counts, members),
            Self::CooperativeSticky => cooperative_sticky::assign(counts, members),
        }
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A member's share, as it is handed in.
pub(super) fn encode_share(partitions: &[TopicPartition]) -> Result<Vec<u8>, WireError> {
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: by_topic(partitions), ..Default::default() };
    // The version that every client reads.
    assignment.to_bytes(0)
}

/// A member's share, as it comes. One that the leader has not heard of gets no bytes.
pub(super) fn decode_share(bytes: &[u8]) -> Result<BTreeSet<TopicPartition>, WireError> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let assignment = ConsumerProtocolAssignment::from_bytes(bytes)?;
    Ok(assignment.assigned_partitions.into_iter().flat_map(partitions_of).collect())
}

/// The partitions of a topic that a message names. Numbers below zero are none.
fn partitions_of(topic: ConsumerProtocolTopic) -> impl Iterator<Item = TopicPartition> {
    let name: Arc<str> = topic.topic.into();
    let numbers = topic.partitions.into_iter().filter(|number| *number >= 0);
    numbers.map(move |number| TopicPartition::new(Arc::clone(&name), number))
}

fn by_topic<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<ConsumerProtocolTopic> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let topic = |(name, partitions): (&str, _)| ConsumerProtocolTopic { topic: name.to_owned(), partitions };
    topics.into_iter().map(topic).collect()
}

/// The members in the order in which they take their turns: those that keep a name first, by that; then the others, by
/// their ids.
fn in_order(members: &[GroupMember]) -> Vec<&GroupMember> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|member| (member.instance.is_none(), member.instance.as_deref(), member.id.as_str()));
    ordered
}
