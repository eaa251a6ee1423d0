//! A group as administrators are told of it.

use super::member::Member;
use super::{Group, GroupState};
use crate::kafka::wire::messages::{DescribedGroup, DescribedGroupMember};

impl GroupState {
    /// Kafka's name for it.
    fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl Group {
    /// What the group is for; empty until it has members.
    pub(in crate::fake::kafka) fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// Without its name.
    pub(in crate::fake::kafka) fn described(&self) -> DescribedGroup<'_> {
        let protocol = self.protocol.as_deref().filter(|_| self.state == GroupState::Stable);
        DescribedGroup {
            group_state: self.state.name().to_owned(),
            protocol_type: self.protocol_type.clone(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: self.members.iter().map(|member| of_member(member, protocol)).collect(),
            ..DescribedGroup::default()
        }
    }
}

/// Without what it said and got where there is no protocol.
fn of_member<'a>(member: &'a Member, protocol: Option<&str>) -> DescribedGroupMember<'a> {
    DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.instance.clone(),
        client_id: member.client.clone(),
        client_host: "/127.0.0.1".to_owned(),
        member_metadata: protocol.map_or(&[], |protocol| member.metadata(protocol)),
        member_assignment: protocol.map_or(&[], |_| &member.assignment),
    }
}
