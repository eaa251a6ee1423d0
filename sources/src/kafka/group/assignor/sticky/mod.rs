//! As even as can be, and as little moved as that allows: Java's `StickyAssignor`, and what `CooperativeStickyAssignor` shares
//! with it, both without their regard to racks. Pure; runs on the thread of the member that leads.
//!
//! Members with equal subscriptions are filled up to a quota ([`constrained`]); others are balanced step by step
//! ([`general`]).

mod constrained;
mod general;
mod user_data;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub(super) use self::user_data::{
    cooperative_data, cooperative_generation, previous_assignment, previous_data,
};
use super::{Counts, GroupMember, Shares};
use crate::kafka::TopicPartition;

/// Who had what before, after members were heard that claim the same.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    /// Of the topics that somebody subscribes to.
    counts: Counts,
    /// In the order of their ids.
    members: Vec<&'a GroupMember>,
    /// What each of them keeps a right to.
    owned: Vec<BTreeSet<TopicPartition>>,
    /// Who has that right.
    owner: HashMap<TopicPartition, usize>,
    /// Claimed by several of the same generation: nobody's.
    disputed: BTreeSet<TopicPartition>,
    /// The newest generation that anybody names.
    newest: i32,
}

impl<'a> Claims<'a> {
    /// Of two claims the one of the newer generation counts; of two of the same none does.
    pub(super) fn of(counts: &Counts, members: &'a [GroupMember]) -> Self {
        let mut ordered: Vec<_> = members.iter().collect();
        ordered.sort_by(|one, other| one.id.cmp(&other.id));
        let is_wanted = |topic: &Arc<str>| members.iter().any(|member| member.topics.contains(topic));
        let wanted = counts.iter().filter(|(topic, count)| **count > 0 && is_wanted(topic));
        let mut claims = Self {
            counts: wanted.map(|(topic, count)| (Arc::clone(topic), *count)).collect(),
            owned: vec![BTreeSet::new(); ordered.len()],
            newest: ordered.iter().map(|member| member.generation).max().unwrap_or(-1).max(-1),
            members: ordered,
            owner: HashMap::new(),
            disputed: BTreeSet::new(),
        };
        for at in 0..claims.members.len() {
            for partition in &claims.members[at].owned {
                let count = claims.counts.get(&partition.topic);
                if count.is_some_and(|count| (0..*count).contains(&partition.partition)) {
                    claims.claim(at, partition);
                }
            }
        }
        for partition in &claims.disputed {
            if let Some(owner) = claims.owner.remove(partition) {
                claims.owned[owner].remove(partition);
            }
        }
        claims
    }

    fn claim(&mut self, by: usize, partition: &TopicPartition) {
        if let Some(other) = self.owner.get(partition).copied() {
            let generation = |at: usize| self.members[at].generation;
            if generation(other) > generation(by) || other == by {
                return;
            }
            if generation(other) == generation(by) {
                self.disputed.insert(partition.clone());
            } else {
                // A newer claim ends the dispute of older ones.
                self.disputed.remove(partition);
            }
            self.owned[other].remove(partition);
        }
        self.owned[by].insert(partition.clone());
        self.owner.insert(partition.clone(), by);
    }

    /// Whether somebody has it, or may have it, who has to give it up before this member gets it.
    pub(super) fn is_held_by_another(&self, partition: &TopicPartition, member: &str) -> bool {
        let by_another = |owner: &usize| self.members[*owner].id != member;
        self.disputed.contains(partition) || self.owner.get(partition).is_some_and(by_another)
    }

    /// Shares out.
    pub(super) fn assign(&self) -> Shares {
        let are_equal = self.members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
        let shares = if are_equal { constrained::assign(self) } else { general::assign(self) };
        self.members.iter().map(|member| member.id.clone()).zip(shares).collect()
    }
}

/// Shares out as the eager assignor does.
pub(super) fn assign(counts: &Counts, members: &[GroupMember]) -> Shares {
    Claims::of(counts, members).assign()
}
