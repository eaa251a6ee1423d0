//! Which partitions a member has, takes and gives up. A part of the machine.

use std::time::Duration;

use batchmill::Mono;

use super::{Action, Machine};
use crate::kafka::TopicPartition;
use crate::kafka::zookeeper::failure::Failure;
use crate::kafka::zookeeper::hands::Owner;
use crate::kafka::zookeeper::share::Roster;

/// How long a partition that another member owns is left alone before it is claimed again, if nothing is heard of its node:
/// the pause of old consumers (`rebalance.backoff.ms`).
const CLAIM_AGAIN: Duration = Duration::from_secs(2);

impl Machine {
    pub(super) fn viewed(&mut self, result: Result<Roster, Failure>, now: Mono, out: &mut Vec<Action>) {
        self.asked = false;
        let roster = match result {
            Ok(roster) => roster,
            Err(failure) => {
                self.due = true;
                return self.failed(failure, now, out);
            }
        };
        self.went_well(out);
        if !roster.members.contains_key(&self.config.member) {
            out.push(Action::Tell(
                "member_node_gone",
                format!("somebody has deleted that of {}", self.config.member),
            ));
            return self.lose_session(out);
        }
        self.wanted = roster.share(&self.config.member);
        self.missing.clear();
        self.claim_again = None;
        let gone: Vec<_> =
            self.held.keys().filter(|held| !self.wanted.contains_key(*held)).cloned().collect();
        self.give(gone, out);
    }

    /// Whether what is given up can go: the listener has said what is done of it.
    pub(super) fn may_release(&self) -> bool {
        !self.giving.is_empty() && self.awaited == 0
    }

    /// What is to be taken, or to be taken for another thread; not what is still being given up.
    pub(super) fn next_claims(&self) -> Option<Vec<(TopicPartition, u32)>> {
        let is_to_do = |(partition, thread): &(&TopicPartition, &u32)| {
            self.held.get(*partition) != Some(*thread)
                && !self.missing.contains(*partition)
                && !self.giving.contains(*partition)
        };
        let claims = self.wanted.iter().filter(is_to_do);
        let claims: Vec<_> = claims.map(|(partition, thread)| (partition.clone(), *thread)).collect();
        (!claims.is_empty()).then_some(claims)
    }

    /// Has the listener give up partitions.
    pub(super) fn give(&mut self, partitions: Vec<TopicPartition>, out: &mut Vec<Action>) {
        if partitions.is_empty() {
            return;
        }
        for partition in &partitions {
            self.held.remove(partition);
            self.giving.insert(partition.clone());
        }
        self.ask(Action::Revoke(partitions), out);
    }

    pub(super) fn claimed(
        &mut self,
        owners: Vec<(TopicPartition, u32, Owner)>,
        failure: Option<Failure>,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        self.asked = false;
        let (mut assigned, mut lost, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (partition, thread, owner) in owners {
            match owner {
                Owner::Me => {
                    if self.held.insert(partition.clone(), thread).is_none() {
                        assigned.push(partition);
                    }
                }
                Owner::Other(name) => {
                    others.push(format!("{partition} by {name}"));
                    self.missing.insert(partition.clone());
                    if self.held.remove(&partition).is_some() {
                        lost.push(partition);
                    }
                }
            }
        }
        self.lose(lost, out);
        if !assigned.is_empty() {
            out.push(Action::Assigned(assigned));
        }
        if self.missing.is_empty() {
            self.missing_since = None;
        } else {
            self.claim_again = Some(now + CLAIM_AGAIN);
            // A member that crashed owns them until its session ends.
            let since = *self.missing_since.get_or_insert(now);
            if !others.is_empty() && now - since > self.config.session * 2 {
                self.missing_since = Some(now);
                out.push(Action::Tell("partitions_owned_elsewhere", others.join(", ")));
            }
        }
        match failure {
            None => self.went_well(out),
            Some(failure) => self.failed(failure, now, out),
        }
    }

    pub(super) fn released(&mut self, result: Result<(), Failure>, now: Mono, out: &mut Vec<Action>) {
        self.asked = false;
        match result {
            Ok(()) => {
                self.went_well(out);
                self.giving.clear();
            }
            Err(failure) => self.failed(failure, now, out),
        }
    }
}
