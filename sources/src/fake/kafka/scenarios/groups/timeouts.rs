//! Sessions and rebalances that end, by a clock that the test moves.

use super::*;

fn with_clock(profile: Profile) -> (FakeKafka, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let builder = FakeKafka::builder().profile(profile).topic("lines", 2);
    let kafka = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).start().unwrap();
    (kafka, clock)
}

#[test]
fn a_member_without_a_sign_of_life_is_put_out_when_its_session_ends() {
    let (kafka, clock) = with_clock(Profile::V4_3);
    let [mut first, mut second] = two_members(&kafka);
    for _ in 0..2 {
        clock.advance(Duration::from_secs(6));
        assert_eq!(first.heartbeat(), ErrorCode::NONE, "a session of 10 s");
        assert_eq!(second.commit(1), ErrorCode::NONE, "a commit is one as well");
    }
    clock.advance(Duration::from_secs(6));
    assert_eq!(second.heartbeat(), ErrorCode::NONE);
    clock.advance(Duration::from_secs(6));
    // Nobody asks: it is the time that puts it out.
    assert!(kafka.wait_until(WAIT, |kafka| kafka.group(GROUP).unwrap().members.len() == 1));
    assert_eq!(second.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(first.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    second.settle(&kafka);
    assert_eq!(second.generation, 3);
    clock.advance(Duration::from_secs(10));
    await_state(&kafka, GroupState::Empty);
}

#[test]
fn a_rebalance_goes_on_without_a_member_that_does_not_join_again_in_time() {
    let (kafka, clock) = with_clock(Profile::V4_3);
    let mut first = Consumer { session_ms: 60_000, ..Consumer::of(&kafka) };
    first.settle(&kafka);
    let mut second = Consumer { session_ms: 60_000, rebalance_ms: 20_000, ..Consumer::of(&kafka) };
    second.begin_to_join(&kafka);
    await_state(&kafka, GroupState::PreparingRebalance);
    clock.advance(Duration::from_secs(29));
    assert_eq!(first.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS, "the slowest has 30 s");
    clock.advance(Duration::from_secs(1));
    let told = second.joined();
    assert_eq!((told.leads, told.members.len(), second.generation), (true, 1, 2));
    assert_eq!(first.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_does_not_share_out_in_time_is_put_out() {
    let (kafka, clock) = with_clock(Profile::V4_3);
    let [mut first, mut second] = [(); 2].map(|()| Consumer { session_ms: 60_000, ..Consumer::of(&kafka) });
    first.settle(&kafka);
    second.begin_to_join(&kafka);
    await_state(&kafka, GroupState::PreparingRebalance);
    first.join(&kafka);
    second.joined();
    second.send_sync(&[]);
    await_waiting(&kafka, &second.id);
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
    clock.advance(Duration::from_secs(30));
    assert_eq!(second.synced(), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    second.settle(&kafka);
    assert_eq!(first.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn an_id_that_nobody_joins_with_holds_the_group_up_for_a_session() {
    let (kafka, clock) = with_clock(Profile::V4_3);
    let mut pending = Consumer::of(&kafka);
    pending.send_join();
    assert_eq!(pending.joined().error_code, ErrorCode::MEMBER_ID_REQUIRED);
    let mut member = Consumer::of(&kafka);
    member.send_join();
    member.joined();
    member.send_join();
    await_state(&kafka, GroupState::PreparingRebalance);
    clock.advance(Duration::from_secs(10));
    assert!(member.joined().leads);
    pending.send_join();
    assert_eq!(pending.joined().error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_session_is_as_long_as_the_release_allows() {
    let joined = |profile, session_ms| {
        let kafka = FakeKafka::builder().profile(profile).start().unwrap();
        let mut consumer = Consumer { join: 0, session_ms, ..Consumer::of(&kafka) };
        consumer.send_join();
        consumer.joined().error_code
    };
    assert_eq!(joined(Profile::V0_9, 30_000), ErrorCode::NONE);
    assert_eq!(joined(Profile::V0_9, 45_000), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(joined(Profile::V0_10, 45_000), ErrorCode::NONE);
    assert_eq!(joined(Profile::V4_3, 5_999), ErrorCode::INVALID_SESSION_TIMEOUT);
}
