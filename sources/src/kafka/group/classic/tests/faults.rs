//! Coordinators that move, go and come back, and every request of a group that fails in every way.

use super::*;

#[test]
fn a_group_is_followed_to_another_coordinator() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start().unwrap();
    kafka.move_coordinator(GROUP, 1).unwrap();
    let member = Member::join(&kafka);
    member.has(&[0, 1]);
    for broker in [2, 1, 2] {
        kafka.move_coordinator(GROUP, broker).unwrap();
        let heartbeat =
            |seen: &crate::fake::kafka::Seen| seen.api == ApiKey::HEARTBEAT && seen.broker == broker;
        assert!(kafka.wait_for_request(WAIT, heartbeat).is_some());
        kafka.clear_requests();
        member.commit(0, i64::from(broker));
        assert!(member.is_told_of(0, i64::from(broker)).is_ok());
    }
    member.was_never_without();
}

#[test]
fn a_coordinator_that_comes_back_within_the_session_finds_its_members() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0, 1]);
    kafka.stop_broker(1).unwrap();
    member.commit(1, 4);
    member.heard.wait_for("trouble", |state| {
        state.calls.iter().any(|call| call.starts_with("group_trouble")).then_some(())
    });
    kafka.start_broker(1).unwrap();
    assert!(member.is_told_of(1, 4).is_ok());
    let count = kafka.requests_of(ApiKey::HEARTBEAT).len();
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::HEARTBEAT).len() > count));
    member.was_never_without();
}

#[test]
fn a_broker_that_is_silent_does_not_keep_another_from_being_asked() {
    let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start().unwrap();
    kafka.move_coordinator(GROUP, 2).unwrap();
    for api in [ApiKey::FIND_COORDINATOR, ApiKey::METADATA] {
        kafka.on(api).broker(1).always().silence();
    }
    let member = Member::join_as(params(&kafka).request_timeout(Duration::from_millis(400)));
    member.has(&[0, 1]);
}

#[test]
fn a_session_that_the_broker_does_not_allow_ends_the_membership() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let member = Member::join_as(params(&kafka).session_timeout(Duration::from_millis(600)));
    let error = member.fails();
    assert!(matches!(
        error,
        KafkaError::Group { cause: GroupError::Refused(ErrorCode::INVALID_SESSION_TIMEOUT), .. }
    ));
}

#[test]
fn connections_that_break_at_any_request_do_no_harm() {
    let requests = [
        ApiKey::FIND_COORDINATOR,
        ApiKey::JOIN_GROUP,
        ApiKey::SYNC_GROUP,
        ApiKey::HEARTBEAT,
        ApiKey::OFFSET_COMMIT,
    ];
    for api in requests {
        let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
        let faults = [
            (2, kafka.on(api).times(2).disconnect()),
            (1, kafka.on(api).after(2).done_but_reply_lost()),
            (1, kafka.on(api).after(4).wrong_correlation()),
            (1, kafka.on(api).after(5).cut_after(7)),
        ];
        let member = Member::join(&kafka);
        member.has(&[0, 1]);
        let mut at = 0;
        let deadline = Deadline::after(WAIT);
        while faults.iter().any(|(times, fault)| fault.fired() < *times) {
            assert!(!deadline.is_over(), "{api}");
            at += 1;
            member.has(&[0, 1]);
            member.commit(0, at);
            let _ = member.is_told_of(0, at);
            if api == ApiKey::FIND_COORDINATOR {
                // Nobody looks for one that is there.
                kafka.on(ApiKey::HEARTBEAT).fail(ErrorCode::NOT_COORDINATOR);
            }
            let _ = kafka.rebalance(GROUP);
            await_stable(&kafka);
        }
        member.has(&[0, 1]);
    }
}

#[test]
fn passing_refusals_of_any_request_are_waited_out() {
    let passing = [
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::REQUEST_TIMED_OUT,
    ];
    for api in [ApiKey::FIND_COORDINATOR, ApiKey::JOIN_GROUP, ApiKey::SYNC_GROUP, ApiKey::HEARTBEAT] {
        for code in passing {
            let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
            let fault = kafka.on(api).times(2).fail(code);
            let member = Member::join(&kafka);
            assert!(fault.wait(2, WAIT), "{api} {code}");
            member.has(&[0, 1]);
            assert!(member.heard.state.lock().failed.is_none());
        }
    }
}

#[test]
fn refusals_of_a_generation_have_a_member_join_anew() {
    for api in [ApiKey::SYNC_GROUP, ApiKey::HEARTBEAT, ApiKey::OFFSET_COMMIT] {
        let code = ErrorCode::ILLEGAL_GENERATION;
        let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
        let member = Member::join(&kafka);
        member.has(&[0, 1]);
        let fault = kafka.on(api).fail(code);
        kafka.rebalance(GROUP).unwrap();
        member.commit(0, 1);
        assert!(fault.wait(1, WAIT), "{api} {code}");
        let _ = member.is_told_of(0, 1);
        member.has(&[0, 1]);
        member.commit(0, 2);
        member
            .heard
            .wait_for("a commit", |state| state.committed.iter().any(|(_, at, _)| *at == 2).then_some(()));
    }
}

#[test]
fn final_refusals_end_the_membership_with_their_name() {
    let refusals = [
        (ApiKey::FIND_COORDINATOR, ErrorCode::GROUP_AUTHORIZATION_FAILED),
        (ApiKey::JOIN_GROUP, ErrorCode::GROUP_AUTHORIZATION_FAILED),
        (ApiKey::JOIN_GROUP, ErrorCode::GROUP_MAX_SIZE_REACHED),
        (ApiKey::SYNC_GROUP, ErrorCode::GROUP_AUTHORIZATION_FAILED),
        (ApiKey::HEARTBEAT, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    ];
    for (api, code) in refusals {
        let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
        kafka.on(api).fail(code);
        let member = Member::join(&kafka);
        let KafkaError::Group { cause, .. } = member.fails() else { panic!("{api}") };
        assert_eq!(cause, GroupError::Refused(code), "{api}");
        assert_eq!(member.held(), [].into());
    }
}

#[test]
fn a_broker_without_groups_ends_the_membership() {
    let kafka = FakeKafka::builder().profile(Profile::V0_8).topic("lines", 2).start().unwrap();
    let member = Member::join(&kafka);
    let error = member.fails();
    assert!(matches!(error, KafkaError::UnsupportedVersion { request: "JoinGroup", .. }), "{error}");
}

#[test]
fn a_leader_that_sends_no_partitions_is_named() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    kafka.on(ApiKey::SYNC_GROUP).reply_with(|_, reply| {
        // The share is what stands last.
        let mut reply = reply;
        let end = reply.len();
        reply[end - 8..].fill(0x7f);
        reply
    });
    let member = Member::join(&kafka);
    let KafkaError::Group { cause, .. } = member.fails() else { panic!() };
    assert!(matches!(cause, GroupError::BadShare(_)), "{cause}");
}
