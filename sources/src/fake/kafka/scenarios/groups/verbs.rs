//! What a test sees of a group and does to it.

use super::*;
use crate::fake::kafka::FakeError;

#[test]
fn a_group_is_told_with_its_members_and_their_partitions() {
    let kafka = two_partitions();
    let [first, second] = two_members(&kafka);
    let group = kafka.group(GROUP).unwrap();
    assert_eq!((group.state, group.generation), (GroupState::Stable, 2));
    assert_eq!((group.protocol.as_deref(), group.leader), (Some("range"), Some(first.id.clone())));
    let told: Vec<_> = group.members.iter().map(|member| (&*member.id, &*member.client_id)).collect();
    assert_eq!(told, [(&*first.id, "test"), (&*second.id, "test")]);
    let partitions: Vec<_> = group.members.iter().map(|member| member.partitions.clone()).collect();
    assert_eq!(partitions, [[("lines".to_owned(), 0)], [("lines".to_owned(), 1)]]);
    assert_eq!(group.members[0].topics, ["lines"]);
    assert_eq!(kafka.groups(), [GROUP]);
}

#[test]
fn a_member_is_put_out_at_once() {
    let kafka = two_partitions();
    let [mut first, mut second] = two_members(&kafka);
    kafka.expire_member(GROUP, &first.id).unwrap();
    assert_eq!(second.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(first.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    second.settle(&kafka);
    let unknown = kafka.expire_member(GROUP, &first.id).unwrap_err();
    assert!(matches!(unknown, FakeError::UnknownMember(..)), "{unknown}");
}

#[test]
fn a_group_is_made_to_rebalance() {
    let kafka = two_partitions();
    let mut member = Consumer::of(&kafka);
    member.settle(&kafka);
    kafka.rebalance(GROUP).unwrap();
    assert_eq!(member.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    member.settle(&kafka);
    assert_eq!((member.generation, member.heartbeat()), (2, ErrorCode::NONE));
    let unknown = kafka.rebalance("nobody").unwrap_err();
    assert!(matches!(unknown, FakeError::UnknownGroup(..)), "{unknown}");
}

#[test]
fn faults_befall_the_requests_of_members() {
    let kafka = two_partitions();
    let mut member = Consumer::of(&kafka);
    for api in [ApiKey::JOIN_GROUP, ApiKey::SYNC_GROUP, ApiKey::HEARTBEAT, ApiKey::LEAVE_GROUP] {
        kafka.on(api).topic(GROUP).fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    }
    member.send_join();
    let codes =
        [member.joined().error_code, member.sync(&[]).unwrap_err(), member.heartbeat(), member.leave()];
    assert_eq!(codes, [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS; 4]);
    kafka.assert_all_fired();
}
