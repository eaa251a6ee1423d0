//! What all batches of a batch time share: where their tasks run, how keys are hashed, how many partitions they get.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::executor::{Executor, SequentialExecutor};
use crate::hash::KeyHasher;
use crate::{Batch, BatchTime, Block, Data};

/// The bytes of input below which a stage runs on the calling thread.
///
/// Two stages of a word count in a pool cost about 45 us more than they save in waiting; counting a kibibyte of text
/// takes 5 us. So two threads break even at 18 KiB when both are idle, and later when one is not.
const INLINE_LIMIT_BYTES: u64 = 32 * 1024;

/// Makes batches and says where they run. Cheap to clone.
///
/// A batch made from another one has its context, so a function of a stream (`transform`, `for_each_batch`) makes
/// batches of its own with `batch.context()`; a program without a stream starts with [`sequential`](Self::sequential)
/// or [`new`](Self::new).
///
/// ```
/// use batchmill::BatchContext;
///
/// let context = BatchContext::sequential();
/// let words = context.batch(vec!["a", "b", "a"], 2);
/// assert_eq!(words.filter(|w| *w == "a").len()?, 2);
/// # Ok::<(), batchmill::Error>(())
/// ```
#[derive(Clone)]
pub struct BatchContext {
    time: BatchTime,
    partitions: usize,
    inline_limit_bytes: u64,
    executor: Arc<dyn Executor>,
    hasher: KeyHasher,
    notes: Notes,
}

/// What sources have attached; none as a rule, and then it costs nothing.
type Notes = Option<Arc<Vec<Arc<dyn Any + Send + Sync>>>>;

impl BatchContext {
    /// Batches that run on the calling thread, at batch time 0 and with one partition by default.
    pub fn sequential() -> Self {
        Self::new(Arc::new(SequentialExecutor))
    }

    /// Batches that run on `executor`, at batch time 0, with as many partitions by default as it runs tasks at the
    /// same time, and with a random hash seed.
    pub fn new(executor: Arc<dyn Executor>) -> Self {
        Self {
            time: BatchTime::default(),
            partitions: executor.parallelism().max(1),
            inline_limit_bytes: INLINE_LIMIT_BYTES,
            hasher: KeyHasher::with_seed(KeyHasher::random_seed()),
            executor,
            notes: None,
        }
    }

    /// Hashes keys under `seed`. With the same seed the same key always goes to the same partition; a random one
    /// (the default) keeps whoever chooses the keys from making them collide.
    pub fn with_hash_seed(mut self, seed: u64) -> Self {
        self.hasher = KeyHasher::with_seed(seed);
        self
    }

    /// Gives keyed operators `partitions` partitions where they are not told a number; 0 counts as 1.
    pub fn with_partitions(mut self, partitions: usize) -> Self {
        self.partitions = partitions.max(1);
        self
    }

    /// Runs a stage with less than `bytes` of input on the calling thread instead of the executor (default 32 KiB).
    /// Set it to 0 if a record costs more than a microsecond, so that small batches are spread over the cores too.
    pub fn with_inline_limit(mut self, bytes: u64) -> Self {
        self.inline_limit_bytes = bytes;
        self
    }

    /// Labels batches with `time`.
    pub fn at(mut self, time: BatchTime) -> Self {
        self.time = time;
        self
    }

    /// Attaches a value to every batch that is made with this context, and to those that operators make of them: what a
    /// source wants a program to know of a batch, such as the offsets it holds.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use batchmill::BatchContext;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct Origin(&'static str);
    ///
    /// let context = BatchContext::sequential();
    /// let here = context.with_note(Arc::new(Origin("here"))).batch(vec![1, 2], 1).map(|n| n + 1);
    /// let there = context.with_note(Arc::new(Origin("there"))).batch(vec![3], 1);
    /// let both = here.union(there);
    /// assert!(both.notes::<Origin>().eq([&Origin("here"), &Origin("there")]));
    /// ```
    pub fn with_note<N: Any + Send + Sync>(&self, note: Arc<N>) -> Self {
        let mut notes = self.notes.as_deref().cloned().unwrap_or_default();
        notes.push(note);
        Self { notes: Some(Arc::new(notes)), ..self.clone() }
    }

    /// The notes of type `N`, in the order in which they were attached.
    pub fn notes<N: Any>(&self) -> impl Iterator<Item = &N> {
        self.notes.iter().flat_map(|notes| notes.iter()).filter_map(|note| note.downcast_ref())
    }

    /// For a batch that is made of two: this context with the notes of the other too, each of them once.
    pub(crate) fn with_notes_of(mut self, other: &Self) -> Self {
        let Some(theirs) = &other.notes else { return self };
        let Some(ours) = &self.notes else {
            self.notes = Some(Arc::clone(theirs));
            return self;
        };
        let new = theirs.iter().filter(|note| !ours.iter().any(|known| Arc::ptr_eq(known, note)));
        let all = ours.iter().chain(new).map(Arc::clone).collect();
        self.notes = Some(Arc::new(all));
        self
    }

    /// The batch time.
    pub fn time(&self) -> BatchTime {
        self.time
    }

    /// The number of partitions that keyed operators have where they are not told one.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// The seed keys are hashed under.
    pub fn hash_seed(&self) -> u64 {
        self.hasher.seed()
    }

    /// A batch of `items`, cut into `partitions` partitions of the same size but for one record; 0 counts as 1. No
    /// items make a batch without partitions.
    pub fn batch<T: Data>(&self, items: Vec<T>, partitions: usize) -> Batch<T> {
        self.batch_of(super::items::cut(items, partitions.max(1)))
    }

    /// A batch with the given partitions.
    pub fn batch_of<T: Data>(&self, partitions: Vec<Vec<T>>) -> Batch<T> {
        self.batch_of_shared(partitions.into_iter().map(Arc::new).collect())
    }

    /// A batch with the given partitions, which are not copied. Records are cloned while they are read, unless the
    /// batch is consumed and nobody else holds the partition any more.
    pub fn batch_of_shared<T: Data>(&self, partitions: Vec<Arc<Vec<T>>>) -> Batch<T> {
        self.from_blocks(partitions.into_iter().map(Block::Items).collect())
    }

    /// A batch without partitions.
    pub fn empty<T: Data>(&self) -> Batch<T> {
        self.batch_of(Vec::new())
    }

    pub(crate) fn executor(&self) -> &dyn Executor {
        &*self.executor
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// How many tasks a stage that goes through `weight` bytes should have.
    pub(crate) fn workers_for(&self, weight: u64) -> usize {
        if self.pays_to_share(weight) { self.executor.parallelism() } else { 1 }
    }

    /// Whether a stage that goes through `weight` bytes should enter the pool.
    pub(crate) fn pays_to_share(&self, weight: u64) -> bool {
        weight >= self.inline_limit_bytes && self.executor.parallelism() > 1
    }
}

impl fmt::Debug for BatchContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchContext")
            .field("time", &self.time)
            .field("partitions", &self.partitions)
            .field("inline_limit_bytes", &self.inline_limit_bytes)
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}
