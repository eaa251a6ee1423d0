//! Performs what the machine of a membership says, on the thread `kafka-group`: what is to be done at the ZooKeeper, and the
//! listener's calls.

use std::sync::Arc;

use batchmill::{Clock, SystemClock};

use super::failure::Failure;
use super::group::ZooKeeperGroupSettings;
use super::hands::Hands;
use super::link::Link;
use super::machine::{Action, Event, Stir};
use crate::kafka::group::inbox::Inbox;
use crate::kafka::group::{Offsets, RebalanceListener};
use crate::kafka::{GroupError, TopicPartition};
use crate::zookeeper::{Event as ZooKeeperEvent, Session, ZooKeeperError};

/// Performs what the machine says.
pub(super) struct Driver {
    pub(super) settings: ZooKeeperGroupSettings,
    pub(super) hands: Arc<Hands>,
    pub(super) link: Arc<Link>,
    pub(super) inbox: Arc<Inbox<Event>>,
    pub(super) listener: Arc<dyn RebalanceListener>,
    /// The session before this one.
    pub(super) before: Option<i64>,
}

impl Driver {
    /// Does something: what came of it.
    pub(super) fn perform(&mut self, action: Action) -> Option<Event> {
        let listener = Arc::clone(&self.listener);
        match action {
            Action::Begin { session } => {
                let result = self.begin(session);
                let agreed = self.link.session().map(|session| session.session_timeout());
                return Some(Event::Begun(result, agreed.unwrap_or(self.settings.session)));
            }
            Action::View => {
                let found = self.session().and_then(|session| self.hands.roster(&session));
                return Some(Event::Viewed(found));
            }
            Action::Claim(partitions) => return Some(self.claim(partitions)),
            Action::Release(partitions) => {
                let release = |session: Session| {
                    partitions.iter().try_for_each(|partition| self.hands.release(&session, partition))
                };
                return Some(Event::Released(self.session().and_then(release)));
            }
            Action::Commit(offsets) => {
                let (written, failure) = match self.session() {
                    Ok(session) => self.hands.commit(&session, &offsets),
                    Err(failure) => (Vec::new(), Some(failure)),
                };
                return Some(Event::Committed(offsets, written, failure));
            }
            Action::Close => {
                self.before = self.link.end().or(self.before);
                return Some(Event::Closed);
            }
            Action::AskDone => return Some(self.done(listener.done(false))),
            Action::Revoke(partitions) => {
                let later = self.inbox.later(Event::Done);
                let done = listener.revoked(&partitions, later);
                return Some(done.map_or(Event::Later, |done| self.done(done)));
            }
            Action::AskProgress => return Some(Event::Progress(listener.makes_progress())),
            Action::Assigned(partitions) => listener.assigned(&partitions),
            Action::Lost(partitions) => {
                listener.lost(&partitions);
                // What was given under the old right must not go out under the next one.
                return Some(Event::Commit(self.inbox.with_waiting(Offsets::new())));
            }
            Action::Told { offsets, committed } => {
                let fenced = || self.hands.who.group_error(GroupError::Fenced);
                listener.committed(&offsets, &if committed { Ok(()) } else { Err(fenced()) });
            }
            Action::Failed(failure) => listener.failed(self.hands.who.error(failure)),
            Action::Tell(kind, detail) => listener.tell(kind, detail),
            Action::End => {}
        }
        None
    }

    /// What the listener has answered; what it has given before goes along.
    fn done(&self, done: Offsets) -> Event {
        Event::Done(self.inbox.with_waiting(done))
    }

    fn session(&self) -> Result<Session, Failure> {
        let servers = || Arc::clone(&self.settings.who.servers);
        self.link.session().ok_or_else(|| ZooKeeperError::Closed { servers: servers() }.into())
    }

    fn begin(&mut self, number: u64) -> Result<(), Failure> {
        self.before = self.link.end().or(self.before);
        let inbox = Arc::clone(&self.inbox);
        let watcher = move |event: &ZooKeeperEvent| {
            let what = match event {
                ZooKeeperEvent::Node { .. } => Stir::Changed,
                ZooKeeperEvent::Disconnected { server } => Stir::Disconnected(Arc::clone(server)),
                ZooKeeperEvent::Reconnected { .. } => Stir::Reconnected,
                ZooKeeperEvent::Expired | ZooKeeperEvent::AuthFailed => Stir::Expired,
                _ => return,
            };
            inbox.answer(Event::Stirred { session: number, what });
        };
        let zookeeper = Arc::new(self.settings.begin(watcher)?);
        if !self.link.put(&zookeeper) {
            zookeeper.abandon();
        }
        zookeeper.wait_begun()?;
        let now_ms = SystemClock::new().wall().as_ms();
        self.hands.register(zookeeper.session(), self.before, now_ms)
    }

    fn claim(&self, partitions: Vec<(TopicPartition, u32)>) -> Event {
        let mut owners = Vec::with_capacity(partitions.len());
        let session = match self.session() {
            Ok(session) => session,
            Err(failure) => return Event::Claimed(owners, Some(failure)),
        };
        for (partition, thread) in partitions {
            match self.hands.claim(&session, &partition, thread) {
                Ok(owner) => owners.push((partition, thread, owner)),
                Err(failure) => return Event::Claimed(owners, Some(failure)),
            }
        }
        Event::Claimed(owners, None)
    }
}
