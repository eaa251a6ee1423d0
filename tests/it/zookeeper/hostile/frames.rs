//! The frame around a reply: its length, its number, its code, and how it ends.

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::Operation;
use batchmill_sources::zookeeper::wire::{
    ErrorCode, REPLY_BYTES_MAX, ReplyHeader, XID_AUTH, XID_EVENT, XID_PING, XID_SET_WATCHES,
};

use super::spoil::{HEADER, changed, framed, header, raw, written};
use super::{Case, Expected, broken, case, ended, refused};

const GET: Operation = Operation::GET_DATA;

fn length(length: i32) -> impl Fn(&FakeZooKeeper) {
    raw(GET, length.to_be_bytes())
}

fn cut(bytes: usize) -> impl Fn(&FakeZooKeeper) {
    move |server| _ = server.on(GET).always().cut_after(bytes)
}

pub(super) fn cases() -> Vec<Case> {
    const TOO_LARGE: &[&str] = &["a packet of ZooKeeper server 127.0.0.1:", "4194304 are allowed"];
    const LOST: &[&str] = &["ZooKeeper server 127.0.0.1:", "lost before the reply to getData of /node"];
    const LATE: &[&str] = &["ZooKeeper server 127.0.0.1:", "has not replied to getData of /node"];
    let above = REPLY_BYTES_MAX as i32 + 1;
    vec![
        case("a length below zero", length(-1), broken("PacketTooLarge", TOO_LARGE)),
        case("the smallest length", length(i32::MIN), broken("PacketTooLarge", TOO_LARGE)),
        case("the largest length", length(i32::MAX), broken("PacketTooLarge", TOO_LARGE)),
        case("a length just above the limit", length(above), broken("PacketTooLarge", TOO_LARGE)),
        case(
            "the length of a web server's answer",
            raw(GET, *b"HTTP/1.1 200 OK\r\n\r\n"),
            broken("PacketTooLarge", TOO_LARGE),
        ),
        case("a length at the limit and then silence", length(above - 1), broken("Timeout", LATE)),
        case(
            "a length of zero",
            length(0),
            broken("Truncated", &["ReplyHeader.xid at byte 0 needs 4 bytes, 0 are left"]),
        ),
        case(
            "a length shorter than a header",
            raw(GET, framed(&[0; 15])),
            broken("Truncated", &["ReplyHeader.error"]),
        ),
        case(
            "a reply that is only a header",
            changed(GET, |reply| reply[..HEADER].to_vec()),
            broken("Truncated", &["127.0.0.1:", "DataReply.data"]),
        ),
        case(
            "a reply without its last byte",
            changed(GET, |reply| reply[..reply.len() - 1].to_vec()),
            broken("Truncated", &["127.0.0.1:", "Stat.pzxid"]),
        ),
        case(
            "bytes behind the body",
            changed(GET, |reply| [&reply[..], b"more"].concat()),
            broken("TrailingBytes", &["127.0.0.1:", "4 bytes follow"]),
        ),
        case("the end of the connection before a reply", cut(0), broken("ConnectionLoss", LOST)),
        case("the end of the connection within a length", cut(2), broken("ConnectionLoss", LOST)),
        case("the end of the connection within a header", cut(9), broken("ConnectionLoss", LOST)),
        case("the end of the connection within a body", cut(40), broken("ConnectionLoss", LOST)),
        case(
            "the number of the next request",
            header(GET, |header| header.xid += 1),
            broken("WrongReply", &["127.0.0.1:", "replies to request 3 where request 2 is next"]),
        ),
        case(
            "the number of the request before",
            header(GET, |header| header.xid -= 1),
            broken("WrongReply", &["127.0.0.1:", "replies to request 1 where request 2 is next"]),
        ),
        case(
            "the number zero",
            header(GET, |header| header.xid = 0),
            broken("WrongReply", &["replies to request 0"]),
        ),
        case(
            "the smallest number",
            header(GET, |header| header.xid = i32::MIN),
            broken("WrongReply", &["-2147483648"]),
        ),
        case(
            "a number that nobody has",
            header(GET, |header| header.xid = -3),
            broken("WrongReply", &["replies to request -3"]),
        ),
        case(
            "the number of an event",
            header(GET, |header| header.xid = XID_EVENT),
            broken("TrailingBytes", &["127.0.0.1:", "58 bytes follow"]),
        ),
        case("the number of a ping", header(GET, |header| header.xid = XID_PING), broken("Timeout", LATE)),
        case(
            "the number of set watches",
            header(GET, |header| header.xid = XID_SET_WATCHES),
            broken("Timeout", LATE),
        ),
        case(
            "an answer to credentials that were not sent",
            header(GET, |header| (header.xid, header.error) = (XID_AUTH, ErrorCode::AUTH_FAILED.0)),
            ended("AuthFailed", &["ZooKeeper server 127.0.0.1:", "refuses the credentials"]),
        ),
        case(
            "a reply that comes twice",
            twice,
            broken("WrongReply", &["replies to request 2 where request 3 is next"]),
        ),
        case("silence", |server| _ = server.on(GET).always().silence(), broken("Timeout", LATE)),
        case(
            "an error without a name",
            header(GET, |header| header.error = -999),
            refused("Server", &["127.0.0.1:", "getData of /node: -999"]),
        ),
        case(
            "an error above zero",
            header(GET, |header| header.error = 7),
            refused("Server", &["getData of /node: 7"]),
        ),
        case(
            "an expired session that is told of in a reply",
            header(GET, |header| header.error = ErrorCode::SESSION_EXPIRED.0),
            refused("SessionExpired", &["127.0.0.1:"]),
        ),
        case("a change from far in the future", header(GET, |header| header.zxid = i64::MAX), Expected::Fine),
        case("a change below zero", header(GET, |header| header.zxid = i64::MIN), Expected::Fine),
    ]
}

/// The reply to the second request, and again instead of that to the third.
fn twice(server: &FakeZooKeeper) {
    let header = written(&ReplyHeader { xid: 2, zxid: 5, error: 0 });
    raw(Operation::GET_CHILDREN_2, framed(&header))(server);
}
