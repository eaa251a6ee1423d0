//! JoinGroup as the group sees it: who becomes a member, who has to ask again with the id it was given, and who takes the
//! place of an instance that was there before.

use std::time::Duration;

use batchmill::Mono;

use super::member::{Identity, Member, Pending};
use super::promise::Promise;
use super::{ErrorCode, Group, GroupState};

/// What somebody who wants to be a member says.
#[derive(Clone, Debug)]
pub(in crate::fake::kafka) struct Joining {
    pub(in crate::fake::kafka) who: Identity,
    pub(in crate::fake::kafka) client: String,
    pub(in crate::fake::kafka) session: Duration,
    pub(in crate::fake::kafka) rebalance: Duration,
    pub(in crate::fake::kafka) protocol_type: String,
    pub(in crate::fake::kafka) protocols: Vec<(String, Vec<u8>)>,
    /// One that is new is given an id and has to ask again with it.
    pub(in crate::fake::kafka) needs_id: bool,
}

/// What it is told.
#[derive(Clone, Debug)]
pub(in crate::fake::kafka) struct Joined {
    pub(in crate::fake::kafka) error_code: ErrorCode,
    pub(in crate::fake::kafka) generation: i32,
    pub(in crate::fake::kafka) protocol: String,
    pub(in crate::fake::kafka) leader: String,
    pub(in crate::fake::kafka) member: String,
    /// All members with their instances and what they say, for the leader.
    pub(in crate::fake::kafka) members: Vec<(String, Option<String>, Vec<u8>)>,
}

impl Joined {
    /// An error, with the id that the member shall have.
    pub(in crate::fake::kafka) fn refused(member: &str, error_code: ErrorCode) -> Self {
        Self {
            error_code,
            generation: -1,
            protocol: String::new(),
            leader: String::new(),
            member: member.to_owned(),
            members: Vec::new(),
        }
    }
}

impl Group {
    /// Somebody asks to be a member.
    pub(in crate::fake::kafka) fn join(&mut self, asked: Joining, now: Mono) -> Promise<Joined> {
        let member = asked.who.member.clone();
        let answer = if !self.can_share_with(&asked) {
            Err((member, ErrorCode::INCONSISTENT_GROUP_PROTOCOL))
        } else if member.is_empty() {
            self.join_new(asked, now)
        } else {
            self.join_again(asked, now).map_err(|code| (member, code))
        };
        self.complete_if_all_joined(now);
        answer.unwrap_or_else(|(member, code)| Promise::kept(Joined::refused(&member, code)))
    }

    /// Whether there is a way to share out that this one and all members know.
    fn can_share_with(&self, asked: &Joining) -> bool {
        let Joining { protocol_type, protocols, .. } = asked;
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let all_know = |name: &str| self.members.iter().all(|member| member.knows(name));
        *protocol_type == self.protocol_type && protocols.iter().any(|(name, _)| all_know(name))
    }

    /// One without an id.
    fn join_new(&mut self, asked: Joining, now: Mono) -> Result<Promise<Joined>, (String, ErrorCode)> {
        let id = self.new_id(&asked);
        let instance = asked.who.instance.as_deref();
        if let Some(old) = instance.and_then(|instance| self.of_instance(instance)) {
            let old = old.id.clone();
            return Ok(self.take_place(&old, &id, asked, now));
        }
        if asked.needs_id && instance.is_none() {
            self.pending.push(Pending { id: id.clone(), expires: now + asked.session });
            return Err((id, ErrorCode::MEMBER_ID_REQUIRED));
        }
        Ok(self.add(id, asked, now))
    }

    /// One with an id: it was given one just now, or it is a member.
    fn join_again(&mut self, asked: Joining, now: Mono) -> Result<Promise<Joined>, ErrorCode> {
        let id = asked.who.member.clone();
        if let Some(at) = self.pending.iter().position(|pending| pending.id == id) {
            self.pending.remove(at);
            return Ok(self.add(id, asked, now));
        }
        self.check_instance(&asked.who)?;
        let is_leader = self.leader.as_ref() == Some(&id);
        let member = self.member(&id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if asked.who.instance.is_some() && asked.who.instance != member.instance {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let is_as_before = member.protocols == asked.protocols;
        let answered_at_once = match self.state {
            GroupState::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => false,
            // It may not have got the answer.
            GroupState::CompletingRebalance => is_as_before,
            // The leader joins again when it wants to share out anew.
            GroupState::Stable => is_as_before && !is_leader,
        };
        let promise = self.update(&id, asked, now);
        if answered_at_once {
            let answer = self.joined(&id);
            if let Some(join) = self.member_mut(&id).and_then(|member| member.join.take()) {
                join.keep(answer);
            }
        } else {
            self.prepare(now);
        }
        Ok(promise)
    }

    /// Makes somebody a member.
    fn add(&mut self, id: String, asked: Joining, now: Mono) -> Promise<Joined> {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&asked.protocol_type);
        }
        self.members.push(Member {
            id: id.clone(),
            instance: asked.who.instance.clone(),
            client: String::new(),
            session: asked.session,
            rebalance: asked.rebalance,
            protocols: Vec::new(),
            assignment: Vec::new(),
            expires: now,
            join: None,
            sync: None,
            has_synced: false,
        });
        let promise = self.update(&id, asked, now);
        self.prepare(now);
        promise
    }

    /// An instance that has started anew takes the place of the member that it was. The group need not rebalance for it.
    fn take_place(&mut self, old: &str, id: &str, asked: Joining, now: Mono) -> Promise<Joined> {
        let leader = self.leader.clone();
        if let Some(member) = self.member_mut(old) {
            member.refuse(ErrorCode::FENCED_INSTANCE_ID);
            id.clone_into(&mut member.id);
        }
        if leader.as_deref() == Some(old) {
            self.leader = Some(id.to_owned());
        }
        let promise = self.update(id, asked, now);
        if self.state == GroupState::Stable && self.protocol == self.choose_protocol() {
            // One that leads is told of its old id, so that it does not share out what the others will not be told of.
            let answer =
                Joined { leader: leader.unwrap_or_default(), members: Vec::new(), ..self.joined(id) };
            if let Some(join) = self.member_mut(id).and_then(|member| member.join.take()) {
                join.keep(answer);
            }
        } else {
            self.prepare(now);
        }
        promise
    }

    /// Notes what a member says now, and that it waits.
    fn update(&mut self, id: &str, asked: Joining, now: Mono) -> Promise<Joined> {
        let promise = Promise::new();
        if let Some(member) = self.member_mut(id) {
            member.client = asked.client;
            member.session = asked.session;
            member.rebalance = asked.rebalance;
            member.protocols = asked.protocols;
            // Another request of this member that waits is never answered, as at a real broker.
            member.join = Some(promise.clone());
            member.renew(now);
        }
        promise
    }

    /// As real brokers begin it: with the instance's name, or that of the client.
    fn new_id(&mut self, asked: &Joining) -> String {
        self.ids += 1;
        let begin = asked.who.instance.as_deref().unwrap_or(&asked.client);
        format!("{begin}-{}", self.ids)
    }
}
