//! [`Seen`]: a request as the fake's log keeps it, and the log itself. Requests are noted by connection threads before they
//! are answered; tests read them.

use std::collections::VecDeque;

use super::ApiKey;
use super::connection::Connection;
use crate::kafka::wire::Reader;
use crate::kafka::wire::frame::RequestHeader;
use crate::kafka::wire::messages::Request;

/// How many requests are kept; older ones are forgotten.
const KEPT: usize = 10_000;

/// A longer body is not kept: records would be in memory twice.
const BODY_BYTES_MAX: usize = 64 << 10;

/// A request that a broker of the fake got.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The id of the broker.
    pub broker: i32,
    /// The number of the connection, from 1 in the order in which connections were made to the cluster.
    pub connection: u64,
    /// What is asked for.
    pub api: ApiKey,
    /// The version of the request.
    pub version: i16,
    /// Its correlation id.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// The topics and partitions it names, in its order.
    pub names: Vec<Named>,
    body: Vec<u8>,
}

/// A topic or partition that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// The topic; a group or transactional id where the request is about one.
    pub topic: String,
    /// The partition, where the request names partitions.
    pub partition: Option<i32>,
    /// The offset it asks for, commits, or resumes at; the time in ListOffsets, the epoch in OffsetForLeaderEpoch.
    pub offset: Option<i64>,
}

impl Named {
    pub(super) fn topic(topic: &str) -> Self {
        Self { topic: topic.to_owned(), partition: None, offset: None }
    }

    pub(super) fn partition(topic: &str, partition: i32) -> Self {
        Self { partition: Some(partition), ..Self::topic(topic) }
    }

    pub(super) fn offset(topic: &str, partition: i32, offset: i64) -> Self {
        Self { offset: Some(offset), ..Self::partition(topic, partition) }
    }
}

impl Seen {
    /// Whether it names this topic.
    pub fn names_topic(&self, topic: &str) -> bool {
        self.names.iter().any(|named| named.topic == topic)
    }

    /// Whether it names this partition.
    pub fn names_partition(&self, topic: &str, partition: i32) -> bool {
        self.names.iter().any(|named| named.topic == topic && named.partition == Some(partition))
    }

    /// The whole request, for tests inside this workspace; none if it is of another kind or was too long to be kept.
    #[doc(hidden)]
    pub fn decode<'a, R: Request<'a>>(&'a self) -> Option<R> {
        if self.api != R::KEY {
            return None;
        }
        R::decode(self.version, &mut Reader::new(&self.body)).ok()
    }

    pub(super) fn new(
        connection: &Connection,
        header: &RequestHeader,
        names: Vec<Named>,
        body: &[u8],
    ) -> Self {
        // Passwords are not kept either.
        let is_kept = ![ApiKey::PRODUCE, ApiKey::SASL_AUTHENTICATE].contains(&header.key);
        let keep = body.len() <= BODY_BYTES_MAX && is_kept;
        Self {
            broker: connection.broker,
            connection: connection.number,
            api: header.key,
            version: header.version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.clone(),
            names,
            body: if keep { body.to_vec() } else { Vec::new() },
        }
    }
}

/// The requests of a cluster, the newest last.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    kept: VecDeque<Seen>,
    forgotten: u64,
}

impl RequestLog {
    pub(super) fn push(&mut self, seen: Seen) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(seen);
    }

    /// How many there were since the start.
    pub(super) fn count(&self) -> u64 {
        self.forgotten + self.kept.len() as u64
    }

    /// Those after the first `count`, as far as they are kept.
    pub(super) fn after(&self, count: u64) -> impl Iterator<Item = &Seen> {
        let skip = usize::try_from(count.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        self.kept.iter().skip(skip)
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.kept.len() as u64;
        self.kept.clear();
    }
}
