//! The machine on its own: scenarios, and random event sequences.

mod commits;

use proptest::prelude::*;

use super::event::CommitResult;
use super::rehearsal::*;
use super::*;
use crate::kafka::group::{GroupError, assignor};
use crate::kafka::{ErrorCode, KafkaError};

impl Harness {
    fn beat(&mut self, answer: Result<(), Trouble>) {
        let interval = self.machine.heartbeat_interval();
        self.advance(interval);
        self.take(|action| matches!(action, Action::Heartbeat { .. })).expect("a heartbeat is due");
        self.event(Event::Heartbeat(answer));
    }

    /// What became of an offset.
    fn told(&self, partition: i32, at: i64) -> Option<Result<(), KafkaError>> {
        self.log.iter().rev().find_map(|action| match action {
            Action::Committed(offsets, CommitResult(result)) if offsets.contains(&offset(partition, at)) => {
                Some(result.clone())
            }
            _ => None,
        })
    }
}

fn is_join(action: &Action) -> bool {
    matches!(action, Action::Join { .. })
}

/// A member with partitions 0 and 1.
fn member() -> Harness {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle(2);
    assert_eq!(h.held.len(), 2);
    h
}

#[test]
fn a_member_joins_with_the_id_that_it_is_given() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    assert!(matches!(h.take(is_join), Some(Action::Join { member, .. }) if member.is_empty()));
    let trouble = Trouble::Refused {
        server: "b:1".into(),
        code: ErrorCode::MEMBER_ID_REQUIRED,
        member: "m-1".to_owned(),
    };
    h.event(Event::Joined(Err(trouble)));
    assert!(matches!(h.take(is_join), Some(Action::Join { member, .. }) if member == "m-1"));
}

#[test]
fn what_is_done_is_committed_before_the_join_and_the_join_waits_for_that() {
    let mut h = member();
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_join));
    assert_eq!(h.told(0, 5).map(|told| told.is_ok()), Some(true));
    h.settle(2);
    assert!(!h.log.iter().any(|action| matches!(action, Action::Lost(_) | Action::Revoke(_))));
}

#[test]
fn a_commit_that_comes_to_nothing_does_not_hold_up_a_join_for_ever() {
    let mut h = member();
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.advance(Duration::from_secs(29));
    assert!(h.take(|action| matches!(action, Action::Heartbeat { .. })).is_some() && !h.is_open(is_join));
    h.event(Event::Heartbeat(Ok(())));
    h.advance(SECOND);
    assert!(h.is_open(is_join));
}

#[test]
fn what_waited_for_a_join_to_be_tried_again_goes_out_with_it() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).unwrap();
    h.event(Event::Joined(Err(closed())));
    h.event(Event::Commit(vec![offset(0, 5)]));
    assert!(!h.is_open(is_commit), "the generation may have ended");
    h.advance(SECOND);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    assert!(h.is_open(is_join) && h.is_open(is_commit));
}

#[test]
fn a_commit_under_the_old_generation_goes_again_under_the_new_one() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 5), offset(1, 6)]));
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.advance(Duration::from_secs(31));
    h.settle_with("range", vec![0]);
    h.answer_commit(ErrorCode::ILLEGAL_GENERATION);
    let fenced = h.told(1, 6).unwrap();
    assert!(matches!(fenced, Err(KafkaError::Group { cause: GroupError::Fenced, .. })));
    h.advance(SECOND);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.told(0, 5).unwrap().is_ok());
}

#[test]
fn what_others_may_have_had_in_a_generation_that_was_missed_is_lost_and_assigned_anew() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).expect("it joins");
    h.event(Event::Joined(Ok(h.joined("range"))));
    h.take(|action| matches!(action, Action::Sync { .. })).expect("it asks for its share");
    // The group has shared out, but a further member came before this one was told.
    h.event(Event::Synced(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS))));
    h.log.clear();
    h.settle_with("range", vec![0, 1]);
    let names: Vec<_> = [0, 1].map(|number| TopicPartition::new("t", number)).into();
    let at = |action: Action| h.log.iter().position(|done| *done == action).expect("it is told");
    assert!(at(Action::Lost(names.clone())) < at(Action::Assigned(names)));
}

#[test]
fn a_member_that_waited_for_its_share_longer_than_a_session_is_alive() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle_with("cooperative-sticky", vec![0, 1]);
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).expect("it joins");
    h.event(Event::Joined(Ok(h.joined("cooperative-sticky"))));
    h.take(|action| matches!(action, Action::Sync { .. })).expect("it asks for its share");
    h.event(Event::Commit(vec![offset(0, 5)]));
    // The one that leads has died: the coordinator answers when the session of that one is over.
    h.advance(h.machine.me.session + SECOND);
    h.event(Event::Synced(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS))));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.told(0, 5).is_some_and(|told| told.is_ok()));
    h.settle_with("cooperative-sticky", vec![0, 1]);
    assert!(!h.log.iter().any(|action| matches!(action, Action::Lost(_) | Action::Tell("session_lost", _))));
}

#[test]
fn a_cooperative_member_gives_up_commits_and_joins_again_without() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle_with("cooperative-sticky", vec![0, 1]);
    h.done = vec![offset(1, 9)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.answer_commit(ErrorCode::NONE);
    h.done = vec![offset(0, 3), offset(1, 10)];
    h.settle_with("cooperative-sticky", vec![0, 2]);
    let calls: Vec<_> =
        h.log.iter().filter(|action| matches!(action, Action::Revoke(_) | Action::Assigned(_))).collect();
    let names = |numbers: &[i32]| numbers.iter().map(|n| TopicPartition::new("t", *n)).collect::<Vec<_>>();
    assert_eq!(calls[1..], [&Action::Assigned(names(&[2])), &Action::Revoke(names(&[1]))]);
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert_eq!([h.told(0, 3), h.told(1, 10)].map(|told| told.unwrap().is_ok()), [true; 2]);
    assert!(h.is_open(is_join));
}

#[test]
fn what_comes_while_the_listener_is_waited_for_is_committed_at_once() {
    let mut h = member();
    h.is_slow = true;
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.event(Event::Commit(vec![offset(0, 5)]));
    assert!(h.is_open(is_commit));
    h.answer_commit(ErrorCode::NONE);
    assert!(!h.is_open(is_join), "a batch runs still");
    h.done = vec![offset(0, 7)];
    h.answer_late();
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_join));
}

#[test]
fn a_listener_is_not_waited_for_longer_than_a_request() {
    let mut h = member();
    h.is_slow = true;
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.advance(Duration::from_secs(31));
    h.settle_with("range", vec![0]);
    assert_eq!(h.held, [TopicPartition::new("t", 0)].into());
}

#[test]
fn a_member_with_nothing_but_what_it_is_waited_for_with_leaves_at_once() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle_with("cooperative-sticky", vec![0, 1]);
    h.is_slow = true;
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.settle_with("cooperative-sticky", vec![]);
    assert!(h.held.is_empty() && !h.waiting.is_empty());
    h.event(Event::Leave);
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })), "{:?}", h.log);
}

#[test]
fn a_member_whose_coordinator_is_silent_for_a_session_loses_all() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 1)]));
    let mut passed = Duration::ZERO;
    while !h.held.is_empty() {
        h.advance(SECOND);
        passed += SECOND;
        if h.take(|action| matches!(action, Action::Heartbeat { .. })).is_some() {
            h.event(Event::Heartbeat(Err(closed())));
        }
        if h.take(|action| *action == Action::FindCoordinator).is_some() {
            h.event(Event::Found(Err(closed())));
        }
        if h.take(is_commit).is_some() {
            h.event(Event::Committed(Err(closed())));
        }
    }
    assert!((44..=47).contains(&passed.as_secs()), "{passed:?}");
    assert!(h.told(0, 1).unwrap().is_err());
}

#[test]
fn a_coordinator_that_moves_costs_nothing() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::NOT_COORDINATOR)));
    h.advance(SECOND);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    h.advance(SECOND);
    assert!(h.is_open(|action| matches!(action, Action::Heartbeat { .. })));
    assert_eq!(h.held.len(), 2);
}

#[test]
fn a_member_leaves_after_its_last_commit_also_while_it_joins() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    assert!(h.is_open(is_join));
    h.done = vec![offset(1, 4)];
    h.event(Event::Leave);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(|action| *action == Action::Leave { member: "m".to_owned() }));
    h.event(Event::Left);
    assert!(h.ended);
}

#[test]
fn a_generation_that_comes_while_a_member_leaves_gives_it_no_more_than_its_name() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    let generation = h.machine.me.generation;
    h.done = vec![offset(1, 4)];
    h.event(Event::Leave);
    h.take(is_join).expect("it joins");
    let joined = Joined { member: "renamed".to_owned(), ..h.joined("range") };
    h.event(Event::Joined(Ok(joined)));
    assert_eq!(h.machine.me.generation, generation, "it never has a share in the new one");
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(|action| *action == Action::Leave { member: "renamed".to_owned() }));
}

#[test]
fn a_member_leaves_as_soon_as_its_listener_sees_no_progress() {
    let mut h = member();
    h.progress = false;
    h.beat(Ok(()));
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })), "{:?}", h.log);
}

#[test]
fn a_member_that_is_stopped_before_it_knows_anybody_ends_in_time() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.event(Event::Leave);
    assert!(h.ended);
}

#[test]
fn a_topic_that_is_not_known_yet_is_looked_for_again_soon() {
    for seen in [Seen::Gone, Seen::Unsure] {
        let mut h = Harness::new(config());
        h.event(Event::Start);
        h.take(|action| matches!(action, Action::LookUp(_))).unwrap();
        h.event(Event::LookedUp(Ok(vec![("t".into(), seen)])));
        h.advance(SECOND);
        assert!(h.is_open(|action| matches!(action, Action::LookUp(_))), "{seen:?}");
    }
}

#[test]
fn a_member_that_leaves_looks_for_a_coordinator_that_does_not_answer_its_commit() {
    let mut h = member();
    h.done = vec![offset(1, 4)];
    h.event(Event::Leave);
    h.take(is_commit).expect("what is done is committed");
    h.event(Event::Committed(Err(closed())));
    h.take(|action| *action == Action::FindCoordinator).expect("another broker may be it by now");
    h.event(Event::Found(Ok(())));
    h.advance(SECOND);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(|action| matches!(action, Action::Leave { .. })));
}

#[test]
fn a_coordinator_that_is_ready_before_the_session_ends_finds_the_member() {
    let mut config = config();
    config.params.apply("session.timeout.ms", "6000").unwrap().unwrap();
    config.backoff.longest = Duration::from_secs(10);
    let mut h = Harness::new(config);
    h.event(Event::Start);
    h.settle(2);
    h.machine.me.session = Duration::from_secs(6);
    h.machine.me.next_heartbeat = h.now;
    let begun = h.now;
    let mut asked = begun;
    while h.now - begun < Duration::from_millis(5_500) {
        h.advance(Duration::from_millis(100));
        if h.take(|action| matches!(action, Action::Heartbeat { .. })).is_some() {
            asked = h.now;
            h.event(Event::Heartbeat(Err(refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS))));
        }
        assert!(h.now - asked <= SECOND, "it may be ready by now, and the session ends soon");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_comes_the_invariants_hold_and_all_offsets_are_told_of(
        events in prop::collection::vec((0..KINDS, any::<u32>()), 0..200),
    ) {
        rehearse(events);
    }
}
