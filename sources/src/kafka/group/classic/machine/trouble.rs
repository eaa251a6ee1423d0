//! What a member does about trouble: wait, look for the coordinator, join anew, or give up. A part of the machine.

use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::event::{Action, GroupFailure, Trouble};
use super::verdict::Verdict;
use super::{Machine, Phase};
use crate::kafka::KafkaError;
use crate::kafka::group::GroupError;

impl Machine {
    /// A request of a member has come to nothing.
    pub(super) fn troubled(&mut self, now: Mono, trouble: Trouble, what: &str, out: &mut Vec<Action>) {
        let shown = format!("{what}: {trouble}");
        if let Trouble::Refused { server, .. } = &trouble {
            self.me.server = Arc::clone(server);
        }
        let verdict = Verdict::of(&trouble);
        if matches!(verdict, Verdict::Rebalance) {
            // Only a member is told so; it may have waited for others longer than a session lasts.
            self.me.alive = self.me.alive.max(now);
        }
        match verdict {
            Verdict::NotThere => {
                // The broker took the member for alive as long as it had it wait for others.
                let has_waited = matches!(trouble, Trouble::Unanswered(_)) && !self.is_failing;
                if has_waited && matches!(self.phase, Phase::Unjoined) {
                    self.me.alive = self.me.alive.max(now);
                }
                self.coordinator = false;
                self.rest(now, &shown, out);
            }
            Verdict::Rebalance if self.me.generation >= 0 && !self.is_failing => {
                self.is_failing = true;
                // Without the right to commit it joins at once.
                if matches!(self.phase, Phase::Unjoined) && self.has_right() {
                    self.prepare(now, out);
                }
            }
            Verdict::Retry | Verdict::Rebalance => self.rest(now, &shown, out),
            Verdict::NoMember { forget } => {
                out.push(Action::Tell("membership_lost", shown));
                self.lose(forget, out);
                // Again at once, but not again and again.
                if std::mem::replace(&mut self.is_failing, true) {
                    self.rest_until = Some(now + self.backoff.pause());
                }
            }
            Verdict::InstanceTwice => self.fail_as_member(GroupError::InstanceTwice, out),
            Verdict::NoCommonAssignor => self.fail_as_member(self.no_common_assignor(), out),
            Verdict::Refused(code) => self.fail_as_member(GroupError::Refused(code), out),
            Verdict::Final(error) => self.fail(error, out),
        }
    }

    /// Asks nothing for a while: as long as it is a member no longer than from one sign of life to the next, for its session
    /// may end meanwhile.
    pub(super) fn rest(&mut self, now: Mono, what: &str, out: &mut Vec<Action>) {
        self.tell_trouble(what, out);
        let longest = if self.me.generation >= 0 { self.heartbeat_interval() } else { Duration::MAX };
        self.rest_until = Some(now + self.backoff.pause().min(longest));
    }

    /// Tells the listener of trouble, the first time after it went well.
    pub(super) fn tell_trouble(&mut self, what: &str, out: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.is_failing, true) {
            out.push(Action::Tell("group_trouble", what.to_owned()));
        }
    }

    /// The member has nothing any more, and joins anew.
    pub(super) fn lose(&mut self, forget: bool, out: &mut Vec<Action>) {
        if forget {
            self.me.id.clear();
        }
        self.me.generation = -1;
        self.held_generation = -1;
        let gone: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        self.lose_what_is_awaited(out);
        if !gone.is_empty() {
            out.push(Action::Lost(gone));
        }
        self.drop_foreign(out);
        if !matches!(self.phase, Phase::Leaving { .. } | Phase::Out { .. }) {
            self.phase = Phase::Unjoined;
        }
    }

    /// The membership ends for good.
    pub(super) fn fail(&mut self, error: KafkaError, out: &mut Vec<Action>) {
        self.lose(true, out);
        out.push(Action::Failed(GroupFailure(error)));
        self.end(out);
    }

    pub(super) fn fail_as_member(&mut self, cause: GroupError, out: &mut Vec<Action>) {
        self.fail(self.error(cause), out);
    }

    /// Nothing more happens.
    pub(super) fn end(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Ended;
        out.push(Action::End);
    }

    pub(super) fn no_common_assignor(&self) -> GroupError {
        let ours = self.config.params.assignors.iter().map(|assignor| assignor.name().to_owned());
        GroupError::NoCommonAssignor { ours: ours.collect() }
    }

    /// What is wrong with this member.
    pub(super) fn error(&self, cause: GroupError) -> KafkaError {
        let member = if self.me.id.is_empty() { &*self.config.client_id } else { self.me.id.as_str() };
        KafkaError::Group {
            server: self.me.server.clone(),
            group: self.config.group.clone(),
            member: member.into(),
            cause,
        }
    }
}
