//! From one generation of a group to the next: all members have to join again, the first of them leads, and the way to share
//! out is voted for.

use batchmill::Mono;

use super::joining::Joined;
use super::member::Member;
use super::{ErrorCode, Group, GroupState};

impl Group {
    /// Begins to wait for all members to join again, unless that is so already.
    pub(super) fn prepare(&mut self, now: Mono) {
        if self.state == GroupState::PreparingRebalance {
            return;
        }
        for member in &mut self.members {
            member.refuse_sync(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.state = GroupState::PreparingRebalance;
        self.ends = Some(self.rebalance_ends(now));
    }

    /// As long as the slowest member may take.
    fn rebalance_ends(&self, now: Mono) -> Mono {
        now + self.members.iter().map(|member| member.rebalance).max().unwrap_or_default()
    }

    pub(super) fn complete_if_all_joined(&mut self, now: Mono) {
        let all_joined = self.pending.is_empty() && self.members.iter().all(Member::joins);
        if self.state == GroupState::PreparingRebalance && all_joined {
            self.complete(now);
        }
    }

    /// Begins the next generation with those who have joined. Instances that keep their name and have not are members still,
    /// until their session ends.
    fn complete(&mut self, now: Mono) {
        self.members.retain(|member| member.joins() || member.instance.is_some());
        let Some(first) = self.members.iter().find(|member| member.joins()) else {
            return self.complete_without_any(now);
        };
        let first = first.id.clone();
        let leads_on = |id: &String| self.member(id).is_some_and(Member::joins);
        self.leader = Some(self.leader.clone().filter(leads_on).unwrap_or(first));
        self.generation += 1;
        self.protocol = self.choose_protocol();
        self.state = GroupState::CompletingRebalance;
        self.ends = Some(self.rebalance_ends(now));
        for at in 0..self.members.len() {
            let answer = self.joined(&self.members[at].id);
            let member = &mut self.members[at];
            member.assignment.clear();
            member.has_synced = false;
            member.renew(now);
            if let Some(join) = member.join.take() {
                join.keep(answer);
            }
        }
    }

    fn complete_without_any(&mut self, now: Mono) {
        if !self.members.is_empty() {
            self.ends = Some(self.rebalance_ends(now));
            return;
        }
        self.generation += 1;
        (self.state, self.ends) = (GroupState::Empty, None);
        (self.leader, self.protocol) = (None, None);
    }

    /// What a member is told of this generation.
    pub(super) fn joined(&self, id: &str) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().unwrap_or_default();
        let told = |member: &Member| {
            (member.id.clone(), member.instance.clone(), member.metadata(&protocol).to_vec())
        };
        let members = if leader == id { self.members.iter().map(told).collect() } else { Vec::new() };
        Joined {
            error_code: ErrorCode::NONE,
            generation: self.generation,
            member: id.to_owned(),
            members,
            protocol,
            leader,
        }
    }

    /// The way to share out that most like best among those that all know; the first voted for where that is not one.
    pub(super) fn choose_protocol(&self) -> Option<String> {
        let all_know = |name: &str| self.members.iter().all(|member| member.knows(name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let best = member.protocols.iter().map(|(name, _)| name.as_str()).find(|name| all_know(name));
            match votes.iter_mut().find(|(name, _)| Some(*name) == best) {
                Some((_, count)) => *count += 1,
                None => votes.extend(best.map(|name| (name, 1))),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| (*name).to_owned())
    }

    /// Puts a member out, for which the others rebalance.
    pub(super) fn remove(&mut self, id: &str, now: Mono) {
        let Some(at) = self.members.iter().position(|member| member.id == id) else { return };
        self.members.remove(at).refuse(ErrorCode::UNKNOWN_MEMBER_ID);
        self.prepare(now);
        self.complete_if_all_joined(now);
    }

    /// Lets what is due happen: whether anything was.
    pub(in crate::fake::kafka) fn pass_time(&mut self, now: Mono) -> bool {
        let pending = self.pending.len();
        self.pending.retain(|pending| pending.expires > now);
        let mut changed = self.pending.len() < pending;
        let expired = |member: &&Member| !member.waits() && member.expires <= now;
        let expired: Vec<_> = self.members.iter().filter(expired).map(|member| member.id.clone()).collect();
        for id in expired {
            changed = true;
            self.remove(&id, now);
        }
        if self.ends.is_some_and(|ends| ends <= now) {
            changed = true;
            self.end_waiting(now);
        }
        if changed {
            self.complete_if_all_joined(now);
        }
        changed
    }

    /// Goes on without those who were waited for.
    fn end_waiting(&mut self, now: Mono) {
        if self.state == GroupState::PreparingRebalance {
            return self.complete(now);
        }
        self.ends = None;
        let late = self.members.iter().filter(|member| !member.has_synced);
        let late: Vec<_> = late.map(|member| member.id.clone()).collect();
        for id in late {
            self.remove(&id, now);
        }
    }

    /// When something is due.
    pub(in crate::fake::kafka) fn next_deadline(&self) -> Option<Mono> {
        let sessions = self.members.iter().filter(|member| !member.waits()).map(|member| member.expires);
        sessions.chain(self.pending.iter().map(|pending| pending.expires)).chain(self.ends).min()
    }

    /// Puts out a member as if its session had ended: whether there was one of this id.
    pub(super) fn expire(&mut self, id: &str, now: Mono) -> bool {
        let found = self.member(id).is_some();
        self.remove(id, now);
        found
    }

    /// Has all members join again.
    pub(super) fn rebalance(&mut self, now: Mono) {
        if self.state != GroupState::Empty {
            self.prepare(now);
        }
    }
}
