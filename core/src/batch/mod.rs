//! `Batch<T>`: the records of one batch time, cut into partitions and computed lazily (Spark's RDD). One file per
//! operator or idea.
//!
//! The job thread builds batches and runs them; so may any thread of a program that has no stream. Nothing happens
//! before an action (`collect`, `take`, ...) asks for records. Then narrow operators run fused, a chunk of records at
//! a time, in one task per partition; keyed operators and other shuffles end a stage.

mod actions;
mod arriving;
mod blocks;
mod cache;
mod chunks;
mod context;
mod exchange;
pub(crate) mod fault;
mod filter;
mod flat_map;
mod fold;
mod gather;
mod items;
mod join;
mod keyed;
mod map;
mod map_partitions;
mod pair;
mod partitions;
mod pieces;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod properties;
mod read;
mod run;
mod scatter;
mod shuffle;
mod split_err;
mod try_map;
mod union;

use std::fmt;
use std::sync::Arc;

use self::chunks::Chunks;
use self::partitions::{Narrow, Node, Partitions};
use crate::{BatchTime, Data};

pub use blocks::Block;
pub use chunks::Records;
pub use context::BatchContext;
pub(crate) use keyed::{Combiner, grouping};
pub use pieces::{NextPiece, Piece, PieceFeed};
pub use try_map::Failed;

/// The records of one batch time, in partitions, computed when they are asked for.
///
/// Operators take the batch and return a new one; clone it first to use it twice (a clone shares everything). A batch
/// keeps how to compute its records and not the records: every action computes them anew from the inputs, which is
/// what makes a failed job repeatable.
///
/// Actions compute on the executor of the [`BatchContext`] and return when they are done; nothing else ends their
/// wait. A panic in a closure, or a source that cannot be read, fails the action with an
/// [`Error::Task`](crate::Error::Task) that names operator, line and partition; if several partitions fail it is the
/// first of them.
///
/// ```
/// use batchmill::BatchContext;
///
/// let lines = BatchContext::sequential().batch(vec!["to be", "or not to be"], 2);
/// let words = lines.flat_map(|line| line.split(' ')).filter(|word| *word != "or");
/// assert_eq!(words.collect()?, ["to", "be", "not", "to", "be"]);
/// # Ok::<(), batchmill::Error>(())
/// ```
pub struct Batch<T> {
    context: BatchContext,
    node: Node<T>,
}

impl<T: Data> Batch<T> {
    pub(crate) fn from_node(context: BatchContext, node: impl Partitions<T> + 'static) -> Self {
        Self { context, node: Arc::new(node) }
    }

    /// A batch whose partitions are made from this one's, each for itself. `open` runs in the partition's task, or once in
    /// the task of each piece that arrives of it.
    pub(crate) fn narrow<U: Data>(
        self,
        open: impl Fn(usize, Box<dyn Chunks<T>>) -> Box<dyn Chunks<U>> + Send + Sync + 'static,
    ) -> Batch<U> {
        Batch::from_node(self.context, Narrow { parent: self.node, open, whole: false })
    }

    /// As [`narrow`](Self::narrow), where `open` must get a partition from its beginning to its end.
    pub(crate) fn narrow_whole<U: Data>(
        self,
        open: impl Fn(usize, Box<dyn Chunks<T>>) -> Box<dyn Chunks<U>> + Send + Sync + 'static,
    ) -> Batch<U> {
        Batch::from_node(self.context, Narrow { parent: self.node, open, whole: true })
    }

    /// The same batch with the notes of `sources` too.
    pub(crate) fn noted(self, sources: &BatchContext) -> Self {
        Self { context: self.context.with_notes_of(sources), node: self.node }
    }

    /// The context this batch was made with: use it to make batches that are combined with this one.
    pub fn context(&self) -> &BatchContext {
        &self.context
    }

    /// What sources have attached to the batches that this one was made of, of type `N`. See
    /// [`BatchContext::with_note`].
    pub fn notes<N: std::any::Any>(&self) -> impl Iterator<Item = &N> {
        self.context.notes()
    }

    /// The batch time.
    pub fn time(&self) -> BatchTime {
        self.context.time()
    }

    /// The number of partitions; known without computing anything.
    pub fn partition_count(&self) -> usize {
        self.node.count()
    }
}

impl<T> Clone for Batch<T> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), node: Arc::clone(&self.node) }
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("time", &self.context.time())
            .field("partitions", &self.node.count())
            .finish_non_exhaustive()
    }
}
