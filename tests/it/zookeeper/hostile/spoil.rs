//! How answers are spoilt: as bytes, or as what they say.

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::Operation;
use batchmill_sources::zookeeper::wire::{Jute, ReplyHeader, Writer, decode_whole};

/// How many bytes the header of a reply has.
pub(super) const HEADER: usize = ReplyHeader::SMALLEST;

/// Instead of every answer to this, these bytes are sent, and not even their length.
pub(super) fn raw(op: Operation, bytes: impl Into<Vec<u8>>) -> impl Fn(&FakeZooKeeper) {
    let bytes = bytes.into();
    move |server| _ = server.on(op).always().reply_raw(bytes.clone())
}

/// Every answer to this is what `change` makes of it, under a right length.
pub(super) fn changed(
    op: Operation,
    change: impl Fn(Vec<u8>) -> Vec<u8> + Clone + Send + Sync + 'static,
) -> impl Fn(&FakeZooKeeper) {
    move |server| {
        let change = change.clone();
        server.on(op).always().reply_with(move |_, reply| change(reply));
    }
}

/// Every reply to this has these bytes instead of its body.
pub(super) fn body(op: Operation, bytes: impl Into<Vec<u8>>) -> impl Fn(&FakeZooKeeper) {
    let bytes = bytes.into();
    changed(op, move |reply| [&reply[..HEADER], &bytes].concat())
}

/// Every reply to this has a header that says something else.
pub(super) fn header(
    op: Operation,
    change: impl Fn(&mut ReplyHeader) + Clone + Send + Sync + 'static,
) -> impl Fn(&FakeZooKeeper) {
    changed(op, move |reply| {
        let mut header = decode_whole::<ReplyHeader>(&reply[..HEADER]).unwrap();
        change(&mut header);
        [&written(&header), &reply[HEADER..]].concat()
    })
}

pub(super) fn written(message: &impl Jute) -> Vec<u8> {
    let mut out = Writer::new();
    message.encode(&mut out);
    out.into_bytes()
}

/// As a frame, with its length.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as i32).to_be_bytes(), bytes].concat()
}
