//! Random pipelines over random batches, on both drivers, against a naive model of what they mean.
//!
//! [`model`] says what an operator does to a batch of plain vectors, [`pipeline`] applies the same operator to a
//! stream, [`run`] pushes the batches through a context. Where spec and documentation promise an order the partitions
//! are compared as they are, where they do not as multisets.

mod model;
mod ops;
mod pipeline;
mod run;

use std::collections::BTreeMap;

use batchmill::ErrorPolicy;
use proptest::prelude::*;

use self::model::{Known, expected};
use self::ops::{Case, case, partitions};
use self::run::{Driver, Seen, run, sums};

/// Whether what was seen of a stream is what the model says of it.
fn assert_seen(seen: &[Seen], expected: &[Known<(i64, i64)>], what: &str) {
    assert_eq!(seen.len(), expected.len(), "batches of {what}");
    for (n, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        assert_eq!(seen.time.as_ms(), (n as i64 + 1) * 1_000);
        if let Some(count) = expected.count {
            assert_eq!(seen.partitions.len(), count, "partitions of batch {n} of {what}");
        }
        if expected.ordered {
            assert_eq!(seen.partitions, expected.partitions, "batch {n} of {what}");
        } else {
            assert_eq!(sorted(&seen.partitions), sorted(&expected.partitions), "batch {n} of {what}");
        }
    }
}

fn sorted(partitions: &[Vec<(i64, i64)>]) -> Vec<(i64, i64)> {
    let mut records = partitions.concat();
    records.sort_unstable();
    records
}

fn check(case: &Case, driver: Driver, policy: ErrorPolicy) {
    let (tap, end) = expected(case);
    let seen = run(case, driver, policy);
    assert_seen(&seen.tap, &tap, "the stream on the way");
    assert_seen(&seen.end, &end, "the last stream");
    let again: Vec<_> = seen.end.iter().map(|seen| (seen.time, seen.partitions.concat())).collect();
    assert_eq!(seen.collected, again, "two outputs of one stream see the same");
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn a_stepped_pipeline_does_what_the_model_says(case in case(false)) {
        check(&case, Driver::Stepped, ErrorPolicy::stop());
    }

    #[test]
    fn a_pipeline_on_one_worker_does_what_the_model_says(case in case(false)) {
        check(&case, Driver::Threads { workers: 1 }, ErrorPolicy::stop());
    }

    #[test]
    fn a_pipeline_on_two_workers_does_what_the_model_says(case in case(false)) {
        check(&case, Driver::Threads { workers: 2 }, ErrorPolicy::stop());
    }

    /// A closure that panics now and then, and jobs that run again for it, change nothing.
    #[test]
    fn a_pipeline_that_fails_half_way_and_runs_again_does_what_the_model_says(case in case(true), two in any::<bool>()) {
        let patient = ErrorPolicy::retry(50).backoff(std::time::Duration::ZERO, std::time::Duration::ZERO);
        check(&case, Driver::Stepped, patient);
        check(&case, Driver::Threads { workers: if two { 2 } else { 1 } }, patient);
    }

    /// Neither the cutting into batches nor the number of partitions changes a total.
    #[test]
    fn totals_of_keys_do_not_depend_on_batches_or_partitions(
        records in prop::collection::vec((0..20i64, -1_000..1_000i64), 0..300),
        cuts in prop::collection::vec(0..300usize, 0..5),
        partitions_in in 1..6usize,
        partitions_out in 1..9usize,
        workers in 1..3usize,
    ) {
        let mut expected = BTreeMap::new();
        for (key, value) in &records {
            *expected.entry(*key).or_insert(0) += value;
        }
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(records.len())).collect();
        cuts.extend([0, records.len()]);
        cuts.sort_unstable();
        let batches: Vec<_> = cuts.windows(2).map(|w| partitions(&records[w[0]..w[1]], partitions_in)).collect();
        for driver in [Driver::Stepped, Driver::Threads { workers }] {
            prop_assert_eq!(&sums(&batches, partitions_out, driver), &expected);
        }
    }
}
