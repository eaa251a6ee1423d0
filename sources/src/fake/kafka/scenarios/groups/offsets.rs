//! Whose offsets a group with members takes.

use super::*;

#[test]
fn only_members_of_the_generation_commit_while_there_are_any() {
    let kafka = two_partitions();
    let mut nobody = Consumer::of(&kafka);
    assert_eq!(nobody.commit(1), ErrorCode::NONE);
    let mut late = Consumer { generation: 3, id: "late".to_owned(), ..Consumer::of(&kafka) };
    assert_eq!(late.commit(2), ErrorCode::UNKNOWN_MEMBER_ID, "the group is there, without members");

    let mut member = Consumer::of(&kafka);
    member.settle(&kafka);
    assert_eq!(nobody.commit(3), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(member.commit(4), ErrorCode::NONE);
    let mut before = Consumer { generation: 0, id: member.id.clone(), ..Consumer::of(&kafka) };
    assert_eq!(before.commit(5), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(kafka.committed(GROUP, "lines", 0).unwrap().offset, 4);
}

#[test]
fn what_is_done_is_committed_before_joining_again_and_not_while_shares_are_made() {
    let kafka = two_partitions();
    let [mut first, mut second] = two_members(&kafka);
    kafka.rebalance(GROUP).unwrap();
    assert_eq!(first.commit(1), ErrorCode::NONE);
    second.send_join();
    await_waiting(&kafka, &second.id);
    first.join(&kafka);
    second.joined();
    assert_eq!(first.commit(2), ErrorCode::REBALANCE_IN_PROGRESS);
    let (one, other) = (first.id.clone(), second.id.clone());
    first.sync(&[(&one, &[0]), (&other, &[1])]).unwrap();
    assert_eq!(first.commit(3), ErrorCode::NONE);
}

#[test]
fn a_commit_of_a_generation_to_no_group_is_refused() {
    let kafka = two_partitions();
    let mut member = Consumer { generation: 1, id: "me".to_owned(), ..Consumer::of(&kafka) };
    assert_eq!(member.commit(1), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(kafka.group(GROUP), None);
}
