//! What all operators promise together, on every kind of executor: who moves and who clones, which failure wins, what
//! is not computed, and that a failed run leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::properties::contexts;
use crate::BatchContext;

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
        assert!(error.contains(&format!("promises.rs:{line} ")), "{error}");
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
