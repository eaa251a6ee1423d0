//! The membership in a group that ZooKeeper coordinates, as a pure machine: events with the time go in, actions come out.
//!
//! It has no thread, no I/O, no clock and no randomness; the [driver](super::driver) has. It asks for one thing at a time. A
//! member goes round like this: begin a session and say that it is there; look at the group; give up what is not its share
//! any more; take what is; and when something has changed, look again.
//!
//! What it keeps to:
//!
//! - Partitions that stay a member's are not given up for a moment, though old consumers do so: their node of an owner stays,
//!   and nobody else computes a share that they are in.
//! - Of a partition that is given up, what is done is committed before its node goes.
//! - What it cannot take yet, since another member is still its owner, it takes when that one's node goes, which is watched.
//! - With the session all its partitions are gone, and nothing more can be committed for them.
//! - A ZooKeeper that is out of reach takes nothing away: as long as it may have the session, the member reads on.

mod claiming;
mod committing;
mod event;
mod leaving;
#[cfg(any(test, feature = "fake"))]
pub(super) mod rehearsal;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

pub(super) use self::event::{Action, Event, Stir};
use super::failure::{Failure, Remedy};
use super::share::Share;
use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::client::transport::Committed;
use crate::kafka::group::member::StateMachine;
use crate::kafka::{GroupError, TopicPartition};

/// What a membership is told at its start.
#[derive(Clone, Debug)]
pub(super) struct MachineConfig {
    pub(super) member: Arc<str>,
    /// The session that is asked for.
    pub(super) session: Duration,
    /// How often it is asked whether batches come to their end.
    pub(super) progress_every: Duration,
    pub(super) backoff: BackoffRange,
    pub(super) seed: u64,
}

/// Where the member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has no session, and begins one as soon as it can.
    Outside,
    /// It is a member.
    Inside,
    /// It gives all up, for no batch comes to its end.
    Retiring,
    /// It has left because of that, and asks now and then.
    Out,
    /// It commits what is done, and goes.
    Leaving,
    Ended,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Machine {
    config: MachineConfig,
    phase: Phase,
    /// The number of the session.
    session: u64,
    /// Something was asked for that has no answer yet.
    asked: bool,
    /// Nothing is asked before.
    rest_until: Option<Mono>,
    backoff: Backoff,
    /// The last attempts have failed, and the listener knows it.
    is_failing: bool,
    /// Since when another member has this one's name.
    twice_since: Option<Mono>,
    /// The group is to be looked at.
    due: bool,
    /// What it should have.
    wanted: Share,
    /// What it has, with the threads that its nodes name.
    held: Share,
    /// What others have that it should have.
    missing: BTreeSet<TopicPartition>,
    /// When that is claimed again.
    claim_again: Option<Mono>,
    /// Since when something is missing, unless the listener was told.
    missing_since: Option<Mono>,
    /// What the listener has given up, and whose nodes are still there.
    giving: BTreeSet<TopicPartition>,
    /// How many times the listener is yet to say what is done of such.
    awaited: u32,
    /// What is to be committed.
    waiting: BTreeMap<TopicPartition, Committed>,
    ask_progress_at: Mono,
}

impl StateMachine for Machine {
    type Event = Event;
    type Action = Action;

    const START: Event = Event::Start;

    fn handle(&mut self, now: Mono, event: Event, out: &mut Vec<Action>) {
        if self.is_ended() {
            return;
        }
        match event {
            Event::Start => self.ask_progress_at = now + self.config.progress_every,
            Event::Wake => {}
            // Others may have come as well: they are looked at together, at the next wake.
            Event::Stirred { session, what } => {
                return if session == self.session {
                    self.stirred(what, out)
                };
            }
            Event::Begun(result, session) => self.begun(result, session, now, out),
            Event::Viewed(result) => self.viewed(result, now, out),
            Event::Claimed(owners, failure) => self.claimed(owners, failure, now, out),
            Event::Released(result) => self.released(result, now, out),
            Event::Committed(offsets, written, failure) => {
                self.committed(offsets, &written, failure, now, out);
            }
            Event::Closed => self.closed(now, out),
            Event::Done(offsets) => {
                match self.asked {
                    true => self.asked = false,
                    false => self.awaited = self.awaited.saturating_sub(1),
                }
                self.take(offsets, out);
            }
            Event::Later => {
                self.asked = false;
                self.awaited += 1;
            }
            Event::Progress(is_made) => self.progress(is_made, now, out),
            Event::Commit(offsets) => self.take(offsets, out),
            Event::Leave => self.leave(out),
            Event::Abandon => self.end(out),
        }
        self.go(now, out);
    }

    fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    fn next_deadline(&self, now: Mono) -> Option<Mono> {
        if self.asked || self.is_ended() {
            return None;
        }
        if self.rests(now) {
            return self.rest_until;
        }
        let at_once = match self.phase {
            Phase::Inside => {
                self.due || self.may_release() || !self.waiting.is_empty() || self.next_claims().is_some()
            }
            // The listener's word comes as an event.
            Phase::Retiring if self.awaited > 0 && self.waiting.is_empty() => return None,
            Phase::Out => false,
            _ => true,
        };
        if at_once { Some(now) } else { self.claim_again.into_iter().chain([self.ask_progress_at]).min() }
    }
}

impl Machine {
    pub(super) fn new(config: MachineConfig) -> Self {
        Self {
            phase: Phase::Outside,
            session: 0,
            asked: false,
            rest_until: None,
            backoff: Backoff::seeded(config.backoff, config.seed),
            is_failing: false,
            twice_since: None,
            due: false,
            wanted: Share::new(),
            held: Share::new(),
            missing: BTreeSet::new(),
            claim_again: None,
            missing_since: None,
            giving: BTreeSet::new(),
            awaited: 0,
            waiting: BTreeMap::new(),
            ask_progress_at: Mono::default(),
            config,
        }
    }

    /// Asks for what comes next.
    fn go(&mut self, now: Mono, out: &mut Vec<Action>) {
        if self.asked || self.is_ended() || self.rests(now) {
            return;
        }
        let next = match self.phase {
            Phase::Outside => {
                self.session += 1;
                Action::Begin { session: self.session }
            }
            Phase::Out => match self.progress_is_due(now) {
                true => Action::AskProgress,
                false => return,
            },
            Phase::Inside | Phase::Retiring | Phase::Leaving => match self.next_inside(now) {
                Some(action) => action,
                None => return,
            },
            Phase::Ended => return,
        };
        self.ask(next, out);
    }

    /// What a member does next.
    fn next_inside(&mut self, now: Mono) -> Option<Action> {
        if self.claim_again.is_some_and(|at| at <= now) {
            (self.claim_again, self.due) = (None, true);
        }
        let giving = self.take_waiting(|machine, partition| machine.giving.contains(partition));
        if !giving.is_empty() {
            return Some(Action::Commit(giving));
        }
        // The end of the session gives up the rest.
        if self.may_release() && self.phase != Phase::Leaving {
            return Some(Action::Release(self.giving.iter().cloned().collect()));
        }
        if self.phase == Phase::Inside && std::mem::take(&mut self.due) {
            return Some(Action::View);
        }
        if let Some(claims) = self.next_claims().filter(|_| self.phase == Phase::Inside) {
            return Some(Action::Claim(claims));
        }
        let waiting = self.take_waiting(|_, _| true);
        if !waiting.is_empty() {
            return Some(Action::Commit(waiting));
        }
        match self.phase {
            Phase::Inside => self.progress_is_due(now).then_some(Action::AskProgress),
            Phase::Retiring if self.awaited > 0 => None,
            _ => Some(Action::Close),
        }
    }

    fn ask(&mut self, action: Action, out: &mut Vec<Action>) {
        self.asked = true;
        out.push(action);
    }

    fn rests(&self, now: Mono) -> bool {
        self.rest_until.is_some_and(|until| until > now)
    }

    fn progress_is_due(&mut self, now: Mono) -> bool {
        let is_due = self.ask_progress_at <= now;
        if is_due {
            self.ask_progress_at = now + self.config.progress_every;
        }
        is_due
    }

    fn stirred(&mut self, what: Stir, out: &mut Vec<Action>) {
        match what {
            Stir::Changed => self.due = true,
            // Also where nothing is asked at present: what is done cannot be committed meanwhile.
            Stir::Disconnected(server) => {
                self.tell_trouble(format!("the connection to ZooKeeper server {server} was lost"), out);
            }
            Stir::Reconnected => self.went_well(out),
            Stir::Expired => self.session_is_over(out),
        }
    }

    fn begun(&mut self, result: Result<(), Failure>, session: Duration, now: Mono, out: &mut Vec<Action>) {
        self.asked = false;
        // Servers may make it longer.
        self.config.session = self.config.session.max(session);
        if !matches!(result, Err(Failure::Group(GroupError::MemberTwice))) {
            self.twice_since = None;
        }
        match result {
            Ok(()) if self.phase == Phase::Outside => {
                self.went_well(out);
                (self.phase, self.due) = (Phase::Inside, true);
            }
            Ok(()) => {}
            Err(Failure::Group(GroupError::MemberTwice)) => {
                // A member that crashed keeps its name as long as its session lives.
                let since = *self.twice_since.get_or_insert(now);
                if now - since > self.config.session * 2 {
                    self.give_up(Failure::Group(GroupError::MemberTwice), out);
                } else {
                    self.failed(Failure::Group(GroupError::MemberTwice), now, out);
                }
            }
            Err(failure) if failure.remedy() == Remedy::Renew => self.rest(&failure, now, out),
            Err(failure) => self.failed(failure, now, out),
        }
    }
}
