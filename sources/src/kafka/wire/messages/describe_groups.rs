//! DescribeGroups: the state of groups, and their members. For the fake only: the client does not ask it.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

/// Stands for operations that were not asked for.
const NO_OPERATIONS: i32 = i32::MIN;

structures! {
    /// Asks for groups.
    pub struct DescribeGroupsRequest {
        /// Their names.
        pub groups: Vec<String> => 0..,
        /// Whether to tell what the client may do with each.
        pub include_authorized_operations: bool => 3..,
    }

    /// The groups.
    pub struct DescribeGroupsResponse<'a> {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// The groups.
        pub groups: Vec<DescribedGroup<'a>> => 0..,
    }

    /// A group.
    pub struct DescribedGroup<'a> {
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// Its name.
        pub group_id: String => 0..,
        /// Its state: `Stable`, or `Dead` if there is no such group.
        pub group_state: String => 0..,
        /// What it is for: `consumer`.
        pub protocol_type: String => 0..,
        /// The way to share out that was chosen.
        pub protocol_data: String => 0..,
        /// Its members.
        pub members: Vec<DescribedGroupMember<'a>> => 0..,
        /// A bit for each operation on the group that the client may do.
        pub authorized_operations: i32 = NO_OPERATIONS => 3..,
    }

    /// A member of a group.
    pub struct DescribedGroupMember<'a> {
        /// The member.
        pub member_id: String => 0..,
        /// The name that it keeps when it starts anew, if it has one.
        pub group_instance_id: Option<String> => 4..,
        /// What the client calls itself.
        pub client_id: String => 0..,
        /// Where it is.
        pub client_host: String => 0..,
        /// What it said with the protocol that was chosen.
        pub member_metadata: &'a [u8] => 0..,
        /// What it got from the leader.
        pub member_assignment: &'a [u8] => 0..,
    }
}

api!(ApiKey::DESCRIBE_GROUPS, Versions::new(0, 4), DescribeGroupsRequest => DescribeGroupsResponse<'a>);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn operations_come_with_version_3_and_instances_with_4() {
        let request =
            DescribeGroupsRequest { groups: vec!["g".to_owned()], include_authorized_operations: false };
        assert_laid_out(&request, 2, &bytes(r#"00000001 0001 "g""#));
        assert_laid_out(&request, 3, &bytes(r#"00000001 0001 "g" 00"#));

        let member = DescribedGroupMember {
            member_id: "m".to_owned(),
            client_id: "c".to_owned(),
            client_host: "/h".to_owned(),
            member_metadata: b"topics",
            member_assignment: b"all",
            ..Default::default()
        };
        let group = DescribedGroup {
            group_id: "g".to_owned(),
            group_state: "Stable".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocol_data: "range".to_owned(),
            members: vec![member],
            ..Default::default()
        };
        let mut response = DescribeGroupsResponse { groups: vec![group], ..Default::default() };
        let before = bytes(
            r#"00000001 0000 0001 "g"      | groups, error
               0006 "Stable"               | state
               0008 "consumer" 0005 "range"
               00000001 0001 "m"           | members"#,
        );
        let behind = bytes(r#"0001 "c" 0002 "/h" 00000006 "topics" 00000003 "all""#);
        assert_laid_out(&response, 0, &[&before[..], &behind].concat());
        response.groups[0].members[0].group_instance_id = Some("i".to_owned());
        let instance = bytes(r#"0001 "i""#);
        let operations = bytes("80000000");
        assert_laid_out(&response, 4, &[&[0; 4], &before[..], &instance, &behind, &operations].concat());
    }
}
