//! Batches against a naive oracle over `Vec<Vec<T>>`, on one thread, on a pool, and on threads in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

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
pub(super) fn contexts() -> Vec<BatchContext> {
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
