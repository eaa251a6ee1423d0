//! The stream graph: which stream is made from which, what feeds it and which outputs it ends in.
//!
//! Built by the operators of [`DStream`](crate::DStream), checked and frozen at the start, then read by the job
//! thread, which asks every output to run for every batch.

mod batch_data;
mod batch_run;
mod inputs;

use std::any::Any;

pub(crate) use batch_data::{BatchData, RecordCount, Slot};
pub(crate) use batch_run::{BatchRun, Memo};
pub(crate) use inputs::{
    BlockingInput, BlockingSource, InlineInput, InputSource, ReceiverInput, ReceiverSource,
};

use crate::Data;
use crate::batch::Batch;
use crate::config::{ErrorPolicy, OnFailure};
use crate::engine::{InputId, OutputId};
use crate::error::{BuildError, BuildErrors, Error, Site};

/// The number of a stream, in the order of creation.
pub(crate) type NodeId = usize;

type Compute<T> = dyn Fn(&mut BatchRun<'_>) -> Result<Batch<T>, Error> + Send + Sync;
type RunOutput = dyn Fn(&mut BatchRun<'_>) -> Result<(), Error> + Send + Sync;

/// How the batch of one stream is made. Called on the job thread.
struct Stream<T> {
    compute: Box<Compute<T>>,
}

struct Node {
    site: Site,
    parents: Vec<NodeId>,
    /// A `Stream<T>`.
    stream: Box<dyn Any + Send + Sync>,
    /// The input that feeds it, if it is the stream of one.
    input: Option<InputId>,
}

/// An output: where a stream's batches end.
pub(crate) struct Output {
    pub(crate) site: Site,
    parents: Vec<NodeId>,
    run: Box<RunOutput>,
}

/// A graph that is being built.
#[derive(Default)]
pub(crate) struct GraphBuilder {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    inputs: Vec<InputSource>,
    errors: Vec<BuildError>,
}

impl GraphBuilder {
    /// Adds a stream made from `parents`.
    pub(crate) fn add_stream<T: Data>(
        &mut self,
        site: Site,
        parents: Vec<NodeId>,
        compute: impl Fn(&mut BatchRun<'_>) -> Result<Batch<T>, Error> + Send + Sync + 'static,
    ) -> NodeId {
        let stream = Stream { compute: Box::new(compute) };
        self.nodes.push(Node { site, parents, stream: Box::new(stream), input: None });
        self.nodes.len() - 1
    }

    /// Adds the node that both halves of a split read; it is no stream itself.
    pub(crate) fn add_split(&mut self, site: Site, parent: NodeId) -> NodeId {
        self.nodes.push(Node { site, parents: vec![parent], stream: Box::new(()), input: None });
        self.nodes.len() - 1
    }

    /// Adds the stream of an input.
    pub(crate) fn add_input<T: Data>(
        &mut self,
        site: Site,
        make: impl FnOnce(InputId) -> InputSource,
    ) -> NodeId {
        let input = self.inputs.len();
        self.inputs.push(make(input));
        let node = self.add_stream(site, Vec::new(), move |run| run.input::<T>(input));
        self.nodes[node].input = Some(input);
        node
    }

    pub(crate) fn add_output(
        &mut self,
        site: Site,
        parents: Vec<NodeId>,
        run: impl Fn(&mut BatchRun<'_>) -> Result<(), Error> + Send + Sync + 'static,
    ) {
        self.outputs.push(Output { site, parents, run: Box::new(run) });
    }

    pub(crate) fn add_error(&mut self, error: BuildError) {
        self.errors.push(error);
    }

    /// Checks the graph and freezes it; the inputs are handed over apart, for they live on other threads.
    ///
    /// `reruns` says who may ask for the same batch again.
    pub(crate) fn build(mut self, reruns: Reruns) -> Result<(Graph, Vec<InputSource>), Error> {
        if self.outputs.is_empty() {
            self.errors.push(BuildError::NoOutput);
        }
        if !self.errors.is_empty() {
            return Err(Error::Build(BuildErrors(self.errors)));
        }
        let consumers = self.count_consumers();
        for node in self.nodes.iter().zip(&consumers).filter(|(node, n)| node.input.is_some() && **n == 0) {
            log::warn!("the input of {} is never used by an output", node.0.site);
        }
        let graph = Graph { nodes: self.nodes, outputs: self.outputs, consumers, reruns };
        Ok((graph, self.inputs))
    }

    /// For every stream, by how many streams and outputs that lead to an output it is read.
    fn count_consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.nodes.len()];
        for parent in self.outputs.iter().flat_map(|output| &output.parents) {
            consumers[*parent] += 1;
        }
        // A stream's parents are older than itself, so that one pass from the youngest sees every reader first.
        for id in (0..self.nodes.len()).rev() {
            if consumers[id] > 0 {
                for parent in &self.nodes[id].parents {
                    consumers[*parent] += 1;
                }
            }
        }
        consumers
    }
}

/// What is computed anew after a failure, which decides who may use up the records it is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reruns {
    /// Nothing: the first failure ends the context.
    Never,
    /// A stream that failed for one reader, for its other readers; no job is run twice.
    OtherReaders,
    /// Jobs, from the inputs of their batch.
    Jobs,
}

impl Reruns {
    pub(crate) fn under(policy: ErrorPolicy) -> Self {
        match (policy.retries, policy.on_failure) {
            (0, OnFailure::Stop) => Self::Never,
            (0, OnFailure::Continue) => Self::OtherReaders,
            _ => Self::Jobs,
        }
    }
}

/// A frozen graph.
pub(crate) struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    consumers: Vec<usize>,
    reruns: Reruns,
}

impl Graph {
    pub(crate) fn output(&self, id: OutputId) -> &Output {
        &self.outputs[id]
    }

    pub(crate) fn output_count(&self) -> usize {
        self.outputs.len()
    }

    /// Runs one output for one batch. On the job thread.
    pub(crate) fn run_output(&self, id: OutputId, data: &BatchData, memo: &mut Memo) -> Result<(), Error> {
        (self.outputs[id].run)(&mut BatchRun::new(self, data, memo))
    }

    fn stream<T: Data>(&self, id: NodeId) -> &Stream<T> {
        self.nodes[id].stream.downcast_ref().expect("a handle's type is the type of its stream")
    }
}
