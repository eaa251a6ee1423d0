//! Commits that meet a change of the generation, or that a join or the leaving waits for.

use super::*;

fn is_fenced(told: Option<Result<(), KafkaError>>) -> bool {
    matches!(told, Some(Err(KafkaError::Group { cause: GroupError::Fenced, .. })))
}

fn is_sync(action: &Action) -> bool {
    matches!(action, Action::Sync { .. })
}

/// A member with partitions 0 and 1 that gives up nothing before it is told to.
fn cooperative_member() -> Harness {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle_with("cooperative-sticky", vec![0, 1]);
    h
}

/// A member of 0 and 1 that is to give up 1, and whose listener waits with that for a batch.
fn member_that_gives_up_one_later() -> Harness {
    let mut h = cooperative_member();
    h.is_slow = true;
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.settle_with("cooperative-sticky", vec![0]);
    assert_eq!(h.waiting.len(), 1);
    h
}

/// Its share does not come, for a further member has come before.
fn misses_its_share(h: &mut Harness, protocol: &str) {
    h.take(is_join).expect("it joins");
    h.event(Event::Joined(Ok(h.joined(protocol))));
    h.take(is_sync).expect("it asks for its share");
    h.event(Event::Synced(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS))));
}

#[test]
fn a_commit_of_an_older_membership_that_is_fenced_does_not_end_the_one_of_now() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 5)]));
    h.beat(Err(refused(ErrorCode::UNKNOWN_MEMBER_ID)));
    h.take(is_join).expect("it joins anew");
    let joined = Joined { member: "m-2".to_owned(), ..h.joined("range") };
    h.event(Event::Joined(Ok(joined)));
    h.settle_with("range", vec![0, 1]);
    // The name of the instance belongs to the new id by the time that the old commit comes.
    h.answer_commit(ErrorCode::FENCED_INSTANCE_ID);
    assert!(!h.ended, "{:?}", h.log.last());
    assert!(is_fenced(h.told(0, 5)));
}

#[test]
fn a_commit_for_a_partition_that_was_lost_and_has_come_back_is_not_sent_again() {
    for answer in [Some(ErrorCode::ILLEGAL_GENERATION), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), None] {
        let mut h = member();
        h.event(Event::Commit(vec![offset(0, 5)]));
        h.beat(Err(refused(ErrorCode::ILLEGAL_GENERATION)));
        h.settle_with("range", vec![0, 1]);
        assert!(h.log.iter().any(|action| matches!(action, Action::Lost(_))) && h.held.len() == 2);
        match answer {
            Some(code) => h.answer_commit(code),
            None => {
                h.take(is_commit).unwrap();
                h.event(Event::Committed(Err(closed())));
            }
        }
        h.advance(SECOND);
        assert!(!h.is_open(is_commit), "others may have committed further");
        assert!(is_fenced(h.told(0, 5)), "{answer:?}");
    }
}

#[test]
fn what_comes_too_late_for_a_right_is_not_committed_though_the_partition_is_back() {
    let mut h = member();
    h.event(Event::TooLate(vec![offset(0, 5)]));
    assert!(!h.is_open(is_commit));
    assert!(is_fenced(h.told(0, 5)));
}

#[test]
fn nothing_is_committed_under_a_generation_whose_share_has_not_come() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.done = vec![offset(0, 5)];
    misses_its_share(&mut h, "range");
    h.event(Event::Commit(vec![offset(1, 6)]));
    assert!(!h.is_open(is_commit), "others have the partitions in that generation");
    assert!(h.is_open(is_join), "and nothing is waited for");
    h.settle_with("range", vec![0, 1]);
    assert!(is_fenced(h.told(1, 6)));
}

#[test]
fn a_partition_that_was_given_up_is_not_committed_under_a_generation_joined_without_it() {
    let mut h = member_that_gives_up_one_later();
    // It waits as long as it may, and joins without.
    h.advance(Duration::from_secs(31));
    misses_its_share(&mut h, "cooperative-sticky");
    h.event(Event::Commit(vec![offset(0, 5), offset(1, 6)]));
    let commit = h.take(is_commit);
    let Some(Action::Commit { offsets, .. }) = commit else { panic!("{:?}", h.log) };
    assert_eq!(offsets, [offset(0, 5)]);
    assert!(is_fenced(h.told(1, 6)));
}

#[test]
fn a_member_that_leaves_before_its_share_has_come_does_not_commit_what_others_have() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).expect("it joins");
    h.event(Event::Joined(Ok(h.joined("range"))));
    h.done = vec![offset(0, 5)];
    h.event(Event::Commit(vec![offset(1, 6)]));
    h.event(Event::Leave);
    assert!(!h.is_open(is_commit) && h.held.is_empty());
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })), "{:?}", h.open);
    assert!(is_fenced(h.told(1, 6)));
}

#[test]
fn a_leader_that_leaves_before_it_has_shared_out_waits_for_no_commit() {
    let mut h = cooperative_member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).expect("it joins");
    let joined = Joined { leader: "m".to_owned(), ..h.joined("cooperative-sticky") };
    h.machine.topics.lead(["other".into()].into());
    let said = Assignor::CooperativeSticky.subscription(
        &["other".into()].into(),
        assignor::Held { partitions: &BTreeSet::new(), generation: -1 },
    );
    let members = vec![JoinedMember { id: "m-2".to_owned(), instance: None, said: said.unwrap() }];
    h.event(Event::Joined(Ok(Joined { members, ..joined })));
    assert!(matches!(h.machine.phase, Phase::Sharing(_)));
    h.done = vec![offset(0, 5)];
    h.event(Event::Leave);
    assert!(!h.is_open(is_commit), "the coordinator takes none before the shares are there");
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })), "{:?}", h.open);
}

#[test]
fn what_is_done_after_a_rebalance_began_does_not_hold_up_the_join() {
    let mut h = cooperative_member();
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    assert!(h.is_open(is_commit));
    // A batch ends, and one after the other will.
    h.event(Event::Commit(vec![offset(0, 7), offset(1, 3)]));
    assert!(!h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_commit) && h.is_open(is_join), "{:?}", h.open);
}

#[test]
fn what_came_before_a_late_answer_is_waited_for_like_what_comes_with_it() {
    let mut h = member_that_gives_up_one_later();
    // The batch that is waited for ends: the stream gives what it has done, and then says that nothing is left.
    h.event(Event::Commit(vec![offset(1, 6)]));
    h.answer_late();
    assert!(h.is_open(is_commit) && !h.is_open(is_join), "{:?}", h.open);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_join));
}

#[test]
fn what_was_done_when_a_rebalance_began_is_waited_for_also_when_it_is_sent_again() {
    let mut h = cooperative_member();
    h.event(Event::Commit(vec![offset(0, 4)]));
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.answer_commit(ErrorCode::NONE);
    assert!(!h.is_open(is_join), "that was what was done before");
    h.event(Event::Commit(vec![offset(0, 7)]));
    h.answer_commit(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    h.advance(SECOND);
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_join) && h.told(0, 7).unwrap().is_ok());
}

#[test]
fn a_topic_that_is_gone_holds_up_neither_a_join_nor_the_leaving() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 5)]));
    h.answer_commit(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(h.told(0, 5).is_none(), "a broker may not have heard of it yet");
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.answer_commit(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(matches!(h.told(0, 5), Some(Err(KafkaError::Broker { .. }))));
    h.settle(2);
    h.done = vec![offset(0, 6)];
    h.event(Event::Leave);
    h.answer_commit(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })), "{:?}", h.open);
}
