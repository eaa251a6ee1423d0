//! One run of a batch: its stages, one after another, and what they leave for each other.
//!
//! The thread that asked for the run (the job thread, or any thread of the host program) drives it; the tasks of a
//! stage run where the executor puts them. Nothing of a run outlives it, so a run that failed leaves nothing behind.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::arriving::Arriving;
use super::chunks::Reader;
use super::context::BatchContext;
use super::fault::{Fault, guarded};
use super::partitions::Partitions;
use crate::TaskError;

/// What a stage left for the stages after it, by the address of the node that owns it.
type Kept = HashMap<usize, Arc<dyn Any + Send + Sync>>;

pub(crate) struct Run {
    pub(crate) context: BatchContext,
    kept: Mutex<Kept>,
}

impl Run {
    pub(crate) fn new(context: &BatchContext) -> Self {
        Self { context: context.clone(), kept: Mutex::new(HashMap::new()) }
    }

    /// What the node `of` has kept in this run.
    pub(crate) fn kept<N, S: Send + Sync + 'static>(&self, of: &N) -> Option<Arc<S>> {
        let kept = self.kept.lock().get(&address(of)).map(Arc::clone)?;
        Some(kept.downcast::<S>().expect("a node keeps one type"))
    }

    /// Keeps the result of the node `of` until the run is over.
    pub(crate) fn keep<N, S: Send + Sync + 'static>(&self, of: &N, result: S) {
        self.kept.lock().insert(address(of), Arc::new(result));
    }

    /// Runs one stage: `task` for each of `0..tasks`, on the pool when that pays for `weight` bytes of input.
    ///
    /// The error is that of the lowest failing task, whatever the order in which they ran.
    pub(crate) fn stage<R: Send>(
        &self,
        weight: u64,
        tasks: usize,
        task: impl Fn(usize, &Halt<'_>) -> Result<R, TaskError> + Sync,
    ) -> Result<Vec<R>, TaskError> {
        let failed = AtomicUsize::new(usize::MAX);
        let halt = |task| Halt { failed: &failed, task };
        if tasks <= 1 || !self.context.pays_to_share(weight) {
            return (0..tasks).map(|i| task(i, &halt(i))).collect();
        }
        let results: Vec<_> = (0..tasks).map(|_| Mutex::new(None)).collect();
        self.context.executor().run(&mut (0..tasks), &|i| {
            if failed.load(Ordering::Relaxed) < i {
                return;
            }
            let result = task(i, &halt(i));
            if result.is_err() {
                failed.fetch_min(i, Ordering::Relaxed);
            }
            *results[i].lock() = Some(result);
        });
        // A task that was skipped or halted stands behind the one that failed, whose error ends the iteration.
        results.into_iter().map(|r| r.into_inner().expect("an executor runs every task")).collect()
    }

    /// The partitions `wanted`, which are prepared, as they arrive, if that is how they come and the pool is worth
    /// it. None if they are wanted `whole`.
    pub(crate) fn arriving<'r, T>(
        &'r self,
        node: &'r dyn Partitions<T>,
        wanted: &Range<usize>,
        weight: u64,
        whole: bool,
    ) -> Result<Option<Box<dyn Arriving<'r, T> + 'r>>, TaskError> {
        // A worker must not wait for what other workers do.
        if whole || !self.context.pays_to_share(weight) || self.context.executor().is_worker() {
            return Ok(None);
        }
        self.guard(None, || node.arriving(self, wanted.clone()))
    }

    /// Reads one partition, on the calling thread.
    pub(crate) fn read_one<T: 'static, R>(
        &self,
        node: &dyn Partitions<T>,
        partition: usize,
        halt: &Halt<'_>,
        work: impl FnOnce(usize, &mut Reader<'_, T>) -> Result<R, Fault>,
    ) -> Result<R, TaskError> {
        self.guard(Some(partition), || work(partition, &mut Reader::new(node.open(self, partition)?, halt)))
    }

    /// Turns faults and panics of `work` into errors of this batch.
    pub(crate) fn guard<R>(
        &self,
        partition: Option<usize>,
        work: impl FnOnce() -> Result<R, Fault>,
    ) -> Result<R, TaskError> {
        guarded(work).map_err(|fault| fault.into_error(self.context.time(), partition))
    }
}

fn address<N>(of: &N) -> usize {
    std::ptr::from_ref(of).cast::<()>() as usize
}

/// Tells a task that a task before it failed, so that its own result is not needed.
pub(crate) struct Halt<'r> {
    failed: &'r AtomicUsize,
    task: usize,
}

impl Halt<'_> {
    /// For a task that runs alone.
    pub(crate) fn never() -> Halt<'static> {
        static NO_TASK: AtomicUsize = AtomicUsize::new(usize::MAX);
        Halt { failed: &NO_TASK, task: 0 }
    }

    /// For one of many tasks of which none is needed once one of them has failed, which stores 0.
    pub(crate) fn if_any(failed: &AtomicUsize) -> Halt<'_> {
        Halt { failed, task: 1 }
    }

    #[inline]
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.failed.load(Ordering::Relaxed) < self.task { Err(Fault::halted()) } else { Ok(()) }
    }
}
