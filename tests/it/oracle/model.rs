//! The model: what each operator means for one batch of plain vectors. It shares no code with the library.

use std::collections::BTreeMap;

use super::ops::{Case, Digest, Input, Op, Pair, in_table, keeps, mapped, place, several, tried};

/// What is known of a batch.
#[derive(Clone, Debug)]
pub(super) struct Known<T> {
    /// Its records; in these partitions and in this order if `ordered`, as a multiset if not.
    pub(super) partitions: Vec<Vec<T>>,
    pub(super) ordered: bool,
    /// How many partitions it has, where that is promised.
    pub(super) count: Option<usize>,
}

impl Known<Pair> {
    fn input(partitions: &Input) -> Self {
        Self { partitions: partitions.clone(), ordered: true, count: Some(partitions.len()) }
    }

    /// Each partition for itself.
    fn narrow(self, f: impl Fn(usize, Vec<Pair>) -> Vec<Pair>) -> Self {
        let partitions = self.partitions.into_iter().enumerate().map(|(i, records)| f(i, records)).collect();
        Self { partitions, ..self }
    }

    fn each(self, f: impl Fn(Pair) -> Pair) -> Self {
        self.narrow(|_, records| records.into_iter().map(&f).collect())
    }

    fn all(&self) -> impl Iterator<Item = Pair> {
        self.partitions.iter().flatten().copied()
    }

    /// Records of which nothing is promised but what they are.
    fn bag(records: impl IntoIterator<Item = Pair>, count: Option<usize>) -> Self {
        Self { partitions: vec![records.into_iter().collect()], ordered: false, count }
    }

    fn by_key(&self, f: impl Fn(Vec<i64>) -> i64, count: Option<usize>) -> Self {
        let mut values: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (key, value) in self.all() {
            values.entry(key).or_default().push(value);
        }
        Self::bag(values.into_iter().map(|(key, values)| (key, f(values))), count)
    }

    fn then(self, other: Self) -> Self {
        Self {
            count: self.count.zip(other.count).map(|(a, b)| a + b),
            ordered: self.ordered && other.ordered,
            partitions: [self.partitions, other.partitions].concat(),
        }
    }
}

/// What the stream at the tap and the last stream hold, batch by batch.
pub(super) fn expected(case: &Case) -> (Vec<Known<Pair>>, Vec<Known<Pair>>) {
    let of_batch = |(first, second): &(Input, Input)| {
        let (mut batch, other) = (Known::input(first), Known::input(second));
        let mut tap = None;
        for (n, op) in case.ops.iter().enumerate() {
            if n == case.tap {
                tap = Some(batch.clone());
            }
            batch = apply(op, batch, &other);
        }
        (tap.unwrap_or_else(|| batch.clone()), batch)
    };
    case.batches.iter().map(of_batch).unzip()
}

fn apply(op: &Op, batch: Known<Pair>, other: &Known<Pair>) -> Known<Pair> {
    let ordered = batch.ordered;
    let digest = |values| Digest::of_all(ordered, values);
    match *op {
        Op::Map(n) | Op::Transform(n) => batch.each(|pair| mapped(n, pair)),
        Op::FlatMap(n) => {
            batch.narrow(|_, records| records.into_iter().flat_map(|pair| several(n, pair)).collect())
        }
        Op::Filter(n) => {
            batch.narrow(|_, records| records.into_iter().filter(|pair| keeps(n, pair)).collect())
        }
        Op::Glom | Op::MapPartitions if ordered => batch.narrow(|_, records| {
            vec![(records.len() as i64, digest(records.iter().map(|(_, value)| *value).collect::<Vec<_>>()))]
        }),
        Op::MapPartitionsWithIndex if ordered => batch
            .narrow(|i, records| records.into_iter().map(|(key, value)| (key, value ^ i as i64)).collect()),
        // What a partition holds is not known.
        Op::Glom | Op::MapPartitions | Op::MapPartitionsWithIndex | Op::Flaky => batch,
        Op::Repartition(n) => Known::bag(batch.all(), Some(n.max(1))),
        Op::PartitionBy(n) => {
            let n = n.max(1);
            let part = |p| batch.all().filter(|(key, _)| place(key) % n == p).collect();
            Known { partitions: (0..n).map(part).collect(), ordered, count: Some(n) }
        }
        Op::UnionOther => batch.then(other.clone()),
        Op::UnionAll => batch.clone().then(other.clone()).then(batch),
        Op::TransformWith => other.clone().then(batch),
        Op::Diamond(n) => {
            let left = batch.clone().each(|pair| mapped(n, pair));
            let right =
                batch.narrow(|_, records| records.into_iter().filter(|pair| keeps(n, pair)).collect());
            left.then(right)
        }
        Op::Reduce => {
            let reduced = batch.all().map(|(_, value)| Digest::of(value)).reduce(Digest::combine(ordered));
            Known::bag(reduced.map(|digest| (0, digest.value())), None)
        }
        Op::Count => Known::bag([(0, batch.all().count() as i64)], None),
        Op::CountByValue(into) => {
            let mut counts = BTreeMap::new();
            batch.all().for_each(|pair| *counts.entry(pair).or_insert(0) += 1);
            Known::bag(counts.into_iter().map(|((key, value), n)| (key, value.wrapping_mul(1_000) + n)), into)
        }
        Op::ReduceByKey(into) | Op::GroupByKey(into) | Op::CombineByKey(into) => batch.by_key(digest, into),
        Op::MapValues(n) => batch.each(|(key, value)| (key, mapped(n, (0, value)).1)),
        Op::FlatMapValues(n) => batch.narrow(|_, records| {
            let values =
                |(key, value)| several(n, (0, value)).into_iter().map(move |(_, value)| (key, value));
            records.into_iter().flat_map(values).collect()
        }),
        Op::Swap => batch.each(|(key, value)| (value.rem_euclid(11), key)),
        Op::Keys => batch.each(|(key, _)| (0, key)),
        Op::Values => batch.each(|(_, value)| (0, value)),
        Op::SplitErr(n) => {
            let good =
                |_, records: Vec<Pair>| records.iter().filter_map(|pair| tried(n, pair).ok()).collect();
            let bad =
                |_, records: Vec<Pair>| records.into_iter().filter(|pair| tried(n, pair).is_err()).collect();
            batch.clone().narrow(good).then(batch.narrow(bad))
        }
        Op::JoinTable(n) => {
            let table = in_table(n);
            let joined = |(key, value): Pair| Some((key, value.wrapping_add(*table.get(&key)?)));
            batch.narrow(|_, records| records.into_iter().filter_map(joined).collect())
        }
    }
}
