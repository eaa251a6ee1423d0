//! FindCoordinator: the broker that keeps a group's offsets.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

impl FindCoordinatorRequest {
    /// As a key type: the key is a group.
    pub const GROUP: i8 = 0;
    /// As a key type: the key is a transactional id.
    pub const TRANSACTION: i8 = 1;
}

structures! {
    /// Asks for the coordinator.
    pub struct FindCoordinatorRequest {
        /// The group.
        pub key: String => 0..,
        /// [`GROUP`](Self::GROUP) or [`TRANSACTION`](Self::TRANSACTION).
        pub key_type: i8 => 1..,
    }

    /// The coordinator.
    pub struct FindCoordinatorResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The broker's own words on it.
        pub error_message: Option<String> => 1..,
        /// The id of the broker, or -1.
        pub node_id: i32 => 0..,
        /// Its host.
        pub host: String => 0..,
        /// Its port.
        pub port: i32 => 0..,
    }
}

api!(ApiKey::FIND_COORDINATOR, Versions::new(0, 2), FindCoordinatorRequest => FindCoordinatorResponse);
