//! Lines arrive once, in order and whole, however they are sent.

use std::sync::Arc;
use std::time::Duration;

use batchmill::text::{LongLine, Utf8Policy};
use batchmill::{ManualClock, StreamingContext};

use super::{News, WAIT, quick, take};
use crate::fake::LineServer;
use crate::socket::{SocketOptions, SocketStreams};

#[test]
fn lines_arrive_once_and_in_order() {
    let server = LineServer::start().unwrap();
    let ssc = quick().build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let running = ssc.start().unwrap();
    let sent: Vec<String> = (0..20_000).map(|n| format!("line {n} {}", "x".repeat(n % 50))).collect();
    let bytes = sent.join("\n") + "\n";
    // Pieces of every length from one byte to some thousands, without regard to line ends.
    let mut rest = bytes.as_bytes();
    for length in (1..).map(|n: usize| n * n % 4_001 + 1) {
        let (piece, later) = rest.split_at(length.min(rest.len()));
        server.send_bytes(piece);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(take(&lines, sent.len()), *sent);
    assert!(running.stop().unwrap().abandoned_threads.is_empty());
    assert_eq!(lines.take_all().len(), 0, "none came twice");
}

#[test]
fn half_a_line_waits_and_other_streams_go_on() {
    let (stalled, lively) = (LineServer::start().unwrap(), LineServer::start().unwrap());
    let ssc = quick().build().unwrap();
    let halves = ssc.socket_text_stream(stalled.addr()).collect();
    let others = ssc.socket_text_stream(lively.addr()).collect();
    let _running = ssc.start().unwrap();
    stalled.send_bytes(b"one\nhal");
    assert_eq!(take(&halves, 1), ["one"]);
    for n in 0..20 {
        lively.send(&n.to_string());
        assert_eq!(take(&others, 1), [n.to_string().as_str()]);
    }
    assert_eq!(halves.take_all().len(), 0, "half a line is no line");
    stalled.send_bytes(b"f\n");
    assert_eq!(take(&halves, 1), ["half"]);
}

#[test]
fn a_return_and_its_feed_in_two_reads_are_one_end() {
    let server = LineServer::start().unwrap();
    let ssc = quick().build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    server.send_bytes(b"a\r");
    assert_eq!(take(&lines, 1), ["a"]);
    server.send_bytes(b"\nb\rc\r\n");
    assert_eq!(take(&lines, 2), ["b", "c"]);
}

#[test]
fn the_last_line_needs_no_end_and_nothing_is_lost_when_the_peer_closes() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    for round in 1..=5 {
        server.send(&format!("line {round}"));
        server.send_bytes(format!("end {round}").as_bytes());
        server.disconnect_clients();
        let said = news.error("closed the connection").last_error.unwrap();
        assert!(said.contains("after 12 bytes"), "{said}");
        assert!(server.wait_for_connections(round + 1, WAIT));
    }
    let expected: Vec<_> = (1..=5).flat_map(|n| [format!("line {n}"), format!("end {n}")]).collect();
    assert_eq!(take(&lines, 10), *expected);
}

#[test]
fn a_connection_that_closes_within_a_line_loses_no_byte() {
    let server = LineServer::start().unwrap();
    let ssc = quick().build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.disconnect_after(6);
    server.send("one");
    server.send("two");
    assert_eq!(take(&lines, 3), ["one", "tw", "o"]);
}

#[test]
fn lines_that_are_not_utf8_are_told_and_treated_by_the_policy() {
    for (policy, kind, expected) in [
        (Utf8Policy::Lossy, "utf8_replaced", vec!["good", "b\u{FFFD}d", "end"]),
        (Utf8Policy::Skip, "utf8_skipped", vec!["good", "end"]),
    ] {
        let server = LineServer::start().unwrap();
        let (news, builder) = News::of(quick());
        let ssc = builder.build().unwrap();
        let options = SocketOptions::new().invalid_utf8(policy);
        let lines = ssc.socket_text_stream_with(server.addr(), options).collect();
        let _running = ssc.start().unwrap();
        server.send_bytes(b"good\nb\xFFd\nend\n");
        assert_eq!(take(&lines, expected.len()), expected);
        let detail = news.event(kind);
        assert!(detail.starts_with("lines: 1 not UTF-8") && detail.ends_with("1 so far"), "{detail}");
    }
}

#[test]
fn strict_text_stops_the_context_with_the_place() {
    let server = LineServer::start().unwrap();
    let ssc = quick().build().unwrap();
    let options = SocketOptions::new().invalid_utf8(Utf8Policy::Strict);
    ssc.socket_text_stream_with(server.addr(), options).for_each_batch(|batch| batch.len().map(drop));
    let running = ssc.start().unwrap();
    server.send_bytes(b"good\nb\xFFd\n");
    let error = running.await_termination().unwrap_err().to_string();
    assert!(error.contains("invalid UTF-8 at byte 6 of the block"), "{error}");
}

#[test]
fn an_endless_line_fails_the_connection_and_the_next_goes_on() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let options = SocketOptions::new().max_line(1_000).read_buffer(64);
    let lines = ssc.socket_text_stream_with(server.addr(), options).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.send("short");
    server.send_bytes(&[b'x'; 1_500]);
    news.error("the line at byte 6 from 127.0.0.1:");
    assert!(server.wait_for_connections(2, WAIT));
    server.send("after");
    // What came of the long line is gone with its connection; on the new one the next line begins.
    assert_eq!(take(&lines, 2), ["short", "after"]);
}

#[test]
fn a_long_line_is_cut_or_dropped_by_the_policy_and_told() {
    for (policy, kind, expected) in [
        (LongLine::Truncate, "line_truncated", vec!["a", "xxxxxxxx", "b"]),
        (LongLine::Skip, "line_skipped", vec!["a", "b"]),
    ] {
        let server = LineServer::start().unwrap();
        let (news, builder) = News::of(quick());
        let ssc = builder.build().unwrap();
        let options = SocketOptions::new().max_line(8).long_line(policy);
        let lines = ssc.socket_text_stream_with(server.addr(), options).collect();
        let _running = ssc.start().unwrap();
        server.send_bytes(format!("a\n{}\nb\n", "x".repeat(100_000)).as_bytes());
        assert_eq!(take(&lines, expected.len()), expected);
        assert!(news.event(kind).starts_with("lines: 1 longer than 8 bytes"));
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_rate_limit_holds_in_every_batch() {
    const RATE: u32 = 1_000;
    let server = LineServer::start().unwrap();
    let (clock, interval) = (Arc::new(ManualClock::new()), Duration::from_millis(100));
    let builder = StreamingContext::builder().batch_interval(interval).receiver_max_rate(RATE);
    let ssc = builder.clock(Arc::clone(&clock) as Arc<_>).build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    (0..RATE).for_each(|n| server.send(&n.to_string()));
    let (mut seen, mut batches) = (Vec::new(), 0);
    while seen.len() < RATE as usize {
        assert!(batches < 10_000, "{} lines came", seen.len());
        clock.advance(interval);
        let (_, batch) = lines.take_timeout(WAIT).expect("a batch for every tick");
        batches += 1;
        seen.extend(batch);
        // A tenth of a second's worth at first, one more with every tick, and a piece beyond.
        assert!(seen.len() <= (batches + 1) * 100 + 20, "{} lines in {batches} batches", seen.len());
    }
    assert!(batches >= 9, "{batches}");
    assert_eq!(seen, (0..RATE).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_sender_that_is_too_fast_waits_for_the_budget_and_loses_nothing() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick().max_unprocessed_bytes(64 * 1024));
    let ssc = builder.build().unwrap();
    let sizes = ssc.socket_text_stream(server.addr()).map(|line| line.len() as u64).collect();
    let _running = ssc.start().unwrap();
    let (line, lines) = ("x".repeat(99), 100_000);
    server.send_bytes(format!("{line}\n").repeat(lines).as_bytes());
    assert_eq!(take(&sizes, lines), vec![99; lines]);
    assert!(news.event("budget_wait").contains("max_unprocessed_bytes"));
}
