//! The cluster as one client sees it: what is known of it, and how a connection to one of its brokers comes about. Shared by
//! all threads of a client.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

use super::address::Address;
use super::backoff::Backoff;
use super::connection::{Connection, Limits};
use super::control::Attempt;
use super::deadline::{Deadline, now};
use super::dialer::{Conn, DialError, Dialer};
use super::metadata::{ClusterView, MetadataAnswer};
use super::settings::ClientSettings;
use super::transport::TopicInfo;
use super::versions::Versions;
use super::way_out::WayOut;
use crate::kafka::KafkaError;

/// For so many of the longest pauses between two attempts it is not believed that a topic is gone. A broker of 0.10 that had
/// come back took more than two seconds to know its topics again, on a busy machine.
const DOUBTED_FOR: u32 = 3;

/// Shared by all threads of a client.
pub(crate) struct Cluster {
    settings: ClientSettings,
    bootstrap: Arc<str>,
    client_id: Arc<str>,
    dialer: Box<dyn Dialer>,
    way_out: WayOut,
    view: Mutex<ClusterView>,
    /// What each broker offers, until a connection to it is lost: what comes back may be another version.
    versions: Mutex<HashMap<Address, Arc<Versions>>>,
    /// A broker of this cluster has said what it offers: then none of them is older than 0.10.
    any_has_versions: AtomicBool,
    /// Where a connection came about once.
    reached: Mutex<HashSet<Address>>,
    /// Told when more is known than before.
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
}

/// Is told when the view has changed.
pub(crate) trait Watcher: Send + Sync {
    /// It has. Must not block.
    fn view_changed(&self);
}

/// A broker to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) address: Address,
    /// Its number, if the cluster has named it.
    pub(crate) node: Option<i32>,
}

impl Target {
    /// One of the brokers that the user has named.
    pub(crate) fn bootstrap(address: Address) -> Self {
        Self { address, node: None }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "{} ({node})", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

impl Cluster {
    pub(crate) fn new(settings: ClientSettings, dialer: Box<dyn Dialer>) -> Self {
        Self {
            bootstrap: settings.bootstrap_list(),
            client_id: settings.client_id.as_str().into(),
            settings,
            dialer,
            way_out: WayOut::default(),
            view: Mutex::default(),
            versions: Mutex::default(),
            any_has_versions: AtomicBool::new(false),
            reached: Mutex::default(),
            watchers: Mutex::default(),
        }
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// The brokers that the user has named.
    pub(crate) fn bootstrap(&self) -> &Arc<str> {
        &self.bootstrap
    }

    /// The way out of what is asked on the streams' threads.
    pub(crate) fn way_out(&self) -> &WayOut {
        &self.way_out
    }

    /// What is known. Not to be held while something is waited for.
    pub(crate) fn view(&self) -> MutexGuard<'_, ClusterView> {
        self.view.lock()
    }

    /// Tries until it succeeds, fails for good, or the deadline has passed, with growing pauses.
    pub(crate) fn until<T>(
        &self,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Result<T, Attempt>,
    ) -> Result<T, KafkaError> {
        let mut backoff = Backoff::new(self.settings.backoff);
        let mut before = None;
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(Attempt::Final(error)) => return Err(error),
                // What the deadline has cut short says less than the attempt before it.
                Err(Attempt::Again(error)) if deadline.is_over() => before.take().unwrap_or(error),
                Err(Attempt::Again(error)) => error,
            };
            let pause = backoff.pause();
            if deadline.left() <= pause {
                return Err(error);
            }
            if !self.way_out.pause(Deadline::after(pause)) {
                return Err(KafkaError::Stopped);
            }
            before = Some(error);
        }
    }

    /// Takes what an answer says, and tells the watchers. Returns the topics, as far as the answer is believed.
    pub(crate) fn learn(&self, mut answer: MetadataAnswer) -> Vec<TopicInfo> {
        let topics = {
            let (mut view, now) = (self.view.lock(), now());
            view.doubt(&mut answer, now, DOUBTED_FOR * self.settings.backoff.longest);
            let topics = answer.topics.clone();
            view.merge(answer, now);
            topics
        };
        let watchers: Vec<_> = {
            let mut watchers = self.watchers.lock();
            watchers.retain(|watcher| watcher.strong_count() > 0);
            watchers.iter().filter_map(Weak::upgrade).collect()
        };
        watchers.iter().for_each(|watcher| watcher.view_changed());
        topics
    }

    /// Tells this one of changes, as long as it lives.
    pub(crate) fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.lock().push(watcher);
    }

    /// Where a broker is, if the cluster has named it.
    pub(crate) fn target(&self, node: i32) -> Option<Target> {
        let view = self.view.lock();
        let broker = view.brokers().get(&node)?;
        Some(Target { address: broker.address.clone(), node: Some(node) })
    }

    /// The brokers to ask what all of them know: those that the cluster has named, then those that the user has.
    pub(crate) fn anybody(&self) -> Vec<Target> {
        let view = self.view.lock();
        let mut found: Vec<_> = view
            .brokers()
            .iter()
            .map(|(node, broker)| Target { address: broker.address.clone(), node: Some(*node) })
            .collect();
        for address in &self.settings.bootstrap {
            if !found.iter().any(|target| target.address == *address) {
                found.push(Target::bootstrap(address.clone()));
            }
        }
        found
    }

    /// What a broker offers, if it is known.
    pub(crate) fn versions(&self, of: &Address) -> Option<Arc<Versions>> {
        self.versions.lock().get(of).cloned()
    }

    /// A broker has been asked what it offers.
    pub(crate) fn has_versions(&self, of: &Address, versions: Versions) -> Arc<Versions> {
        if versions.is_old().is_none() {
            self.any_has_versions.store(true, Ordering::Relaxed);
        }
        let versions = Arc::new(versions);
        self.versions.lock().insert(of.clone(), Arc::clone(&versions));
        versions
    }

    /// Whether a broker may be one that cannot be asked what it offers.
    pub(crate) fn may_be_old(&self) -> bool {
        !self.any_has_versions.load(Ordering::Relaxed)
    }

    /// A connection to a broker was lost: it may come back as another version.
    pub(crate) fn lost(&self, target: &Target) {
        self.versions.lock().remove(&target.address);
    }

    /// Connects to a broker, and asks nothing.
    pub(crate) fn dial(
        &self,
        target: &Target,
        way_out: &WayOut,
        deadline: Deadline,
    ) -> Result<Connection, KafkaError> {
        let conn = self.dial_bare(target, way_out, deadline)?;
        let limits = Limits { first: self.settings.max_first_response, later: self.settings.max_response };
        let unknown = Arc::new(Versions::listed([]));
        let broker = target.to_string().into();
        let mut connection = Connection::new(conn, broker, Arc::clone(&self.client_id), unknown, limits);
        connection.lead_to(way_out)?;
        Ok(connection)
    }

    /// Connects to a broker, to do with the connection what one likes.
    pub(crate) fn dial_bare(
        &self,
        target: &Target,
        way_out: &WayOut,
        deadline: Deadline,
    ) -> Result<Box<dyn Conn>, KafkaError> {
        let broker: Arc<str> = target.to_string().into();
        let until = deadline.min(Deadline::after(self.settings.connect_timeout));
        let conn = match self.dialer.dial(&target.address, until, way_out) {
            Ok(conn) => conn,
            Err(DialError::Stopped) => return Err(KafkaError::Stopped),
            Err(DialError::Security(cause)) => return Err(KafkaError::Security { broker, cause }),
            Err(DialError::Handshake) => {
                let after = self.settings.connect_timeout;
                return Err(KafkaError::Timeout { broker, request: "the TLS handshake", after });
            }
            Err(DialError::Resolve(cause)) => {
                let cause = Arc::new(cause);
                return Err(self.unreachable(target, KafkaError::Resolve { broker, cause }));
            }
            Err(DialError::Connect(cause)) => {
                let cause = Arc::new(cause);
                return Err(self.unreachable(target, KafkaError::Connect { broker, cause }));
            }
        };
        self.reached.lock().insert(target.address.clone());
        Ok(conn)
    }

    /// Says more of an address that could not be connected to, where the cluster has named it and the user has not.
    fn unreachable(&self, target: &Target, cause: KafkaError) -> KafkaError {
        let is_advertised = target.node.is_some() && !self.settings.bootstrap.contains(&target.address);
        if !is_advertised || self.reached.lock().contains(&target.address) {
            return cause;
        }
        KafkaError::UnreachableAdvertised {
            bootstrap: Arc::clone(&self.bootstrap),
            advertised: target.to_string().into(),
            cause: Arc::new(cause),
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}

/// Whether an error says that nobody listens there, or that the connection ended: another attempt may be good.
pub(crate) fn is_connection(error: &KafkaError) -> bool {
    match error {
        KafkaError::Closed { .. } => true,
        KafkaError::Io { cause, .. } => cause.kind() != io::ErrorKind::InvalidData,
        _ => false,
    }
}
