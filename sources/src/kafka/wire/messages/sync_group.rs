//! SyncGroup: the leader of a group hands in who gets which partitions, and every member is answered with its own.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for the member's partitions.
    pub struct SyncGroupRequest<'a> {
        /// The group.
        pub group_id: String => 0..,
        /// Its generation.
        pub generation_id: i32 => 0..,
        /// The member.
        pub member_id: String => 0..,
        /// The name that the member keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 3..,
        /// What each member gets, from the leader; none from the others.
        pub assignments: Vec<SyncGroupRequestAssignment<'a>> => 0..,
    }

    /// What a member gets.
    pub struct SyncGroupRequestAssignment<'a> {
        /// The member.
        pub member_id: String => 0..,
        /// Its partitions.
        pub assignment: &'a [u8] => 0..,
    }

    /// The member's partitions.
    pub struct SyncGroupResponse<'a> {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The partitions, or nothing.
        pub assignment: &'a [u8] => 0..,
    }
}

api!(ApiKey::SYNC_GROUP, Versions::new(0, 3), SyncGroupRequest<'a> => SyncGroupResponse<'a>);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn a_name_to_keep_comes_with_version_3() {
        let assignment = SyncGroupRequestAssignment { member_id: "m".to_owned(), assignment: b"all" };
        let mut request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id: 3,
            member_id: "m".to_owned(),
            group_instance_id: None,
            assignments: vec![assignment],
        };
        let before = bytes(r#"0001 "g" 00000003 0001 "m""#);
        let behind = bytes(r#"00000001 0001 "m" 00000003 "all""#);
        assert_laid_out(&request, 2, &[&before[..], &behind].concat());
        request.group_instance_id = Some("i".to_owned());
        assert_laid_out(&request, 3, &[&before[..], &bytes(r#"0001 "i""#), &behind].concat());
    }

    #[test]
    fn the_response_has_a_throttle_time_from_version_1_on() {
        let response = SyncGroupResponse { assignment: b"all", ..Default::default() };
        let answered = bytes(r#"0000 00000003 "all""#);
        assert_laid_out(&response, 0, &answered);
        assert_laid_out(&response, 3, &[&[0; 4], &answered[..]].concat());
    }
}
