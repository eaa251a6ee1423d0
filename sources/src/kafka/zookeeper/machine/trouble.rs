//! What a member does about requests that fail: wait, begin a session anew, or give up. A part of the machine.

use batchmill::Mono;

use super::{Action, Machine};
use crate::kafka::group::member::StateMachine;
use crate::kafka::zookeeper::failure::{Failure, Remedy};

impl Machine {
    pub(super) fn went_well(&mut self, out: &mut Vec<Action>) {
        self.backoff.reset();
        self.rest_until = None;
        if std::mem::take(&mut self.is_failing) {
            out.push(Action::Tell("group_recovered", "the ZooKeeper answers again".to_owned()));
        }
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Mono, out: &mut Vec<Action>) {
        match failure.remedy() {
            Remedy::Retry => self.rest(&failure, now, out),
            Remedy::Renew => {
                // Servers that take every session and end it at once are not asked at once again.
                let had_nothing = self.held.is_empty();
                self.session_is_over(out);
                if had_nothing && !self.is_ended() {
                    self.rest(&failure, now, out);
                }
            }
            Remedy::GiveUp => self.give_up(failure, out),
        }
    }

    pub(super) fn rest(&mut self, failure: &Failure, now: Mono, out: &mut Vec<Action>) {
        self.rest_until = Some(now + self.backoff.pause());
        self.tell_trouble(failure.to_string(), out);
    }

    /// Tells of trouble, the first time after it went well.
    pub(super) fn tell_trouble(&mut self, what: String, out: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.is_failing, true) {
            out.push(Action::Tell("group_trouble", what));
        }
    }
}
