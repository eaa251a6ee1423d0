//! ListGroups: the groups that a broker cares for. For the fake only: the client does not ask it.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for all groups.
    pub struct ListGroupsRequest {
        /// The states that groups are to have; in later versions than have a layout here.
        pub states_filter: Vec<String> => 4..,
    }

    /// The groups.
    pub struct ListGroupsResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The groups.
        pub groups: Vec<ListedGroup> => 0..,
    }

    /// A group.
    pub struct ListedGroup {
        /// Its name.
        pub group_id: String => 0..,
        /// What it is for: `consumer`.
        pub protocol_type: String => 0..,
    }
}

api!(ApiKey::LIST_GROUPS, Versions::new(0, 2), ListGroupsRequest => ListGroupsResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn the_response_has_a_throttle_time_from_version_1_on() {
        assert_laid_out(&ListGroupsRequest::default(), 2, &[]);
        let group = ListedGroup { group_id: "g".to_owned(), protocol_type: "consumer".to_owned() };
        let response = ListGroupsResponse { groups: vec![group], ..Default::default() };
        let answered = bytes(r#"0000 00000001 0001 "g" 0008 "consumer""#);
        assert_laid_out(&response, 0, &answered);
        assert_laid_out(&response, 2, &[&[0; 4], &answered[..]].concat());
    }
}
