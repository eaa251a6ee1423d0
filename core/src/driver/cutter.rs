//! What the engine's own thread does for a batch: take blocks, plan inline inputs, release. Nothing here blocks, and
//! no user code runs.

use std::collections::HashMap;
use std::sync::Arc;

use super::Surroundings;
use crate::batch::BatchContext;
use crate::engine::{BatchSeq, InputId, TakenRange};
use crate::graph::{BatchData, InlineInput, ReceiverSource};
use crate::listener::{ListenerEvent, ReceiverInfo};
use crate::receiver::Leftover;
use crate::{BatchTime, Outcome};

pub(super) struct Cutter {
    context: BatchContext,
    receivers: Vec<(InputId, Arc<dyn ReceiverSource>)>,
    inline: Vec<(InputId, Box<dyn InlineInput>)>,
    /// Batches between cut and completion.
    open: HashMap<BatchSeq, Arc<BatchData>>,
    /// The newest batch, while listeners may not have been told of it.
    unannounced: Option<Arc<BatchData>>,
    surroundings: Surroundings,
}

impl Cutter {
    pub(super) fn new(context: BatchContext, surroundings: Surroundings) -> Self {
        Self {
            context,
            receivers: Vec::new(),
            inline: Vec::new(),
            open: HashMap::new(),
            unannounced: None,
            surroundings,
        }
    }

    pub(super) fn add_receiver(&mut self, input: InputId, receiver: Arc<dyn ReceiverSource>) {
        self.receivers.push((input, receiver));
    }

    pub(super) fn add_inline(&mut self, input: InputId, inline: Box<dyn InlineInput>) {
        self.inline.push((input, inline));
    }

    pub(super) fn receivers(&self) -> impl Iterator<Item = &Arc<dyn ReceiverSource>> {
        self.receivers.iter().map(|(_, receiver)| receiver)
    }

    pub(super) fn receiver(&self, input: InputId) -> &Arc<dyn ReceiverSource> {
        let found = self.receivers.iter().find(|(id, _)| *id == input);
        &found.expect("the engine names receivers only").1
    }

    pub(super) fn seal(&self) {
        self.receivers().for_each(|receiver| receiver.control().seal());
    }

    /// Begins a batch and tells which blocks it took.
    pub(super) fn cut(
        &mut self,
        seq: BatchSeq,
        time: BatchTime,
        previous: Option<BatchTime>,
    ) -> Vec<TakenRange> {
        self.announce();
        let around = &self.surroundings;
        let context = self.context.clone().at(time);
        let data = BatchData::new(seq, previous, context, around.names.len(), around.clock.mono());
        let mut ranges = Vec::with_capacity(self.receivers.len());
        for (input, receiver) in &self.receivers {
            let taken = receiver.take(&data.context);
            ranges.push(TakenRange { input: *input, ids: taken.ids, bytes: taken.bytes });
            *data.slots[*input].lock() = taken.slot;
        }
        for (input, inline) in &self.inline {
            *data.slots[*input].lock() = inline.plan(&data.context);
        }
        let data = Arc::new(data);
        self.unannounced = Some(Arc::clone(&data));
        self.open.insert(seq, data);
        ranges
    }

    /// Tells listeners of a batch that was cut since the last call. For when the urgent work is done.
    pub(super) fn announce(&mut self) {
        if let Some(data) = self.unannounced.take() {
            data.announce(&self.surroundings.bus, &self.surroundings.names);
        }
    }

    pub(super) fn batch(&self, seq: BatchSeq) -> Arc<BatchData> {
        Arc::clone(self.open.get(&seq).expect("the engine names open batches only"))
    }

    /// Releases a batch's blocks and forgets it; hands it back for its blocking inputs.
    pub(super) fn complete(
        &mut self,
        seq: BatchSeq,
        outcome: Outcome,
        ranges: Vec<TakenRange>,
    ) -> Option<Arc<BatchData>> {
        let data = self.open.remove(&seq)?;
        let around = &self.surroundings;
        data.announce(&around.bus, &around.names);
        around.bus.post(|| ListenerEvent::BatchCompleted(data.info(&around.names, Some(outcome))));
        for range in ranges {
            self.receiver(range.input).control().complete(range.ids, range.bytes, outcome);
        }
        Some(data)
    }

    /// Ends all queues: what no batch has taken.
    pub(super) fn close(&self) -> Vec<Leftover> {
        let left = self.receivers().map(|receiver| receiver.control().close());
        left.filter(|left| left.blocks > 0).collect()
    }

    pub(super) fn receiver_info(
        &self,
        input: InputId,
        attempt: u32,
        last_error: Option<String>,
    ) -> ReceiverInfo {
        let name = Arc::clone(&self.surroundings.names[input]);
        ReceiverInfo { input, name, attempt, last_error, restart_in: None }
    }
}
