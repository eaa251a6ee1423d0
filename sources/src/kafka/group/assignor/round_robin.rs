//! All partitions of all topics, dealt out in turn: Java's `RoundRobinAssignor`. Pure; runs on the thread of the member that
//! leads.

use std::sync::Arc;

use super::{Counts, GroupMember, Shares, in_order};
use crate::kafka::TopicPartition;

/// Shares out.
pub(super) fn assign(counts: &Counts, members: &[GroupMember]) -> Shares {
    let ordered = in_order(members);
    let mut shares: Shares = members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
    // The member whose turn it is.
    let mut turn = 0;
    for (topic, count) in counts {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for number in 0..*count {
            while !ordered[turn].topics.contains(topic) {
                turn = (turn + 1) % ordered.len();
            }
            let partition = TopicPartition::new(Arc::clone(topic), number);
            shares.entry(ordered[turn].id.clone()).or_default().push(partition);
            turn = (turn + 1) % ordered.len();
        }
    }
    shares
}
