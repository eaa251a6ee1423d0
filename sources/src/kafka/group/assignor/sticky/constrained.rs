//! Members that all subscribe to the same: each keeps what it had up to its quota, and the rest is dealt out in turn. The
//! quotas differ by one at most.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Claims;
use crate::kafka::TopicPartition;

/// What each member gets, in the order of the claims' members.
pub(super) fn assign(claims: &Claims<'_>) -> Vec<Vec<TopicPartition>> {
    let members = claims.members.len();
    if members == 0 {
        return Vec::new();
    }
    let counts = &claims.counts;
    let total: usize = counts.values().map(|count| usize::try_from(*count).unwrap_or(0)).sum();
    let mut quotas = Quotas::new(total, members);
    let mut shares = Vec::with_capacity(members);
    for (at, owned) in claims.owned.iter().enumerate() {
        shares.push(quotas.keep(at, owned));
    }
    let kept: BTreeSet<TopicPartition> = shares.iter().flatten().cloned().collect();
    let all = counts.iter().flat_map(|(topic, count)| {
        (0..*count).map(move |number| TopicPartition::new(Arc::clone(topic), number))
    });
    for partition in all.filter(|partition| !kept.contains(partition)) {
        // The quotas add up to all partitions.
        let Some(member) = quotas.next(&shares) else { break };
        shares[member].push(partition);
    }
    shares
}

/// Who may get how many more.
struct Quotas {
    /// What everybody gets.
    least: usize,
    /// What nobody gets more than.
    most: usize,
    /// How many members may still get one more than the least.
    extra: usize,
    /// Below the least.
    below: VecDeque<usize>,
    /// At the least.
    at_least: VecDeque<usize>,
}

impl Quotas {
    fn new(total: usize, members: usize) -> Self {
        Self {
            least: total / members,
            most: total.div_ceil(members),
            extra: total % members,
            below: VecDeque::new(),
            at_least: VecDeque::new(),
        }
    }

    /// What a member keeps of what it had: the lowest numbers.
    fn keep(&mut self, member: usize, owned: &BTreeSet<TopicPartition>) -> Vec<TopicPartition> {
        let mut kept: Vec<_> = owned.iter().cloned().collect();
        kept.sort_by(|one, other| (one.partition, &one.topic).cmp(&(other.partition, &other.topic)));
        if kept.len() < self.least {
            self.below.push_back(member);
        } else if kept.len() >= self.most && self.extra > 0 {
            self.extra -= 1;
            kept.truncate(self.most);
        } else {
            kept.truncate(self.least);
            self.at_least.push_back(member);
        }
        kept
    }

    /// Who gets the next partition: in turn those below the least, then those at it.
    fn next(&mut self, shares: &[Vec<TopicPartition>]) -> Option<usize> {
        let Some(member) = self.below.pop_front() else {
            let member = self.at_least.pop_front().filter(|_| self.extra > 0)?;
            self.extra -= 1;
            return Some(member);
        };
        if shares[member].len() + 1 < self.least {
            self.below.push_back(member);
        } else {
            self.at_least.push_back(member);
        }
        Some(member)
    }
}
