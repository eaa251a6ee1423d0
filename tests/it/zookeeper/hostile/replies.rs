//! What is in replies: counts and lengths that lie, texts that are none, figures that no node has.

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::Operation;
use batchmill_sources::zookeeper::wire::{ELEMENTS_MAX, ErrorCode, Stat};

use super::spoil::{body, changed, header, written};
use super::{Case, Expected, broken, case, refused};

const CHILDREN: Operation = Operation::GET_CHILDREN_2;

/// A list of so many children, it says, of which these bytes are.
fn children(count: i32, bytes: &[u8]) -> impl Fn(&FakeZooKeeper) + use<> {
    body(CHILDREN, [&count.to_be_bytes(), bytes].concat())
}

/// So many children without names.
fn nameless(count: usize) -> impl Fn(&FakeZooKeeper) {
    children(count as i32, &[vec![0; 4 * count], written(&Stat::default())].concat())
}

/// Data of this length, it says, and nothing else.
fn data(length: i32) -> impl Fn(&FakeZooKeeper) {
    body(Operation::GET_DATA, length.to_be_bytes())
}

fn stat(stat: Stat) -> impl Fn(&FakeZooKeeper) {
    body(Operation::EXISTS, written(&stat))
}

pub(super) fn cases() -> Vec<Case> {
    let strange = Stat {
        czxid: -1,
        ctime: i64::MIN,
        version: -7,
        data_length: -1,
        num_children: i32::MIN,
        ..Stat::default()
    };
    vec![
        case(
            "data of a length below null",
            data(-2),
            broken("NegativeLength", &["127.0.0.1:", "DataReply.data at byte 0 has length -2"]),
        ),
        case(
            "data of the largest length",
            data(i32::MAX),
            broken("Truncated", &["DataReply.data", "needs 2147483647 bytes, 0 are left"]),
        ),
        case(
            "data that is null",
            body(Operation::GET_DATA, [&[0xff; 4][..], &written(&Stat::default())].concat()),
            Expected::Fine,
        ),
        case("figures that no node has", stat(strange), Expected::Fine),
        case("figures cut off", body(Operation::EXISTS, [0; 67]), broken("Truncated", &["Stat.pzxid"])),
        case(
            "figures of another form",
            body(Operation::EXISTS, [0; 69]),
            broken("TrailingBytes", &["1 bytes follow"]),
        ),
        case(
            "2^31-1 children",
            children(i32::MAX, b""),
            broken("TooManyElements", &["ChildrenStatReply.children", "2147483647"]),
        ),
        case(
            "-2 children",
            children(-2, b""),
            broken("NegativeLength", &["ChildrenStatReply.children", "length -2"]),
        ),
        case("null children", children(-1, &written(&Stat::default())), Expected::Fine),
        case("as many children as may be", nameless(ELEMENTS_MAX), Expected::Fine),
        case(
            "one child more than may be",
            nameless(ELEMENTS_MAX + 1),
            broken("TooManyElements", &["100001 elements, at most 100000"]),
        ),
        case("a million children", nameless(1_000_000), broken("TooManyElements", &["1000000 elements"]))
            // Most of it is the fake's.
            .memory_mib(40),
        case(
            "a child without a name",
            children(1, &[0xff; 72]),
            broken("NegativeLength", &["ChildrenStatReply.children", "length -1"]),
        ),
        case(
            "a child whose name is longer than the reply",
            children(1, &[&1_000_i32.to_be_bytes()[..], &[b'a'; 70]].concat()),
            broken("Truncated", &["needs 1000 bytes"]),
        ),
        case(
            "a child whose name is no text",
            children(1, &[&[0, 0, 0, 2, 0xc3, 0x28][..], &[0; 68]].concat()),
            broken("InvalidUtf8", &["ChildrenStatReply.children"]),
        ),
        case(
            "a child that names another place",
            children(1, &[&[0, 0, 0, 6][..], b"../etc", &[0; 68]].concat()),
            Expected::Fine,
        ),
        case(
            "2^31-1 entries of an ACL",
            body(Operation::GET_ACL, i32::MAX.to_be_bytes()),
            broken("TooManyElements", &["AclReply.acl"]),
        ),
        case(
            "an ACL whose scheme is no text",
            body(Operation::GET_ACL, [&[0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 1, 0xff][..], &[0; 80]].concat()),
            broken("InvalidUtf8", &["AclEntry.scheme"]),
        ),
        case(
            "a created node without a path",
            body(Operation::CREATE, [0xff; 4]),
            broken("NegativeLength", &["CreatedReply.path"]),
        ),
        case(
            "a created node whose path is no text",
            body(Operation::CREATE, [0, 0, 0, 1, 0x80]),
            broken("InvalidUtf8", &["CreatedReply.path"]),
        ),
        case(
            "a created node that is no path",
            body(Operation::CREATE, *b"\0\0\0\x04nope"),
            refused("Path", &["nope", "does not begin with a slash"]),
        ),
        case("a sync without a path", body(Operation::SYNC, *b""), broken("Truncated", &["PathReply.path"])),
        case(
            "a set node without figures",
            body(Operation::SET_DATA, *b""),
            broken("Truncated", &["Stat.czxid"]),
        ),
        case(
            "a deleted node with figures",
            changed(Operation::DELETE, |reply| [&reply[..], &[0; 68]].concat()),
            broken("TrailingBytes", &["68 bytes follow"]),
        ),
        case(
            "an error with a body",
            |server| {
                header(Operation::GET_DATA, |header| header.error = ErrorCode::NO_NODE.0)(server);
            },
            refused("NoNode", &["/node does not exist"]),
        ),
    ]
}
