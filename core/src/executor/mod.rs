//! Where the tasks of a batch run: on the calling thread, on a rayon pool, or on a pool of the host program.
//!
//! The job thread calls an [`Executor`] once per stage; which thread runs a task is the executor's own affair.

#[cfg(feature = "rayon")]
mod rayon;
mod sequential;

use std::fmt::Debug;

#[cfg(feature = "rayon")]
pub use self::rayon::RayonExecutor;
#[cfg(feature = "rayon")]
pub(crate) use self::rayon::RayonPool;
pub use sequential::SequentialExecutor;

/// Runs the tasks of one stage.
///
/// Implement it to run batches on a thread pool of the host program. A task never panics: what a user's closure
/// throws is caught inside and becomes an error of the batch.
///
/// ```
/// use std::sync::Arc;
/// use batchmill::{BatchContext, Executor};
///
/// /// One thread of the operating system for every task.
/// #[derive(Debug)]
/// struct ThreadPerTask;
///
/// impl Executor for ThreadPerTask {
///     fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync)) {
///         std::thread::scope(|scope| tasks.for_each(|i| drop(scope.spawn(move || task(i)))));
///     }
///
///     fn parallelism(&self) -> usize {
///         2
///     }
/// }
///
/// let context = BatchContext::new(Arc::new(ThreadPerTask)).with_inline_limit(0);
/// let squares = context.batch(vec![1, 2, 3, 4], 2).map(|x| x * x);
/// assert_eq!(squares.collect()?, [1, 4, 9, 16]);
/// # Ok::<(), batchmill::Error>(())
/// ```
pub trait Executor: Debug + Send + Sync {
    /// Calls `task` once with every number `tasks` yields, each call on any thread, and returns when all calls have
    /// returned.
    ///
    /// The iterator is pulled on the calling thread and may wait there, as for a source that is still reading, or for
    /// tasks already handed over, which must run meanwhile. Tasks do not wait for each other, so any order and any number of
    /// threads will do.
    fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync));

    /// How many tasks can run at the same time; at least 1. With 1 the batch runs on the calling thread and
    /// [`run`](Self::run) is not called.
    fn parallelism(&self) -> usize;

    /// Whether the calling thread is one of those that run tasks: then a stage that is run from it, inside a task, does
    /// not wait for other tasks. Default `false`.
    fn is_worker(&self) -> bool {
        false
    }
}
