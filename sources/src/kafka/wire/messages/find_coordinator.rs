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

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn the_kind_of_key_and_the_message_come_with_version_1() {
        let request = FindCoordinatorRequest { key: "g".to_owned(), key_type: FindCoordinatorRequest::GROUP };
        assert_laid_out(&request, 0, &bytes(r#"0001 "g""#));
        assert_laid_out(&request, 1, &bytes(r#"0001 "g" 00"#));

        let mut response =
            FindCoordinatorResponse { node_id: 2, host: "b2".to_owned(), port: 9092, ..Default::default() };
        assert_laid_out(&response, 0, &bytes(r#"0000 00000002 0002 "b2" 00002384"#));
        response.throttle_time_ms = 1;
        response.error_message = Some("fine".to_owned());
        let answered = bytes(
            r#"00000001 0000 0004 "fine"   | throttle time, error, message
               00000002 0002 "b2" 00002384 | node"#,
        );
        assert_laid_out(&response, 2, &answered);
    }
}
