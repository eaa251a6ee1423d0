//! Frames, records and readers.

use std::io::BufRead;

use batchmill::FixedRecords;

use super::{News, WAIT, quick, take};
use crate::fake::LineServer;
use crate::socket::{RecordSplitter, SocketOptions, SocketStreams};

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

#[test]
fn frames_arrive_however_they_are_cut() {
    let server = LineServer::start().unwrap();
    let ssc = quick().build().unwrap();
    let options = SocketOptions::new().read_buffer(7);
    let frames = ssc.socket_frames_stream_with(server.addr(), options).collect();
    let _running = ssc.start().unwrap();
    let sent: Vec<Vec<u8>> =
        (0..300_usize).map(|n| vec![u8::try_from(n % 251).unwrap(); n * 7 % 97]).collect();
    let bytes = sent.iter().flat_map(|bytes| frame(bytes)).collect::<Vec<_>>();
    bytes.chunks(13).for_each(|piece| server.send_bytes(piece));
    let got: Vec<_> = take(&frames, sent.len()).iter().map(|frame| frame.to_vec()).collect();
    assert_eq!(got, sent);
}

#[test]
fn a_hostile_frame_length_ends_the_connection_only() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let frames = ssc.socket_frames_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.send_bytes(&frame(b"one"));
    server.send_bytes(b"\xFF\xFF\xFF\xFFx");
    let said = news.error("the frame at byte 7").last_error.unwrap();
    assert!(said.ends_with("has 4294967295 bytes, more than the 16777216 allowed"), "{said}");
    assert!(server.wait_for_connections(2, WAIT));
    server.send_bytes(&frame(b"two"));
    assert_eq!(take(&frames, 2), [*b"one", *b"two"]);
}

#[test]
fn a_frame_cut_off_by_the_end_is_dropped_and_reported() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let frames = ssc.socket_frames_stream(server.addr()).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.send_bytes(&frame(b"whole"));
    server.send_bytes(&frame(b"part")[..6]);
    server.disconnect_clients();
    news.error("after 15 bytes, the last 6 of them an unfinished record");
    assert_eq!(take(&frames, 1), [*b"whole"]);
}

/// Two-byte records; at the end one byte is a record as well, if it is a `!`.
struct Pairs;

impl RecordSplitter for Pairs {
    fn whole(&mut self, bytes: &[u8]) -> Result<usize, batchmill::SourceError> {
        if bytes.contains(&b'?') { Err("a question".into()) } else { Ok(bytes.len() / 2 * 2) }
    }
}

#[test]
fn records_are_split_by_the_user_and_decoded_in_the_tasks() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let pairs = ssc.socket_records_stream(server.addr(), Pairs, FixedRecords::new(2)).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.send_bytes(b"aab");
    assert_eq!(take(&pairs, 1), [b"aa"]);
    server.send_bytes(b"bc");
    assert_eq!(take(&pairs, 1), [b"bb"]);
    server.send_bytes(b"?");
    news.error("byte 4 from 127.0.0.1:");
    assert!(server.wait_for_connections(2, WAIT));
    server.send_bytes(b"dd");
    assert_eq!(take(&pairs, 1), [b"dd"]);
}

#[test]
fn a_reader_makes_records_on_the_receivers_thread() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let read = |reader: crate::socket::SocketReader| {
        reader.lines().map(|line| line?.parse::<i64>().map_err(batchmill::SourceError::from))
    };
    let numbers = ssc.socket_stream(server.addr(), read).collect();
    let _running = ssc.start().unwrap();
    assert!(server.wait_for_client(WAIT));
    server.send_bytes(b"1\n2\n-");
    server.send_bytes(b"3\n");
    assert_eq!(take(&numbers, 3), [1, 2, -3]);
    server.send("four");
    news.error("byte 12 from 127.0.0.1:");
    assert!(server.wait_for_connections(2, WAIT));
    server.send("5");
    assert_eq!(take(&numbers, 1), [5]);
    server.disconnect_clients();
    news.error("closed the connection after 2 bytes");
}
