//! A small ZooKeeper client of our own, for servers from 3.4 on: a session that outlives its connections, one-shot watches,
//! ephemeral and sequential nodes, digest authentication, a chroot.
//!
//! ```
//! # #[cfg(feature = "fake")] {
//! use batchmill_sources::fake::zookeeper::FakeZooKeeper;
//! use batchmill_sources::zookeeper::{Acl, CreateMode, ZooKeeper};
//!
//! let server = FakeZooKeeper::start()?;
//! let zookeeper = ZooKeeper::connect(&server.connect_string())?;
//! zookeeper.create_all("/app/members", b"", &Acl::Open)?;
//! zookeeper.create("/app/members/a", b"host", CreateMode::Ephemeral, &Acl::Open)?;
//! assert_eq!(zookeeper.children("/app/members")?.0, ["a"]);
//! zookeeper.close();
//! assert_eq!(server.children("/app/members"), Some(vec![]));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A thread of the session's own, `zookeeper-session`, connects, reads and pings; it runs the watcher as well. Callers wait
//! on their own threads.

mod client;
mod error;
mod path;
mod servers;
mod session;
#[doc(hidden)]
pub mod wire;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use client::{Asked, Settings, Shared};
use servers::Servers;
use wire::OpCode;

use crate::net::deadline::Deadline;

#[cfg(feature = "fake")]
pub(crate) use path::{check as check_path, split as split_path};

pub use error::ZooKeeperError;
pub use session::{Acl, CreateMode, Session};
pub use wire::{AclEntry, ErrorCode, OpCode as Operation, Permissions, Stat, WireError};

/// How long dropping a session waits for its servers, and its end for its thread.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks the form of a connect string.
#[cfg(feature = "kafka")]
pub(crate) fn check_connect_string(text: &str) -> Result<(), ZooKeeperError> {
    Servers::parse(text).map(|_| ())
}

/// What a session tells its watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session has begun.
    Connected {
        /// At this server.
        server: Arc<str>,
    },
    /// The connection was lost. The session goes on if a server is reached within its timeout.
    Disconnected {
        /// To this server.
        server: Arc<str>,
    },
    /// The session goes on: ephemeral nodes and watches are still there.
    Reconnected {
        /// At this server.
        server: Arc<str>,
    },
    /// The session has ended, and its ephemeral nodes and watches with it. Nothing more is told.
    Expired,
    /// The servers do not take the client for who it says it is. Nothing more is told.
    AuthFailed,
    /// The session was closed here. Nothing more is told.
    Closed,
    /// A watch has met its change; it is not set any more.
    Node {
        /// The node.
        path: String,
        /// What has happened to it.
        change: NodeChange,
    },
}

/// What has happened to a node that was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
    /// Its data was set.
    DataChanged,
    /// A child of it was created or deleted.
    ChildrenChanged,
}

/// The owner of a [`Session`], whose methods it has. Dropping it closes the session and waits for its thread, at most 2 s
/// for the servers.
pub struct ZooKeeper {
    session: Session,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ZooKeeper {
    /// Begins a session with default settings.
    ///
    /// # Errors
    /// As [`ZooKeeperBuilder::connect`].
    pub fn connect(connect_string: &str) -> Result<Self, ZooKeeperError> {
        Self::builder().connect(connect_string)
    }

    /// Settings for another session.
    pub fn builder() -> ZooKeeperBuilder {
        ZooKeeperBuilder::new()
    }

    /// The session, to be handed to other threads.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Ends the session, so that its ephemeral nodes are gone at once, and waits for its thread. Waits for the servers at
    /// most the request timeout; without a connection it does not wait. From the watcher it does not wait for the thread.
    pub fn close(&self) {
        self.close_within(self.session.timeout);
    }

    /// Waits until the session has begun, at most the connect timeout.
    pub(crate) fn wait_begun(&self) -> Result<(), ZooKeeperError> {
        let shared = &self.session.shared;
        let deadline = Deadline::after(shared.settings.connect_timeout);
        shared.wait_connected(deadline)?;
        let (chroot, servers) = (Arc::clone(&shared.servers.chroot), Arc::clone(&shared.servers.named));
        if !chroot.is_empty() && self.within(deadline.left()).exists("/")?.is_none() {
            return Err(ZooKeeperError::NoChroot { servers, chroot });
        }
        Ok(())
    }

    /// Ends all that waits, and the thread, without a word to the servers: to them the client has crashed.
    #[cfg(feature = "kafka")]
    pub(crate) fn abandon(&self) {
        self.session.shared.way_out.close();
        if let Some(thread) = self.thread.lock().take() {
            self.join(thread);
        }
    }

    /// Waits for the thread's end, unless this is the thread. It may sit in a question about a host's address, which nothing
    /// ends: then it is left alone.
    fn join(&self, thread: JoinHandle<()>) {
        if thread.thread().id() == std::thread::current().id() {
            return;
        }
        if self.session.shared.wait_ended(Deadline::after(DROP_TIMEOUT)) || thread.is_finished() {
            // One that panicked has said so.
            let _ = thread.join();
        } else {
            log::warn!(
                "the thread zookeeper-session has not ended within {DROP_TIMEOUT:?} and is left alone"
            );
        }
    }

    fn close_within(&self, timeout: Duration) {
        let shared = &self.session.shared;
        let Some(thread) = self.thread.lock().take() else { return };
        if self.session.server().is_some() && thread.thread().id() != std::thread::current().id() {
            let asked = Asked { op: OpCode::CLOSE_SESSION, path: "/".into(), version: -1 };
            if let Err(error) = shared.ask(&asked, None, None, timeout) {
                log::debug!("a ZooKeeper session was not closed in order: {error}");
            }
        }
        shared.way_out.close();
        self.join(thread);
    }
}

impl Deref for ZooKeeper {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        self.close_within(DROP_TIMEOUT);
    }
}

impl fmt::Debug for ZooKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeper").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Settings of a session.
#[must_use = "a session begins with `connect`"]
pub struct ZooKeeperBuilder {
    settings: Settings,
}

impl ZooKeeperBuilder {
    fn new() -> Self {
        Self {
            settings: Settings {
                session_timeout: Duration::from_secs(6),
                connect_timeout: Duration::from_secs(10),
                request_timeout: Duration::from_secs(30),
                auth: Vec::new(),
                watcher: Arc::new(|_| ()),
            },
        }
    }

    /// How long the session shall live without a connection; the servers may agree to another time. 6 s if it is not set.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session_timeout = timeout;
        self
    }

    /// How long to try to begin the session; 10 s if it is not set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long each request may take; 30 s if it is not set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = timeout;
        self
    }

    /// Says who the client is, by the scheme `digest`. The password is sent as it is and never shown.
    pub fn digest_auth(mut self, user: &str, password: &str) -> Self {
        self.settings.auth.push(("digest".to_owned(), format!("{user}:{password}").into_bytes()));
        self
    }

    /// What is told of the session and of watches. It runs on the session's thread, without a lock: it must be quick, for
    /// nothing is read meanwhile, and must not call the session, for the reply would not be read.
    pub fn watcher(mut self, watcher: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.settings.watcher = Arc::new(watcher);
        self
    }

    /// Begins a session with the servers of a connect string, `host:port,host:port/chroot`. Waits until one of them takes it,
    /// at most the connect timeout.
    ///
    /// # Errors
    /// When the connect string has no valid form, no server takes the session, none is a ZooKeeper, the credentials are
    /// refused, or the chroot does not exist.
    pub fn connect(self, connect_string: &str) -> Result<ZooKeeper, ZooKeeperError> {
        let zookeeper = self.begin(connect_string)?;
        zookeeper.wait_begun()?;
        Ok(zookeeper)
    }

    /// Starts the thread that begins a session. Does not wait for it.
    pub(crate) fn begin(self, connect_string: &str) -> Result<ZooKeeper, ZooKeeperError> {
        let servers = Servers::parse(connect_string)?;
        let timeout = self.settings.request_timeout;
        let shared = Arc::new(Shared::new(servers, self.settings));
        let thread = Mutex::new(Some(client::start(&shared)?));
        Ok(ZooKeeper { session: Session { shared, timeout }, thread })
    }
}

impl fmt::Debug for ZooKeeperBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeperBuilder")
            .field("session_timeout", &self.settings.session_timeout)
            .finish_non_exhaustive()
    }
}
