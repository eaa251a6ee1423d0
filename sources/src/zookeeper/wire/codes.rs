//! Numbers of the protocol: what a request asks for, and what a reply says went wrong.

use std::fmt;

/// Declares a type of numbers of which some have names.
macro_rules! codes {
    ($(#[$attribute:meta])* $kind:ident { $($(#[$of_code:meta])* $name:ident = $value:literal, $text:literal;)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $kind(
            /// The number.
            pub i32,
        );

        impl $kind {
            $($(#[$of_code])* pub const $name: Self = Self($value);)*

            /// The name of the number, if it has one here.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

codes! {
    /// What a request asks for.
    OpCode {
        /// Creates a node.
        CREATE = 1, "create";
        /// Deletes a node.
        DELETE = 2, "delete";
        /// Whether there is a node.
        EXISTS = 3, "exists";
        /// The data of a node.
        GET_DATA = 4, "getData";
        /// Sets the data of a node.
        SET_DATA = 5, "setData";
        /// Who may do what with a node.
        GET_ACL = 6, "getACL";
        /// Sets who may do what with a node.
        SET_ACL = 7, "setACL";
        /// The names of a node's children.
        GET_CHILDREN = 8, "getChildren";
        /// Waits until the server knows what the leader knows.
        SYNC = 9, "sync";
        /// Keeps the session alive.
        PING = 11, "ping";
        /// The names of a node's children, and its figures.
        GET_CHILDREN_2 = 12, "getChildren2";
        /// Creates a node and tells its figures.
        CREATE_2 = 15, "create2";
        /// Says who the client is.
        AUTH = 100, "auth";
        /// Sets watches again on another connection.
        SET_WATCHES = 101, "setWatches";
        /// Begins a session or takes it up again: the first message of a connection, which has no number on the wire.
        CREATE_SESSION = -10, "createSession";
        /// Ends the session.
        CLOSE_SESSION = -11, "closeSession";
    }
}

codes! {
    /// What a reply says went wrong.
    ErrorCode {
        /// Nothing.
        OK = 0, "Ok";
        /// Something in the server.
        SYSTEM_ERROR = -1, "SystemError";
        /// The connection was lost.
        CONNECTION_LOSS = -4, "ConnectionLoss";
        /// The request has no valid form.
        MARSHALLING_ERROR = -5, "MarshallingError";
        /// The server does not know the request.
        UNIMPLEMENTED = -6, "Unimplemented";
        /// It took too long.
        OPERATION_TIMEOUT = -7, "OperationTimeout";
        /// The arguments, a path most often, are not valid.
        BAD_ARGUMENTS = -8, "BadArguments";
        /// There is no such node.
        NO_NODE = -101, "NoNode";
        /// The client may not.
        NO_AUTH = -102, "NoAuth";
        /// The node has another version.
        BAD_VERSION = -103, "BadVersion";
        /// An ephemeral node has no children.
        NO_CHILDREN_FOR_EPHEMERALS = -108, "NoChildrenForEphemerals";
        /// There is such a node already.
        NODE_EXISTS = -110, "NodeExists";
        /// The node has children.
        NOT_EMPTY = -111, "NotEmpty";
        /// The session has ended.
        SESSION_EXPIRED = -112, "SessionExpired";
        /// The list of who may do what is not valid.
        INVALID_ACL = -114, "InvalidACL";
        /// The client is not who it says.
        AUTH_FAILED = -115, "AuthFailed";
        /// The session is at another server by now.
        SESSION_MOVED = -118, "SessionMoved";
        /// The server only reads.
        NOT_READ_ONLY = -119, "NotReadOnly";
        /// The quota is used up.
        QUOTA_EXCEEDED = -125, "QuotaExceeded";
        /// The server has too much to do.
        THROTTLED = -127, "ThrottledOp";
    }
}
