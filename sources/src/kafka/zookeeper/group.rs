//! [`ZooKeeperGroup`]: membership in a group that ZooKeeper coordinates.
//!
//! The thread `kafka-group` runs the [machine](super::machine) and does what it says, the listener's calls too: see
//! [`Driver`]. The session has a thread of its own, which keeps it alive and tells of changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::driver::Driver;
use super::failure::Who;
use super::hands::Hands;
use super::link::Link;
use super::machine::{Event, Machine, MachineConfig};
use crate::kafka::client::backoff::{BackoffRange, random_seed};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::member::Member;
use crate::kafka::group::{Membership, Offsets, RebalanceListener};
use crate::kafka::security::Secret;
use crate::kafka::{KafkaError, TopicPartition};
use crate::zookeeper::{Acl, Event as ZooKeeperEvent, ZooKeeper, ZooKeeperError};

/// What a member is told at its start, beside its topics.
#[derive(Clone, Debug)]
pub(crate) struct ZooKeeperGroupSettings {
    /// Its connect string, its group and its id.
    pub(crate) who: Who,
    /// How long its session lives without a connection.
    pub(crate) session: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) backoff: BackoffRange,
    /// Who it says it is, if anybody: user and password.
    pub(crate) auth: Option<(String, Secret)>,
    /// How long no batch may come to its end.
    pub(crate) max_poll: Duration,
}

impl ZooKeeperGroupSettings {
    /// Begins a session; does not wait for it.
    pub(crate) fn begin(
        &self,
        watcher: impl Fn(&ZooKeeperEvent) + Send + Sync + 'static,
    ) -> Result<ZooKeeper, ZooKeeperError> {
        let mut builder = ZooKeeper::builder()
            .session_timeout(self.session)
            .connect_timeout(self.connect_timeout)
            .request_timeout(self.request_timeout)
            .watcher(watcher);
        if let Some((user, password)) = &self.auth {
            builder = builder.digest_auth(user, &String::from_utf8_lossy(password.expose()));
        }
        builder.begin(&self.who.servers)
    }

    /// Who may do what with the group's nodes: whoever knows the password, if there is one.
    fn acl(&self) -> Acl {
        if self.auth.is_some() { Acl::CreatorAllOthersRead } else { Acl::Open }
    }
}

/// A member of a group.
pub(crate) struct ZooKeeperGroup {
    hands: Arc<Hands>,
    link: Arc<Link>,
    member: Member<Event>,
}

impl ZooKeeperGroup {
    /// Begins to join a group and returns at once; the listener is told what comes of it. Each topic is read with so many
    /// threads.
    ///
    /// # Errors
    /// [`KafkaError::Thread`] where the system gives no thread.
    pub(crate) fn join(
        settings: ZooKeeperGroupSettings,
        topics: BTreeMap<Arc<str>, u32>,
        listener: Arc<dyn RebalanceListener>,
    ) -> Result<Self, KafkaError> {
        let machine = Machine::new(MachineConfig {
            member: Arc::clone(&settings.who.member),
            session: settings.session,
            progress_every: (settings.max_poll / 10).clamp(Duration::from_millis(1), Duration::from_secs(5)),
            backoff: settings.backoff,
            seed: random_seed(),
        });
        let hands = Arc::new(Hands::new(settings.who.clone(), topics, settings.acl()));
        let link = Arc::new(Link::default());
        let cut = Arc::clone(&link);
        let member = Member::new(move || cut.abandon());
        let mut driver = Driver {
            settings,
            hands: Arc::clone(&hands),
            link: Arc::clone(&link),
            inbox: Arc::clone(member.inbox()),
            listener,
            before: None,
        };
        member.start(machine, move |action| driver.perform(action))?;
        Ok(Self { hands, link, member })
    }

    /// Whether its thread has taken all offsets that were given.
    #[cfg(test)]
    pub(super) fn has_taken_all(&self) -> bool {
        !self.member.inbox().has_offsets()
    }
}

impl Membership for ZooKeeperGroup {
    fn committed(
        &self,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        let who = &self.hands.who;
        let expired = || ZooKeeperError::SessionExpired { servers: Arc::clone(&who.servers) };
        let session = self.link.session().ok_or_else(|| who.error(expired().into()))?;
        let read = |partition: &TopicPartition| {
            let found = self.hands.offsets.read(&session.within(deadline.left()), partition);
            Ok((partition.clone(), found.map_err(|failure| who.error(failure))?))
        };
        of.iter().map(read).collect()
    }

    fn commit(&self, offsets: Offsets) {
        self.member.commit(offsets);
    }

    fn leave(&self, deadline: Deadline) {
        self.member.leave(deadline);
    }
}

impl fmt::Debug for ZooKeeperGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeperGroup").field("who", &self.hands.who).finish_non_exhaustive()
    }
}
