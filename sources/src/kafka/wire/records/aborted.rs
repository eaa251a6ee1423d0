//! Which batches of a fetched record set are not for a reader of committed records. On the fetch thread.
//!
//! The rule is that of Kafka's own consumer (`CompletedFetch`): the broker names the aborted transactions of the answer by
//! producer and first offset; one ends with its producer's abort marker.

use std::collections::{BTreeSet, VecDeque};

use super::RecordError;
use super::batch::{ControlKind, control_kind};
use super::walk::BatchSpan;

/// Goes along the batches of one answer in the order of their offsets.
#[derive(Clone, Debug)]
pub struct AbortedFilter {
    /// Producer and first offset, by offset.
    transactions: VecDeque<(i64, i64)>,
    aborting: BTreeSet<i64>,
}

impl AbortedFilter {
    /// With the aborted transactions that the answer names: the producer and the first offset of each.
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut transactions: Vec<(i64, i64)> = aborted.into_iter().collect();
        transactions.sort_by_key(|(_, first_offset)| *first_offset);
        Self { transactions: transactions.into(), aborting: BTreeSet::new() }
    }

    /// Whether the next batch holds records for the reader: neither a control batch nor part of an aborted transaction.
    ///
    /// # Errors
    /// When a control batch cannot be read.
    pub fn keep(&mut self, set: &[u8], span: &BatchSpan) -> Result<bool, RecordError> {
        if span.producer_id < 0 {
            return Ok(!span.is_control);
        }
        while self.transactions.front().is_some_and(|(_, first)| *first <= span.last_offset) {
            self.aborting.extend(self.transactions.pop_front().map(|(producer, _)| producer));
        }
        if span.is_control {
            // Compaction takes the marker out of a batch that it keeps for its producer's sequence.
            let is_empty = span.records == Some(0);
            if !is_empty && control_kind(set, span)? == ControlKind::Abort {
                self.aborting.remove(&span.producer_id);
            }
            return Ok(false);
        }
        Ok(!(span.is_transactional && self.aborting.contains(&span.producer_id)))
    }
}
