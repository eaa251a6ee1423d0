//! [`Member`]: a member of a group, as its coordinator knows it.

use std::time::Duration;

use batchmill::Mono;

use super::joining::Joined;
use super::promise::Promise;
use super::sharing::Assigned;

/// Who a request says it is from.
#[derive(Clone, Debug, Default)]
pub(in crate::fake::kafka) struct Identity {
    /// The member's id, or empty.
    pub(in crate::fake::kafka) member: String,
    /// The name that it keeps when it starts anew, if it has one.
    pub(in crate::fake::kafka) instance: Option<String>,
}

/// A member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) client: String,
    pub(super) session: Duration,
    pub(super) rebalance: Duration,
    /// The ways to share out that it knows, the best liked first, and what it says with each.
    pub(super) protocols: Vec<(String, Vec<u8>)>,
    /// What it got from the leader of this generation.
    pub(super) assignment: Vec<u8>,
    /// When its session ends, unless it waits for others.
    pub(super) expires: Mono,
    /// It has asked to join and waits for the others.
    pub(super) join: Option<Promise<Joined>>,
    /// It has asked for its partitions and waits for the leader.
    pub(super) sync: Option<Promise<Assigned>>,
    /// It has asked for its partitions in this generation.
    pub(super) has_synced: bool,
}

/// An id that a member was given, which it has to join with.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) expires: Mono,
}

impl Member {
    /// Whether it has asked to join and still waits for the answer.
    pub(super) fn joins(&self) -> bool {
        self.join.as_ref().is_some_and(Promise::is_awaited)
    }

    /// Whether it waits for others, so that it cannot give a sign of life.
    pub(super) fn waits(&self) -> bool {
        self.joins() || self.sync.as_ref().is_some_and(Promise::is_awaited)
    }

    pub(super) fn renew(&mut self, now: Mono) {
        self.expires = now + self.session;
    }

    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// What it says with a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> &[u8] {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map_or(&[], |(_, metadata)| metadata)
    }

    /// Answers what it waits for: that it is no member any more, or why it cannot be.
    pub(super) fn refuse(&mut self, code: super::ErrorCode) {
        if let Some(join) = self.join.take() {
            join.keep(Joined::refused("", code));
        }
        self.refuse_sync(code);
    }

    pub(super) fn refuse_sync(&mut self, code: super::ErrorCode) {
        if let Some(sync) = self.sync.take() {
            sync.keep(Err(code));
        }
    }
}
