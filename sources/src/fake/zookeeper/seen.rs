//! [`Seen`]: a request as the fake's log keeps it. Noted by connection threads before it is answered; tests read it.

use crate::zookeeper::Operation;

/// How many requests are kept; older ones are forgotten.
pub(super) const KEPT: usize = 10_000;

/// A request that a server of the fake got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The number of the server, from 1.
    pub server: usize,
    /// The number of the connection, from 1 in the order in which they were made.
    pub connection: u64,
    /// What is asked for. [`Operation::CREATE_SESSION`] is the first message of a connection.
    pub op: Operation,
    /// The number of the request.
    pub xid: i32,
    /// The node, where it is about one.
    pub path: Option<String>,
}
