//! [`ClassicGroup`]: membership in a group that a broker coordinates, by the protocol of 0.9 and later: join, share out, ask
//! for the share, give signs of life.
//!
//! Four threads carry it. `kafka-group` runs the [machine] that decides, and calls the listener. The others ask
//! and wait, each on a connection of its own, since a broker answers a connection in order: `kafka-group-member` joins and
//! gives signs of life, `kafka-group-commit` commits, `kafka-group-topics` looks up topics. So neither a slow commit nor a
//! cluster that does not answer about its topics holds up a heartbeat, and commits go on while JoinGroup waits for other
//! members. Heartbeats and JoinGroup take turns, for a broker counts a member that it has wait in JoinGroup or SyncGroup as
//! alive.

mod ask;
mod driver;
mod machine;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::ask::Asker;
use self::driver::Driver;
#[cfg(feature = "fake")]
#[doc(hidden)]
pub use self::machine::rehearse_membership;
use self::machine::{Event, Machine, MachineConfig};
use super::member::Member;
use super::membership::Offsets;
use super::{GroupParams, Membership, RebalanceListener, Subscription};
use crate::kafka::client::backoff::random_seed;
use crate::kafka::client::control::Control;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;
use crate::kafka::client::way_out::WayOut;
use crate::kafka::{KafkaError, KafkaParams, TopicPartition};

/// What a member is told at its start, beside its topics.
#[derive(Clone, Debug)]
pub(crate) struct GroupSettings {
    /// The group.
    pub(crate) group: Arc<str>,
    /// How the member takes part.
    pub(crate) params: GroupParams,
    /// How often its topics are looked at.
    pub(crate) refresh: Duration,
}

impl GroupSettings {
    /// Those of the parameters.
    ///
    /// # Errors
    /// [`KafkaError::NoGroup`] when they name no group.
    pub(crate) fn of(params: &KafkaParams) -> Result<Self, KafkaError> {
        let group = params.group_id.as_deref().filter(|group| !group.is_empty());
        Ok(Self {
            group: group.ok_or(KafkaError::NoGroup)?.into(),
            params: params.group.clone(),
            refresh: params.refresh,
        })
    }

    /// Those of one of several members of a program: each has a static name of its own.
    pub(crate) fn of_several(mut self, number: usize, members: usize) -> Self {
        if members > 1 {
            self.params.instance_id = self.params.instance_id.map(|id| format!("{id}-{number}"));
        }
        self
    }
}

/// A member of a group.
pub(crate) struct ClassicGroup {
    settings: GroupSettings,
    control: Arc<Control>,
    member: Member<Event>,
}

impl ClassicGroup {
    /// Begins to join a group and returns at once; the listener is told what comes of it.
    ///
    /// # Errors
    /// [`KafkaError::Thread`] where the system gives no thread.
    pub(crate) fn join(
        settings: GroupSettings,
        subscription: Subscription,
        control: Arc<Control>,
        listener: Arc<dyn RebalanceListener>,
    ) -> Result<Self, KafkaError> {
        let client = control.cluster.settings();
        let machine = Machine::new(MachineConfig {
            group: Arc::clone(&settings.group),
            client_id: client.client_id.as_str().into(),
            params: settings.params.clone(),
            subscription,
            refresh: settings.refresh,
            patience: client.request_timeout,
            backoff: client.backoff,
            seed: random_seed(),
        });
        let way_out = WayOut::default();
        let asker = Asker::new(&settings, Arc::clone(&control), way_out.clone());
        let member = Member::new(move || way_out.close());
        let driver = Driver::new(asker, listener, &member).map_err(KafkaError::no_thread)?;
        member.start(machine, move |action| driver.perform(action))?;
        Ok(Self { settings, control, member })
    }
}

impl Membership for ClassicGroup {
    fn committed(
        &self,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        self.control.committed(&self.settings.group, of, deadline)
    }

    fn commit(&self, offsets: Offsets) {
        self.member.commit(offsets);
    }

    fn leave(&self, deadline: Deadline) {
        self.member.leave(deadline);
    }
}

impl fmt::Debug for ClassicGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassicGroup").field("group", &self.settings.group).finish_non_exhaustive()
    }
}
