//! Programs that are members of a consumer group.

use batchmill_sources::fake::kafka::{FakeKafka, Profile};
use batchmill_sources::fake::zookeeper::FakeZooKeeper;

use crate::blocks::sorted_records;
use crate::child::Child;

#[test]
fn words_are_counted_without_arguments() {
    let program = Child::start("kafka_word_count", &["--batch-ms", "50", "--batches", "3"]);
    let line = program.stderr_line();
    assert!(line.starts_with("no group given: a Kafka cluster of our own on 127.0.0.1:"), "{line}");
    assert!(line.ends_with("read by the group \"counters\""), "{line}");
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stdout.iter().any(|line| line.starts_with("(\"")), "{end:?}");
}

#[test]
fn a_group_in_zookeeper_goes_on_where_the_program_has_stopped() {
    let zookeeper = FakeZooKeeper::start().unwrap();
    let cluster =
        FakeKafka::builder().profile(Profile::V0_8).zookeeper(&zookeeper, "/kafka").topic("lines", 1);
    let cluster = cluster.start().unwrap();
    let quorum = format!("{}/kafka", zookeeper.connect_string());
    let arguments = [&quorum, "counters", "lines", "1", "--batch-ms", "20", "--batches", "1"];
    cluster.produce("lines", 0, ["a b a"]).unwrap();
    let first = Child::start("kafka_word_count", &arguments).end();
    assert_eq!(
        (first.code, sorted_records(&first.stdout)),
        (Some(0), one_block(&["(\"a\", 2)", "(\"b\", 1)"])),
        "{first:?}"
    );
    assert_eq!(zookeeper.get("/kafka/consumers/counters/offsets/lines/0").as_deref(), Some(&b"1"[..]));
    cluster.produce("lines", 0, ["c"]).unwrap();
    let second = Child::start("kafka_word_count", &arguments).end();
    assert_eq!((second.code, sorted_records(&second.stdout)), (Some(0), one_block(&["(\"c\", 1)"])));
    assert_eq!(zookeeper.children("/kafka/consumers/counters/ids"), Some(vec![]));
}

#[test]
fn a_group_goes_on_where_the_program_has_stopped() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let brokers = cluster.bootstrap();
    let arguments = ["--brokers", &brokers, "counters", "lines", "1", "--batch-ms", "20", "--batches", "1"];
    cluster.produce("lines", 0, ["a b a"]).unwrap();
    let first = Child::start("kafka_word_count", &arguments).end();
    assert_eq!(
        (first.code, sorted_records(&first.stdout)),
        (Some(0), one_block(&["(\"a\", 2)", "(\"b\", 1)"]))
    );
    cluster.produce("lines", 0, ["c"]).unwrap();
    let second = Child::start("kafka_word_count", &arguments).end();
    assert_eq!((second.code, sorted_records(&second.stdout)), (Some(0), one_block(&["(\"c\", 1)"])));
}

fn one_block(records: &[&str]) -> Vec<Vec<String>> {
    vec![records.iter().map(|record| (*record).to_owned()).collect()]
}

#[test]
fn members_tell_what_they_have_as_others_come_and_go() {
    let cluster = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let brokers = cluster.bootstrap();
    let one = Child::start("kafka_group", &[&brokers, "counters", "lines", "--batch-ms", "50"]);
    assert_eq!(one.stdout_line(), "lines-0 lines-1");
    let two = Child::start("kafka_group", &[&brokers, "counters", "lines", "--batch-ms", "50"]);
    let of_two = two.stdout_line();
    let of_one = one.stdout_line();
    let mut both = [of_one.as_str(), of_two.as_str()];
    both.sort_unstable();
    assert_eq!(both, ["lines-0", "lines-1"]);
    two.interrupt();
    assert_eq!(two.end().code, Some(0));
    assert_eq!(one.stdout_line(), "lines-0 lines-1");
    one.interrupt();
    let end = one.end();
    assert_eq!((end.code, end.stdout.last().map(String::as_str)), (Some(0), Some("0 messages")));
}

#[test]
fn mistakes_are_one_line() {
    let closed = "127.0.0.1:9";
    let program = Child::start(
        "kafka_word_count",
        &["--brokers", closed, "counters", "lines", "1", "--param", "request.timeout.ms=300"],
    );
    let end = program.end();
    let line = end.stderr.join("\n");
    assert_eq!((end.code, end.stderr.len()), (Some(1), 1), "{line}");
    assert!(line.contains(closed), "{line}");
    let quorum = &[closed, "counters", "lines", "1", "--param", "zookeeper.connection.timeout.ms=300"];
    let end = Child::start("kafka_word_count", quorum).end();
    let line = end.stderr.join("\n");
    assert_eq!((end.code, end.stderr.len()), (Some(1), 1), "{line}");
    for part in ["no ZooKeeper server of 127.0.0.1:9 takes the session", "\"counters\"", "\"counters_"] {
        assert!(line.contains(part), "{line}");
    }
    let end = Child::start("kafka_word_count", &["--brokers", closed, "counters", "lines", "none"]).end();
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(end.stderr[0].contains("THREADS needs a number"), "{end:?}");
}
