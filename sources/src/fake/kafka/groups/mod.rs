//! [`Group`]: what a coordinator keeps of a consumer group: offsets today. Called under the cluster's lock.

use std::collections::BTreeMap;

/// A group's offsets, by topic and partition.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) offsets: BTreeMap<(String, i32), Committed>,
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch that was committed with it, or -1.
    pub leader_epoch: i32,
    /// What the client wrote beside it.
    pub metadata: Option<String>,
}
