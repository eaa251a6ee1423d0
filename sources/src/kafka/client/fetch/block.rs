//! Records as they were fetched: made on a fetch thread, opened inside the tasks of a batch.

use std::ops::Range;

/// A run of records of one partition. Their bytes stay compressed and unchecked until a task opens them. A clone shares
/// them.
///
/// The blocks of a partition meet without gaps: what one's [`offsets`](Self::offsets) end with, the next begins with.
#[derive(Clone, Debug)]
pub(crate) struct FetchedBlock {
    offsets: Range<i64>,
    bytes: usize,
}

impl FetchedBlock {
    /// From the first offset that can be in it to the one behind the last.
    pub(crate) fn offsets(&self) -> Range<i64> {
        self.offsets.clone()
    }

    /// How many bytes its records have, as they were fetched.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
