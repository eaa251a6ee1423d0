//! ZooKeeper's protocol as bytes, without I/O: jute records, frames, requests, replies and events, from bytes and to bytes.
//! Used by the client, by the fake and by the fuzz target, on whatever thread calls it.

mod codes;
mod connect;
mod error;
mod events;
mod frame;
mod node;
mod operations;
mod reader;
mod watches;
mod writer;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;

pub use self::codes::{ErrorCode, OpCode};
pub use self::connect::{ConnectRequest, ConnectRequestBody, ConnectResponse, ConnectResponseBody};
pub use self::error::WireError;
pub use self::events::{EventKind, KeeperState, WatcherEvent};
pub use self::frame::{
    LENGTH_BYTES, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, ReplyHeader, RequestHeader, XID_AUTH, XID_EVENT,
    XID_PING, XID_SET_WATCHES, decode_whole, frame, read_length,
};
pub use self::node::{AclEntry, Permissions, Stat};
pub use self::operations::{
    AclReply, AuthRequest, ChildrenReply, ChildrenStatReply, CreateRequest, CreateStatReply, CreatedReply,
    DataReply, DeleteRequest, PathReply, PathRequest, PathWatchRequest, SetAclRequest, SetDataRequest,
    StatReply,
};
pub use self::reader::{ELEMENTS_MAX, Reader};
pub use self::watches::SetWatchesRequest;
pub use self::writer::Writer;

/// What has a form in jute. Records are their fields one after the other.
pub trait Jute: Sized {
    /// How many bytes the smallest one has.
    const SMALLEST: usize;

    /// Reads one.
    ///
    /// # Errors
    /// When the bytes are not one.
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Writes it.
    fn encode(&self, out: &mut Writer);
}

/// Declares records: structures whose form is that of their fields in turn.
macro_rules! records {
    ($($(#[$attribute:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $kind,)*
        }

        impl $crate::zookeeper::wire::Jute for $name {
            const SMALLEST: usize = 0 $(+ <$kind as $crate::zookeeper::wire::Jute>::SMALLEST)*;

            fn decode(
                input: &mut $crate::zookeeper::wire::Reader<'_>,
            ) -> Result<Self, $crate::zookeeper::wire::WireError> {
                let _ = &input;
                $(
                    input.field(concat!(stringify!($name), ".", stringify!($field)));
                    let $field = <$kind as $crate::zookeeper::wire::Jute>::decode(input)?;
                )*
                Ok(Self { $($field),* })
            }

            fn encode(&self, out: &mut $crate::zookeeper::wire::Writer) {
                let _ = &out;
                $($crate::zookeeper::wire::Jute::encode(&self.$field, out);)*
            }
        }
    )*};
}
pub(crate) use records;
