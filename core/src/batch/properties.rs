//! Batches against a naive oracle over `Vec<Vec<T>>`, on one thread and on a pool; and what all operators promise
//! together: who moves, who clones, which failure wins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use crate::{Batch, BatchContext, Executor};

type Pair = (u8, i64);
type Partitions = Vec<Vec<Pair>>;

/// One step of a random pipeline.
#[derive(Clone, Debug)]
enum Step {
    Map(i64),
    Filter(u8),
    FlatMap(u8),
    MapValues(i64),
    Reverse,
    UnionSelf,
    Cache,
    Repartition(usize),
    PartitionBy(usize),
    ReduceByKey(Option<usize>),
    GroupByKey,
    Reduce,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<i8>().prop_map(|n| Step::Map(i64::from(n))),
        (1_u8..4).prop_map(Step::Filter),
        (0_u8..4).prop_map(Step::FlatMap),
        any::<i8>().prop_map(|n| Step::MapValues(i64::from(n))),
        Just(Step::Reverse),
        Just(Step::UnionSelf),
        Just(Step::Cache),
        (0_usize..5).prop_map(Step::Repartition),
        (0_usize..5).prop_map(Step::PartitionBy),
        proptest::option::of(0_usize..5).prop_map(Step::ReduceByKey),
        Just(Step::GroupByKey),
        Just(Step::Reduce),
    ]
}

impl Step {
    /// Whether the order of the records is defined after it.
    fn keeps_order(&self) -> bool {
        !matches!(self, Self::ReduceByKey(_) | Self::GroupByKey)
    }

    fn run(&self, batch: Batch<Pair>) -> Batch<Pair> {
        match *self {
            Self::Map(n) => batch.map(move |(k, v)| (k.wrapping_add(n as u8), v + n)),
            Self::Filter(n) => batch.filter(move |(k, _)| k % n == 0),
            Self::FlatMap(n) => batch.flat_map(move |(k, v)| (0..k % (n + 1)).map(move |i| (i, v))),
            Self::MapValues(n) => batch.map_values(move |v| v ^ n),
            Self::Reverse => batch.map_partitions(|records| {
                let mut all: Vec<_> = records.collect();
                all.reverse();
                all
            }),
            Self::UnionSelf => batch.clone().union(batch),
            Self::Cache => batch.cache(),
            Self::Repartition(n) => batch.repartition(n),
            Self::PartitionBy(n) => batch.partition_by(n, |k| usize::from(*k)),
            Self::ReduceByKey(None) => batch.reduce_by_key(|a, b| a.wrapping_add(b)),
            Self::ReduceByKey(Some(n)) => batch.reduce_by_key_into(n, |a, b| a.wrapping_add(b)),
            Self::GroupByKey => batch.group_by_key().map_values(|values| values.iter().sum()),
            Self::Reduce => batch.reduce(|(k, v), (l, w)| (k ^ l, v.wrapping_add(w))),
        }
    }

    fn expect(&self, input: Partitions) -> Partitions {
        let each = |f: &dyn Fn(Vec<Pair>) -> Vec<Pair>| input.iter().cloned().map(f).collect();
        match *self {
            Self::Map(n) => each(&|p| p.into_iter().map(|(k, v)| (k.wrapping_add(n as u8), v + n)).collect()),
            Self::Filter(n) => each(&|p| p.into_iter().filter(|(k, _)| k % n == 0).collect()),
            Self::FlatMap(n) => {
                let pieces = |(k, v): Pair| (0..k % (n + 1)).map(move |i| (i, v));
                each(&|p| p.into_iter().flat_map(pieces).collect())
            }
            Self::MapValues(n) => each(&|p| p.into_iter().map(|(k, v)| (k, v ^ n)).collect()),
            Self::Reverse => each(&|p| p.into_iter().rev().collect()),
            Self::UnionSelf => input.iter().chain(&input).cloned().collect(),
            Self::Cache => input,
            Self::Repartition(n) => {
                let place = |partition, index, _: &Pair| partition + index;
                sent(input, n, place)
            }
            Self::PartitionBy(n) => sent(input, n, |_, _, (k, _)| usize::from(*k)),
            Self::ReduceByKey(_) | Self::GroupByKey => {
                let mut sums = BTreeMap::new();
                for (k, v) in input.concat() {
                    let sum = sums.entry(k).or_insert(0_i64);
                    *sum = sum.wrapping_add(v);
                }
                vec![sums.into_iter().collect()]
            }
            Self::Reduce => {
                let all = input.concat().into_iter();
                vec![all.reduce(|(k, v), (l, w)| (k ^ l, v.wrapping_add(w))).into_iter().collect()]
            }
        }
    }
}

fn sent(input: Partitions, n: usize, place: impl Fn(usize, usize, &Pair) -> usize) -> Partitions {
    let mut output = vec![Vec::new(); n.max(1)];
    for (p, partition) in input.into_iter().enumerate() {
        for (i, pair) in partition.into_iter().enumerate() {
            output[place(p, i, &pair) % n.max(1)].push(pair);
        }
    }
    output
}

/// Every kind of context a batch can run on.
fn contexts() -> Vec<BatchContext> {
    let contexts = vec![
        BatchContext::sequential(),
        BatchContext::sequential().with_partitions(3),
        BatchContext::new(Arc::new(Threads)).with_inline_limit(0),
    ];
    #[cfg(feature = "rayon")]
    let contexts = {
        let rayon = BatchContext::new(rayon_executor()).with_inline_limit(0).with_partitions(4);
        contexts.into_iter().chain([rayon]).collect()
    };
    contexts
}

#[cfg(feature = "rayon")]
fn rayon_executor() -> Arc<dyn Executor> {
    use std::sync::OnceLock;
    static POOL: OnceLock<Arc<rayon::ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| Arc::new(rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap()));
    Arc::new(crate::RayonExecutor::on(Arc::clone(pool)))
}

/// A thread per task, so that tasks really run in any order.
#[derive(Debug)]
struct Threads;

impl Executor for Threads {
    fn run(&self, tasks: &mut dyn Iterator<Item = usize>, task: &(dyn Fn(usize) + Sync)) {
        let tasks: Vec<_> = tasks.collect();
        std::thread::scope(|scope| {
            tasks.into_iter().rev().for_each(|i| drop(scope.spawn(move || task(i))));
        });
    }

    fn parallelism(&self) -> usize {
        3
    }
}

fn input() -> impl Strategy<Value = Partitions> {
    let pair = (0_u8..20, -1_000_i64..1_000);
    let small = proptest::collection::vec(pair.clone(), 0..20);
    let large = proptest::collection::vec(pair, 600..1_400);
    proptest::collection::vec(prop_oneof![9 => small, 1 => large], 0..6)
}

fn sorted(partitions: Partitions) -> Vec<Pair> {
    let mut all = partitions.concat();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_pipelines_give_what_the_oracle_gives(
        input in input(),
        steps in proptest::collection::vec(step(), 0..6),
    ) {
        let mut expected = input.clone();
        let mut ordered = true;
        for step in &steps {
            expected = step.expect(expected);
            ordered &= step.keeps_order();
            prop_assume!(expected.iter().map(Vec::len).sum::<usize>() < 50_000);
        }
        // Where records lie is defined as long as no key has been hashed; what `Reduce` gives always is.
        for context in contexts() {
            let batch = steps.iter().fold(context.batch_of(input.clone()), |batch, step| step.run(batch));
            prop_assert_eq!(batch.len().unwrap(), expected.iter().map(Vec::len).sum::<usize>() as u64);
            if ordered {
                let all = expected.concat();
                prop_assert_eq!(&batch.take(7).unwrap(), &all[..all.len().min(7)]);
                prop_assert_eq!(&batch.collect_partitions().unwrap(), &expected);
                prop_assert_eq!(&batch.into_partitions().unwrap(), &expected);
            } else {
                let expected = sorted(expected.clone());
                prop_assert_eq!(&batch.sorted().unwrap(), &expected);
                prop_assert_eq!(&sorted(batch.into_partitions().unwrap()), &expected);
            }
        }
    }

    #[test]
    fn values_of_a_key_keep_their_order_however_partitions_share_tasks(input in input()) {
        let mut expected: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
        for (k, v) in input.concat() {
            expected.entry(k).or_default().push(v);
        }
        let expected: Vec<_> = expected.into_iter().collect();
        for context in contexts() {
            let batch = context.batch_of(input.clone());
            prop_assert_eq!(&batch.clone().group_by_key().sorted().unwrap(), &expected);
            prop_assert_eq!(&batch.clone().group_by_key_into(2).sorted().unwrap(), &expected);
            // `f` that takes the left or the right one shows the order of the merges of values that are copied.
            let first: Vec<_> = expected.iter().map(|(k, v)| (*k, v[0])).collect();
            prop_assert_eq!(&batch.clone().reduce_by_key(|a, _| a).sorted().unwrap(), &first);
            let last: Vec<_> = expected.iter().map(|(k, v)| (*k, v[v.len() - 1])).collect();
            prop_assert_eq!(&batch.reduce_by_key(|_, b| b).sorted().unwrap(), &last);
        }
    }

    #[test]
    fn joins_give_every_combination_in_order(left in input(), right in input()) {
        let (left, right) = (keys_up_to(left, 60), keys_up_to(right, 60));
        let mut expected = Vec::new();
        for (k, v) in left.concat() {
            expected.extend(right.concat().into_iter().filter(|(l, _)| *l == k).map(|(_, w)| (k, (v, w))));
        }
        expected.sort_by_key(|(k, _)| *k);
        for context in contexts() {
            let joined = context.batch_of(left.clone()).join(context.batch_of(right.clone()));
            let mut joined = joined.into_vec().unwrap();
            joined.sort_by_key(|(k, _)| *k);
            prop_assert_eq!(&joined, &expected);
        }
    }
}

/// The first `n` records, so that a product stays small.
fn keys_up_to(partitions: Partitions, n: usize) -> Partitions {
    partitions.into_iter().map(|p| p.into_iter().take(n).collect()).collect()
}

/// Counts its clones.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>, Vec<u32>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0), self.1.clone())
    }
}

fn counted(n: usize) -> (Arc<AtomicUsize>, Vec<(u8, Counted)>) {
    let clones = Arc::new(AtomicUsize::new(0));
    let records = (0..n).map(|i| ((i % 2) as u8, Counted(Arc::clone(&clones), vec![i as u32]))).collect();
    (clones, records)
}

#[test]
fn a_consumed_batch_is_moved_through_every_operator() {
    for context in contexts() {
        let (clones, records) = counted(1_000);
        let merge = |mut a: Counted, mut b: Counted| {
            a.1.append(&mut b.1);
            a
        };
        let merged = context
            .batch(records, 4)
            .map(|(k, v)| (k, v))
            .filter(|_| true)
            .flat_map(|pair| [pair])
            .map_partitions(|records| records)
            .repartition(3)
            .union(context.empty())
            .reduce_by_key(merge);
        let mut all: Vec<u32> = merged.into_vec().unwrap().into_iter().flat_map(|(_, v)| v.1).collect();
        all.sort_unstable();
        assert_eq!(all, (0..1_000).collect::<Vec<_>>());
        assert_eq!(clones.load(Ordering::Relaxed), 0, "{context:?}");
    }
}

#[test]
fn what_cache_and_split_err_keep_is_moved_to_the_last_reader() {
    for context in contexts() {
        let clones = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&clones);
        let make = move |i: u32| Counted(Arc::clone(&counter), vec![i]);
        let batch = context.batch((0..100).collect(), 3).map(make);
        let (good, bad) = batch.map(|c| if c.1[0] < 60 { Ok(c) } else { Err(c) }).split_err();
        assert_eq!((good.into_vec().unwrap().len(), bad.cache().into_vec().unwrap().len()), (60, 40));
        // `cache` reads the bad ones as one who may come again.
        assert_eq!(clones.load(Ordering::Relaxed), 40);
    }
}

#[test]
fn a_batch_somebody_else_holds_is_cloned_once_for_each_record() {
    let (clones, records) = counted(1_000);
    let batch = BatchContext::sequential().batch(records, 4);
    let held = batch.clone();
    assert_eq!(batch.map(|(k, v)| (v, k)).into_vec().unwrap().len(), 1_000);
    assert_eq!(clones.load(Ordering::Relaxed), 1_000);
    assert_eq!(held.into_vec().unwrap().len(), 1_000);
    assert_eq!(clones.load(Ordering::Relaxed), 1_000, "the last holder moves");
}

#[test]
fn merging_many_values_into_one_clones_none_of_them() {
    let (clones, records) = counted(20_000);
    let records = records.into_iter().map(|(_, v)| ((), v)).collect();
    let merged = BatchContext::sequential().batch(records, 1).reduce_by_key(|mut a: Counted, mut b| {
        a.1.append(&mut b.1);
        a
    });
    assert_eq!(merged.into_vec().unwrap()[0].1.1.len(), 20_000);
    assert_eq!(clones.load(Ordering::Relaxed), 0);
}

#[test]
fn the_first_failing_partition_wins_on_every_executor() {
    for context in contexts() {
        for _ in 0..20 {
            let batch = context.batch_of((0..8).map(|p| vec![p; 3_000]).collect());
            let fails = batch.map(|p: u32| if p >= 2 { panic!("partition {p} fails") } else { p });
            let error = fails.clone().collect().unwrap_err().to_string();
            assert!(error.contains(", partition 2: panicked: partition 2 fails"), "{error}");
            let error = fails.map(|p| (p, p)).reduce_by_key(|a, _| a).len().unwrap_err().to_string();
            assert!(error.starts_with("map at ") && error.contains(", partition 2: "), "{error}");
        }
    }
}

#[test]
fn a_panic_in_a_merge_names_the_keyed_operator() {
    for context in contexts() {
        let batch = context.batch_of(vec![vec![(1, 1), (2, 2)], vec![(3, 3), (3, 4)]]);
        let line = line!() + 1;
        let error = batch.reduce_by_key(|_, _| panic!("no")).collect().unwrap_err().to_string();
        assert!(error.starts_with("reduce_by_key at "), "{error}");
        assert!(error.contains(&format!("properties.rs:{line} ")), "{error}");
        assert!(error.ends_with("partition 1: panicked: no"), "{error}");
    }
}

#[test]
fn take_computes_no_partition_it_does_not_need() {
    for context in contexts() {
        let touched = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&touched);
        let batch = context.batch_of((0..5).map(|p| vec![p; 2]).collect()).map_partitions_with_index(
            move |partition, records| {
                counter.fetch_max(partition, Ordering::Relaxed);
                records
            },
        );
        assert_eq!(batch.take(3).unwrap(), [0, 0, 1]);
        assert_eq!(touched.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_run_after_a_failed_one_starts_from_the_inputs() {
    for context in contexts() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let batch =
            context.batch_of(vec![vec![1, 2], vec![3]]).map(|x| (x % 2, x)).reduce_by_key(|a, b| a + b);
        let fails_once = batch.map(move |pair| {
            assert!(counter.fetch_add(1, Ordering::Relaxed) > 0, "first call");
            pair
        });
        assert!(fails_once.collect().is_err());
        assert_eq!(fails_once.sorted().unwrap(), [(0, 2), (1, 4)]);
    }
}

#[test]
fn an_action_inside_a_task_is_a_run_of_its_own() {
    for context in contexts() {
        let inner = context.batch((0..5_000).collect::<Vec<u64>>(), 3);
        let sums = context.batch(vec![1_u64; 8], 4).map(move |x| x + inner.clone().map(|y| y).len().unwrap());
        assert_eq!(sums.collect().unwrap(), [5_001; 8]);
    }
}
