//! Partitions whose beginning cannot be found yet: since when, and whether a program was told of it lately. On the
//! starter's thread.

use std::collections::BTreeMap;
use std::time::Duration;

use batchmill::Mono;

use super::holdings::Right;
use crate::kafka::client::control::is_passing;
use crate::kafka::{KafkaError, TopicPartition};

/// How often it is told that it goes on.
const TELL: Duration = Duration::from_secs(60);

/// What the starter has put off.
#[derive(Debug)]
pub(super) struct PutOff {
    /// How long a partition may be unknown to the cluster.
    patience: Duration,
    /// Since when a partition, held under this right, is unknown.
    unknown: BTreeMap<TopicPartition, (Right, Mono)>,
    told: Option<Mono>,
}

/// Whether brokers may say so of a topic or partition that is there: one that was just made, or a broker that has just
/// started and has not heard of it yet.
fn is_unknown(error: &KafkaError) -> bool {
    matches!(error, KafkaError::UnknownTopic { .. } | KafkaError::UnknownPartition { .. })
}

impl PutOff {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, unknown: BTreeMap::new(), told: None }
    }

    /// Whether to try again after this error of a partition. What a cluster says that cannot be reached passes, however
    /// long that takes; a partition may be unknown only so long.
    pub(super) fn may_try_again(
        &mut self,
        partition: &TopicPartition,
        right: Right,
        error: &KafkaError,
        now: Mono,
    ) -> bool {
        if !is_unknown(error) {
            return is_passing(error);
        }
        let since = self.unknown.entry(partition.clone()).or_insert((right, now));
        if since.0 != right {
            *since = (right, now);
        }
        now - since.1 < self.patience
    }

    /// The cluster knows a partition.
    pub(super) fn is_known(&mut self, partition: &TopicPartition) {
        self.unknown.remove(partition);
    }

    /// Whether it is time to tell that something was put off: the first time, and now and then.
    pub(super) fn is_to_be_told(&mut self, now: Mono) -> bool {
        let is_due = self.told.is_none_or(|told| now - told >= TELL);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::holdings::{DoneWhen, Holdings};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn unknown() -> KafkaError {
        KafkaError::UnknownPartition { partition: TopicPartition::new("t", 0), partitions: 0 }
    }

    /// Two assignments of a partition.
    fn rights() -> [Right; 2] {
        let mut holdings = Holdings::new(DoneWhen::Cut);
        [(); 2].map(|()| {
            holdings.assigned(0, &[TopicPartition::new("t", 0)]);
            holdings.take_assigned()[0].1
        })
    }

    #[test]
    fn a_partition_may_be_unknown_for_a_while() {
        let (mut put_off, partition) = (PutOff::new(10 * SECOND), TopicPartition::new("t", 0));
        let ([right, later], begun) = (rights(), Mono::default());
        assert!(put_off.may_try_again(&partition, right, &unknown(), begun));
        assert!(put_off.may_try_again(&partition, right, &unknown(), begun + 9 * SECOND));
        assert!(!put_off.may_try_again(&partition, right, &unknown(), begun + 10 * SECOND));
        assert!(put_off.may_try_again(&partition, later, &unknown(), begun + 10 * SECOND), "it came back");
        put_off.is_known(&partition);
        assert!(put_off.may_try_again(&partition, later, &unknown(), begun + 60 * SECOND));
    }

    #[test]
    fn what_passes_is_waited_for_and_what_does_not_is_not() {
        let (mut put_off, partition) = (PutOff::new(SECOND), TopicPartition::new("t", 0));
        let ([right, _], begun) = (rights(), Mono::default());
        let closed = KafkaError::Closed { broker: Arc::from("b"), request: "ListOffsets" };
        assert!(put_off.may_try_again(&partition, right, &closed, begun));
        assert!(put_off.may_try_again(&partition, right, &closed, begun + 60 * SECOND));
        assert!(!put_off.may_try_again(&partition, right, &KafkaError::NoGroup, begun));
    }

    #[test]
    fn it_is_told_at_once_and_then_now_and_then() {
        let (mut put_off, begun) = (PutOff::new(SECOND), Mono::default());
        assert!(put_off.is_to_be_told(begun));
        assert!(!put_off.is_to_be_told(begun + SECOND));
        assert!(put_off.is_to_be_told(begun + TELL));
    }
}
