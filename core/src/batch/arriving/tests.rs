//! What comes of pieces that several threads read is what one thread makes of them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::super::chunks::Reader;
use super::super::fault::Fault;
use super::super::fold::Fold;
use super::super::run::Run;
use crate::{Batch, BatchContext, Executor, NextPiece, Piece, PieceFeed, SourceError};

/// Longer than anything here takes, however slow the machine is.
const DEADLINE: Duration = Duration::from_secs(60);

/// A thread for every task.
#[derive(Debug)]
struct Threads(usize);

impl Executor for Threads {
    fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| tasks.for_each(|i| drop(scope.spawn(move || task(i)))));
    }

    fn parallelism(&self) -> usize {
        self.0
    }
}

fn threads(n: usize) -> BatchContext {
    BatchContext::new(Arc::new(Threads(n))).with_inline_limit(0).with_hash_seed(1).with_partitions(3)
}

fn sequential() -> BatchContext {
    BatchContext::sequential().with_hash_seed(1).with_partitions(3)
}

/// What happens while pieces are read, beside the reading.
type Meanwhile = Arc<dyn Fn(u32) -> Result<(), SourceError> + Send + Sync>;

struct Numbers(Range<u32>, Meanwhile);

impl Piece<u32> for Numbers {
    fn read(&mut self, limit: usize, out: &mut Vec<u32>) -> Result<bool, SourceError> {
        (self.1)(self.0.start)?;
        out.extend(self.0.by_ref().take(limit));
        Ok(!self.0.is_empty())
    }
}

/// The numbers below `sizes` of each partition, some at a time; those asked for first come first.
struct Feed {
    given: Mutex<Vec<u32>>,
    sizes: Vec<u32>,
    meanwhile: Meanwhile,
}

impl PieceFeed<u32> for Feed {
    fn next(&self, partitions: &[usize]) -> Result<Option<NextPiece<u32>>, SourceError> {
        let mut given = self.given.lock();
        let Some(&p) = partitions.iter().find(|p| given[**p] < self.sizes[**p]) else { return Ok(None) };
        let end = self.sizes[p].min(given[p] + 1 + given[p] % 7 * 60);
        let numbers = std::mem::replace(&mut given[p], end)..end;
        Ok(Some((p, Box::new(Numbers(numbers, Arc::clone(&self.meanwhile))))))
    }
}

fn fed(context: &BatchContext, sizes: &[u32], meanwhile: Meanwhile) -> Batch<u32> {
    let (weights, sizes) = (sizes.iter().map(|n| u64::from(*n) * 4).collect(), sizes.to_vec());
    context.read_pieces(weights, move || {
        let given = Mutex::new(vec![0; sizes.len()]);
        Ok(Box::new(Feed { given, sizes: sizes.clone(), meanwhile: Arc::clone(&meanwhile) }) as _)
    })
}

fn nothing() -> Meanwhile {
    Arc::new(|_| Ok(()))
}

/// Checks that threads make of pieces what one thread makes of them, of one partition and of many.
fn same<R: PartialEq + std::fmt::Debug>(of: impl Fn(Batch<u32>) -> R) {
    let many: Vec<u32> = (0..60).map(|p| p * 37 % 500).collect();
    for sizes in [vec![5_000], vec![3_000, 0, 2_000], many] {
        let expected = of(fed(&sequential(), &sizes, nothing()));
        for n in 2..=4 {
            assert_eq!(
                of(fed(&threads(n), &sizes, nothing())),
                expected,
                "{n} threads, {} partitions",
                sizes.len()
            );
        }
    }
}

#[test]
fn records_keep_their_order() {
    same(|batch| batch.collect_partitions().unwrap());
    same(|batch| batch.map(|n| n.to_string()).reduce(|a, b| a + &b).collect().unwrap());
    same(|batch| batch.map(|n| (n % 5, n)).group_by_key().sorted().unwrap());
    same(|batch| batch.map(|n| (n % 700, n.to_string())).reduce_by_key(|a, b| a + &b).sorted().unwrap());
    same(|batch| {
        batch.map(|n| (n % 5, n)).partition_by(4, |key| *key as usize).collect_partitions().unwrap()
    });
}

#[test]
fn every_operator_makes_what_it_makes_on_one_thread() {
    same(|batch| batch.len().unwrap());
    same(|batch| batch.count().collect().unwrap());
    same(|batch| batch.filter(|n| n % 3 == 0).flat_map(|n| 0..n % 4).cache().collect_partitions().unwrap());
    same(|batch| batch.map_partitions(|numbers| [numbers.count()]).collect().unwrap());
    same(|batch| batch.repartition(3).collect_partitions().unwrap());
    same(|batch| {
        let (even, odd) = batch.map(|n| if n % 2 == 0 { Ok(n) } else { Err(n) }).split_err();
        (even.collect_partitions().unwrap(), odd.collect_partitions().unwrap())
    });
    same(|batch| batch.clone().union(batch).count_by_value().sorted().unwrap());
}

/// Lets those who come wait for each other.
#[derive(Default)]
struct Meeting(Mutex<usize>, Condvar);

impl Meeting {
    /// Waits until so many have come.
    fn wait_for(&self, all: usize) -> Result<(), SourceError> {
        let mut here = self.0.lock();
        *here += 1;
        self.1.notify_all();
        while *here < all {
            if self.1.wait_for(&mut here, DEADLINE).timed_out() {
                return Err("the others do not come".into());
            }
        }
        Ok(())
    }
}

#[test]
fn a_partition_is_read_by_several_tasks_at_the_same_time() {
    let meeting = Meeting::default();
    let meet: Meanwhile = Arc::new(move |_| meeting.wait_for(3));
    assert_eq!(fed(&threads(3), &[1_000], meet).len().unwrap(), 1_000);
}

#[test]
fn no_more_pieces_are_taken_than_the_workers_can_have_at_hand() {
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let context = threads(2);
    let (now, peak) = (Arc::clone(&alive), Arc::clone(&most));
    let batch = context.read_pieces(vec![1 << 20], move || {
        Ok(Box::new(Counted { left: Mutex::new(500), alive: Arc::clone(&now), most: Arc::clone(&peak) }) as _)
    });
    assert_eq!(batch.len().unwrap(), 500);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    assert!(most.load(Ordering::Relaxed) <= 4, "{most:?} pieces for 2 workers");
}

/// Pieces of one record that are counted while they live.
struct Counted {
    left: Mutex<u32>,
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct One(Arc<AtomicUsize>);

impl Piece<u32> for One {
    fn read(&mut self, _: usize, out: &mut Vec<u32>) -> Result<bool, SourceError> {
        out.push(1);
        Ok(false)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PieceFeed<u32> for Counted {
    fn next(&self, _: &[usize]) -> Result<Option<NextPiece<u32>>, SourceError> {
        let mut left = self.left.lock();
        let Some(fewer) = left.checked_sub(1) else { return Ok(None) };
        *left = fewer;
        let alive = self.alive.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(alive, Ordering::Relaxed);
        Ok(Some((0, Box::new(One(Arc::clone(&self.alive))))))
    }
}

#[test]
fn a_failure_ends_the_wait_for_the_next_piece() {
    /// One piece that cannot be read, and then nothing until it is stopped.
    #[derive(Default)]
    struct Stuck {
        given: AtomicBool,
        stopped: Meeting,
    }
    impl PieceFeed<u32> for Stuck {
        fn next(&self, _: &[usize]) -> Result<Option<NextPiece<u32>>, SourceError> {
            if self.given.swap(true, Ordering::Relaxed) {
                self.stopped.wait_for(2)?;
                return Err("stopped".into());
            }
            Ok(Some((0, Box::new(Numbers(7..8, Arc::new(|_| Err("torn".into())))))))
        }

        fn stop(&self) {
            *self.stopped.0.lock() += 1;
            self.stopped.1.notify_all();
        }
    }
    let batch = threads(2).read_pieces(vec![4, 4], || Ok(Box::<Stuck>::default() as _));
    let error = batch.map(|n| (n, n)).reduce_by_key(|a, _| a).collect().unwrap_err().to_string();
    assert!(error.starts_with("read_pieces at ") && error.ends_with("partition 0: torn"), "{error}");
}

#[test]
fn a_closure_that_panics_while_states_are_joined_fails_the_run() {
    let batch = fed(&threads(2), &[100, 100, 100], nothing()).map(|n| (n % 3, n));
    let error = batch.reduce_by_key(|_, _| panic!("no")).collect().unwrap_err().to_string();
    assert!(error.starts_with("reduce_by_key at ") && error.ends_with("panicked: no"), "{error}");
}

/// Counts its states.
struct Alive(Arc<AtomicUsize>, Arc<AtomicUsize>);

struct Sum(u64, Arc<AtomicUsize>);

impl Drop for Sum {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fold<u32> for Alive {
    type State = Sum;

    fn begin(&self, _: u64) -> Sum {
        let alive = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.1.fetch_max(alive, Ordering::Relaxed);
        Sum(0, Arc::clone(&self.0))
    }

    fn read(&self, sum: &mut Sum, _: usize, records: &mut Reader<'_, u32>) -> Result<(), Fault> {
        while let Some(chunk) = records.next_chunk()? {
            sum.0 += chunk.iter().map(|n| u64::from(*n)).sum::<u64>();
        }
        Ok(())
    }

    fn join(&self, sum: &mut Sum, next: Sum) {
        sum.0 += next.0;
    }
}

#[test]
fn of_many_partitions_there_are_few_states_at_a_time() {
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let context = threads(2);
    let batch = fed(&context, &[50; 300], nothing());
    let run = Run::new(&context);
    batch.node.prepare(&run, 0..300, true).unwrap();
    let fold = Alive(Arc::clone(&alive), Arc::clone(&most));
    let sums = run.fold_groups(&*batch.node, 0..300, &fold, |sum| sum.0).unwrap();
    assert_eq!(sums.iter().sum::<u64>(), 300 * (0..50).sum::<u64>());
    assert!(most.load(Ordering::Relaxed) <= 30, "{most:?} states");
}
