//! Peers that are not there, mistakes in the program.

use std::time::Duration;

use super::{News, WAIT, quick, take};
use crate::fake::LineServer;
use crate::socket::{SocketOptions, SocketStreams};
use batchmill::{BuildError, Error, StreamingContext};

#[test]
fn an_unknown_host_is_told_and_tried_again_after_growing_pauses() {
    let (news, builder) = News::of(quick().receiver_backoff(Duration::from_millis(10), WAIT));
    let ssc = builder.build().unwrap();
    // No label of a host name is longer than 63 bytes, so nobody is asked.
    let host = format!("{}.invalid", "x".repeat(64));
    ssc.socket_text_stream(format!("{host}:9999")).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    let pauses: Vec<_> = (1..=4)
        .map(|attempt| {
            let info = news.error(&format!("no address of host {host}"));
            assert_eq!(info.attempt, attempt);
            info.restart_in.unwrap()
        })
        .collect();
    // Each doubles and varies by a fifth.
    assert!(pauses.is_sorted() && pauses[3] >= Duration::from_millis(64), "{pauses:?}");
    running.stop().unwrap();
}

#[test]
fn a_server_that_refuses_is_reached_once_it_is_there() {
    let server = LineServer::start().unwrap();
    server.refuse();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    let said = news.error("no connection to 127.0.0.1:").last_error.unwrap();
    assert!(said.contains("is a server listening there? `nc -lk "), "{said}");
    server.accept_again().unwrap();
    server.send("here");
    assert_eq!(take(&lines, 1), ["here"]);
}

#[test]
fn a_connection_that_breaks_is_made_anew() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    for round in 1..=3 {
        assert!(server.wait_for_connections(round, WAIT));
        server.send("whole");
        assert_eq!(take(&lines, 1), ["whole"]);
        server.send_bytes(b"half");
        server.reset_clients();
        news.error("127.0.0.1:");
    }
    assert!(server.wait_for_connections(4, WAIT));
    server.send("last");
    // What had come of a line when its connection broke is not known to be a line.
    assert_eq!(take(&lines, 1), ["last"]);
}

#[test]
fn all_addresses_of_a_host_are_tried() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let port = server.addr().rsplit(':').next().unwrap().to_owned();
    let lines = ssc.socket_text_stream(format!("localhost:{port}")).collect();
    let _running = ssc.start().unwrap();
    server.send("found");
    assert_eq!(take(&lines, 1), ["found"]);
    assert_eq!(news.event("connected"), format!("to 127.0.0.1:{port}"));
}

#[test]
fn mistakes_are_returned_by_start_with_their_operator_and_line() {
    let ssc = StreamingContext::new(Duration::from_secs(1)).unwrap();
    ssc.socket_text_stream("localhost").print();
    ssc.socket_frames_stream_with("localhost:1", SocketOptions::new().max_record(0)).print();
    let Err(Error::Build(errors)) = ssc.start() else { panic!("it cannot start") };
    let found: Vec<_> = errors
        .0
        .iter()
        .map(|error| match error {
            BuildError::InvalidArgument { site, reason } => {
                assert!(site.location.file().ends_with("faults.rs"), "{site}");
                (site.operator, reason.as_str())
            }
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        found,
        [
            ("socket_text_stream", "\"localhost\" has no port: write host:port"),
            ("socket_frames_stream", "max_record must be more than zero"),
        ]
    );
}
