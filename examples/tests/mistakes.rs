//! Programs that are called wrongly.

use crate::child::{Child, Ended};

#[test]
fn wrong_arguments_are_said_with_the_usage() {
    for (name, arguments, says) in [
        ("network_word_count", "localhost", "there is no PORT after HOST \"localhost\""),
        ("network_word_count", "localhost 99999", "PORT must be a number from 1 to 65535, not \"99999\""),
        ("network_word_count", "localhost 1 2", "\"2\" is one argument too many"),
        ("network_word_count", "--bathces 1", "\"--bathces\" is not known here, or given twice"),
        ("network_word_count", "--batches 0", "--batches needs a number from 1 up, not \"0\""),
        (
            "custom_receiver",
            "--batch-ms 0.5",
            "--batch-ms needs whole milliseconds from 1 to 86400000, not \"0.5\"",
        ),
        ("queue_stream", "--workers", "--workers needs a value"),
        ("queue_stream", "extra", "\"extra\" is one argument too many"),
        ("custom_input", "", "FILE is missing"),
        ("file_word_count", "", "DIR is missing"),
        ("file_word_count", "dir --existing maybe", "--existing is read or skip, not \"maybe\""),
        ("network_word_join_sentiments", "--table", "--table needs a value"),
        ("fake_kafka", "--topic lines", "--topic needs NAME:PARTITIONS, not \"lines\""),
        ("fake_kafka", "--auto-create maybe", "--auto-create is yes or no, not \"maybe\""),
    ] {
        let Ended { code, stdout, stderr } =
            Child::start(name, &arguments.split_whitespace().collect::<Vec<_>>()).end();
        assert_eq!((code, stdout.len(), stderr.len()), (Some(2), 0, 2), "{stderr:?}");
        assert_eq!(stderr[0], format!("error: {says}"));
        assert!(stderr[1].starts_with(&format!("usage: {name} ")), "{stderr:?}");
    }
}

#[test]
fn a_usage_of_two_forms_is_said_with_both() {
    let end = Child::start("kafka_word_count", &["localhost:2181"]).end();
    assert_eq!((end.code, &*end.stderr[0]), (Some(2), "error: there is no GROUP"), "{end:?}");
    assert!(end.stderr[1].starts_with("usage: kafka_word_count [ZK GROUP TOPICS THREADS]"), "{end:?}");
    let last = end.stderr.last().unwrap();
    assert!(last.starts_with("kafka_word_count --brokers BROKERS GROUP"), "{end:?}");
}

#[test]
fn help_is_what_was_asked_for() {
    let end = Child::start("network_word_count", &["localhost", "--help"]).end();
    assert_eq!((end.code, end.stderr.len()), (Some(0), 0));
    assert!(end.stdout[0].starts_with("usage: network_word_count [HOST PORT]"), "{end:?}");
    assert!(end.stdout.iter().any(|line| line.contains("--batches N")), "{end:?}");
}

#[test]
fn a_table_with_a_wrong_line_is_said_with_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("table");
    std::fs::write(&table, "good\t3\nbad\n").unwrap();
    let table = table.to_str().unwrap();
    let end = Child::start("network_word_join_sentiments", &["--table", table]).end();
    let says = format!("error: table {table}: line 2 is not a word, a tab and a whole number: \"bad\"");
    assert_eq!((end.code, end.stderr), (Some(1), vec![says]));
}
