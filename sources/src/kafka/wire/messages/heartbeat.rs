//! Heartbeat: a member's sign of life, by whose answer it learns that the group rebalances.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Says that a member is there.
    pub struct HeartbeatRequest {
        /// The group.
        pub group_id: String => 0..,
        /// Its generation.
        pub generation_id: i32 => 0..,
        /// The member.
        pub member_id: String => 0..,
        /// The name that the member keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 3..,
    }

    /// Whether it still is one.
    pub struct HeartbeatResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
    }
}

api!(ApiKey::HEARTBEAT, Versions::new(0, 3), HeartbeatRequest => HeartbeatResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn a_throttle_time_comes_with_version_1_and_a_name_to_keep_with_3() {
        let mut request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id: 3,
            member_id: "m".to_owned(),
            group_instance_id: None,
        };
        assert_laid_out(&request, 2, &bytes(r#"0001 "g" 00000003 0001 "m""#));
        request.group_instance_id = Some("i".to_owned());
        assert_laid_out(&request, 3, &bytes(r#"0001 "g" 00000003 0001 "m" 0001 "i""#));

        let response =
            HeartbeatResponse { error_code: ErrorCode::REBALANCE_IN_PROGRESS, ..Default::default() };
        assert_laid_out(&response, 0, &bytes("001b"));
        assert_laid_out(&response, 1, &bytes("00000000 001b"));
    }
}
