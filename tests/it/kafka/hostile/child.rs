//! Runs the tables, each case in a child, against a spoilt cluster.

use std::time::Duration;

use batchmill_sources::kafka::KafkaError;
use batchmill_tests::over_the_crate;

use super::{Case, Expected, RECORDS, SINK, tables};
use crate::hostile::{CASE_DEADLINE, Limits, check_error, in_time, run_cases, run_within, this_case};
use crate::kafka::{fake, params};

/// Whose client meets the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Native,
    KafkaCrate,
}

/// Runs the cases of a table, each in a child.
pub(super) fn run_table(name: &str, turn: Turn) {
    let table = tables().into_iter().find(|(known, _)| *known == name).unwrap().1;
    let is_for = |case: &&Case| turn == Turn::Native || case.over_the_crate;
    let names: Vec<_> = table().iter().filter(is_for).map(|case| case.name).collect();
    match turn {
        Turn::Native => run_cases("kafka::hostile::child::one_case", &names),
        Turn::KafkaCrate => run_cases("kafka::hostile::child::one_case_over_the_crate", &names),
    }
}

/// The case of this process, if it is the child for one.
fn case_of_child() -> Option<Case> {
    let name = this_case()?;
    tables().iter().flat_map(|(_, table)| table()).find(|case| case.name == name)
}

#[test]
fn one_case() {
    let Some(case) = case_of_child() else { return };
    run_within(case.limits, || {
        case.expected.iter().map(|(reader, expected)| run(&case, *reader, expected, Turn::Native)).sum()
    });
}

#[test]
fn one_case_over_the_crate() {
    let Some(case) = case_of_child() else { return };
    // A new client of the crate's asks for all that it knows again.
    let requests = 2 * case.limits.requests;
    let limits = Limits { memory_mib: u64::MAX, requests, may_panic: Some("kafka-crate") };
    run_within(limits, || {
        let readers = case.expected.iter().filter(|(reader, _)| reader.0 != SINK.0);
        let mut requests = 0;
        for (reader, expected) in readers {
            over_the_crate(|| requests += run(&case, *reader, expected, Turn::KafkaCrate));
        }
        requests
    });
}

/// Runs a reader against a spoilt cluster of its own: how many requests it made.
fn run(case: &Case, (name, reader): super::Reader, expected: &Expected, turn: Turn) -> usize {
    let kafka = (case.cluster)(fake().topic("lines", 1)).start().unwrap();
    for half in 0..2 {
        let values = (0..RECORDS / 2).map(|n| format!("{}", half * RECORDS / 2 + n));
        kafka.produce("lines", 0, values).unwrap();
    }
    (case.spoil)(&kafka);
    let patience = match expected {
        Expected::All | Expected::From(_) => CASE_DEADLINE,
        Expected::Fails(..) => Duration::from_millis(150),
    };
    let params = params().unavailable_for(patience).request_timeout(Duration::from_secs(2));
    let params = (case.params)(match turn {
        Turn::Native => params,
        // A call is given up after both.
        Turn::KafkaCrate => params.connect_timeout(Duration::from_secs(1)),
    });
    let last = || format!("{:?}", kafka.requests().iter().rev().take(5).collect::<Vec<_>>());
    let result = in_time(name, last, || reader(&kafka, params));
    match turn {
        Turn::Native => judge(name, &result, expected),
        Turn::KafkaCrate if case.is_control => judge(name, &result, expected),
        Turn::KafkaCrate => judge_the_crate(name, &result, expected),
    }
    kafka.requests().len()
}

fn judge(name: &str, result: &Result<Vec<i64>, KafkaError>, expected: &Expected) {
    match (result, expected) {
        (Ok(offsets), Expected::All) => {
            assert!(offsets.iter().copied().eq(0..RECORDS), "{name} found {offsets:?}");
        }
        (Err(error), Expected::Fails(kind, says)) => check_error(name, error, kind, says),
        (Ok(offsets), Expected::From(first)) => {
            assert!(offsets.iter().copied().eq(*first..RECORDS), "{name} found {offsets:?}");
        }
        (Ok(offsets), Expected::Fails(kind, _)) => panic!("{name} found {offsets:?}, not {kind}"),
        (Err(error), Expected::All | Expected::From(_)) => panic!("{name} failed: {error}"),
    }
}

/// It has read what there is, or there is an error.
fn judge_the_crate(name: &str, result: &Result<Vec<i64>, KafkaError>, expected: &Expected) {
    let first = if let Expected::From(first) = expected { *first } else { 0 };
    match result {
        Ok(offsets) => {
            let has = |first: i64| offsets.iter().copied().eq(first..RECORDS);
            assert!(has(first) || has(0), "{name} found {offsets:?}");
        }
        Err(error) => println!("{name}: {error}"),
    }
}
