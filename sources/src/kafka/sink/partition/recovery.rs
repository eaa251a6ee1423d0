//! Batches that come back, have waited for too long, or have failed.

use std::sync::Arc;

use batchmill::Mono;

use super::super::batch::{Batch, Number, ProducerId};
use super::super::settings::Settings;
use super::{Partition, State};
use crate::kafka::KafkaError;
use crate::kafka::client::deadline::now;

impl Partition {
    /// Takes what has been tried for too long. Where nobody leads the partition this is the supervisor's task: when the
    /// next is due.
    pub(in crate::kafka::sink) fn expire_homeless(
        &self,
        settings: &Settings,
        now: Mono,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) -> Option<Mono> {
        let mut state = self.state.lock();
        if state.home.is_some() {
            return None;
        }
        self.expire(&mut state, settings, now, failed);
        state.oldest().map(|born| born + settings.delivery_timeout)
    }

    pub(super) fn expire(
        &self,
        state: &mut State,
        settings: &Settings,
        now: Mono,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        let is_late = |born: Mono| born + settings.delivery_timeout <= now;
        if !state.oldest().is_some_and(is_late) {
            return;
        }
        if state.open.as_ref().is_some_and(|open| is_late(open.born)) {
            state.seal();
        }
        while state.queue.front().is_some_and(|batch| is_late(batch.born)) {
            let Some(batch) = state.queue.pop_front() else { break };
            let error = KafkaError::NotDelivered {
                partition: self.name.clone(),
                records: batch.records,
                after: settings.delivery_timeout,
                cause: state.trouble.clone().map(Arc::new),
            };
            if let Some(number) = batch.number {
                self.renew(state, number.id, &error, failed);
            }
            failed.push((batch, error));
        }
    }

    /// A batch that was under way is acknowledged.
    pub(in crate::kafka::sink) fn acknowledged(&self, number: Option<Number>) {
        let mut state = self.state.lock();
        state.acknowledged = number.map_or(state.acknowledged, |number| number.id.generation);
        state.came_back();
        state.backoff.reset();
        state.hold = None;
        state.trouble = None;
    }

    /// A batch that was under way has to be sent again, after a pause if `pauses`. What cannot be is put into `failed`.
    pub(in crate::kafka::sink) fn put_back(
        self: &Arc<Self>,
        batch: Batch,
        cause: &KafkaError,
        pauses: bool,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        let mut state = self.state.lock();
        state.came_back();
        state.recovering = true;
        state.trouble = Some(cause.clone());
        if pauses && state.hold.is_none_or(|hold| hold <= now()) {
            state.hold = Some(now() + state.backoff.pause());
        }
        self.insert(&mut state, batch, cause, failed);
    }

    /// The other half of a batch that was under way.
    pub(in crate::kafka::sink) fn put_half_back(
        self: &Arc<Self>,
        half: Batch,
        cause: &KafkaError,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        let mut state = self.state.lock();
        self.insert(&mut state, half, cause, failed);
    }

    fn insert(
        self: &Arc<Self>,
        state: &mut State,
        mut batch: Batch,
        cause: &KafkaError,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        if batch.number.is_some_and(|number| number.id.generation <= state.spent) {
            if batch.in_doubt {
                let error = self.in_doubt(&batch, cause);
                failed.push((batch, error));
                return;
            }
            batch.number = None;
        }
        let at = state.queue.partition_point(|other| other.first < batch.first);
        state.queue.insert(at, batch);
        // Its leader may be another one than when it left.
        if !state.is_noted {
            state.note(self);
        }
    }

    /// A batch that was under way has failed for good. If it had a number, others that have one need a new one, and what may
    /// have been appended under the old one fails too.
    pub(in crate::kafka::sink) fn failed(
        &self,
        batch: Batch,
        error: KafkaError,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        let mut state = self.state.lock();
        state.came_back();
        if let Some(number) = batch.number {
            self.renew(&mut state, number.id, &error, failed);
        }
        failed.push((batch, error));
    }

    /// A batch that was under way was not appended, for the broker does not know who numbered it: it gets another number.
    pub(in crate::kafka::sink) fn forgotten(
        self: &Arc<Self>,
        batch: Batch,
        cause: &KafkaError,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        let mut state = self.state.lock();
        state.came_back();
        if let Some(number) = batch.number {
            self.renew(&mut state, number.id, cause, failed);
        }
        self.insert(&mut state, batch, cause, failed);
    }

    /// The numbers of this id are of no use any more: there would be a gap.
    fn renew(
        &self,
        state: &mut State,
        id: ProducerId,
        cause: &KafkaError,
        failed: &mut Vec<(Batch, KafkaError)>,
    ) {
        if id.generation <= state.spent {
            return;
        }
        state.spent = id.generation;
        state.id = None;
        state.recovering = true;
        for mut batch in std::mem::take(&mut state.queue) {
            if batch.number.is_some() && batch.in_doubt {
                let error = self.in_doubt(&batch, cause);
                failed.push((batch, error));
                continue;
            }
            batch.number = None;
            state.queue.push_back(batch);
        }
    }

    pub(in crate::kafka::sink) fn in_doubt(&self, batch: &Batch, cause: &KafkaError) -> KafkaError {
        let cause = Arc::new(cause.clone());
        KafkaError::InDoubt { partition: self.name.clone(), records: batch.records, cause }
    }

    /// Whether an earlier batch of the partition is not settled, so that the broker could not take this one.
    pub(in crate::kafka::sink) fn has_earlier(&self, batch: &Batch) -> bool {
        let state = self.state.lock();
        batch.number.is_some_and(|number| number.id.generation <= state.spent)
            || state.queue.front().is_some_and(|other| other.first < batch.first)
    }
}
