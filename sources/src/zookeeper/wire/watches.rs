//! Setting watches again on another connection. The reply has no body; changes missed since come as events.

use super::records;

records! {
    /// [`SET_WATCHES`](super::OpCode::SET_WATCHES).
    SetWatchesRequest {
        /// The newest change the client has seen: later ones are told at once.
        relative_zxid: i64,
        /// Nodes whose data is watched.
        data: Vec<String>,
        /// Nodes that are not there, whose creation is watched.
        exists: Vec<String>,
        /// Nodes whose children are watched.
        children: Vec<String>,
    }
}
