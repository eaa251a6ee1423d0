//! JoinGroup: a consumer becomes a member of a group. Answered when all members have asked, with the generation of the group
//! that begins; its leader is told of all members and shares the partitions out among them.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks to be a member.
    pub struct JoinGroupRequest<'a> {
        /// The group.
        pub group_id: String => 0..,
        /// After how long without a sign of life the member is put out, in milliseconds.
        pub session_timeout_ms: i32 => 0..,
        /// How long a member may take to join again when the group rebalances, in milliseconds; -1: as long as the session
        /// lasts.
        pub rebalance_timeout_ms: i32 = -1 => 1..,
        /// The member, or empty for one that is new.
        pub member_id: String => 0..,
        /// The name that the member keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 5..,
        /// What the group is for: `consumer`.
        pub protocol_type: String => 0..,
        /// The ways to share out that the member knows, the best liked first.
        pub protocols: Vec<JoinGroupRequestProtocol<'a>> => 0..,
    }

    /// A way to share out.
    pub struct JoinGroupRequestProtocol<'a> {
        /// Its name.
        pub name: String => 0..,
        /// What the member tells those who share out: a subscription.
        pub metadata: &'a [u8] => 0..,
    }

    /// The generation that the member belongs to.
    pub struct JoinGroupResponse<'a> {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 2..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The generation, or -1.
        pub generation_id: i32 = -1 => 0..,
        /// The way to share out that was chosen.
        pub protocol_name: String => 0..,
        /// The member that shares out.
        pub leader: String => 0..,
        /// The member that is answered.
        pub member_id: String => 0..,
        /// All members, for the leader; none for the others.
        pub members: Vec<JoinGroupResponseMember<'a>> => 0..,
    }

    /// A member, as the leader is told of it.
    pub struct JoinGroupResponseMember<'a> {
        /// The member.
        pub member_id: String => 0..,
        /// The name that it keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 5..,
        /// What it said with the protocol that was chosen.
        pub metadata: &'a [u8] => 0..,
    }
}

api!(ApiKey::JOIN_GROUP, Versions::new(0, 5), JoinGroupRequest<'a> => JoinGroupResponse<'a>);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn request() -> JoinGroupRequest<'static> {
        JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: 10_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata: b"topics" }],
            ..Default::default()
        }
    }

    #[test]
    fn version_0_has_one_time_out() {
        let asked = bytes(
            r#"0001 "g" 00002710           | group, session
               0000 0008 "consumer"        | member, what for
               00000001 0005 "range"       | protocols
               00000006 "topics"           | metadata"#,
        );
        assert_laid_out(&request(), 0, &asked);
    }

    #[test]
    fn a_time_to_rebalance_comes_with_version_1_and_a_name_to_keep_with_5() {
        let mut joining = JoinGroupRequest { rebalance_timeout_ms: 300_000, ..request() };
        let asked = bytes(
            r#"0001 "g" 00002710 000493e0  | group, session, rebalance
               0000 0008 "consumer"        | member, what for
               00000001 0005 "range"       | protocols
               00000006 "topics"           | metadata"#,
        );
        assert_laid_out(&joining, 4, &asked);
        joining.group_instance_id = Some("i".to_owned());
        let asked = bytes(
            r#"0001 "g" 00002710 000493e0  | group, session, rebalance
               0000 0001 "i"               | member, instance
               0008 "consumer"             | what for
               00000001 0005 "range"       | protocols
               00000006 "topics"           | metadata"#,
        );
        assert_laid_out(&joining, 5, &asked);
    }

    #[test]
    fn the_response_has_a_throttle_time_from_version_2_on_and_instances_from_5_on() {
        let member =
            JoinGroupResponseMember { member_id: "m".to_owned(), metadata: b"topics", ..Default::default() };
        let mut response = JoinGroupResponse {
            generation_id: 3,
            protocol_name: "range".to_owned(),
            leader: "m".to_owned(),
            member_id: "m".to_owned(),
            members: vec![member],
            ..Default::default()
        };
        let answered = bytes(
            r#"0000 00000003 0005 "range"  | error, generation, protocol
               0001 "m" 0001 "m"           | leader, member
               00000001 0001 "m"           | members
               00000006 "topics"           | metadata"#,
        );
        assert_laid_out(&response, 1, &answered);
        assert_laid_out(&response, 2, &[&[0; 4], &answered[..]].concat());
        response.members[0].group_instance_id = Some("i".to_owned());
        let answered = bytes(
            r#"00000000                    | throttle time
               0000 00000003 0005 "range"  | error, generation, protocol
               0001 "m" 0001 "m"           | leader, member
               00000001 0001 "m" 0001 "i"  | members
               00000006 "topics"           | metadata"#,
        );
        assert_laid_out(&response, 5, &answered);
    }
}
