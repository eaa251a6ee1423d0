//! Leaving: for good, or until batches come to their end again. A part of the machine.

use batchmill::Mono;

use super::event::Action;
use super::{Asking, Machine, Phase, Then};

impl Machine {
    /// Begins to leave: what is done is committed first.
    pub(super) fn leave(&mut self, now: Mono, then: Then, out: &mut Vec<Action>) {
        match &mut self.phase {
            Phase::Created => return self.end(out),
            Phase::Leaving { then: already, .. } => {
                *already = if then == Then::End { then } else { *already };
                return;
            }
            Phase::Out { .. } if then == Then::End => return self.end(out),
            _ => {}
        }
        // In a generation that gives it nothing, or that it does not share out any more, nothing can be committed.
        let is_late = !self.has_right() || matches!(self.phase, Phase::Sharing(_));
        if self.me.generation >= 0 && is_late {
            self.lose(false, out);
        }
        self.phase = Phase::Leaving { until: now + self.config.patience, then, asked: false };
        if !self.held.is_empty() || self.awaited > 0 {
            self.asked_done += 1;
            out.push(Action::AskDone { pause: true });
        }
    }

    /// Tells the group once what is done is committed.
    pub(super) fn go_on_leaving(&mut self, now: Mono, until: Mono, then: Then, out: &mut Vec<Action>) {
        let is_over = until <= now;
        let is_committing = self.me.generation >= 0 && !self.commits.is_idle();
        if !is_over && (self.asked_done > 0 || self.awaited > 0 || is_committing) {
            return;
        }
        // The id comes with the answer.
        if !is_over && self.me.id.is_empty() && self.asking == Some(Asking::Join) {
            return;
        }
        // An instance does not leave: its partitions wait for it as long as its session lasts.
        let goes = !self.me.id.is_empty() && !self.me.keeps_name;
        if goes && !self.coordinator && !is_over {
            return;
        }
        if goes && self.coordinator {
            self.phase = Phase::Leaving { until, then, asked: true };
            out.push(Action::Leave { member: self.me.id.clone() });
        } else {
            self.has_left(now, then, out);
        }
    }

    /// The group knows it, or could not be told.
    pub(super) fn left(&mut self, now: Mono, out: &mut Vec<Action>) {
        if let Phase::Leaving { then, .. } = self.phase {
            self.has_left(now, then, out);
        }
    }

    fn has_left(&mut self, now: Mono, then: Then, out: &mut Vec<Action>) {
        match then {
            Then::End => self.end(out),
            Then::Out => {
                self.lose(true, out);
                self.phase = Phase::Out { ask_at: now + self.heartbeat_interval() };
            }
        }
    }

    /// Batches come to their end, or have not for too long, which the listener measures: then others shall have the partitions.
    pub(super) fn progress(&mut self, now: Mono, is_made: bool, out: &mut Vec<Action>) {
        if is_made {
            if matches!(self.phase, Phase::Out { .. }) {
                self.phase = Phase::Unjoined;
            }
            return;
        }
        let is_member = matches!(self.phase, Phase::Stable | Phase::Preparing { .. });
        if is_member && !self.held.is_empty() {
            let detail = format!("no batch has come to its end for {:?}", self.config.params.max_poll);
            out.push(Action::Tell("no_progress", detail));
            self.leave(now, Then::Out, out);
        }
    }
}
