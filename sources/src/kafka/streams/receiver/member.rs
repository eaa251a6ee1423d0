//! A stream's side of one of its memberships. On the member's threads.

use std::sync::Arc;

use super::shared::Shared;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::RebalanceListener;
use crate::kafka::{GroupError, KafkaError, TopicPartition};

/// Hears what one member of a stream is assigned and loses.
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
}

impl Member {
    fn tell(&self, kind: &'static str, partitions: &[TopicPartition]) {
        let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        self.shared.tell(kind, names.join(", "));
    }
}

impl RebalanceListener for Member {
    fn assigned(&self, partitions: &[TopicPartition]) {
        self.shared.assigned(self.number, partitions);
        if !partitions.is_empty() {
            self.tell("partitions_assigned", partitions);
        }
    }

    fn done(&self, pause: bool) -> Vec<(TopicPartition, Committed)> {
        self.shared.lock().holdings.take_all_done(self.number, pause)
    }

    fn revoked(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Committed)> {
        let done = self.shared.lock().holdings.take_done(self.number, Some(partitions));
        self.shared.take_away(self.number, partitions);
        self.tell("partitions_revoked", partitions);
        done
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.shared.take_away(self.number, partitions);
        self.tell("partitions_lost", partitions);
    }

    fn committed(&self, offsets: &Vec<(TopicPartition, Committed)>, result: &Result<(), KafkaError>) {
        self.shared.lock().holdings.committed(offsets, result.is_ok());
        match result {
            // Whose batches they were is told when those are done.
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
