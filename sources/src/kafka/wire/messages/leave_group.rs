//! LeaveGroup: a member says that it goes, or somebody says it for several.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Takes members out of a group.
    pub struct LeaveGroupRequest {
        /// The group.
        pub group_id: String => 0..,
        /// The member.
        pub member_id: String => 0..=2,
        /// The members.
        pub members: Vec<MemberIdentity> => 3..,
    }

    /// A member that goes.
    pub struct MemberIdentity {
        /// The member; empty: the one of the name that stands beside.
        pub member_id: String => 3..,
        /// The name that it keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 3..,
    }

    /// Whether they have gone.
    pub struct LeaveGroupResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong as a whole, or none.
        pub error_code: ErrorCode => 0..,
        /// The members.
        pub members: Vec<MemberResponse> => 3..,
    }

    /// Whether a member has gone.
    pub struct MemberResponse {
        /// The member, as it was asked for.
        pub member_id: String => 3..,
        /// The name that stood beside.
        pub group_instance_id: Option<String> => 3..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 3..,
    }
}

api!(ApiKey::LEAVE_GROUP, Versions::new(0, 3), LeaveGroupRequest => LeaveGroupResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn one_member_goes_before_version_3_and_several_from_then_on() {
        let one = LeaveGroupRequest {
            group_id: "g".to_owned(),
            member_id: "m".to_owned(),
            ..LeaveGroupRequest::default()
        };
        assert_laid_out(&one, 2, &bytes(r#"0001 "g" 0001 "m""#));
        let member = MemberIdentity { member_id: "m".to_owned(), group_instance_id: Some("i".to_owned()) };
        let several = LeaveGroupRequest { member_id: String::new(), members: vec![member], ..one };
        assert_laid_out(&several, 3, &bytes(r#"0001 "g" 00000001 0001 "m" 0001 "i""#));
    }

    #[test]
    fn the_response_has_a_throttle_time_from_version_1_on_and_members_from_3_on() {
        let mut response =
            LeaveGroupResponse { error_code: ErrorCode::UNKNOWN_MEMBER_ID, ..Default::default() };
        assert_laid_out(&response, 0, &bytes("0019"));
        assert_laid_out(&response, 2, &bytes("00000000 0019"));
        response.members = vec![MemberResponse { member_id: "m".to_owned(), ..Default::default() }];
        assert_laid_out(&response, 3, &bytes(r#"00000000 0019 00000001 0001 "m" ffff 0000"#));
    }
}
