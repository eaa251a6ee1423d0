//! A target for what a ZooKeeper sends: frames, the answer to the first message, replies and events, as the client reads them.
//! Nothing makes a decoder panic, and what it takes is encoded and decoded to the same.

use std::fmt::Debug;

use batchmill_sources::zookeeper::wire::{
    AclReply, ChildrenReply, ChildrenStatReply, ConnectResponse, CreateStatReply, CreatedReply, DataReply,
    Jute, LENGTH_BYTES, OpCode, PathReply, REPLY_BYTES_MAX, Reader, ReplyHeader, StatReply, WatcherEvent,
    XID_EVENT, decode_whole, frame, read_length,
};

/// Messages of a server.
///
/// The first byte says what the last frame that the rest begins with is a reply to; each frame has its length, which is
/// checked but need not be right: otherwise few inputs would come any further.
pub fn zookeeper_frames(data: &[u8]) {
    let [op, bytes @ ..] = data else { return };
    let mut bytes = bytes;
    let op = OpCode(i32::from(*op as i8));
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() {
        let length = read_length(*length, REPLY_BYTES_MAX).unwrap_or(rest.len());
        assert!(length <= REPLY_BYTES_MAX || length == rest.len(), "a frame of {length} bytes");
        let (message, next) = rest.split_at(length.min(rest.len()));
        heard(op, message);
        bytes = next;
    }
}

/// A message without its length.
fn heard(op: OpCode, message: &[u8]) {
    if op == OpCode::CREATE_SESSION {
        return comes_back::<ConnectResponse>(message);
    }
    let mut input = Reader::new(message);
    let Ok(header) = ReplyHeader::decode(&mut input) else { return };
    comes_back::<ReplyHeader>(&message[..ReplyHeader::SMALLEST]);
    let body = input.rest();
    if header.xid == XID_EVENT {
        return comes_back::<WatcherEvent>(body);
    }
    match op {
        OpCode::CREATE => comes_back::<CreatedReply>(body),
        OpCode::CREATE_2 => comes_back::<CreateStatReply>(body),
        OpCode::DELETE => comes_back::<()>(body),
        OpCode::EXISTS | OpCode::SET_DATA | OpCode::SET_ACL => comes_back::<StatReply>(body),
        OpCode::GET_DATA => comes_back::<DataReply>(body),
        OpCode::GET_CHILDREN => comes_back::<ChildrenReply>(body),
        OpCode::GET_CHILDREN_2 => comes_back::<ChildrenStatReply>(body),
        OpCode::GET_ACL => comes_back::<AclReply>(body),
        OpCode::SYNC => comes_back::<PathReply>(body),
        _ => {}
    }
}

/// What is read is written, and read to the same.
fn comes_back<M: Jute + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(message) = decode_whole::<M>(bytes) else { return };
    let again = frame(|out| message.encode(out)).split_off(LENGTH_BYTES);
    assert_eq!(decode_whole::<M>(&again).as_ref(), Ok(&message));
    assert!(again.len() >= M::SMALLEST, "{message:?} has {} bytes", again.len());
}
