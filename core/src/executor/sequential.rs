//! One task after another, on the thread that asks.

use super::Executor;

/// Runs every task on the calling thread, in order. It is what a context without the `rayon` feature uses, and the
/// test kit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequentialExecutor;

impl Executor for SequentialExecutor {
    fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync)) {
        tasks.for_each(task);
    }

    fn parallelism(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn tasks_run_in_order() {
        let seen = Mutex::new(Vec::new());
        SequentialExecutor.run(&mut (0..4), &|i| seen.lock().unwrap().push(i));
        assert_eq!(seen.into_inner().unwrap(), [0, 1, 2, 3]);
    }
}
