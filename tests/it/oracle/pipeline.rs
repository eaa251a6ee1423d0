//! The same operators on streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batchmill::{DStream, StreamingContext};

use super::ops::{Digest, Op, Pair, in_table, keeps, mapped, place, several, tried};

/// A stream, and whether its order is known.
#[derive(Clone, Copy)]
pub(super) struct Piped<'c> {
    pub(super) stream: DStream<'c, Pair>,
    pub(super) ordered: bool,
}

pub(super) fn apply<'c>(
    ssc: &'c StreamingContext,
    op: &Op,
    piped: Piped<'c>,
    other: DStream<'c, Pair>,
) -> Piped<'c> {
    let Piped { stream, ordered } = piped;
    let keeps_order = !matches!(
        op,
        Op::Repartition(_)
            | Op::Reduce
            | Op::Count
            | Op::CountByValue(_)
            | Op::ReduceByKey(_)
            | Op::GroupByKey(_)
            | Op::CombineByKey(_)
    );
    let stream = match *op {
        Op::Map(n) => stream.map(move |pair| mapped(n, pair)),
        Op::FlatMap(n) => stream.flat_map(move |pair| several(n, pair)),
        Op::Filter(n) => stream.filter(move |pair| keeps(n, pair)),
        Op::MapPartitions if ordered => stream.map_partitions(|records| {
            let values: Vec<i64> = records.map(|(_, value)| value).collect();
            Some((values.len() as i64, Digest::of_all(true, values)))
        }),
        Op::Glom if ordered => stream.glom().map(|records| {
            let values = records.iter().map(|(_, value)| *value);
            (records.len() as i64, Digest::of_all(true, values))
        }),
        Op::MapPartitionsWithIndex if ordered => stream
            .map_partitions_with_index(|i, records| records.map(move |(key, value)| (key, value ^ i as i64))),
        Op::Glom => stream.glom().flat_map(|records| records),
        Op::MapPartitions => stream.map_partitions(|records| records),
        Op::MapPartitionsWithIndex => stream.map_partitions_with_index(|_, records| records),
        Op::Repartition(n) => stream.repartition(n),
        Op::PartitionBy(n) => stream.partition_by(n, place),
        Op::UnionOther => stream.union(other),
        Op::UnionAll => ssc.union(&[stream, other, stream]),
        Op::TransformWith => stream.transform_with(other, |batch, other| other.union(batch)),
        Op::Transform(n) => stream.transform(move |batch| batch.map(move |pair| mapped(n, pair))),
        Op::Diamond(n) => {
            stream.map(move |pair| mapped(n, pair)).union(stream.filter(move |pair| keeps(n, pair)))
        }
        Op::SplitErr(n) => {
            let (good, bad) = stream.try_map(move |pair| tried(n, pair)).split_err();
            good.union(bad.map(|failed| failed.record))
        }
        Op::Flaky => stream.map(flaky()),
        Op::JoinTable(n) => stream
            .join_table(&Arc::new(in_table(n)))
            .map(|(key, (value, added))| (key, value.wrapping_add(added))),
        Op::MapValues(n) => stream.map_values(move |value| mapped(n, (0, value)).1),
        Op::FlatMapValues(n) => {
            stream.flat_map_values(move |value| several(n, (0, value)).into_iter().map(|(_, value)| value))
        }
        Op::Swap => stream.map(|(key, value)| (value.rem_euclid(11), key)),
        Op::Keys => stream.keys().map(|key| (0, key)),
        Op::Values => stream.values().map(|value| (0, value)),
        Op::Reduce => {
            let digests = stream.map(|(_, value)| Digest::of(value));
            digests.reduce(Digest::combine(ordered)).map(|digest| (0, digest.value()))
        }
        Op::Count => stream.count().map(|n| (0, n as i64)),
        Op::CountByValue(_) | Op::ReduceByKey(_) | Op::GroupByKey(_) | Op::CombineByKey(_) => {
            keyed(op, piped)
        }
    };
    Piped { stream, ordered: ordered && keeps_order }
}

fn keyed<'c>(op: &Op, Piped { stream, ordered }: Piped<'c>) -> DStream<'c, Pair> {
    let combine = Digest::combine(ordered);
    let add = move |digest, value| combine(digest, Digest::of(value));
    match *op {
        Op::ReduceByKey(into) => {
            let digests = stream.map_values(Digest::of);
            let reduced = match into {
                Some(n) => digests.reduce_by_key_into(n, combine),
                None => digests.reduce_by_key(combine),
            };
            reduced.map_values(Digest::value)
        }
        Op::GroupByKey(into) => {
            let grouped = match into {
                Some(n) => stream.group_by_key_into(n),
                None => stream.group_by_key(),
            };
            grouped.map_values(move |values| Digest::of_all(ordered, values))
        }
        Op::CombineByKey(into) => {
            let combined = match into {
                Some(n) => stream.combine_by_key_into(n, Digest::of, add, combine),
                None => stream.combine_by_key(Digest::of, add, combine),
            };
            combined.map_values(Digest::value)
        }
        Op::CountByValue(into) => {
            let counted = match into {
                Some(n) => stream.count_by_value_into(n),
                None => stream.count_by_value(),
            };
            counted.map(|((key, value), n)| (key, value.wrapping_mul(1_000) + n as i64))
        }
        _ => unreachable!("{op:?} is not a keyed operator"),
    }
}

/// The identity, with a panic at its first, fourth and some later calls.
fn flaky() -> impl Fn(Pair) -> Pair {
    let calls = AtomicU64::new(0);
    move |pair| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        assert!(![0, 3, 20, 1_500].contains(&call), "planned");
        pair
    }
}
