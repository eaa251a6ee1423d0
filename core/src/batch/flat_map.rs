//! `flat_map`: keeps the iterator it is in the middle of, so that a record which yields millions, or never ends, still
//! leaves in chunks. Runs in the partition's task.

use std::sync::Arc;

use super::Batch;
use super::chunks::{CHUNK, Chunks};
use super::fault::{Fault, at};
use crate::{Data, Site};

impl<T: Data> Batch<T> {
    /// Each record becomes all that the iterator made by `f` yields, in order. Partitions stay.
    ///
    /// The iterators are pulled as records are needed, so they may be long or infinite.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec![2, 0, 3], 1);
    /// assert_eq!(batch.flat_map(|n| 0..n).collect()?, [0, 1, 0, 1, 2]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[doc(alias = "flatMap")]
    #[must_use]
    #[track_caller]
    pub fn flat_map<I>(self, f: impl Fn(T) -> I + Send + Sync + 'static) -> Batch<I::Item>
    where
        I: IntoIterator<Item: Data> + 'static,
    {
        self.flat_map_at(Arc::new(f), Site::here("flat_map"))
    }

    pub(crate) fn flat_map_at<I, F>(self, f: Arc<F>, site: Site) -> Batch<I::Item>
    where
        I: IntoIterator<Item: Data> + 'static,
        F: Fn(T) -> I + Send + Sync + 'static,
    {
        self.narrow(move |_, parent| Box::new(FlatMap::new(parent, Arc::clone(&f), site)))
    }
}

struct FlatMap<T, I, F> {
    parent: Box<dyn Chunks<T>>,
    f: Arc<F>,
    site: Site,
    /// Records not looked at yet, the last of them first.
    input: Vec<T>,
    /// The iterator that was cut off when the chunk was full.
    open: Option<I>,
    more: bool,
}

impl<T, I: Iterator, F> FlatMap<T, I, F> {
    fn new(parent: Box<dyn Chunks<T>>, f: Arc<F>, site: Site) -> Self {
        Self { parent, f, site, input: Vec::new(), open: None, more: true }
    }

    /// Fills `out` from the open iterator and the records at hand; stops when it is full.
    fn fill<J: IntoIterator<IntoIter = I, Item = I::Item>>(&mut self, out: &mut Vec<I::Item>)
    where
        F: Fn(T) -> J,
    {
        if let Some(inner) = self.open.take() {
            self.open = pour(inner, out);
        }
        while out.len() < CHUNK {
            let Some(record) = self.input.pop() else { return };
            self.open = pour((self.f)(record).into_iter(), out);
        }
    }
}

/// Moves records from `inner` to `out`, and gives it back if `out` is full first.
///
/// An iterator that says it is short goes through as a whole: its `fold` is often faster than its `next`.
#[inline(always)]
fn pour<I: Iterator>(mut inner: I, out: &mut Vec<I::Item>) -> Option<I> {
    if inner.size_hint().1.is_some_and(|most| most <= CHUNK) {
        inner.for_each(|record| out.push(record));
        return None;
    }
    while out.len() < CHUNK {
        out.push(inner.next()?);
    }
    Some(inner)
}

impl<T, J, F> Chunks<J::Item> for FlatMap<T, J::IntoIter, F>
where
    J: IntoIterator,
    F: Fn(T) -> J,
{
    fn next(&mut self, out: &mut Vec<J::Item>) -> Result<bool, Fault> {
        out.reserve(CHUNK);
        if self.open.is_none() && self.input.is_empty() && self.more {
            self.more = self.parent.next(&mut self.input)?;
            self.input.reverse();
        }
        at(self.site, || self.fill(out));
        Ok(self.more || self.open.is_some() || !self.input.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn an_infinite_iterator_is_pulled_only_as_far_as_needed() {
        let batch = BatchContext::sequential().batch(vec![5_u64], 1);
        assert_eq!(batch.flat_map(|from| from..).take(3).unwrap(), [5, 6, 7]);
    }

    #[test]
    fn iterators_of_any_length_are_joined_in_order() {
        let lengths = vec![0, 3, 511, 512, 513, 0, 2_000, 1, 0];
        let expected: Vec<_> = lengths.iter().flat_map(|n| (0..*n).map(move |i| (*n, i))).collect();
        let batch = BatchContext::sequential().batch(lengths, 1);
        assert_eq!(batch.flat_map(|n| (0..n).map(move |i| (n, i))).collect().unwrap(), expected);
    }
}
