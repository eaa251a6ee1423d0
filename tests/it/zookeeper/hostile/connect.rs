//! The answer to the first message of a connection, and connections that do not last.

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::Operation;
use batchmill_sources::zookeeper::wire::REPLY_BYTES_MAX;

use super::spoil::{changed, framed, raw};
use super::{Case, Expected, case, no_session};

const CONNECT: Operation = Operation::CREATE_SESSION;

/// In the answer, these bytes stand at this place.
fn at(place: usize, bytes: &[u8]) -> impl Fn(&FakeZooKeeper) + use<> {
    let bytes = bytes.to_vec();
    changed(CONNECT, move |mut answer| {
        answer[place..place + bytes.len()].copy_from_slice(&bytes);
        answer
    })
}

fn length(length: i32) -> impl Fn(&FakeZooKeeper) {
    raw(CONNECT, length.to_be_bytes())
}

fn cut(bytes: usize) -> impl Fn(&FakeZooKeeper) {
    move |server| _ = server.on(CONNECT).always().cut_after(bytes)
}

/// Where the fields of the answer are.
const TIMEOUT: usize = 4;
const SESSION: usize = 8;
const PASSWORD: usize = 16;

pub(super) fn cases() -> Vec<Case> {
    const TOO_LARGE: &[&str] = &["no ZooKeeper server of 127.0.0.1:", "4194304 are allowed"];
    const REFUSED: &[&str] = &["ZooKeeper server 127.0.0.1:", "closes the connection"];
    const EXPIRED: &[&str] = &["127.0.0.1:", "has expired"];
    let above = REPLY_BYTES_MAX as i32 + 1;
    vec![
        case("an answer of a length below zero", length(-1), no_session("PacketTooLarge", TOO_LARGE)),
        case("an answer of the largest length", length(i32::MAX), no_session("PacketTooLarge", TOO_LARGE)),
        case("an answer just above the limit", length(above), no_session("PacketTooLarge", TOO_LARGE)),
        case(
            "an answer of zero bytes",
            length(0),
            no_session("Truncated", &["127.0.0.1:", "ConnectResponseBody.protocol_version"]),
        ),
        case(
            "an answer of one byte",
            raw(CONNECT, framed(&[0])),
            no_session("Truncated", &["protocol_version"]),
        ),
        case(
            "an answer without its password",
            changed(CONNECT, |answer| answer[..20].to_vec()),
            no_session("Truncated", &["ConnectResponseBody.password"]),
        ),
        case("an answer of before 3.4", changed(CONNECT, |answer| answer[..36].to_vec()), Expected::Fine),
        case(
            "an answer with bytes behind it",
            changed(CONNECT, |answer| [&answer[..], b"more"].concat()),
            no_session("TrailingBytes", &["4 bytes follow"]),
        ),
        case(
            "a password of a length below null",
            at(PASSWORD, &[0xff, 0xff, 0xff, 0xfe]),
            no_session("NegativeLength", &["ConnectResponseBody.password"]),
        ),
        case(
            "a password of the largest length",
            at(PASSWORD, &[0x7f, 0xff, 0xff, 0xff]),
            no_session("Truncated", &["needs 2147483647 bytes"]),
        ),
        case(
            "a session of number zero",
            at(SESSION, &[0; 8]),
            no_session("InvalidValue", &["ConnectResponseBody.session_id cannot be 0"]),
        ),
        case("a session that lives no time", at(TIMEOUT, &[0; 4]), no_session("SessionExpired", EXPIRED)),
        case(
            "a session that lives less than no time",
            at(TIMEOUT, &[0x80, 0, 0, 0]),
            no_session("SessionExpired", EXPIRED),
        ),
        case("a session that lives for a millisecond", at(TIMEOUT, &[0, 0, 0, 1]), Expected::Restless),
        case("a session that lives for weeks", at(TIMEOUT, &[0x7f, 0xff, 0xff, 0xff]), Expected::Fine),
        case("the end of the connection instead of an answer", cut(0), no_session("Refused", REFUSED)),
        case(
            "the end of the connection within a length of an answer",
            cut(3),
            no_session("Refused", REFUSED),
        ),
        case("the end of the connection within an answer", cut(20), no_session("Refused", REFUSED)),
        case(
            "a web server",
            raw(CONNECT, *b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            no_session("NotZooKeeper", &["it speaks HTTP"]),
        ),
        case(
            "a server that wants TLS",
            raw(CONNECT, [0x15, 3, 3, 0, 2, 2, 10]),
            no_session("NotZooKeeper", &["it speaks TLS"]),
        ),
        case(
            "bytes of nobody",
            raw(CONNECT, *b"\x7fELF\x02\x01\x01\0"),
            no_session("PacketTooLarge", TOO_LARGE),
        ),
        case("pings that end the connection", restless, Expected::Restless),
    ]
}

/// Pings come every fifth of a second, and close the connection.
fn restless(server: &FakeZooKeeper) {
    at(TIMEOUT, &600_i32.to_be_bytes())(server);
    server.on(Operation::PING).always().disconnect();
}
