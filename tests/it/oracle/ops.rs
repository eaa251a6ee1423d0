//! What a random pipeline is made of, and the small functions that model and stream share.

use proptest::prelude::*;

/// An operator with its parameters. Those of pairs make a stream of numbers into one of pairs first.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Map(i64),
    FlatMap(i64),
    Filter(i64),
    MapPartitions,
    MapPartitionsWithIndex,
    Glom,
    Repartition(usize),
    PartitionBy(usize),
    UnionOther,
    UnionAll,
    Diamond(i64),
    Reduce,
    Count,
    CountByValue(Option<usize>),
    ReduceByKey(Option<usize>),
    GroupByKey(Option<usize>),
    CombineByKey(Option<usize>),
    MapValues(i64),
    FlatMapValues(i64),
    Swap,
    Keys,
    Values,
    SplitErr(i64),
    JoinTable(i64),
    Transform(i64),
    TransformWith,
    /// A map that panics at some of its calls.
    Flaky,
}

/// A pipeline and what goes through it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) ops: Vec<Op>,
    /// Before which operator the stream also goes to an output.
    pub(super) tap: usize,
    /// For each batch, the partitions of the first and of the second input.
    pub(super) batches: Vec<(Input, Input)>,
}

/// The partitions of one input for one batch.
pub(super) type Input = Vec<Vec<(i64, i64)>>;

pub(super) fn case(flaky: bool) -> impl Strategy<Value = Case> {
    let batch = (input(), input());
    (prop::collection::vec(op(flaky), 0..7), 0..7usize, prop::collection::vec(batch, 1..4))
        .prop_map(|(ops, tap, batches)| Case { tap: tap.min(ops.len()), ops, batches })
}

fn op(flaky: bool) -> impl Strategy<Value = Op> {
    let n = || -3..4i64;
    let into = || prop::option::of(1..5usize);
    let narrow = prop_oneof![
        n().prop_map(Op::Map),
        n().prop_map(Op::FlatMap),
        n().prop_map(Op::Filter),
        Just(Op::MapPartitions),
        Just(Op::MapPartitionsWithIndex),
        Just(Op::Glom),
        n().prop_map(Op::MapValues),
        n().prop_map(Op::FlatMapValues),
        Just(Op::Swap),
        Just(Op::Keys),
        Just(Op::Values),
        n().prop_map(Op::JoinTable),
    ];
    let wide = prop_oneof![
        (0..5usize).prop_map(Op::Repartition),
        (0..5usize).prop_map(Op::PartitionBy),
        Just(Op::Reduce),
        Just(Op::Count),
        into().prop_map(Op::CountByValue),
        into().prop_map(Op::ReduceByKey),
        into().prop_map(Op::GroupByKey),
        into().prop_map(Op::CombineByKey),
    ];
    let several = prop_oneof![
        Just(Op::UnionOther),
        Just(Op::UnionAll),
        n().prop_map(Op::Diamond),
        n().prop_map(Op::SplitErr),
        n().prop_map(Op::Transform),
        Just(Op::TransformWith),
    ];
    prop_oneof![4 => narrow, 3 => wide, 3 => several, if flaky { 3 } else { 0 } => Just(Op::Flaky)]
}

/// Mostly a few records in a few partitions; sometimes enough for the pool.
fn input() -> impl Strategy<Value = Input> {
    let record = || (-4..5i64, -50..50i64);
    let small = || prop::collection::vec(record(), 0..6);
    let large = (1_000..3_000i64, record())
        .prop_map(|(n, (key, value))| (0..n).map(|i| ((i * key).rem_euclid(97), i * value)).collect());
    prop_oneof![
        5 => prop::collection::vec(small(), 0..5),
        1 => (large, small()).prop_map(|(large, small)| vec![large, small]),
    ]
}

/// `records` in at most `n` partitions.
pub(super) fn partitions(records: &[(i64, i64)], n: usize) -> Input {
    records.chunks(records.len().div_ceil(n).max(1)).map(<[_]>::to_vec).collect()
}

/// A record as every operator sees it: a number stream has key 0.
pub(super) type Pair = (i64, i64);

pub(super) fn mapped(n: i64, (key, value): Pair) -> Pair {
    (key.wrapping_add(n).rem_euclid(7), value.wrapping_mul(3).wrapping_add(n))
}

/// Between none and three records.
pub(super) fn several(n: i64, (key, value): Pair) -> Vec<Pair> {
    (0..value.wrapping_add(n).rem_euclid(4)).map(|i| (key, value.wrapping_add(i))).collect()
}

pub(super) fn keeps(n: i64, (key, value): &Pair) -> bool {
    key.wrapping_add(*value).wrapping_add(n) % 3 != 0
}

pub(super) fn tried(n: i64, pair: &Pair) -> Result<Pair, String> {
    if keeps(n, pair) { Ok(mapped(n, *pair)) } else { Err(format!("not {pair:?}")) }
}

pub(super) fn place(key: &i64) -> usize {
    usize::try_from(key.rem_euclid(1_000)).unwrap()
}

/// What is in the table for a key.
pub(super) fn in_table(n: i64) -> std::collections::HashMap<i64, i64> {
    (0..5).map(|key| (key, key * n + 1)).collect()
}

/// A digest of a sequence: it tells one order from another, and digests of parts can be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    hash: i64,
    power: i64,
}

const BASE: i64 = 1_000_003;

impl Digest {
    pub(super) fn of(value: i64) -> Self {
        Self { hash: value, power: BASE }
    }

    /// Associative, and not commutative.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            hash: self.hash.wrapping_mul(next.power).wrapping_add(next.hash),
            power: self.power.wrapping_mul(next.power),
        }
    }

    /// Associative and commutative.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { hash: self.hash.wrapping_add(other.hash), power: self.power }
    }

    /// The one that may be asked for where an order is known, or not.
    pub(super) fn combine(ordered: bool) -> fn(Self, Self) -> Self {
        if ordered { Self::then } else { Self::plus }
    }

    pub(super) fn value(self) -> i64 {
        self.hash
    }

    pub(super) fn of_all(ordered: bool, values: impl IntoIterator<Item = i64>) -> i64 {
        values.into_iter().map(Self::of).reduce(Self::combine(ordered)).map_or(0, Self::value)
    }
}
