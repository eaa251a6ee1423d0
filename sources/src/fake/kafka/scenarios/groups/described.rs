//! What administrators are told of groups.

use super::*;
use crate::kafka::wire::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse,
};

#[test]
fn a_group_is_listed_and_described_by_its_coordinator() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start().unwrap();
    kafka.move_coordinator(GROUP, 1).unwrap();
    let [mut first, second] = two_members(&kafka);
    let listed = |broker| {
        let response: ListGroupsResponse =
            Client::of(&kafka, broker).ask(2, &ListGroupsRequest::default()).decode();
        let group = response.groups.into_iter().next();
        group.map(|group| (group.group_id, group.protocol_type))
    };
    assert_eq!(listed(1), Some((GROUP.to_owned(), "consumer".to_owned())));
    assert_eq!(listed(2), None);
    kafka.commit("offsets", "lines", 0, 1, None);
    kafka.move_coordinator("offsets", 2).unwrap();
    assert_eq!(listed(2), Some(("offsets".to_owned(), String::new())), "it has had no members");

    let groups = vec![GROUP.to_owned(), "nobody".to_owned()];
    let request = DescribeGroupsRequest { groups, include_authorized_operations: false };
    let answer = first.client.ask(4, &request);
    let response: DescribeGroupsResponse<'_> = answer.decode();
    let [group, nobody] = &response.groups[..] else { panic!("{response:?}") };
    assert_eq!((&*group.group_state, &*group.protocol_data), ("Stable", "range"));
    let member = &group.members[1];
    assert_eq!((&*member.member_id, &*member.client_id), (&*second.id, "test"));
    let share = ConsumerProtocolAssignment::from_bytes(member.member_assignment).unwrap();
    assert_eq!(share.assigned_partitions[0].partitions, [1]);
    assert_eq!((&*nobody.group_id, nobody.members.len()), ("nobody", 0));

    let elsewhere = Client::of(&kafka, 2).ask(0, &request);
    let response: DescribeGroupsResponse<'_> = elsewhere.decode();
    assert_eq!(response.groups[0].error_code, ErrorCode::NOT_COORDINATOR);
}
