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
            Action::Lost(partitions) => {
                listener.lost(&partitions);
                // A partition may be back before what was given of it is taken from the inbox.
                let late = self.inbox.take(&partitions);
                return (!late.is_empty()).then_some(Event::TooLate(late));
            }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kafka::client::deadline::Deadline;
    use crate::kafka::client::native::NativeTransport;
    use crate::kafka::client::way_out::WayOut;
    use crate::kafka::group::classic::GroupSettings;
    use crate::kafka::group::heard::{Heard, offset};
    use crate::kafka::group::inbox::Next;
    use crate::kafka::{KafkaParams, TopicPartition};

    #[test]
    fn what_was_given_under_a_right_that_is_lost_does_not_wait_for_the_next_one() {
        let params = KafkaParams::from([("bootstrap.servers", "localhost:9"), ("group.id", "g")]);
        let transport = NativeTransport::new(params.client_settings("").unwrap());
        let settings = GroupSettings::of(&params).unwrap();
        let asker = Asker::new(&settings, transport.for_member(), WayOut::default());
        let (heard, member) = (Arc::new(Heard::default()), Member::new(|| {}));
        let driver = Driver::new(asker, Arc::clone(&heard) as Arc<dyn RebalanceListener>, &member).unwrap();
        let lines =
            |numbers: &[i32]| numbers.iter().map(|number| TopicPartition::new("lines", *number)).collect();
        assert!(driver.perform(Action::Assigned(lines(&[0, 1, 2]))).is_none());
        member.commit(vec![offset(0, 5), offset(2, 6)]);
        let late = driver.perform(Action::Lost(lines(&[0, 1])));
        assert!(matches!(late, Some(Event::TooLate(late)) if late == [offset(0, 5)]));
        assert!(matches!(member.inbox().next(None), Next::Commit(others) if others == [offset(2, 6)]));
        assert!(driver.perform(Action::Lost(lines(&[2]))).is_none());
        drop(driver);
        member.leave(Deadline::after(Duration::ZERO));
    }
}
