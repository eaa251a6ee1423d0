//! A stop ends whatever the receiver waits for, and leaves no thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use batchmill::{Clock, SystemClock};
use crossbeam_channel as channel;
use socket2::{Domain, Socket, Type};

use super::{News, WAIT, quick, take};
use crate::fake::LineServer;
use crate::socket::{SocketOptions, SocketStreams};

/// How long a stop may take that has nothing to wait for; far below all deadlines.
const AT_ONCE: Duration = Duration::from_secs(5);

fn took(work: impl FnOnce()) -> Duration {
    let clock = SystemClock::new();
    let begin = clock.mono();
    work();
    clock.mono() - begin
}

#[test]
fn a_stop_ends_a_read_that_waits() {
    let server = LineServer::start().unwrap();
    let ssc = quick().stop_deadline(WAIT).build().unwrap();
    let lines = ssc.socket_text_stream(server.addr()).collect();
    let running = ssc.start().unwrap();
    server.send("one");
    assert_eq!(take(&lines, 1), ["one"]);
    let took = took(|| assert!(running.stop().unwrap().abandoned_threads.is_empty()));
    assert!(took < AT_ONCE, "{took:?}");
    assert!(server.wait_for_no_client(WAIT));
}

#[test]
fn a_stop_ends_a_wait_for_the_budget() {
    let server = LineServer::start().unwrap();
    let (news, builder) = News::of(quick().max_unprocessed_bytes(1_000).stop_deadline(WAIT));
    let ssc = builder.batch_interval(Duration::from_secs(3600)).build().unwrap();
    // So small a buffer that the two lines do not come in one piece, which would pass.
    let options = SocketOptions::new().read_buffer(1_000);
    ssc.socket_text_stream_with(server.addr(), options).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    server.send(&"x".repeat(900));
    server.send(&"x".repeat(900));
    news.event("budget_wait");
    let took = took(|| drop(running.stop().unwrap()));
    assert!(took < AT_ONCE, "{took:?}");
}

/// An address where a connection is neither taken nor refused: somebody listens, but the queue is full.
fn unanswering() -> (Socket, Vec<Socket>, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let full = socket.connect_timeout(&addr, Duration::from_millis(200)).is_err();
        queued.push(socket);
        if full {
            return (listener, queued, addr.as_socket().unwrap());
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_stop_ends_the_making_of_a_connection() {
    let (_listener, _queued, addr) = unanswering();
    for _ in 0..10 {
        let ssc = quick().stop_deadline(WAIT).build().unwrap();
        let options = SocketOptions::new().connect_timeout(WAIT);
        ssc.socket_text_stream_with(addr.to_string(), options).for_each_batch(|_| ());
        let running = ssc.start().unwrap();
        let took = took(|| assert!(running.stop().unwrap().abandoned_threads.is_empty()));
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_is_not_answered_times_out_with_the_address() {
    let (_listener, _queued, addr) = unanswering();
    let (news, builder) = News::of(quick());
    let ssc = builder.build().unwrap();
    let options = SocketOptions::new().connect_timeout(Duration::from_millis(20));
    ssc.socket_text_stream_with(addr.to_string(), options).for_each_batch(|_| ());
    let _running = ssc.start().unwrap();
    let said = news.error("no connection to").last_error.unwrap();
    assert!(said.contains(&addr.to_string()) && said.contains("timed out"), "{said}");
}

/// The threads of this process whose name starts so.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|comm| comm.starts_with(name)).count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_starts_and_stops_leave_no_thread() {
    for round in 0..100 {
        // A server of its own: one that still has a connection of the round before to take would send to that.
        let server = LineServer::start().unwrap();
        let ssc = quick().name("leak").build().unwrap();
        let lines = ssc.socket_text_stream(server.addr()).collect();
        let running = ssc.start().unwrap();
        match round % 4 {
            0 => drop(running.stop().unwrap()),
            1 => drop(running.stop_gracefully(WAIT).unwrap()),
            2 => drop(running),
            _ => {
                assert!(server.wait_for_client(WAIT));
                server.send("x");
                assert_eq!(take(&lines, 1), ["x"]);
                drop(running);
            }
        }
        // A joined thread is listed until the system has put it away.
        let late = channel::after(WAIT);
        while threads("leak") > 0 {
            assert!(late.try_recv().is_err(), "{} threads after round {round}", threads("leak"));
            std::thread::yield_now();
        }
        assert!(server.wait_for_no_client(WAIT));
        lines.take_all();
    }
}
