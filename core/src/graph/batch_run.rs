//! The building of one batch's plan on the job thread: asks streams for their batches, and keeps those that several
//! readers share, so that they are computed once.

use std::any::Any;
use std::collections::HashMap;

use super::{BatchData, Graph, NodeId, Reruns};
use crate::Data;
use crate::batch::{Batch, BatchContext};
use crate::engine::InputId;
use crate::error::Error;

/// What is kept of a batch from output to output and from run to run.
#[derive(Default)]
pub(crate) struct Memo {
    kept: HashMap<NodeId, Kept>,
}

struct Kept {
    /// A `Batch<T>`, or the `Halves` of a split.
    value: Box<dyn Any + Send>,
    /// How often it was asked for.
    asked: usize,
}

type Halves<T, E> = (Option<Batch<T>>, Option<Batch<E>>);

/// A batch that is kept for its one reader.
pub(crate) struct HandOut<'a, T> {
    kept: &'a mut Option<Batch<T>>,
    /// No job is run twice, so the reader gets it for its own.
    consume: bool,
}

impl<T: Data> HandOut<'_, T> {
    pub(crate) fn hand_out(self) -> Batch<T> {
        let batch = if self.consume { self.kept.take() } else { self.kept.clone() };
        batch.expect("where no job is run twice, a stream is computed once")
    }
}

/// One output of one batch, while its plan is built.
pub(crate) struct BatchRun<'a> {
    graph: &'a Graph,
    data: &'a BatchData,
    memo: &'a mut Memo,
    /// What is being computed has several readers.
    shared: bool,
}

impl<'a> BatchRun<'a> {
    pub(super) fn new(graph: &'a Graph, data: &'a BatchData, memo: &'a mut Memo) -> Self {
        Self { graph, data, memo, shared: false }
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
            let batch = self.for_several(|run| (graph.stream::<T>(id).compute)(run))?.cache();
            self.memo.kept.insert(id, Kept { value: Box::new(batch), asked: 0 });
        }
        let consume = self.may_consume();
        let kept = self.memo.kept.get_mut(&id).expect("it was inserted above");
        kept.asked += 1;
        if consume && kept.asked == readers {
            let kept = self.memo.kept.remove(&id).expect("it is there");
            return Ok(*kept.value.downcast().expect("a node keeps batches of its own type"));
        }
        let batch: &Batch<T> = kept.value.downcast_ref().expect("a node keeps batches of its own type");
        Ok(batch.clone())
    }

    /// The two halves of a split, which is done once for the batch.
    pub(crate) fn split<T: Data, E: Data>(
        &mut self,
        split: NodeId,
        parent: NodeId,
    ) -> Result<(HandOut<'_, T>, HandOut<'_, E>), Error> {
        if !self.memo.kept.contains_key(&split) {
            let (ok, err) = self.for_several(|run| run.stream::<Result<T, E>>(parent))?.split_err();
            let halves: Halves<T, E> = (Some(ok), Some(err));
            self.memo.kept.insert(split, Kept { value: Box::new(halves), asked: 0 });
        }
        let consume = self.may_consume();
        let kept = self.memo.kept.get_mut(&split).expect("it was inserted above");
        let (ok, err) = kept.value.downcast_mut::<Halves<T, E>>().expect("a split keeps its own halves");
        Ok((HandOut { kept: ok, consume }, HandOut { kept: err, consume }))
    }

    /// What an input gave to this batch; empty if it could not be planned.
    pub(super) fn input<T: Data>(&mut self, input: InputId) -> Result<Batch<T>, Error> {
        let consume = self.may_consume();
        Ok(self.data.slots[input].lock().batch(consume).unwrap_or_else(|| self.data.context.empty()))
    }

    /// Computes something that several readers will be handed.
    fn for_several<R>(&mut self, compute: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.shared, true);
        let result = compute(self);
        self.shared = before;
        result
    }

    /// Whether what is handed out now is asked for by nobody else, nor again.
    fn may_consume(&self) -> bool {
        match self.graph.reruns {
            Reruns::Never => true,
            Reruns::OtherReaders => !self.shared,
            Reruns::Jobs => false,
        }
    }
}
