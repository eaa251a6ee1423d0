//! Runs the machine of a membership on the thread `kafka-group`: gives it what waits in the inbox, with the time, and
//! performs what it answers with. The listener is called here; what has to be waited for is given to workers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::ask::Asker;
use super::inbox::Inbox;
use super::machine::{Action, Event, Machine};
use super::threads::{Threads, Worker};
use crate::kafka::client::deadline::now;
use crate::kafka::group::RebalanceListener;

/// The machine and its hands.
pub(super) struct Driver {
    machine: Machine,
    asker: Arc<Asker>,
    listener: Arc<dyn RebalanceListener>,
    inbox: Arc<Inbox>,
    member: Worker,
    commits: Worker,
    topics: Worker,
}

impl Driver {
    /// Starts the workers.
    pub(super) fn new(
        machine: Machine,
        asker: Asker,
        listener: Arc<dyn RebalanceListener>,
        inbox: &Arc<Inbox>,
        threads: &Threads,
    ) -> io::Result<Self> {
        Ok(Self {
            machine,
            asker: Arc::new(asker),
            listener,
            member: Worker::start(threads, "kafka-group-member", inbox)?,
            commits: Worker::start(threads, "kafka-group-commit", inbox)?,
            topics: Worker::start(threads, "kafka-group-topics", inbox)?,
            inbox: Arc::clone(inbox),
        })
    }

    /// The thread's way: until the machine has ended.
    pub(super) fn run(mut self) {
        let mut event = Event::Start;
        loop {
            self.handle(event);
            if self.machine.is_ended() {
                break;
            }
            event = self.inbox.next(self.machine.next_deadline());
        }
        self.inbox.end();
    }

    /// Lets an event happen, and what the listener answers to what comes of it.
    fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            self.machine.handle(now(), event, &mut actions);
            for action in actions.drain(..) {
                events.extend(self.perform(action));
            }
        }
    }

    /// Performs an action: what the listener answers to it.
    fn perform(&self, action: Action) -> Option<Event> {
        let listener = &self.listener;
        match action {
            Action::LookUp(wanted) => self.ask(&self.topics, move |asker| asker.look_up(wanted)),
            Action::FindCoordinator => self.ask(&self.member, Asker::find_coordinator),
            Action::Join { member, protocols } => {
                self.ask(&self.member, move |asker| asker.join(member, &protocols));
            }
            Action::Sync { member, generation, shares } => {
                self.ask(&self.member, move |asker| asker.sync(member, generation, &shares));
            }
            Action::Heartbeat { member, generation } => {
                self.ask(&self.member, move |asker| asker.heartbeat(member, generation));
            }
            Action::Commit { member, generation, offsets } => {
                self.ask(&self.commits, move |asker| asker.commit(member, generation, &offsets));
            }
            Action::Leave { member } => self.ask(&self.commits, move |asker| asker.leave(member)),
            Action::AskDone { pause } => return Some(Event::Done(listener.done(pause))),
            Action::Revoke(partitions) => return Some(Event::Done(listener.revoked(&partitions))),
            Action::AskProgress => return Some(Event::Progress(listener.makes_progress())),
            Action::Assigned(partitions) => listener.assigned(&partitions),
            Action::Lost(partitions) => listener.lost(&partitions),
            Action::Committed(offsets, result) => listener.committed(&offsets, &result.0),
            Action::Failed(failure) => listener.failed(failure.0),
            Action::Tell(kind, detail) => listener.tell(kind, detail),
            Action::End => {}
        }
        None
    }

    fn ask(&self, worker: &Worker, ask: impl FnOnce(&Asker) -> Event + Send + 'static) {
        let asker = Arc::clone(&self.asker);
        worker.give(Box::new(move || ask(&asker)));
    }
}
