//! The building of one batch's plan on the job thread: asks streams for their batches, and keeps those that several
//! readers share, so that they are computed once.

use std::any::Any;
use std::collections::HashMap;

use super::{BatchData, Graph, NodeId};
use crate::batch::{Batch, BatchContext};
use crate::engine::InputId;
use crate::error::Error;
use crate::Data;

/// What is kept of a batch from output to output and from run to run.
#[derive(Default)]
pub(crate) struct Memo {
    kept: HashMap<NodeId, Kept>,
}

struct Kept {
    /// A `Batch<T>`, or what [`BatchRun::once`] was given.
    value: Box<dyn Any + Send>,
    /// How often it was asked for.
    asked: usize,
}

/// One output of one batch, while its plan is built.
pub(crate) struct BatchRun<'a> {
    graph: &'a Graph,
    data: &'a BatchData,
    memo: &'a mut Memo,
}

impl<'a> BatchRun<'a> {
    pub(super) fn new(graph: &'a Graph, data: &'a BatchData, memo: &'a mut Memo) -> Self {
        Self { graph, data, memo }
    }

    /// Makes batches of this batch's time.
    pub(crate) fn context(&self) -> &BatchContext {
        &self.data.context
    }

    /// The batch of a stream. A stream with several readers is computed once: its records are kept when the first
    /// reader computes them, and where no job is run twice the last reader gets them for its own.
    pub(crate) fn stream<T: Data>(&mut self, id: NodeId) -> Result<Batch<T>, Error> {
        let graph = self.graph;
        let readers = graph.consumers[id];
        if readers <= 1 {
            return (graph.stream::<T>(id).compute)(self);
        }
        if !self.memo.kept.contains_key(&id) {
            let batch = (graph.stream::<T>(id).compute)(self)?.cache();
            self.memo.kept.insert(id, Kept { value: Box::new(batch), asked: 0 });
        }
        let kept = self.memo.kept.get_mut(&id).expect("it was inserted above");
        kept.asked += 1;
        if graph.single_run && kept.asked == readers {
            let kept = self.memo.kept.remove(&id).expect("it is there");
            return Ok(*kept.value.downcast().expect("a node keeps batches of its own type"));
        }
        let batch: &Batch<T> = kept.value.downcast_ref().expect("a node keeps batches of its own type");
        Ok(batch.clone())
    }

    /// A value of the node `id`, which is no stream's, made once for the batch: what both halves of a split share.
    pub(crate) fn once<V: Clone + Send + 'static>(
        &mut self,
        id: NodeId,
        make: impl FnOnce(&mut Self) -> Result<V, Error>,
    ) -> Result<V, Error> {
        if !self.memo.kept.contains_key(&id) {
            let value = make(self)?;
            self.memo.kept.insert(id, Kept { value: Box::new(value), asked: 0 });
        }
        let kept = &self.memo.kept[&id];
        Ok(kept.value.downcast_ref::<V>().expect("a node keeps values of its own type").clone())
    }

    /// What an input gave to this batch; empty if it could not be planned.
    pub(super) fn input<T: Data>(&mut self, input: InputId) -> Result<Batch<T>, Error> {
        let consume = self.graph.single_run;
        Ok(self.data.slots[input].lock().batch(consume).unwrap_or_else(|| self.data.context.empty()))
    }
}
