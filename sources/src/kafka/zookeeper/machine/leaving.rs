//! How a member loses what it has: its session, or all for good. A part of the machine.

use batchmill::Mono;

use super::{Action, Machine, Phase};
use crate::kafka::TopicPartition;
use crate::kafka::zookeeper::failure::Failure;

impl Machine {
    pub(super) fn progress(&mut self, is_made: bool, now: Mono, out: &mut Vec<Action>) {
        self.asked = false;
        match self.phase {
            Phase::Out if is_made => self.phase = Phase::Outside,
            Phase::Inside if !is_made => {
                self.ask_progress_at = now + self.config.progress_every;
                self.phase = Phase::Retiring;
                let detail = "no batch comes to its end: others may read the partitions";
                out.push(Action::Tell("no_progress", detail.to_owned()));
                self.give(self.held.keys().cloned().collect(), out);
            }
            _ => {}
        }
    }

    pub(super) fn leave(&mut self, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Inside | Phase::Retiring => {
                self.phase = Phase::Leaving;
                self.rest_until = None;
                self.ask(Action::AskDone, out);
            }
            // A session may have begun, and the answer to what followed was lost.
            Phase::Outside => {
                self.phase = Phase::Leaving;
                self.rest_until = None;
                self.ask(Action::Close, out);
            }
            Phase::Out => self.end(out),
            Phase::Leaving | Phase::Ended => {}
        }
    }

    pub(super) fn closed(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.asked = false;
        match self.phase {
            Phase::Leaving => self.end(out),
            Phase::Retiring => {
                self.forget();
                self.phase = Phase::Out;
                self.ask_progress_at = now + self.config.progress_every;
            }
            _ => {}
        }
    }

    pub(super) fn session_is_over(&mut self, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Inside | Phase::Retiring) {
            let detail = "it has expired: others may have the partitions";
            out.push(Action::Tell("session_lost", detail.to_owned()));
        }
        self.lose_session(out);
    }

    /// The session has ended, and with it all that the member had.
    pub(super) fn lose_session(&mut self, out: &mut Vec<Action>) {
        self.lose_all(out);
        match self.phase {
            Phase::Leaving => self.end(out),
            Phase::Retiring => self.phase = Phase::Out,
            Phase::Inside => self.phase = Phase::Outside,
            Phase::Outside | Phase::Out | Phase::Ended => {}
        }
    }

    pub(super) fn lose_all(&mut self, out: &mut Vec<Action>) {
        let mut held: Vec<_> = self.held.keys().cloned().collect();
        if self.awaited > 0 {
            // The listener has it still.
            held.extend(self.giving.iter().cloned());
        }
        let waiting = self.take_waiting(|_, _| true);
        self.forget();
        self.lose(held, out);
        self.tell(waiting, false, out);
    }

    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.wanted.clear();
        self.missing.clear();
        self.giving.clear();
        (self.claim_again, self.missing_since, self.due) = (None, None, false);
    }

    pub(super) fn lose(&self, partitions: Vec<TopicPartition>, out: &mut Vec<Action>) {
        if !partitions.is_empty() {
            out.push(Action::Lost(partitions));
        }
    }

    /// The membership ends, for waiting does not help.
    pub(super) fn give_up(&mut self, failure: Failure, out: &mut Vec<Action>) {
        self.lose_all(out);
        out.push(Action::Failed(failure));
        out.push(Action::Close);
        self.end(out);
    }

    pub(super) fn end(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            out.push(Action::End);
        }
    }
}
