//! What everything about ZooKeeper fails with, on any thread. It names the server, and the node where there is one.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::wire::{ErrorCode, OpCode, WireError};

/// Why something about a ZooKeeper failed. A clone is cheap.
///
/// A server is named as `host:port`, several of them as the connect string names them. Paths are those that the caller
/// uses, below the chroot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ZooKeeperError {
    /// The connect string is not of the form `host:port,host:port/chroot`.
    ConnectString {
        /// The connect string, as it was given.
        text: Arc<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A path cannot be that of a node.
    Path {
        /// The path.
        path: Arc<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// None of the servers takes the session, so that nothing was sent.
    Unreachable {
        /// The servers.
        servers: Arc<str>,
        /// What the last attempt at each of them came to, as far as they were tried.
        causes: Vec<Self>,
    },
    /// The system knows no address of a server's host.
    Resolve {
        /// The server.
        server: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A server could not be connected to.
    Connect {
        /// The server.
        server: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A server closed the connection instead of taking the session: it has no quorum, too many connections, or is behind
    /// what this client has seen.
    Refused {
        /// The server.
        server: Arc<str>,
    },
    /// A server has not taken the session in time.
    NoSession {
        /// The server.
        server: Arc<str>,
        /// How long it was waited for.
        after: Duration,
    },
    /// Something else than a ZooKeeper answers there.
    NotZooKeeper {
        /// The address.
        server: Arc<str>,
        /// What it looks like.
        looks_like: &'static str,
    },
    /// The node that the connect string names as the root of all others does not exist.
    NoChroot {
        /// The servers.
        servers: Arc<str>,
        /// The path of the node.
        chroot: Arc<str>,
    },
    /// The connection was lost before the reply: what was asked for may be done or not.
    ConnectionLoss {
        /// The server.
        server: Arc<str>,
        /// What was asked for.
        operation: OpCode,
        /// The node.
        path: Arc<str>,
    },
    /// A server has not replied in time: what was asked for may be done or not. The session goes on.
    Timeout {
        /// The server.
        server: Arc<str>,
        /// What was asked for.
        operation: OpCode,
        /// The node.
        path: Arc<str>,
        /// How long it was waited for.
        after: Duration,
    },
    /// The session has ended, and its ephemeral nodes with it. A new one has to be begun.
    SessionExpired {
        /// The servers.
        servers: Arc<str>,
    },
    /// The servers do not take the client for who it says it is.
    AuthFailed {
        /// The server.
        server: Arc<str>,
    },
    /// The session was closed here.
    Closed {
        /// The servers.
        servers: Arc<str>,
    },
    /// There is no such node, or no parent for one to be created.
    NoNode {
        /// The node.
        path: Arc<str>,
    },
    /// There is such a node already.
    NodeExists {
        /// The node.
        path: Arc<str>,
    },
    /// The node has another version than the one asked for.
    BadVersion {
        /// The node.
        path: Arc<str>,
        /// The version asked for.
        version: i32,
    },
    /// A node with children cannot be deleted.
    NotEmpty {
        /// The node.
        path: Arc<str>,
    },
    /// The client may not do that.
    NoAuth {
        /// What was asked for.
        operation: OpCode,
        /// The node.
        path: Arc<str>,
    },
    /// A server refuses for another reason.
    Server {
        /// The server.
        server: Arc<str>,
        /// What was asked for.
        operation: OpCode,
        /// The node.
        path: Arc<str>,
        /// What it says.
        code: ErrorCode,
    },
    /// A request is longer than servers take.
    RequestTooLarge {
        /// What was asked for.
        operation: OpCode,
        /// The node.
        path: Arc<str>,
        /// Its length in bytes.
        length: usize,
        /// The longest allowed, in bytes.
        limit: usize,
    },
    /// A server's packet says that it is longer than allowed, or shorter than nothing. The connection was closed.
    PacketTooLarge {
        /// The server.
        server: Arc<str>,
        /// The length it says it has, in bytes.
        length: i64,
        /// The longest allowed, in bytes.
        limit: usize,
    },
    /// What a server sent does not follow the protocol. The connection was closed.
    Protocol {
        /// The server.
        server: Arc<str>,
        /// What is wrong with it.
        cause: WireError,
    },
    /// A server replied to another request than the one that was next. The connection was closed.
    WrongReply {
        /// The server.
        server: Arc<str>,
        /// The number of the request that was next, if one was.
        expected: Option<i32>,
        /// The number that the reply has.
        found: i32,
    },
    /// The system has no thread for the session.
    Thread {
        /// What the system said.
        cause: Arc<io::Error>,
    },
}

impl ZooKeeperError {
    /// What a reply's code stands for.
    pub(super) fn of_code(
        code: ErrorCode,
        server: &Arc<str>,
        servers: &Arc<str>,
        asked: &super::client::Asked,
    ) -> Self {
        let path = Arc::clone(&asked.path);
        match code {
            ErrorCode::NO_NODE => Self::NoNode { path },
            ErrorCode::NODE_EXISTS => Self::NodeExists { path },
            ErrorCode::BAD_VERSION => Self::BadVersion { path, version: asked.version },
            ErrorCode::NOT_EMPTY => Self::NotEmpty { path },
            ErrorCode::NO_AUTH => Self::NoAuth { operation: asked.op, path },
            ErrorCode::SESSION_EXPIRED => Self::SessionExpired { servers: Arc::clone(servers) },
            ErrorCode::AUTH_FAILED => Self::AuthFailed { server: Arc::clone(server) },
            _ => Self::Server { server: Arc::clone(server), operation: asked.op, path, code },
        }
    }

    /// Whether what was asked for may be done although there was no reply.
    pub fn may_be_done(&self) -> bool {
        matches!(
            self,
            Self::ConnectionLoss { .. }
                | Self::Timeout { .. }
                | Self::Protocol { .. }
                | Self::WrongReply { .. }
                | Self::PacketTooLarge { .. }
        )
    }

    /// Whether it may be otherwise when it is tried again, within another session if this one has ended.
    #[cfg(feature = "kafka")]
    pub(crate) fn is_passing(&self) -> bool {
        !matches!(
            self,
            Self::ConnectString { .. }
                | Self::Path { .. }
                | Self::NoChroot { .. }
                | Self::AuthFailed { .. }
                | Self::NoAuth { .. }
                | Self::RequestTooLarge { .. }
        )
    }

    /// Whether the session has ended, so that nothing more can be asked within it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::SessionExpired { .. } | Self::AuthFailed { .. } | Self::Closed { .. })
    }
}

impl fmt::Display for ZooKeeperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectString { text, problem } => {
                write!(f, "the ZooKeeper connect string {text:?} {problem}")
            }
            Self::Path { path, problem } => write!(f, "the ZooKeeper path {path:?} {problem}"),
            Self::Unreachable { servers, causes } => {
                write!(f, "no ZooKeeper server of {servers} takes the session")?;
                causes.iter().enumerate().try_for_each(|(at, cause)| {
                    f.write_str(if at == 0 { ": " } else { "; " }).and_then(|()| write!(f, "{cause}"))
                })
            }
            Self::Resolve { server, cause } => {
                write!(f, "the host of ZooKeeper server {server} has no known address: {cause}")
            }
            Self::Connect { server, cause } => {
                write!(f, "ZooKeeper server {server} cannot be connected to: {cause}")
            }
            Self::Refused { server } => write!(
                f,
                "ZooKeeper server {server} closes the connection instead of taking the session: it may have no quorum"
            ),
            Self::NoSession { server, after } => {
                write!(f, "ZooKeeper server {server} has not taken the session within {after:?}")
            }
            Self::NotZooKeeper { server, looks_like } => {
                write!(f, "what answers at {server} is no ZooKeeper: it speaks {looks_like}")
            }
            Self::NoChroot { servers, chroot } => {
                write!(f, "the chroot {chroot} does not exist in the ZooKeeper of {servers}")
            }
            Self::ConnectionLoss { server, operation, path } => write!(
                f,
                "the connection to ZooKeeper server {server} was lost before the reply to {operation} of {path}"
            ),
            Self::Timeout { server, operation, path, after } => write!(
                f,
                "ZooKeeper server {server} has not replied to {operation} of {path} within {after:?}"
            ),
            Self::SessionExpired { servers } => write!(f, "the ZooKeeper session at {servers} has expired"),
            Self::AuthFailed { server } => write!(f, "ZooKeeper server {server} refuses the credentials"),
            Self::Closed { servers } => write!(f, "the ZooKeeper session at {servers} was closed"),
            Self::NoNode { path } => write!(f, "the ZooKeeper node {path} does not exist"),
            Self::NodeExists { path } => write!(f, "the ZooKeeper node {path} exists already"),
            Self::BadVersion { path, version } => {
                write!(f, "the ZooKeeper node {path} does not have version {version} any more")
            }
            Self::NotEmpty { path } => write!(f, "the ZooKeeper node {path} has children"),
            Self::NoAuth { operation, path } => {
                write!(f, "ZooKeeper does not allow {operation} of {path} to this client")
            }
            Self::Server { server, operation, path, code } => {
                write!(f, "ZooKeeper server {server} refuses {operation} of {path}: {code}")
            }
            Self::RequestTooLarge { operation, path, length, limit } => write!(
                f,
                "{operation} of the ZooKeeper node {path} takes {length} bytes, more than the {limit} allowed"
            ),
            Self::PacketTooLarge { server, length, limit } => write!(
                f,
                "a packet of ZooKeeper server {server} says it has {length} bytes, of which {limit} are allowed"
            ),
            Self::Protocol { server, cause } => {
                write!(f, "ZooKeeper server {server} does not follow the protocol: {cause}")
            }
            Self::WrongReply { server, expected: Some(expected), found } => write!(
                f,
                "ZooKeeper server {server} replies to request {found} where request {expected} is next"
            ),
            Self::WrongReply { server, expected: None, found } => {
                write!(f, "ZooKeeper server {server} replies to request {found}, which was not sent")
            }
            Self::Thread { cause } => write!(f, "there is no thread for the ZooKeeper session: {cause}"),
        }
    }
}

impl Error for ZooKeeperError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve { cause, .. } | Self::Connect { cause, .. } | Self::Thread { cause } => {
                Some(&**cause)
            }
            Self::Protocol { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
