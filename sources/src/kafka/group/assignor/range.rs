//! Topic by topic, a run of neighbouring partitions for each member: Java's `RangeAssignor`, without its regard to racks.
//! Partitions of the same number of several topics meet at one member where the topics have as many. Pure; runs on the
//! thread of the member that leads.

use std::sync::Arc;

use super::{Counts, GroupMember, Shares, in_order};
use crate::kafka::TopicPartition;

/// Shares out.
pub(super) fn assign(counts: &Counts, members: &[GroupMember]) -> Shares {
    let ordered = in_order(members);
    let mut shares: Shares = members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
    for (topic, count) in counts {
        let subscribed: Vec<_> = ordered.iter().filter(|member| member.topics.contains(topic)).collect();
        let Ok(among) = i32::try_from(subscribed.len()) else { continue };
        let mut next = 0;
        for (at, member) in (0..among).zip(subscribed) {
            let run = count / among + i32::from(at < count % among);
            let partitions = (next..next + run).map(|number| TopicPartition::new(Arc::clone(topic), number));
            shares.entry(member.id.clone()).or_default().extend(partitions);
            next += run;
        }
    }
    shares
}
