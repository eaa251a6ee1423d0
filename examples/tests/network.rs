//! Programs that read from a server: what they print, and what they say when it is not there.

use batchmill_sources::fake::LineServer;

use crate::blocks::{blocks, records, sorted_records};
use crate::child::{Child, DEADLINE};

#[test]
fn words_of_a_batch_are_counted_and_printed_as_spark_does() {
    let server = LineServer::start().unwrap();
    let program = Child::start("network_word_count", &[server.addr(), "--batch-ms", "100", "--batches", "1"]);
    server.send("a b a");

    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(sorted_records(&end.stdout), [["(\"a\", 2)", "(\"b\", 1)"]]);
    let times: Vec<_> = blocks(&end.stdout).iter().map(|block| block.time_ms).collect();
    assert!(times.iter().all(|time| time % 100 == 0) && times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn host_and_port_may_be_two_arguments() {
    let server = LineServer::start().unwrap();
    let (host, port) = server.addr().split_once(':').unwrap();
    let program =
        Child::start("network_word_count", &["--batch-ms=20", host, port, "--batches=1", "--workers=1"]);
    server.send("one");
    assert_eq!(records(&program.end().stdout), [["(\"one\", 1)"]]);
}

#[test]
fn more_than_ten_records_are_ten_and_dots() {
    let server = LineServer::start().unwrap();
    let program = Child::start("network_word_count", &[server.addr(), "--batch-ms", "100", "--batches", "1"]);
    server.send("1 2 3 4 5 6 7 8 9 10 11");
    let blocks = records(&program.end().stdout);
    assert_eq!((blocks.len(), blocks[0].len(), blocks[0][10].as_str()), (1, 11, "..."));
}

#[test]
fn batches_without_records_do_not_count() {
    let server = LineServer::start().unwrap();
    let program = Child::start("network_word_count", &[server.addr(), "--batch-ms", "20", "--batches", "2"]);
    server.send("first");
    program.read_until("(\"first\", 1)");
    // The block's own last line, then an empty batch.
    for _ in 0..2 {
        program.read_until("");
    }
    server.send("second");
    let end = program.end();
    assert_eq!((end.code, records(&end.stdout)), (Some(0), vec![vec!["(\"second\", 1)".to_owned()]]));
}

#[test]
fn an_absent_server_is_one_line_an_attempt_and_is_found_when_it_comes() {
    let server = absent_server();
    let program = Child::start("network_word_count", &[server.addr(), "--batch-ms", "20", "--batches", "1"]);
    for attempt in 1..=2 {
        let line = program.stderr_line();
        let parts = [server.addr(), "refused", "nc -lk", &format!("attempt {attempt}, trying again in ")];
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    server.send("at last");
    server.accept_again().unwrap();
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(sorted_records(&end.stdout), [["(\"at\", 1)", "(\"last\", 1)"]]);
}

#[test]
fn a_server_that_hangs_up_is_connected_to_again() {
    let server = LineServer::start().unwrap();
    let program = Child::start("network_word_count", &[server.addr(), "--batch-ms", "20", "--batches", "2"]);
    // The last line of a connection counts without an end.
    assert!(server.wait_for_client(DEADLINE));
    server.send_bytes(b"before");
    server.disconnect_clients();
    let line = program.stderr_line_with("closed the connection");
    assert!(line.contains(server.addr()) && line.contains("trying again in"), "{line}");
    program.read_until("(\"before\", 1)");
    server.send("after");
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    let counts: Vec<_> = end.stdout.iter().filter(|line| line.starts_with('(')).collect();
    assert_eq!(counts, ["(\"after\", 1)"]);
}

#[test]
fn an_unknown_host_is_said_with_its_name() {
    let program = Child::start("network_word_count", &["no-such-host.invalid", "9999"]);
    let line = program.stderr_line();
    assert!(line.contains("no-such-host.invalid") && line.contains("attempt 1, trying again in"), "{line}");
}

#[test]
fn without_an_address_a_server_of_its_own_is_counted() {
    let program = Child::start("network_word_count", &["--batch-ms", "50", "--batches", "2"]);
    let line = program.stderr_line();
    assert!(line.starts_with("no HOST PORT given: a text server of our own on 127.0.0.1:"), "{line}");
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(records(&end.stdout).len() >= 2, "{end:?}");
}

#[test]
fn the_happiest_words_come_first() {
    let server = LineServer::start().unwrap();
    let arguments = [server.addr(), "--batch-ms", "100", "--batches", "1"];
    let program = Child::start("network_word_join_sentiments", &arguments);
    server.send("good bad the happy good");
    assert_eq!(records(&program.end().stdout), [["(\"good\", 6)", "(\"happy\", 4)", "(\"bad\", -3)"]]);
}

#[test]
fn a_receiver_of_ones_own_counts_and_reports_as_ours_does() {
    let server = absent_server();
    let program = Child::start("custom_receiver", &[server.addr(), "--batch-ms", "20", "--batches", "1"]);
    let line = program.stderr_line();
    assert!(line.contains(server.addr()) && line.contains("attempt 1, trying again in"), "{line}");
    server.send("a b a");
    server.accept_again().unwrap();
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(sorted_records(&end.stdout), [["(\"a\", 2)", "(\"b\", 1)"]]);
}

/// A server that refuses connections until it is told to accept them again.
fn absent_server() -> LineServer {
    let server = LineServer::start().unwrap();
    server.refuse();
    server
}
