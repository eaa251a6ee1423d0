//! `map`, and the form it shares with other operators that turn one chunk into one chunk: a plain loop from one vector
//! into the other. Runs in the partition's task.

use std::sync::Arc;

use super::Batch;
use super::chunks::Chunks;
use super::fault::{Fault, at};
use crate::{Data, Site};

impl<T: Data> Batch<T> {
    /// Each record becomes what `f` makes of it. Partitions and order stay.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![1, 2, 3], 2);
    /// assert_eq!(batch.map(|x| x * 10).collect()?, [10, 20, 30]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map<U: Data>(self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Batch<U> {
        self.map_at(Arc::new(f), Site::here("map"))
    }

    pub(crate) fn map_at<U, F>(self, f: Arc<F>, site: Site) -> Batch<U>
    where
        U: Data,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        self.per_chunk(site, move |input, out| out.extend(input.drain(..).map(&*f)))
    }

    /// The operator `site` whose loop over a chunk is `f`: it moves records from its first to its second vector.
    pub(crate) fn per_chunk<U, F>(self, site: Site, f: F) -> Batch<U>
    where
        U: Data,
        F: Fn(&mut Vec<T>, &mut Vec<U>) + Send + Sync + 'static,
    {
        let f = Arc::new(f);
        self.narrow(move |_, parent| {
            Box::new(PerChunk { parent, f: Arc::clone(&f), site, input: Vec::new() })
        })
    }
}

struct PerChunk<T, F> {
    parent: Box<dyn Chunks<T>>,
    f: Arc<F>,
    site: Site,
    input: Vec<T>,
}

impl<T, U, F: Fn(&mut Vec<T>, &mut Vec<U>)> Chunks<U> for PerChunk<T, F> {
    fn next(&mut self, out: &mut Vec<U>) -> Result<bool, Fault> {
        self.input.clear();
        let more = self.parent.next(&mut self.input)?;
        at(self.site, || (self.f)(&mut self.input, out));
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn partitions_and_order_stay() {
        let batch = BatchContext::sequential().batch_of(vec![vec![3, 1], vec![], vec![2]]);
        assert_eq!(batch.map(|x| x + 1).collect_partitions().unwrap(), [vec![4, 2], vec![], vec![3]]);
    }

    #[test]
    fn a_panic_names_operator_line_and_partition() {
        let batch = BatchContext::sequential().batch_of(vec![vec![1], vec![0], vec![0]]);
        let line = line!() + 1;
        let error = batch.map(|x| 1 / x).map(|x| x + 1).collect().unwrap_err().to_string();
        assert!(error.contains("map at ") && error.contains(&format!("batch/map.rs:{line} ")), "{error}");
        assert!(error.contains("partition 1: panicked: attempt to divide by zero"), "{error}");
    }
}
