//! What a server tells by itself: the change that a watch has waited for. The header before it has the number -1.

use super::{Jute, Reader, WireError, Writer, records};

records! {
    /// A watch has met its change; it is not set any more.
    WatcherEvent {
        /// What has happened.
        kind: EventKind,
        /// The state of the session: 3 where a node is told of.
        state: KeeperState,
        /// The node.
        path: String,
    }
}

/// What has happened to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKind(
    /// The number.
    pub i32,
);

impl EventKind {
    /// Nothing: the event is about the session.
    pub const NONE: Self = Self(-1);
    /// The node was created.
    pub const CREATED: Self = Self(1);
    /// The node was deleted.
    pub const DELETED: Self = Self(2);
    /// The data of the node was set.
    pub const DATA_CHANGED: Self = Self(3);
    /// A child was created or deleted.
    pub const CHILDREN_CHANGED: Self = Self(4);
}

/// The state of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeeperState(
    /// The number.
    pub i32,
);

impl KeeperState {
    /// Connected to a server with a quorum.
    pub const SYNC_CONNECTED: Self = Self(3);
}

macro_rules! numbers {
    ($($kind:ident)*) => {$(
        impl Jute for $kind {
            const SMALLEST: usize = 4;

            fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
                i32::decode(input).map(Self)
            }

            fn encode(&self, out: &mut Writer) {
                self.0.encode(out);
            }
        }
    )*};
}

numbers! { EventKind KeeperState }
