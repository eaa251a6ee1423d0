//! [`Group`]: what a coordinator keeps of a consumer group: its offsets, its members, and where it is between two
//! generations. Called under the cluster's lock by the threads of connections, of the test, and of the timer.
//!
//! Whoever waits for the others of a group holds a [`Promise`] and waits for a change of the cluster; the request (or the
//! deadline) that completes a generation keeps the promises of all.

mod described;
mod joining;
mod member;
mod promise;
mod rebalance;
mod sharing;
mod verbs;
mod view;

use std::collections::BTreeMap;

use batchmill::Mono;

use super::ErrorCode;

pub(super) use joining::{Joined, Joining};
pub(super) use member::Identity;
pub(super) use promise::Promise;
pub use view::{FakeGroup, FakeMember};

use member::{Member, Pending};

/// Where a group is between two generations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupState {
    /// It has no members; maybe offsets.
    #[default]
    Empty,
    /// Its members have to join again, and the coordinator waits for them.
    PreparingRebalance,
    /// All have joined, and the coordinator waits for the leader to share the partitions out.
    CompletingRebalance,
    /// Every member has its partitions.
    Stable,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) offsets: BTreeMap<(String, i32), Committed>,
    state: GroupState,
    generation: i32,
    /// What the group is for, as the first of its members said, be they gone or not.
    protocol_type: String,
    /// The way to share out of this generation.
    protocol: Option<String>,
    leader: Option<String>,
    /// In the order in which they came.
    members: Vec<Member>,
    /// Those that were given an id and have not joined with it.
    pending: Vec<Pending>,
    /// While it prepares: when those who have not joined again are put out. From then on: when those are who have not
    /// asked for their partitions.
    ends: Option<Mono>,
    /// How many ids were given.
    ids: u64,
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch that was committed with it, or -1.
    pub leader_epoch: i32,
    /// What the client wrote beside it.
    pub metadata: Option<String>,
}

impl Group {
    /// A sign of life.
    pub(super) fn heartbeat(
        &mut self,
        of: &Identity,
        generation: i32,
        now: Mono,
        while_completing: ErrorCode,
    ) -> Result<(), ErrorCode> {
        self.check(of, generation)?;
        self.renew(&of.member, now);
        match self.state {
            GroupState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            GroupState::CompletingRebalance if while_completing != ErrorCode::NONE => Err(while_completing),
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }

    /// Whether offsets may be committed: by a member, or by somebody without a generation while there are none.
    pub(super) fn may_commit(&mut self, by: &Identity, generation: i32, now: Mono) -> Result<(), ErrorCode> {
        if generation < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        self.check(by, generation)?;
        if self.state == GroupState::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.renew(&by.member, now);
        Ok(())
    }

    /// A member goes, which is told by its id, or by its instance alone.
    pub(super) fn leave(&mut self, who: &Identity, now: Mono) -> Result<(), ErrorCode> {
        self.check_instance(who)?;
        if let Some(at) = self.pending.iter().position(|pending| pending.id == who.member) {
            self.pending.remove(at);
            self.complete_if_all_joined(now);
            return Ok(());
        }
        let by_instance = who.instance.as_deref().and_then(|instance| self.of_instance(instance));
        let found = by_instance.or_else(|| self.member(&who.member));
        let id = found.map(|member| member.id.clone()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        self.remove(&id, now);
        Ok(())
    }

    /// Whether this is a member of this generation.
    fn check(&self, who: &Identity, generation: i32) -> Result<(), ErrorCode> {
        self.check_instance(who)?;
        self.member(&who.member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    /// Whether an instance is still the member that it says it is, and no later one has taken its place.
    fn check_instance(&self, who: &Identity) -> Result<(), ErrorCode> {
        let present = who.instance.as_deref().and_then(|instance| self.of_instance(instance));
        match present {
            Some(member) if !who.member.is_empty() && member.id != who.member => {
                Err(ErrorCode::FENCED_INSTANCE_ID)
            }
            _ => Ok(()),
        }
    }

    fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    fn of_instance(&self, instance: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.instance.as_deref() == Some(instance))
    }

    fn renew(&mut self, id: &str, now: Mono) {
        if let Some(member) = self.member_mut(id) {
            member.renew(now);
        }
    }
}
