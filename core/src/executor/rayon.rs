//! Tasks on a rayon pool: the context's own ([`RayonPool`]) or one the host program hands over.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Executor, SequentialExecutor};
use crate::Error;
use crate::thread::{ContextId, NamedThread};

/// Runs tasks on a rayon thread pool.
///
/// The calling thread enters the pool once per stage and waits there until the last task is done.
///
/// ```
/// use std::sync::Arc;
/// use batchmill::{BatchContext, RayonExecutor};
///
/// let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build()?);
/// let context = BatchContext::new(Arc::new(RayonExecutor::on(pool)));
/// assert_eq!(context.batch((0..1_000).collect(), 4).len()?, 1_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RayonExecutor {
    pool: Reach,
    threads: usize,
}

enum Reach {
    Host(Arc<ThreadPool>),
    Own(Weak<ThreadPool>),
}

impl RayonExecutor {
    /// An executor on a pool of the host program, which it keeps alive.
    pub fn on(pool: Arc<ThreadPool>) -> Self {
        Self { threads: pool.current_num_threads().max(1), pool: Reach::Host(pool) }
    }

    fn pool(&self) -> Option<Arc<ThreadPool>> {
        match &self.pool {
            Reach::Host(pool) => Some(Arc::clone(pool)),
            Reach::Own(pool) => pool.upgrade(),
        }
    }
}

impl Executor for RayonExecutor {
    fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync)) {
        match self.pool() {
            Some(pool) => pool.in_place_scope(|scope| {
                for i in tasks {
                    scope.spawn(move |_| task(i));
                }
            }),
            None => SequentialExecutor.run(tasks, task),
        }
    }

    fn parallelism(&self) -> usize {
        self.threads
    }

    fn is_worker(&self) -> bool {
        self.pool().is_some_and(|pool| pool.current_thread_index().is_some())
    }
}

impl fmt::Debug for RayonExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RayonExecutor").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// A rayon pool of a context's own, whose threads are named and can be joined, which a plain pool's cannot: dropping
/// a pool does not wait for its threads.
///
/// Batches and streams reach it through [`executor`](Self::executor), which does not keep it alive.
pub(crate) struct RayonPool {
    pool: Arc<ThreadPool>,
    threads: Vec<NamedThread>,
}

impl RayonPool {
    /// Starts `threads` threads named `{name_prefix}-worker-{i}`.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] if a thread cannot be started; those that were started end by themselves.
    pub(crate) fn start(owner: ContextId, name_prefix: &str, threads: usize) -> Result<Self, Error> {
        let started = Mutex::new(Vec::with_capacity(threads));
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|worker| {
                let name = worker_name(name_prefix, worker.index());
                let thread = NamedThread::spawn(owner, name, || worker.run());
                started.lock().push(thread.map_err(std::io::Error::other)?);
                Ok(())
            })
            .build()
            .map_err(|error| Error::Thread {
                name: worker_name(name_prefix, started.lock().len()),
                cause: Arc::new(std::io::Error::other(error)),
            })?;
        Ok(Self { pool: Arc::new(pool), threads: started.into_inner() })
    }

    /// An executor that uses this pool as long as it exists; afterwards it runs its tasks on the calling thread.
    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(RayonExecutor {
            pool: Reach::Own(Arc::downgrade(&self.pool)),
            threads: self.pool.current_num_threads().max(1),
        })
    }

    /// Tells the threads to end when their work is done and hands them over for joining. It does not wait: a stage
    /// that is running keeps the pool until its tasks are done.
    pub(crate) fn shutdown(self) -> Vec<NamedThread> {
        self.threads
    }
}

impl fmt::Debug for RayonPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RayonPool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

fn worker_name(prefix: &str, index: usize) -> String {
    format!("{prefix}-worker-{index}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::RealDeadline;

    #[test]
    fn threads_are_named_and_run_every_task() {
        let pool = RayonPool::start(ContextId::next(), "t", 2).unwrap();
        let seen = Mutex::new(BTreeSet::new());
        pool.executor().run(&mut (0..100), &|i| {
            let thread = std::thread::current();
            assert!(thread.name().is_some_and(|name| name.starts_with("t-worker-")));
            seen.lock().insert(i);
        });
        assert_eq!(seen.into_inner(), (0..100).collect());
    }

    #[test]
    fn every_thread_can_be_joined_after_shutdown() {
        for _ in 0..50 {
            let handles = RayonPool::start(ContextId::next(), "t", 2).unwrap().shutdown();
            assert_eq!(handles.len(), 2);
            let deadline = RealDeadline::after(std::time::Duration::from_secs(60));
            assert!(handles.into_iter().all(|thread| thread.join_by(deadline).is_ok()));
        }
    }

    #[test]
    fn after_shutdown_tasks_run_on_the_caller() {
        let pool = RayonPool::start(ContextId::next(), "t", 2).unwrap();
        let executor = pool.executor();
        drop(pool.shutdown());
        let here = std::thread::current().id();
        executor.run(&mut (0..3), &|_| assert_eq!(std::thread::current().id(), here));
    }
}
