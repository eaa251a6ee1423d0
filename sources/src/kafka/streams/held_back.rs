//! Tells a program, once, that an open transaction holds records of a partition back. On the generate thread.

use std::collections::BTreeSet;
use std::time::Duration;

use batchmill::InputHandle;

use super::read_ahead::Seen;
use crate::kafka::TopicPartition;

/// After how long it is told.
const HELD_BACK: Duration = Duration::from_secs(60);

/// The partitions of which it was told.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    told: BTreeSet<TopicPartition>,
}

impl HeldBack {
    /// Looks at a partition; the event is `held_by_open_transaction`.
    pub(super) fn look(&mut self, partition: &TopicPartition, seen: &Seen, handle: &InputHandle) {
        if seen.held_back < HELD_BACK {
            self.told.remove(partition);
            return;
        }
        if self.told.insert(partition.clone()) {
            let detail = format!("{partition}: nothing behind offset {:?} can be read", seen.end);
            log::warn!("held_by_open_transaction: {detail}");
            handle.source_event("held_by_open_transaction", detail);
        }
    }
}
