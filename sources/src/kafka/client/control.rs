//! Requests with an answer that somebody waits for: on a connection of their own for each broker, for a broker answers a
//! connection in order and a fetch may be waiting there. Runs on the thread that asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::address::Address;
use super::cluster::{Cluster, Target, is_connection};
use super::connection::{Connection, name};
use super::deadline::Deadline;
use super::negotiation;
use super::way_out::WayOut;
use crate::kafka::wire::ApiKey;
use crate::kafka::wire::messages::{
    FindCoordinatorResponse, HeartbeatResponse, InitProducerIdResponse, LeaveGroupResponse,
    ListOffsetsResponse, Message, MetadataResponse, OffsetCommitResponse, OffsetFetchResponse,
    OffsetForLeaderEpochResponse, Request,
};
use crate::kafka::{KafkaError, TopicPartition};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// What each broker is asked.
    Control,
    /// What the coordinator of a group is asked about offsets.
    Coordinator,
    /// What it is asked by a member, which may have to wait for the others.
    Member,
}

/// The connections of a client on which it asks and waits. Each is used by one thread at a time.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) cluster: Arc<Cluster>,
    /// By address: a broker that the user has named is the same once the cluster has told its number.
    slots: Mutex<HashMap<(Address, Use), Arc<Slot>>>,
    /// The broker that has answered last what all of them know.
    answered: Mutex<Option<Address>>,
    /// The brokers that keep the offsets of groups.
    pub(super) coordinators: Mutex<HashMap<String, Target>>,
}

type Slot = Mutex<Option<Connection>>;

impl Control {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, slots: Mutex::default(), answered: Mutex::default(), coordinators: Mutex::default() }
    }

    /// Asks a broker, once. `request` is given the version that is spoken.
    ///
    /// A connection that has been in use before and turns out to be closed, as brokers do with idle ones, is opened anew.
    pub(crate) fn ask<Q, A>(
        &self,
        to: &Target,
        usage: Use,
        request: impl Fn(&Connection, i16) -> Q,
        way: (&WayOut, Deadline),
    ) -> Result<Asked<A>, KafkaError>
    where
        Q: for<'a> Request<'a, Response = A>,
        A: for<'a> Message<'a> + Throttled,
    {
        let exchange = |connection: &mut Connection, version: i16, deadline| {
            let request = request(connection, version);
            connection.call(version, &request, deadline)
        };
        self.ask_by(to, usage, (Q::KEY, self.cluster.settings().request_timeout), exchange, way)
    }

    /// As [`ask`](Self::ask), by an exchange of request and answer of the caller's own, which may take so long. It is given
    /// the version that is spoken.
    pub(crate) fn ask_by<A: Throttled>(
        &self,
        to: &Target,
        usage: Use,
        (key, patience): (ApiKey, Duration),
        exchange: impl Fn(&mut Connection, i16, Deadline) -> Result<A, KafkaError>,
        way: (&WayOut, Deadline),
    ) -> Result<Asked<A>, KafkaError> {
        let (way_out, deadline) = way;
        let slot = Arc::clone(self.slots.lock().entry((to.address.clone(), usage)).or_default());
        let Some(mut slot) = slot.try_lock_for(deadline.left()) else {
            return Err(KafkaError::Timeout {
                broker: to.to_string().into(),
                request: name(key),
                after: patience,
            });
        };
        loop {
            let is_used = slot.is_some();
            match self.try_ask(&mut slot, to, (key, patience), &exchange, way) {
                Err(_) if way_out.is_closed() => return Err(KafkaError::Stopped),
                Err(error) if is_used && is_connection(&error) => {}
                asked => return asked,
            }
        }
    }

    /// Asks on the connection that is there, or a new one. It is kept if it can be used again.
    fn try_ask<A: Throttled>(
        &self,
        slot: &mut Option<Connection>,
        to: &Target,
        (key, patience): (ApiKey, Duration),
        exchange: impl Fn(&mut Connection, i16, Deadline) -> Result<A, KafkaError>,
        (way_out, deadline): (&WayOut, Deadline),
    ) -> Result<Asked<A>, KafkaError> {
        let mut connection = match slot.take().filter(|connection| !connection.is_expired()) {
            Some(connection) => connection,
            None => negotiation::open(&self.cluster, to, way_out, deadline)?,
        };
        connection.lead_to(way_out)?;
        let asked = connection.version(key).map(|version| {
            let patience = patience + connection.throttle();
            let answer = exchange(&mut connection, version, deadline.min(Deadline::after(patience)));
            answer.map(|answer| {
                connection.throttled(answer.throttle_time_ms());
                let epochs = connection.versions.has_epochs();
                Asked { answer, version, broker: Arc::clone(connection.broker()), epochs }
            })
        });
        if let Ok(Err(error)) = asked {
            self.cluster.lost(to);
            return Err(error);
        }
        connection.rest();
        *slot = Some(connection);
        asked?
    }

    /// Asks whoever answers of all brokers, once each, first the one that has answered last. Each but the last is waited for
    /// half of the time that is left at most: one that takes what it is sent and is silent leaves time for the others.
    pub(crate) fn ask_anybody<Q, A>(
        &self,
        request: impl Fn(&Connection, i16) -> Q,
        way: (&WayOut, Deadline),
    ) -> Result<Asked<A>, KafkaError>
    where
        Q: for<'a> Request<'a, Response = A>,
        A: for<'a> Message<'a> + Throttled,
    {
        let mut targets = self.cluster.anybody();
        self.forget_all_but(&targets);
        if let Some(last) = &*self.answered.lock() {
            targets.sort_by_key(|target| target.address != *last);
        }
        let mut worst: Option<KafkaError> = None;
        let mut tried = 0;
        for target in &targets {
            let share = if tried + 1 < targets.len() { way.1.left() / 2 } else { way.1.left() };
            match self.ask(target, Use::Control, &request, (way.0, Deadline::after(share).min(way.1))) {
                Ok(asked) => {
                    *self.answered.lock() = Some(target.address.clone());
                    return Ok(asked);
                }
                Err(KafkaError::Stopped) => return Err(KafkaError::Stopped),
                // One that may be there again soon counts more than one that never was a broker.
                Err(error) if worst.is_none() || is_passing(&error) => worst = Some(error),
                Err(_) => {}
            }
            tried += 1;
            if way.1.is_over() {
                break;
            }
        }
        let cause = Arc::new(worst.unwrap_or(KafkaError::Stopped));
        Err(KafkaError::NoBroker { bootstrap: Arc::clone(self.cluster.bootstrap()), tried, cause })
    }

    /// Closes the connections to brokers that are not there any more, once there are many.
    fn forget_all_but(&self, targets: &[Target]) {
        let mut slots = self.slots.lock();
        if slots.len() > 2 * targets.len() + 8 {
            slots.retain(|(address, _), _| targets.iter().any(|target| target.address == *address));
        }
    }
}

/// An answer, and who gave it.
#[derive(Debug)]
pub(crate) struct Asked<A> {
    pub(crate) answer: A,
    /// The version of request and answer.
    pub(crate) version: i16,
    pub(crate) broker: Arc<str>,
    /// Whether epochs that this broker tells can be relied on.
    pub(crate) epochs: bool,
}

/// An answer that says how long the broker puts the client off.
pub(crate) trait Throttled {
    /// In milliseconds.
    fn throttle_time_ms(&self) -> i32;
}

macro_rules! throttled {
    ($($answer:ident)*) => {$(
        impl Throttled for $answer {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }
        }
    )*};
}

throttled! {
    FindCoordinatorResponse HeartbeatResponse InitProducerIdResponse LeaveGroupResponse ListOffsetsResponse MetadataResponse
    OffsetCommitResponse OffsetFetchResponse OffsetForLeaderEpochResponse
}

/// What an attempt came to that did not succeed.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Another one may be good.
    Again(KafkaError),
    /// None will be.
    Final(KafkaError),
}

impl Attempt {
    /// What went wrong.
    pub(crate) fn into_error(self) -> KafkaError {
        match self {
            Self::Again(error) | Self::Final(error) => error,
        }
    }
}

impl From<KafkaError> for Attempt {
    /// Whether another attempt may help, by the kind of the error.
    fn from(error: KafkaError) -> Self {
        if is_passing(&error) { Self::Again(error) } else { Self::Final(error) }
    }
}

/// An answer that says nothing of a partition that it should be about.
pub(crate) fn unanswered(broker: &Arc<str>, request: &'static str, about: &TopicPartition) -> Attempt {
    let about = about.to_string().into();
    Attempt::Final(KafkaError::Unanswered { broker: Arc::clone(broker), request, about })
}

/// An answer with a value that cannot be.
pub(crate) fn bad_value(
    broker: &Arc<str>,
    request: &'static str,
    about: Option<&TopicPartition>,
    what: &'static str,
    value: i64,
) -> KafkaError {
    let about = about.map(|name| name.to_string().into());
    KafkaError::BadValue { broker: Arc::clone(broker), request, about, what, value }
}

/// Whether another attempt may help.
pub(crate) fn is_passing(error: &KafkaError) -> bool {
    match error {
        KafkaError::NoBroker { cause, .. } => is_passing(cause),
        KafkaError::Resolve { .. }
        | KafkaError::Connect { .. }
        | KafkaError::UnreachableAdvertised { .. }
        | KafkaError::Timeout { .. }
        | KafkaError::Closed { .. }
        | KafkaError::Io { .. }
        | KafkaError::NoLeader { .. } => true,
        KafkaError::Broker { code, .. } => code.is_retriable(),
        #[cfg(feature = "zookeeper")]
        KafkaError::ZooKeeper { cause, .. } => cause.is_passing(),
        KafkaError::Security { cause, .. } => cause.is_passing(),
        _ => false,
    }
}
