//! The membership in a group that a broker coordinates, as a pure machine: events with the time go in, actions come out.
//!
//! It has no thread, no I/O, no clock and no randomness; the driver has. A member goes round like this:
//! find the coordinator, join, share out if it leads, ask for its share, give signs of life; and when the group shares out
//! anew, commit what is done and join again.
//!
//! What it keeps to:
//!
//! - Partitions that a member keeps from one generation to the next stay its own all the time; the listener hears nothing.
//! - Where the members share out eagerly, partitions that are gone after a join are lost, for others have them by then; what
//!   was done of them was committed before the join. Where they do so cooperatively, such a partition is nobody's until this
//!   member has given it up: it commits what is done, and joins once more.
//! - Between JoinGroup and SyncGroup nothing can be committed. What comes then waits.
//! - A member that waits in JoinGroup or SyncGroup is alive to its broker (all brokers from 0.9 on), so that heartbeats are
//!   sent only between those.
//! - What one event asks the listener is answered by the driver before the next event, but that of partitions that are to be
//!   given up: the listener may wait for what still runs.

mod commits;
mod committing;
mod event;
mod joining;
mod leaving;
#[cfg(any(test, feature = "fake"))]
mod rehearsal;
#[cfg(test)]
mod tests;
mod topics;
mod trouble;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use self::commits::Commits;
pub(super) use self::event::{Action, CommitAnswer, Event, Joined, JoinedMember, Seen, Trouble, Wanted};
#[cfg(feature = "fake")]
#[doc(hidden)]
pub use self::rehearsal::rehearse_membership;
use self::topics::Topics;
use self::verdict::Verdict;
use crate::kafka::TopicPartition;
use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::group::assignor::{Assignor, Counts, GroupMember};
use crate::kafka::group::member::StateMachine;
use crate::kafka::group::{GroupParams, Subscription};

/// What a membership is told at its start.
#[derive(Clone, Debug)]
pub(in crate::kafka::group::classic) struct MachineConfig {
    pub(in crate::kafka::group::classic) group: Arc<str>,
    /// What errors call the member as long as it has no id.
    pub(in crate::kafka::group::classic) client_id: Arc<str>,
    pub(in crate::kafka::group::classic) params: GroupParams,
    pub(in crate::kafka::group::classic) subscription: Subscription,
    /// How often topics are looked at.
    pub(in crate::kafka::group::classic) refresh: Duration,
    /// How long what is done may take to be committed before a join, or the leaving.
    pub(in crate::kafka::group::classic) patience: Duration,
    pub(in crate::kafka::group::classic) backoff: BackoffRange,
    pub(in crate::kafka::group::classic) seed: u64,
}

/// The machine.
#[derive(Debug)]
pub(in crate::kafka::group::classic) struct Machine {
    config: MachineConfig,
    phase: Phase,
    me: Me,
    /// The request under way among those that take turns.
    asking: Option<Asking>,
    /// Whether the coordinator is known.
    coordinator: bool,
    /// Nothing is asked before.
    rest_until: Option<Mono>,
    backoff: Backoff,
    /// The last attempts have failed, and the listener knows it.
    is_failing: bool,
    topics: Topics,
    commits: Commits,
    /// What the listener has.
    held: BTreeSet<TopicPartition>,
    /// The generation that it got that in, or -1.
    held_generation: i32,
    /// What it has given up, while what is done of that is committed.
    giving: BTreeSet<TopicPartition>,
    /// How many answers to [`Action::AskDone`], [`Action::Yield`] and [`Action::Revoke`] are to come before any other event.
    asked_done: u32,
    /// How many come later.
    awaited: u32,
    /// What it joined for.
    joined_topics: BTreeSet<Arc<str>>,
    /// What it shared out last, as the leader.
    shared: Counts,
}

/// Where the member is.
#[derive(Debug)]
enum Phase {
    Created,
    /// It joins as soon as it can. It may have partitions: of a generation that it may still belong to.
    Unjoined,
    /// A member that joins again once what is done is committed, or this has passed.
    Preparing {
        until: Mono,
    },
    /// JoinGroup is under way.
    Joining,
    /// It leads, and waits until all topics of these members were looked up.
    Sharing(Vec<GroupMember>),
    /// SyncGroup is under way.
    Syncing,
    /// It has its share.
    Stable,
    /// It goes once what is done is committed, or this has passed.
    Leaving {
        until: Mono,
        then: Then,
        /// LeaveGroup is under way.
        asked: bool,
    },
    /// It has left because no batch came to its end.
    Out {
        ask_at: Mono,
    },
    Ended,
}

/// What follows after leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    End,
    Out,
}

/// Who the member is to its group.
#[derive(Debug)]
struct Me {
    /// Its coordinator, as far as it has answered.
    server: Arc<str>,
    /// As the coordinator named it; empty at first.
    id: String,
    /// -1 for none.
    generation: i32,
    session: Duration,
    /// When the coordinator last had a sign of life.
    alive: Mono,
    /// When the next one is due.
    next_heartbeat: Mono,
    /// The way to share out that was voted for.
    assignor: Option<Assignor>,
    leads: bool,
    /// Its name outlives it: the coordinator was told.
    keeps_name: bool,
}

/// A request that takes its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Coordinator,
    Join,
    Sync,
    Heartbeat { sent: Mono },
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
            Event::Start => {
                self.phase = Phase::Unjoined;
                self.topics.look_now(now);
            }
            Event::Wake => {}
            Event::LookedUp(Ok(found)) => self.topics.found(found, now),
            Event::LookedUp(Err(error)) => {
                self.topics.failed(now);
                self.tell_trouble(&error.to_string(), out);
            }
            Event::Found(found) => self.found(now, found, out),
            Event::Joined(joined) => self.joined(now, joined, out),
            Event::Synced(synced) => self.synced(now, synced, out),
            Event::Heartbeat(answer) => self.heartbeat_answered(now, answer, out),
            Event::Committed(answer) => self.committed(now, answer, out),
            Event::Left => self.left(now, out),
            Event::Done(offsets) => {
                let asked = if self.asked_done > 0 { &mut self.asked_done } else { &mut self.awaited };
                *asked = asked.saturating_sub(1);
                self.commit(offsets, out);
                // What the batches that were waited for have done may have come before.
                self.commits.await_all();
            }
            Event::Later => {
                self.asked_done = self.asked_done.saturating_sub(1);
                self.awaited += 1;
            }
            Event::Progress(is_made) => self.progress(now, is_made, out),
            Event::Commit(offsets) => self.commit(offsets, out),
            Event::TooLate(offsets) => self.tell_fenced(offsets, out),
            Event::Leave => self.leave(now, Then::End, out),
            Event::Abandon => self.end(out),
        }
        self.advance(now, out);
    }

    fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    fn next_deadline(&self, _now: Mono) -> Option<Mono> {
        let is_free = self.asking.is_none();
        let may_ask = is_free && self.coordinator && self.rest_until.is_none();
        let phase = match self.phase {
            Phase::Created | Phase::Ended => return None,
            Phase::Preparing { until } => Some(until).filter(|_| may_ask),
            Phase::Leaving { until, asked: false, .. } => Some(until),
            Phase::Out { ask_at } => Some(ask_at),
            _ => None,
        };
        let rest = self.rest_until.filter(|_| is_free);
        let heartbeat = (may_ask && self.beats()).then_some(self.me.next_heartbeat);
        let session = self.session_ends();
        let commit = self.commits.due().filter(|_| self.may_commit());
        [phase, rest, heartbeat, session, commit, self.topics.due()].into_iter().flatten().min()
    }
}

impl Machine {
    pub(in crate::kafka::group::classic) fn new(config: MachineConfig) -> Self {
        let backoff = |turn: u64| Backoff::seeded(config.backoff, config.seed.wrapping_add(2 * turn));
        let topics = Topics::new(config.subscription.clone(), config.refresh, backoff(1));
        let me = Me {
            server: "".into(),
            id: String::new(),
            generation: -1,
            session: config.params.session(1),
            alive: Mono::default(),
            next_heartbeat: Mono::default(),
            assignor: None,
            leads: false,
            keeps_name: false,
        };
        Self {
            phase: Phase::Created,
            me,
            asking: None,
            coordinator: false,
            rest_until: None,
            backoff: backoff(2),
            is_failing: false,
            topics,
            commits: Commits::new(backoff(3)),
            held: BTreeSet::new(),
            held_generation: -1,
            giving: BTreeSet::new(),
            asked_done: 0,
            awaited: 0,
            joined_topics: BTreeSet::new(),
            shared: Counts::new(),
            config,
        }
    }

    /// Does all that time and the state allow now.
    fn advance(&mut self, now: Mono, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Created | Phase::Ended) {
            return;
        }
        if self.session_ends().is_some_and(|ends| ends <= now) {
            out.push(Action::Tell("session_lost", format!("no answer for {:?}", self.me.session)));
            self.coordinator = false;
            self.lose(false, out);
        }
        self.rest_until = self.rest_until.filter(|until| *until > now);
        if let Some(wanted) = self.topics.look(now) {
            out.push(Action::LookUp(wanted));
        }
        self.notice_changes(now, out);
        self.send_commits(now, out);
        match self.phase {
            Phase::Leaving { until, then, asked: false } => self.go_on_leaving(now, until, then, out),
            Phase::Out { ask_at } if ask_at <= now => {
                self.phase = Phase::Out { ask_at: now + self.heartbeat_interval() };
                out.push(Action::AskProgress);
            }
            _ => {}
        }
        if self.asking.is_none() && self.rest_until.is_none() {
            self.ask_next(now, out);
            // With JoinGroup under way, what waited may go again.
            self.send_commits(now, out);
        }
    }

    /// Asks what the phase needs next.
    fn ask_next(&mut self, now: Mono, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Created | Phase::Out { .. } | Phase::Ended) {
            return;
        }
        if !self.coordinator {
            self.asking = Some(Asking::Coordinator);
            out.push(Action::FindCoordinator);
            return;
        }
        match self.phase {
            Phase::Unjoined => self.join(out),
            Phase::Preparing { until } if !self.is_committing() || until <= now => self.join(out),
            Phase::Sharing(_) => self.share_out(out),
            _ => {}
        }
        if self.asking.is_none() && self.beats() && self.me.next_heartbeat <= now {
            self.me.next_heartbeat = now + self.heartbeat_interval();
            self.asking = Some(Asking::Heartbeat { sent: now });
            let (member, generation) = (self.me.id.clone(), self.me.generation);
            out.push(Action::Heartbeat { member, generation });
            if matches!(self.phase, Phase::Stable | Phase::Preparing { .. }) {
                out.push(Action::AskProgress);
            }
        }
    }

    /// Whether a join has to wait for what was done when it became due, and for what was done when the listener had nothing more
    /// to wait for. What batches do meanwhile is committed beside it: they may end one after the other all the time.
    fn is_committing(&self) -> bool {
        self.asked_done > 0 || self.awaited > 0 || self.commits.has_awaited()
    }

    fn heartbeat_answered(&mut self, now: Mono, answer: Result<(), Trouble>, out: &mut Vec<Action>) {
        let Some(Asking::Heartbeat { sent }) = self.asking.take() else { return };
        if !self.beats() {
            return;
        }
        match answer {
            Ok(()) => self.is_well(sent),
            Err(trouble) if matches!(Verdict::of(&trouble), Verdict::Rebalance) => {
                self.is_well(sent);
                if matches!(self.phase, Phase::Stable) {
                    self.prepare(now, out);
                }
            }
            Err(trouble) => self.troubled(now, trouble, "heartbeats are not answered", out),
        }
    }

    /// The coordinator has answered as it should, with a sign of life that was given then.
    fn is_well(&mut self, alive: Mono) {
        self.me.alive = self.me.alive.max(alive);
        self.backoff.reset();
        self.is_failing = false;
    }

    /// Whether signs of life are due now and then.
    fn beats(&self) -> bool {
        matches!(self.phase, Phase::Preparing { .. } | Phase::Sharing(_) | Phase::Stable)
    }

    fn heartbeat_interval(&self) -> Duration {
        self.config.params.heartbeat(self.me.session)
    }

    /// When the session is over if nothing is heard of the coordinator until then. A request that others are waited for
    /// with is a sign of life.
    fn session_ends(&self) -> Option<Mono> {
        let is_waited_for = matches!(self.asking, Some(Asking::Join | Asking::Sync));
        let counts = self.me.generation >= 0 && !is_waited_for;
        (counts && (self.beats() || matches!(self.phase, Phase::Unjoined)))
            .then(|| self.me.alive + self.me.session)
    }

    /// Checks what must hold after every event.
    #[cfg(any(test, feature = "fake"))]
    fn assert_invariants(&self, now: Mono, unanswered: usize) {
        assert!(self.held.is_disjoint(&self.giving), "what is given up is not held");
        assert!(self.held.is_empty() || self.me.generation >= 0, "nobody has partitions but a member");
        let is_ours = |name: &&TopicPartition| self.held.contains(*name) || self.giving.contains(*name);
        assert!(
            self.is_ended() || self.commits.waiting().all(|name| is_ours(&name)),
            "nothing foreign waits"
        );
        assert!(
            self.is_ended() || (self.asked_done, self.awaited as usize) == (0, unanswered),
            "the listener has answered all but {unanswered}: {self:?}"
        );
        if matches!(self.phase, Phase::Joining) {
            assert_eq!(self.asking, Some(Asking::Join));
        }
        if matches!(self.phase, Phase::Syncing) {
            assert_eq!(self.asking, Some(Asking::Sync));
        }
        assert!(self.next_deadline(now).is_none_or(|next| next > now), "what is due is done: {self:?}");
    }
}
