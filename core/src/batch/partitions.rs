//! The plan of a batch: a tree of nodes, each of which can open its partitions. Built on the job thread, opened in
//! tasks.

use std::ops::Range;
use std::sync::Arc;

use super::arriving::{Arriving, Unopened};
use super::chunks::Chunks;
use super::fault::Fault;
use super::run::Run;
use crate::TaskError;

/// A node of a batch's plan.
pub(crate) trait Partitions<T>: Send + Sync {
    /// How many partitions there are; known before anything runs.
    fn count(&self) -> usize;

    /// About how many bytes a partition's task will go through, as far as known; asked after `prepare`.
    fn weight(&self, run: &Run, partition: usize) -> u64;

    /// Runs the stages that must be done before the partitions `wanted` can be opened. Called on the thread that
    /// drives the run; a stage that this run has done is not done again.
    ///
    /// `sole` says that nothing else in this run reads this node, so that each partition is opened once at most and
    /// what the run keeps for it may be moved out.
    fn prepare(&self, run: &Run, wanted: Range<usize>, sole: bool) -> Result<(), TaskError>;

    /// Opens one of the prepared partitions, in its task.
    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault>;

    /// The partitions `wanted`, which are prepared, as they arrive in pieces, each of which becomes records apart from the
    /// others. None where they are at hand, or where an operator wants a partition whole: then they are opened.
    fn arriving<'r>(
        &'r self,
        _run: &'r Run,
        _wanted: Range<usize>,
    ) -> Result<Option<Box<dyn Arriving<'r, T> + 'r>>, Fault> {
        Ok(None)
    }

    /// Says that the owner of the whole batch is about to run it and nobody can afterwards: a node passes it on to
    /// its parents where it is their only owner, and items at the bottom are then moved instead of cloned.
    fn claim(&mut self);
}

/// A shared node, as every operator holds the one before it.
pub(crate) type Node<T> = Arc<dyn Partitions<T>>;

/// `prepare` for the parent of a node that itself is read once if `sole`.
pub(crate) fn prepare_parent<T>(
    parent: &Node<T>,
    run: &Run,
    wanted: Range<usize>,
    sole: bool,
) -> Result<(), TaskError> {
    // Handles of the user count as well, so a node may look shared without being so; then its records are cloned.
    parent.prepare(run, wanted, sole && Arc::strong_count(parent) == 1)
}

/// `claim` for a parent, if the caller is its only owner.
pub(crate) fn claim_parent<T>(parent: &mut Node<T>) {
    if let Some(parent) = Arc::get_mut(parent) {
        parent.claim();
    }
}

/// An operator that makes one partition out of one partition, without looking at others.
pub(crate) struct Narrow<T, O> {
    pub(crate) parent: Node<T>,
    pub(crate) open: O,
    /// What it makes of a record hangs on others of the partition, so `open` must get all of it.
    pub(crate) whole: bool,
}

impl<T, U, O> Partitions<U> for Narrow<T, O>
where
    T: 'static,
    U: 'static,
    O: Fn(usize, Box<dyn Chunks<T>>) -> Box<dyn Chunks<U>> + Send + Sync,
{
    fn count(&self) -> usize {
        self.parent.count()
    }

    fn weight(&self, run: &Run, partition: usize) -> u64 {
        self.parent.weight(run, partition)
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, sole: bool) -> Result<(), TaskError> {
        prepare_parent(&self.parent, run, wanted, sole)
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<U>>, Fault> {
        Ok((self.open)(partition, self.parent.open(run, partition)?))
    }

    fn arriving<'r>(
        &'r self,
        run: &'r Run,
        wanted: Range<usize>,
    ) -> Result<Option<Box<dyn Arriving<'r, U> + 'r>>, Fault> {
        if self.whole {
            return Ok(None);
        }
        let arriving = self.parent.arriving(run, wanted)?;
        Ok(arriving.map(|arriving| Box::new(Through { arriving, open: &self.open }) as _))
    }

    fn claim(&mut self) {
        claim_parent(&mut self.parent);
    }
}

/// Pieces that go through an operator on their way.
struct Through<'r, T, O> {
    arriving: Box<dyn Arriving<'r, T> + 'r>,
    open: &'r O,
}

impl<'r, T, U, O> Arriving<'r, U> for Through<'r, T, O>
where
    T: 'static,
    U: 'static,
    O: Fn(usize, Box<dyn Chunks<T>>) -> Box<dyn Chunks<U>> + Send + Sync,
{
    fn next(&self, partitions: &[usize]) -> Result<Option<(usize, Unopened<'r, U>)>, Fault> {
        let open = self.open;
        let next = self.arriving.next(partitions)?;
        Ok(next.map(|(partition, piece)| (partition, Box::new(move || Ok(open(partition, piece()?))) as _)))
    }

    fn stop(&self) {
        self.arriving.stop();
    }
}
