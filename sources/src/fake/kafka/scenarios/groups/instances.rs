//! Members that keep a name when they start anew.

use super::*;

fn two_instances(kafka: &FakeKafka) -> [Consumer; 2] {
    let mut members = ["one", "two"].map(|name| Consumer::instance(kafka, name));
    share_in_two(kafka, &mut members);
    members
}

#[test]
fn an_instance_that_starts_anew_gets_its_partitions_without_a_rebalance() {
    let kafka = two_partitions();
    let [mut first, mut second] = two_instances(&kafka);
    assert!(first.id.starts_with("one-"), "{}", first.id);
    for at in 0..2 {
        let mut anew = Consumer::instance(&kafka, ["one", "two"][at]);
        anew.send_join();
        let told = anew.joined();
        // Also the one that leads is told that another one does, for nobody would be told of new shares.
        assert_eq!((told.error_code, told.leads, anew.generation), (ErrorCode::NONE, false, 2));
        assert_eq!(anew.sync(&[]), Ok(vec![at as i32]));
        assert_eq!(anew.heartbeat(), ErrorCode::NONE);
    }
    for old in [&mut first, &mut second] {
        assert_eq!(old.heartbeat(), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(old.sync(&[]), Err(ErrorCode::FENCED_INSTANCE_ID));
        assert_eq!(old.commit(1), ErrorCode::FENCED_INSTANCE_ID);
        old.send_join();
        assert_eq!(old.joined().error_code, ErrorCode::FENCED_INSTANCE_ID);
    }
}

#[test]
fn an_instance_that_does_not_join_again_is_a_member_until_its_session_ends() {
    let clock = Arc::new(ManualClock::new());
    let builder = FakeKafka::builder().topic("lines", 2);
    let kafka = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).start().unwrap();
    let [mut first, second] = two_instances(&kafka);
    let mut third = Consumer { rebalance_ms: 5_000, ..Consumer::instance(&kafka, "three") };
    third.send_join();
    await_state(&kafka, GroupState::PreparingRebalance);
    first.rebalance_ms = 5_000;
    first.send_join();
    await_waiting(&kafka, &first.id);
    clock.advance(Duration::from_secs(9));
    assert_eq!(kafka.group(GROUP).unwrap().members.len(), 3);
    drop(second);
    clock.advance(Duration::from_secs(1));
    assert_eq!(first.joined().members.len(), 2, "the session of the second has ended");
    third.joined();
}

#[test]
fn an_instance_is_taken_out_by_its_name() {
    let kafka = two_partitions();
    let [mut first, second] = two_instances(&kafka);
    let leave = |client: &mut Client, member_id: &str, instance: &str| {
        let member =
            MemberIdentity { member_id: member_id.to_owned(), group_instance_id: Some(instance.to_owned()) };
        let request =
            LeaveGroupRequest { group_id: GROUP.to_owned(), members: vec![member], ..Default::default() };
        client.ask(3, &request).decode::<LeaveGroupResponse>().members[0].error_code
    };
    assert_eq!(leave(&mut first.client, "nobody", "two"), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(leave(&mut first.client, "", "three"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(leave(&mut first.client, "", "two"), ErrorCode::NONE);
    let group = kafka.group(GROUP).unwrap();
    assert_eq!((group.member("two"), group.member(&second.id)), (None, None));
    assert_eq!(group.member("one").unwrap().id, first.id);
}
