//! What a server tells by itself, here instead of a reply, so that the request sees what becomes of the connection.

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::Operation;
use batchmill_sources::zookeeper::wire::{
    EventKind, KeeperState, ReplyHeader, WatcherEvent, XID_EVENT, XID_PING,
};

use super::spoil::{framed, raw, written};
use super::{Case, broken, case};

/// So many times an event with this body, and no reply.
fn told(times: usize, body: &[u8]) -> impl Fn(&FakeZooKeeper) + use<> {
    let header = written(&ReplyHeader { xid: XID_EVENT, zxid: -1, error: 0 });
    raw(Operation::GET_DATA, framed(&[&header, body].concat()).repeat(times))
}

fn event(kind: i32, path: &str) -> Vec<u8> {
    let path = path.to_owned();
    written(&WatcherEvent { kind: EventKind(kind), state: KeeperState::SYNC_CONNECTED, path })
}

pub(super) fn cases() -> Vec<Case> {
    const LATE: &[&str] = &["ZooKeeper server 127.0.0.1:", "has not replied to getData of /node"];
    const KIND: &[&str] = &["127.0.0.1:", "WatcherEvent.kind cannot be"];
    let node = event(EventKind::DATA_CHANGED.0, "/node");
    let ping = framed(&written(&ReplyHeader { xid: XID_PING, zxid: 5, error: 0 }));
    vec![
        case("an event of an unknown kind", told(1, &event(99, "/node")), broken("InvalidValue", KIND)),
        case("an event of kind zero", told(1, &event(0, "/node")), broken("InvalidValue", KIND)),
        case("an event without anything", told(1, b""), broken("Truncated", &["WatcherEvent.kind"])),
        case(
            "an event without its last byte",
            told(1, &node[..node.len() - 1]),
            broken("Truncated", &["WatcherEvent.path"]),
        ),
        case(
            "an event with bytes behind it",
            told(1, &[&node[..], b"x"].concat()),
            broken("TrailingBytes", &["1 bytes follow"]),
        ),
        case(
            "an event without a path",
            told(1, &[&node[..8], &[0xff; 4]].concat()),
            broken("NegativeLength", &["WatcherEvent.path"]),
        ),
        case(
            "an event whose path is no text",
            told(1, &[&node[..8], &[0, 0, 0, 1, 0xff]].concat()),
            broken("InvalidUtf8", &["WatcherEvent.path"]),
        ),
        case(
            "an event whose path has 2^31-1 bytes",
            told(1, &[&node[..8], &i32::MAX.to_be_bytes()].concat()),
            broken("Truncated", &["needs 2147483647 bytes"]),
        ),
        case(
            "events that nobody waits for, without end",
            told(20_000, &event(1, "/other")),
            broken("Timeout", LATE),
        ),
        case("the same event again and again", told(10_000, &node), broken("Timeout", LATE)),
        case(
            "answers to pings that were not sent",
            raw(Operation::GET_DATA, ping.repeat(20_000)),
            broken("Timeout", LATE),
        ),
    ]
}
