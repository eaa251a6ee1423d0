//! Members that come and go.

use super::*;

#[test]
fn members_share_a_topic_and_do_so_anew_when_another_comes() {
    for profile in [Profile::V0_9, Profile::V1_1, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 2).start().unwrap();
        let mut first = Consumer::of(&kafka);
        let mut second = Consumer::of(&kafka);
        first.settle(&kafka);
        assert_eq!((first.generation, first.heartbeat()), (1, ErrorCode::NONE), "{profile}");

        second.begin_to_join(&kafka);
        await_state(&kafka, GroupState::PreparingRebalance);
        assert_eq!(first.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
        let id = first.id.clone();
        assert_eq!(first.sync(&[(&id, &[0, 1])]), Err(ErrorCode::REBALANCE_IN_PROGRESS));

        let told = first.join(&kafka);
        let other = second.joined();
        let lines = || vec!["lines".to_owned()];
        let members = vec![(first.id.clone(), lines()), (second.id.clone(), lines())];
        assert_eq!((told.leads, told.protocol.as_str(), told.members), (true, "range", members));
        assert_eq!((other.leads, other.members), (false, Vec::new()));
        assert_eq!((first.generation, second.generation), (2, 2));

        // The one that does not lead waits for the one that does.
        second.send_sync(&[]);
        let (one, other) = (first.id.clone(), second.id.clone());
        assert_eq!(first.sync(&[(&one, &[1]), (&other, &[0])]), Ok(vec![1]));
        assert_eq!(second.synced(), Ok(vec![0]));
        assert_eq!([first.heartbeat(), second.heartbeat()], [ErrorCode::NONE; 2]);
    }
}

#[test]
fn a_new_member_asks_again_with_the_id_that_it_is_given() {
    let kafka = two_partitions();
    let mut consumer = Consumer::of(&kafka);
    consumer.send_join();
    assert_eq!(consumer.joined().error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(consumer.id.starts_with("test-"), "{}", consumer.id);
    assert_eq!(kafka.group(GROUP).unwrap().members, [], "it is none before it has asked again");
    consumer.send_join();
    assert_eq!(consumer.joined().error_code, ErrorCode::NONE);

    let mut older = Consumer { join: 3, ..Consumer::of(&kafka) };
    older.send_join();
    await_state(&kafka, GroupState::PreparingRebalance);
    assert_eq!(consumer.join(&kafka).members.len(), 2);
    assert_eq!(older.joined().error_code, ErrorCode::NONE);
}

#[test]
fn partitions_of_a_member_that_leaves_are_shared_out_anew() {
    let kafka = two_partitions();
    let [mut first, mut second] = two_members(&kafka);
    assert_eq!(first.leave(), ErrorCode::NONE);
    assert_eq!(first.leave(), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(second.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    second.settle(&kafka);
    assert_eq!(second.leave(), ErrorCode::NONE);
    let group = kafka.group(GROUP).unwrap();
    assert_eq!((group.state, group.generation, group.leader), (GroupState::Empty, 4, None));
}

#[test]
fn several_members_leave_at_once() {
    let kafka = two_partitions();
    let [mut first, second] = two_members(&kafka);
    let identity = |id: &str| MemberIdentity { member_id: id.to_owned(), group_instance_id: None };
    let request = LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: vec![identity(&first.id), identity("nobody"), identity(&second.id)],
        ..LeaveGroupRequest::default()
    };
    let response: LeaveGroupResponse = first.client.ask(3, &request).decode();
    let codes: Vec<_> = response.members.iter().map(|member| member.error_code).collect();
    let expected = [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE];
    assert_eq!((response.error_code, &codes[..]), (ErrorCode::NONE, &expected[..]));
    assert_eq!(kafka.group(GROUP).unwrap().state, GroupState::Empty);
}

#[test]
fn the_way_to_share_out_that_most_like_is_chosen() {
    let kafka = two_partitions();
    let mut likes = [["sticky", "range"], ["range", "sticky"], ["range", "sticky"]]
        .map(|protocols| Consumer { join: 3, protocols: protocols.to_vec(), ..Consumer::of(&kafka) });
    likes[0].join(&kafka);
    for (before, other) in likes.iter_mut().enumerate().skip(1) {
        other.send_join();
        assert!(kafka.wait_until(WAIT, |kafka| kafka.group(GROUP).unwrap().members.len() > before));
    }
    likes[0].send_join();
    assert_eq!(likes.each_mut().map(|consumer| consumer.joined().protocol), ["range"; 3]);

    let mut stranger = Consumer { protocols: vec!["own"], ..Consumer::of(&kafka) };
    stranger.send_join();
    assert_eq!(stranger.joined().error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn the_leader_shares_out_anew_when_it_joins_again_and_others_get_what_there_is() {
    let kafka = two_partitions();
    let [mut first, mut second] = two_members(&kafka);
    assert_eq!(second.join(&kafka).error_code, ErrorCode::NONE);
    assert_eq!((second.generation, second.sync(&[])), (2, Ok(vec![1])));
    first.send_join();
    await_state(&kafka, GroupState::PreparingRebalance);
    assert_eq!(second.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    second.send_join();
    assert_eq!((first.joined().members.len(), first.generation), (2, 3));
    second.joined();
    assert_eq!(second.heartbeat(), ErrorCode::NONE, "while the leader shares out");
}

#[test]
fn older_brokers_tell_members_to_join_again_while_their_leader_shares_out() {
    for (profile, code) in
        [(Profile::V2_4, ErrorCode::REBALANCE_IN_PROGRESS), (Profile::V2_8, ErrorCode::NONE)]
    {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 2).start().unwrap();
        let mut member = Consumer::of(&kafka);
        assert!(member.join(&kafka).leads);
        assert_eq!(member.heartbeat(), code, "{profile}");
    }
}

#[test]
fn strangers_and_members_of_other_generations_are_refused() {
    let kafka = two_partitions();
    let mut stranger = Consumer { id: "nobody".to_owned(), ..Consumer::of(&kafka) };
    stranger.send_join();
    assert_eq!(stranger.joined().error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(kafka.group(GROUP), None, "there is no group for it");
    assert_eq!(stranger.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    let mut member = Consumer::of(&kafka);
    member.settle(&kafka);
    assert_eq!(stranger.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(stranger.sync(&[]), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    member.generation = 7;
    assert_eq!(member.heartbeat(), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(member.sync(&[]), Err(ErrorCode::ILLEGAL_GENERATION));
}

#[test]
fn what_waits_for_others_ends_with_its_broker_or_when_the_group_moves() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start().unwrap();
    kafka.move_coordinator(GROUP, 1).unwrap();
    let mut first = Consumer::of(&kafka);
    first.settle(&kafka);
    let mut second = Consumer::of(&kafka);
    second.begin_to_join(&kafka);
    await_state(&kafka, GroupState::PreparingRebalance);
    kafka.move_coordinator(GROUP, 2).unwrap();
    assert_eq!(second.joined().error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(first.heartbeat(), ErrorCode::NOT_COORDINATOR);

    kafka.move_coordinator(GROUP, 1).unwrap();
    second.begin_to_join(&kafka);
    kafka.stop_broker(1).unwrap();
    assert!(second.client.frame().is_none());
}
