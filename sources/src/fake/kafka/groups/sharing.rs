//! SyncGroup as the group sees it: the leader's shares are kept, and every member that has asked for its own gets it.

use std::collections::BTreeMap;

use batchmill::Mono;

use super::member::{Identity, Member};
use super::promise::Promise;
use super::{ErrorCode, Group, GroupState};

/// A member's share, as the leader wrote it.
pub(in crate::fake::kafka) type Assigned = Result<Vec<u8>, ErrorCode>;

impl Group {
    /// A member asks for its share; the leader brings those of all.
    pub(in crate::fake::kafka) fn sync(
        &mut self,
        who: &Identity,
        generation: i32,
        shares: BTreeMap<String, Vec<u8>>,
        now: Mono,
    ) -> Promise<Assigned> {
        if let Err(code) = self.check(who, generation) {
            return Promise::kept(Err(code));
        }
        match self.state {
            GroupState::Empty => Promise::kept(Err(ErrorCode::UNKNOWN_MEMBER_ID)),
            GroupState::PreparingRebalance => Promise::kept(Err(ErrorCode::REBALANCE_IN_PROGRESS)),
            GroupState::CompletingRebalance => {
                let promise = Promise::new();
                if let Some(member) = self.asked_for(&who.member, now) {
                    member.sync = Some(promise.clone());
                }
                if self.leader.as_ref() == Some(&who.member) {
                    self.share_out(shares, now);
                }
                promise
            }
            GroupState::Stable => {
                let member = self.asked_for(&who.member, now);
                let share = member.map(|member| member.assignment.clone());
                Promise::kept(share.ok_or(ErrorCode::UNKNOWN_MEMBER_ID))
            }
        }
    }

    /// Notes that a member has asked. Once all have, nobody is late any more.
    fn asked_for(&mut self, id: &str, now: Mono) -> Option<&mut Member> {
        let is_this = |member: &Member| member.id == id;
        if self.members.iter().all(|member| member.has_synced || is_this(member)) {
            self.ends = None;
        }
        let member = self.member_mut(id)?;
        member.has_synced = true;
        member.renew(now);
        Some(member)
    }

    fn share_out(&mut self, mut shares: BTreeMap<String, Vec<u8>>, now: Mono) {
        self.state = GroupState::Stable;
        for member in &mut self.members {
            member.assignment = shares.remove(&member.id).unwrap_or_default();
            if let Some(sync) = member.sync.take() {
                sync.keep(Ok(member.assignment.clone()));
                member.renew(now);
            }
        }
    }
}
