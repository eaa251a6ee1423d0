//! [`FakeGroup`]: a group as a test sees it, at one moment.

use super::member::Member;
use super::{Group, GroupState};
use crate::kafka::wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolTopic,
};

/// A group as its coordinator knew it when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeGroup {
    /// Where it is between two generations.
    pub state: GroupState,
    /// Its generation, from 1 on; 0 while it has never had a member.
    pub generation: i32,
    /// The way to share out that the members have voted for, such as `range`.
    pub protocol: Option<String>,
    /// The id of the member that shares out.
    pub leader: Option<String>,
    /// The members, in the order in which they came.
    pub members: Vec<FakeMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeMember {
    /// Its id, which the coordinator gave it.
    pub id: String,
    /// The name that it keeps when it starts anew, if it has one.
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// The topics that it subscribes to.
    pub topics: Vec<String>,
    /// The partitions that it has in this generation, sorted; none until it has asked for them.
    pub partitions: Vec<(String, i32)>,
    /// It has asked to join, or for its partitions, and waits for other members.
    pub is_waiting: bool,
}

impl FakeGroup {
    /// The member of an id, or of the name that it keeps when it starts anew.
    pub fn member(&self, name: &str) -> Option<&FakeMember> {
        let is_it = |member: &&FakeMember| member.id == name || member.instance_id.as_deref() == Some(name);
        self.members.iter().find(is_it)
    }

    pub(super) fn of(group: &Group) -> Self {
        let protocol = group.protocol.clone();
        let told = |member: &Member| FakeMember::of(member, protocol.as_deref().unwrap_or_default());
        Self {
            state: group.state,
            generation: group.generation,
            leader: group.leader.clone(),
            members: group.members.iter().map(told).collect(),
            protocol,
        }
    }
}

impl FakeMember {
    /// What is no message of consumers is taken for an empty one: other programs use groups as well.
    fn of(member: &Member, protocol: &str) -> Self {
        let subscription = ConsumerProtocolSubscription::from_bytes(member.metadata(protocol));
        let assignment = ConsumerProtocolAssignment::from_bytes(&member.assignment).unwrap_or_default();
        let of_topic = |topic: ConsumerProtocolTopic| {
            let ConsumerProtocolTopic { topic, partitions } = topic;
            partitions.into_iter().map(move |partition| (topic.clone(), partition))
        };
        let mut partitions: Vec<_> = assignment.assigned_partitions.into_iter().flat_map(of_topic).collect();
        partitions.sort();
        Self {
            id: member.id.clone(),
            instance_id: member.instance.clone(),
            client_id: member.client.clone(),
            topics: subscription.unwrap_or_default().topics,
            is_waiting: member.waits(),
            partitions: if member.has_synced { partitions } else { Vec::new() },
        }
    }
}
