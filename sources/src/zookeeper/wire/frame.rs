//! Frames: a message behind a length of four bytes, and the headers of requests and replies.

use super::{ErrorCode, Jute, OpCode, WireError, Writer, records};

/// The bytes of the length before a frame.
pub const LENGTH_BYTES: usize = 4;

/// The longest request, without its length, that servers take (`jute.maxbuffer`): a byte less than 1 MiB.
pub const REQUEST_BYTES_MAX: usize = 0xf_ffff;

/// The longest reply, without its length, that is read: 4 MiB, as Java's clients have it up to 3.5. A server limits requests
/// only, so that the names of children and the data of the largest node have more than 1 MiB.
pub const REPLY_BYTES_MAX: usize = 4 << 20;

/// The number of a message that tells of a watch.
pub const XID_EVENT: i32 = -1;
/// The number of a ping and of its reply.
pub const XID_PING: i32 = -2;
/// The number of a request that says who the client is, and of its reply.
pub const XID_AUTH: i32 = -4;
/// The number of a request that sets watches again, and of its reply.
pub const XID_SET_WATCHES: i32 = -8;

records! {
    /// What stands before the body of a request.
    RequestHeader {
        /// The number that the reply will have.
        xid: i32,
        /// What is asked for: an [`OpCode`].
        op: i32,
    }

    /// What stands before the body of a reply. One with an error has no body.
    ReplyHeader {
        /// The number of the request.
        xid: i32,
        /// The newest change the server knows of.
        zxid: i64,
        /// What went wrong: an [`ErrorCode`].
        error: i32,
    }
}

impl RequestHeader {
    /// Of a request.
    #[must_use]
    pub fn new(xid: i32, op: OpCode) -> Self {
        Self { xid, op: op.0 }
    }
}

impl ReplyHeader {
    /// What went wrong.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode(self.error)
    }
}

/// How many bytes the frame has of which `length` are the first four.
///
/// # Errors
/// When it is negative or more than `limit`: with the length that it claims.
pub fn read_length(length: [u8; LENGTH_BYTES], limit: usize) -> Result<usize, i64> {
    let claimed = i32::from_be_bytes(length);
    usize::try_from(claimed).ok().filter(|length| *length <= limit).ok_or(i64::from(claimed))
}

/// A message as a frame, with its length: what `write` writes.
#[must_use]
pub fn frame(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new();
    0_i32.encode(&mut out);
    write(&mut out);
    let mut bytes = out.into_bytes();
    let length = i32::try_from(bytes.len() - LENGTH_BYTES).unwrap_or(i32::MAX);
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// A message that fills its bytes.
///
/// # Errors
/// When the bytes are not one, or more than one.
pub fn decode_whole<T: Jute>(bytes: &[u8]) -> Result<T, WireError> {
    let mut input = super::Reader::new(bytes);
    let found = T::decode(&mut input)?;
    input.finish().map(|()| found)
}
