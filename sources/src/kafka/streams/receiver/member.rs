//! A stream's side of one of its memberships. On the member's threads.

use std::sync::Arc;

use super::shared::Shared;
use crate::kafka::group::{Later, Offsets, RebalanceListener};
use crate::kafka::{GroupError, KafkaError, TopicPartition};

/// Hears what one member of a stream is assigned and loses.
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
}

impl RebalanceListener for Member {
    fn assigned(&self, partitions: &[TopicPartition]) {
        self.shared.has_shared_out(self.number, partitions);
        self.shared.assigned(self.number, partitions);
        if !partitions.is_empty() {
            self.shared.tell_partitions("partitions_assigned", partitions);
        }
    }

    fn done(&self, pause: bool) -> Offsets {
        if pause {
            self.shared.wait_no_more(self.number);
        }
        self.shared.take_done(self.number, pause)
    }

    fn may_go(&self, later: Later) -> Option<Offsets> {
        self.shared.give_up(self.number, None, later)
    }

    fn revoked(&self, partitions: &[TopicPartition], later: Later) -> Option<Offsets> {
        self.shared.give_up(self.number, Some(partitions), later)
    }

    fn handed_over(&self, partitions: &[TopicPartition]) {
        self.shared.take_away(self.number, partitions);
        self.shared.tell_partitions("partitions_revoked", partitions);
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.shared.take_away(self.number, partitions);
        self.shared.tell_partitions("partitions_lost", partitions);
    }

    fn committed(&self, offsets: &Offsets, result: &Result<(), KafkaError>) {
        self.shared.committed(offsets, result.is_ok());
        match result {
            // A commit that was skipped is told by what it means: what is read again.
            Ok(()) | Err(KafkaError::Group { cause: GroupError::Fenced, .. }) => {}
            Err(error) => self.shared.tell("commit_failed", error.to_string()),
        }
    }

    fn makes_progress(&self) -> bool {
        self.shared.makes_progress()
    }

    fn failed(&self, error: KafkaError) {
        self.shared.fail(error);
    }

    fn tell(&self, kind: &'static str, detail: String) {
        self.shared.tell(kind, detail);
    }
}
