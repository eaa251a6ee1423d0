//! Partitions that arrive in pieces while the batch runs: the way in for sources that read ahead on threads of their own.
//!
//! The feed of a run is opened when the run first needs a partition. A stage that folds records takes pieces as they come,
//! a task each; where a partition is wanted as a whole, its task takes them one after another. Each is dropped when it is
//! read, so that a range of any length is read in bounded memory. What reads a partition for a second time in a run, as a
//! join of a batch with itself does, gets another feed.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Batch;
use super::arriving::{Arriving, Unopened};
use super::chunks::{CHUNK, Chunks};
use super::fault::{Fault, at};
use super::partitions::Partitions;
use super::run::Run;
use crate::{BatchContext, Data, Site, SourceError, TaskError};

/// A part of a partition as a source delivers it, turned into records inside a task. Dropping it says that the task is
/// done with it.
pub trait Piece<T>: Send {
    /// Pushes about `limit` records onto `out` and says whether more follow; it may push none though more do.
    ///
    /// # Errors
    /// When the bytes are no records; the error names the place. It fails the task.
    fn read(&mut self, limit: usize, out: &mut Vec<T>) -> Result<bool, SourceError>;
}

/// A piece, and the number of its partition.
pub type NextPiece<T> = (usize, Box<dyn Piece<T>>);

/// The pieces of one run of a batch. Several tasks ask at the same time, each for its own partitions.
pub trait PieceFeed<T>: Send + Sync {
    /// Waits for the next piece of one of `partitions`, those first in which the run has least to do, and says which one's
    /// it is; `None` when all of them are at their end. The pieces of a partition come in order.
    ///
    /// It is the feed's own affair to bound the wait: an error, or the end of the source, must end it. A source that limits
    /// its memory keeps a share of it for every partition, for a task waits for the pieces of its own partition only.
    ///
    /// # Errors
    /// When a piece cannot be had. It fails the run.
    fn next(&self, partitions: &[usize]) -> Result<Option<NextPiece<T>>, SourceError>;

    /// Whether all pieces are here already, so that nobody has to wait for one. A run then prefers tasks that read a
    /// partition each, if there are enough of them. Default `false`.
    fn is_ready(&self) -> bool {
        false
    }

    /// Ends the waits of [`next`](Self::next) at once, with an error: the run has failed and wants no more. Default:
    /// nothing, and the run ends when the wait does.
    fn stop(&self) {}
}

impl BatchContext {
    /// A batch with one partition for each of `weights`, whose records arrive in pieces while it runs. A weight is about how
    /// many bytes the partition has; it decides how partitions are shared out and changes no result.
    ///
    /// Stages that can begin in the middle of a partition, which are all but those that hand it to a closure as a whole,
    /// run a task a piece, on all workers; the thread that drives the run waits for the pieces. What they make of a
    /// partition is put together in the order of its pieces. If several pieces fail, the error is that of one of them.
    ///
    /// `open` begins to deliver the pieces. It is called again when the batch runs again, and when a run reads it twice;
    /// every feed must give the same records, also while another one is read.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use batchmill::{BatchContext, NextPiece, Piece, PieceFeed, SourceError};
    ///
    /// struct Numbers(Vec<u32>);
    /// impl Piece<u32> for Numbers {
    ///     fn read(&mut self, _: usize, out: &mut Vec<u32>) -> Result<bool, SourceError> {
    ///         out.append(&mut self.0);
    ///         Ok(false)
    ///     }
    /// }
    ///
    /// /// Two pieces of two numbers for each partition.
    /// struct Feed(Mutex<[u32; 2]>);
    /// impl PieceFeed<u32> for Feed {
    ///     fn next(&self, partitions: &[usize]) -> Result<Option<NextPiece<u32>>, SourceError> {
    ///         let mut given = self.0.lock().unwrap();
    ///         let Some(&p) = partitions.iter().find(|p| given[**p] < 4) else { return Ok(None) };
    ///         given[p] += 2;
    ///         Ok(Some((p, Box::new(Numbers(vec![given[p] - 2, given[p] - 1])))))
    ///     }
    /// }
    ///
    /// let open = || Ok(Box::new(Feed(Mutex::new([0, 0]))) as _);
    /// let batch = BatchContext::sequential().read_pieces(vec![16, 16], open);
    /// assert_eq!(batch.collect_partitions()?, [[0_u32, 1, 2, 3], [0, 1, 2, 3]]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn read_pieces<T, F>(&self, weights: Vec<u64>, open: F) -> Batch<T>
    where
        T: Data,
        F: Fn() -> Result<Box<dyn PieceFeed<T>>, SourceError> + Send + Sync + 'static,
    {
        let site = Site::here("read_pieces");
        Batch::from_node(self.clone(), Pieces { weights, open, site })
    }
}

struct Pieces<F> {
    weights: Vec<u64>,
    open: F,
    site: Site,
}

/// The feeds of a run, as it keeps them.
struct Opened<T>(Mutex<Vec<OpenFeed<T>>>);

/// A feed, and which partitions somebody reads from it.
struct OpenFeed<T> {
    feed: Arc<dyn PieceFeed<T>>,
    taken: Vec<bool>,
}

impl<T> OpenFeed<T> {
    fn is_free(&self, wanted: &[usize]) -> bool {
        wanted.iter().all(|partition| !self.taken[*partition])
    }

    fn take(&mut self, wanted: &[usize]) -> Arc<dyn PieceFeed<T>> {
        wanted.iter().for_each(|partition| self.taken[*partition] = true);
        Arc::clone(&self.feed)
    }
}

impl<F> Pieces<F> {
    fn open_feed<T>(&self) -> Result<OpenFeed<T>, Fault>
    where
        F: Fn() -> Result<Box<dyn PieceFeed<T>>, SourceError>,
    {
        let feed = at(self.site, &self.open).map_err(|cause| Fault::new(Some(self.site), cause))?;
        Ok(OpenFeed { feed: Arc::from(feed), taken: vec![false; self.weights.len()] })
    }

    /// A feed of which nobody reads these partitions yet.
    fn feed_of<T>(&self, opened: &Opened<T>, wanted: &[usize]) -> Result<Arc<dyn PieceFeed<T>>, Fault>
    where
        F: Fn() -> Result<Box<dyn PieceFeed<T>>, SourceError>,
    {
        if let Some(free) = opened.0.lock().iter_mut().find(|feed| feed.is_free(wanted)) {
            return Ok(free.take(wanted));
        }
        // Not under the lock, for the source's code runs. Whoever comes meanwhile opens one too, and that is right as well.
        let mut new = self.open_feed()?;
        let feed = new.take(wanted);
        opened.0.lock().push(new);
        Ok(feed)
    }
}

impl<T, F> Partitions<T> for Pieces<F>
where
    T: Data,
    F: Fn() -> Result<Box<dyn PieceFeed<T>>, SourceError> + Send + Sync + 'static,
{
    fn count(&self) -> usize {
        self.weights.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        self.weights[partition]
    }

    fn prepare(&self, run: &Run, wanted: Range<usize>, _: bool) -> Result<(), TaskError> {
        // A batch without records opens nothing.
        let wanted = self.weights[wanted].iter().any(|weight| *weight > 0);
        if wanted && run.kept::<_, Opened<T>>(self).is_none() {
            let first = run.guard(None, || self.open_feed::<T>())?;
            run.keep(self, Opened(Mutex::new(vec![first])));
        }
        Ok(())
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        // Where nothing was opened there is nothing to read.
        let opened = run.kept::<_, Opened<T>>(self).filter(|_| self.weights[partition] > 0);
        let feed = opened.map(|opened| self.feed_of(&opened, &[partition])).transpose()?;
        Ok(Box::new(InPieces { feed, partition, site: self.site, current: None }))
    }

    fn arriving<'r>(
        &'r self,
        run: &'r Run,
        wanted: Range<usize>,
    ) -> Result<Option<Box<dyn Arriving<'r, T> + 'r>>, Fault> {
        let wanted: Vec<usize> = wanted.filter(|partition| self.weights[*partition] > 0).collect();
        let Some(opened) = run.kept::<_, Opened<T>>(self) else { return Ok(None) };
        let first = opened.0.lock().first().map(|opened| Arc::clone(&opened.feed));
        let enough = wanted.len() >= run.context.executor().parallelism();
        if enough && first.is_some_and(|feed| feed.is_ready()) {
            return Ok(None);
        }
        let feed = self.feed_of(&opened, &wanted)?;
        Ok(Some(Box::new(AsTheyCome { feed, site: self.site })))
    }

    fn claim(&mut self) {}
}

/// The pieces of some partitions, a task each.
struct AsTheyCome<T> {
    feed: Arc<dyn PieceFeed<T>>,
    site: Site,
}

impl<'r, T: 'static> Arriving<'r, T> for AsTheyCome<T> {
    fn next(&self, partitions: &[usize]) -> Result<Option<(usize, Unopened<'r, T>)>, Fault> {
        let site = self.site;
        let next = at(site, || self.feed.next(partitions)).map_err(|cause| Fault::new(Some(site), cause))?;
        let open = |piece| move || Ok(Box::new(OnePiece { piece, site }) as Box<dyn Chunks<T>>);
        Ok(next.map(|(partition, piece)| (partition, Box::new(open(piece)) as _)))
    }

    fn stop(&self) {
        self.feed.stop();
    }
}

struct OnePiece<T> {
    piece: Box<dyn Piece<T>>,
    site: Site,
}

impl<T> Chunks<T> for OnePiece<T> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        at(self.site, || self.piece.read(CHUNK, out)).map_err(|cause| Fault::new(Some(self.site), cause))
    }
}

/// A partition whose pieces are read one after another.
struct InPieces<T> {
    /// None when the partition is at its end.
    feed: Option<Arc<dyn PieceFeed<T>>>,
    partition: usize,
    site: Site,
    current: Option<Box<dyn Piece<T>>>,
}

impl<T: 'static> InPieces<T> {
    /// Sees to it that there is a piece; `false` at the end.
    fn load(&mut self) -> Result<bool, SourceError> {
        if self.current.is_none() {
            if let Some(feed) = &self.feed {
                self.current = feed.next(&[self.partition])?.map(|(_, piece)| piece);
            }
        }
        if self.current.is_none() {
            self.feed = None;
        }
        Ok(self.current.is_some())
    }
}

impl<T: 'static> Chunks<T> for InPieces<T> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        let site = self.site;
        let read = at(site, || {
            if !self.load()? {
                return Ok(false);
            }
            if let Some(piece) = &mut self.current {
                if !piece.read(CHUNK, out)? {
                    self.current = None;
                }
            }
            Ok(true)
        });
        read.map_err(|cause| Fault::new(Some(site), cause))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Pieces of the numbers below `each`, `size` at a time; counts how many are alive.
    struct Feed {
        given: Mutex<Vec<u64>>,
        each: u64,
        size: u64,
        alive: Arc<AtomicUsize>,
    }

    struct Numbers {
        numbers: Range<u64>,
        alive: Arc<AtomicUsize>,
    }

    impl Drop for Numbers {
        fn drop(&mut self) {
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }

    impl Piece<u64> for Numbers {
        fn read(&mut self, limit: usize, out: &mut Vec<u64>) -> Result<bool, SourceError> {
            if self.numbers.contains(&666) {
                return Err("number of the beast".into());
            }
            out.extend(self.numbers.by_ref().take(limit));
            Ok(!self.numbers.is_empty())
        }
    }

    impl PieceFeed<u64> for Feed {
        fn next(&self, partitions: &[usize]) -> Result<Option<NextPiece<u64>>, SourceError> {
            let mut given = self.given.lock();
            let Some(&p) = partitions.iter().find(|p| given[**p] < self.each) else { return Ok(None) };
            let numbers = given[p]..(given[p] + self.size).min(self.each);
            given[p] = numbers.end;
            assert!(self.alive.fetch_add(1, Ordering::Relaxed) < partitions.len().max(2));
            Ok(Some((p, Box::new(Numbers { numbers, alive: Arc::clone(&self.alive) }))))
        }
    }

    fn fed(partitions: usize, each: u64, size: u64) -> (Batch<u64>, Arc<AtomicUsize>) {
        let alive = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&alive);
        let open = move || {
            let given = Mutex::new(vec![0; partitions]);
            Ok(Box::new(Feed { given, each, size, alive: Arc::clone(&counter) }) as Box<dyn PieceFeed<u64>>)
        };
        (BatchContext::sequential().read_pieces(vec![each * 8; partitions], open), alive)
    }

    #[test]
    fn pieces_make_a_partition_in_order_and_each_run_reads_them_anew() {
        let (batch, alive) = fed(2, 600, 7);
        let all: Vec<u64> = (0..600).collect();
        for _ in 0..2 {
            assert_eq!(batch.collect_partitions().unwrap(), [all.clone(), all.clone()]);
        }
        assert_eq!(batch.take(3).unwrap(), [0, 1, 2]);
        assert_eq!(batch.map(|n| (n, 1)).reduce_by_key(|a, b| a + b).len().unwrap(), 600);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "every piece was dropped");
    }

    #[test]
    fn a_batch_that_is_read_twice_in_one_run_has_its_records_twice() {
        let (batch, alive) = fed(2, 300, 7);
        let once: Vec<u64> = (0..300).collect();
        let twice = batch.clone().union(batch.clone());
        assert_eq!(twice.collect_partitions().unwrap(), vec![once; 4]);
        let pairs = batch.map(|n| (n, 1));
        assert_eq!(pairs.clone().join(pairs).len().unwrap(), 4 * 300, "each number is in two partitions");
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_piece_that_cannot_be_read_fails_its_partition_with_the_line_of_the_source() {
        let error = fed(1, 1_000, 100).0.collect().unwrap_err().to_string();
        assert!(
            error.starts_with("read_pieces at ") && error.contains("partition 0: number of the"),
            "{error}"
        );
    }

    #[test]
    fn without_records_nothing_is_opened() {
        let never = || -> Result<Box<dyn PieceFeed<u8>>, SourceError> { Err("opened".into()) };
        let batch = BatchContext::sequential().read_pieces(vec![0, 0], never);
        assert_eq!(batch.collect_partitions().unwrap(), vec![Vec::<u8>::new(); 2]);
        let batch = BatchContext::sequential().read_pieces(vec![0, 1], never);
        assert!(batch.collect().unwrap_err().to_string().ends_with(": opened"));
    }
}
