//! Performs what the machine of a membership says, on the thread `kafka-group`. The listener is called here; what has to be
//! waited for is given to workers.

use std::io;
use std::sync::Arc;

use super::ask::Asker;
use super::machine::{Action, Event};
use crate::kafka::group::inbox::Inbox;
use crate::kafka::group::member::Member;
use crate::kafka::group::threads::Worker;
use crate::kafka::group::{Later, Offsets, RebalanceListener};

/// The machine's hands.
pub(super) struct Driver {
    asker: Arc<Asker>,
    listener: Arc<dyn RebalanceListener>,
    inbox: Arc<Inbox<Event>>,
    membership: Worker<Event>,
    commits: Worker<Event>,
    topics: Worker<Event>,
}

impl Driver {
    /// Starts the workers.
    pub(super) fn new(
        asker: Asker,
        listener: Arc<dyn RebalanceListener>,
        member: &Member<Event>,
    ) -> io::Result<Self> {
        let worker = |name| Worker::start(member.threads(), name, member.inbox());
        Ok(Self {
            asker: Arc::new(asker),
            listener,
            membership: worker("kafka-group-member")?,
            commits: worker("kafka-group-commit")?,
            topics: worker("kafka-group-topics")?,
            inbox: Arc::clone(member.inbox()),
        })
    }

    /// Performs an action: what the listener answers to it.
    pub(super) fn perform(&self, action: Action) -> Option<Event> {
        let listener = &self.listener;
        match action {
            Action::LookUp(wanted) => self.ask(&self.topics, move |asker| asker.look_up(wanted)),
            Action::FindCoordinator => self.ask(&self.membership, Asker::find_coordinator),
            Action::Join { member, protocols } => {
                self.ask(&self.membership, move |asker| asker.join(member, &protocols));
            }
            Action::Sync { member, generation, shares } => {
                self.ask(&self.membership, move |asker| asker.sync(member, generation, &shares));
            }
            Action::Heartbeat { member, generation } => {
                self.ask(&self.membership, move |asker| asker.heartbeat(member, generation));
            }
            Action::Commit { member, generation, offsets } => {
                self.ask(&self.commits, move |asker| asker.commit(member, generation, &offsets));
            }
            Action::Leave { member } => self.ask(&self.commits, move |asker| asker.leave(member)),
            Action::AskDone { pause } => return Some(self.done(listener.done(pause))),
            Action::Yield => return Some(self.now_or_later(listener.may_go(self.later()))),
            Action::Revoke(partitions) => {
                return Some(self.now_or_later(listener.revoked(&partitions, self.later())));
            }
            Action::AskProgress => return Some(Event::Progress(listener.makes_progress())),
            Action::Assigned(partitions) => listener.assigned(&partitions),
            Action::HandedOver(partitions) => listener.handed_over(&partitions),
            Action::Lost(partitions) => listener.lost(&partitions),
            Action::Committed(offsets, result) => listener.committed(&offsets, &result.0),
            Action::Failed(failure) => listener.failed(failure.0),
            Action::Tell(kind, detail) => listener.tell(kind, detail),
            Action::End => {}
        }
        None
    }

    /// What the listener has answered; what it has given before goes along.
    fn done(&self, done: Offsets) -> Event {
        Event::Done(self.inbox.with_waiting(done))
    }

    fn now_or_later(&self, done: Option<Offsets>) -> Event {
        done.map_or(Event::Later, |done| self.done(done))
    }

    fn later(&self) -> Later {
        self.inbox.later(Event::Done)
    }

    fn ask(&self, worker: &Worker<Event>, ask: impl FnOnce(&Asker) -> Event + Send + 'static) {
        let asker = Arc::clone(&self.asker);
        worker.give(Box::new(move || ask(&asker)));
    }
}
