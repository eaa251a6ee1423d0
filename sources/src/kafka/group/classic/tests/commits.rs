//! What is committed, by whom, and what is not.

use std::sync::mpsc;

use super::*;

#[test]
fn offsets_are_committed_by_the_member_and_read_back() {
    for profile in [Profile::V0_9, Profile::V0_11, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 2).start().unwrap();
        let member = Member::join(&kafka);
        member.has(&[0, 1]);
        member.commit(0, 5);
        assert!(member.is_told_of(0, 5).is_ok(), "{profile}");
        let names = [0, 1].map(|number| TopicPartition::new("lines", number));
        let found = member.group().committed(&names, Deadline::after(WAIT)).unwrap();
        let offsets: Vec<_> = found.into_iter().map(|(_, found)| found.map(|found| found.offset)).collect();
        assert_eq!(offsets, [Some(5), None], "{profile}");
    }
}

#[test]
fn an_offset_of_a_partition_that_the_member_has_not_is_skipped() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0, 1]);
    member.commit(7, 5);
    let error = member.is_told_of(7, 5).unwrap_err();
    assert!(matches!(error, KafkaError::Group { cause: GroupError::Fenced, .. }), "{error}");
    assert_eq!(committed(&kafka, 7), None);
}

#[test]
fn what_is_done_is_committed_before_the_group_shares_out_anew_and_before_a_member_leaves() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let first = Member::join_as(params(&kafka).instance_id("2"));
    first.has(&[0, 1]);
    first.done(0, 10);
    first.done(1, 11);
    let second = Member::join_as(params(&kafka).instance_id("1"));
    second.has(&[0]);
    first.has(&[1]);
    assert_eq!([committed(&kafka, 0), committed(&kafka, 1)], [Some(10), Some(11)]);
    assert!(first.is_told_of(0, 10).is_ok());
    first.done(1, 12);
    first.leave();
    assert_eq!(committed(&kafka, 1), Some(12));
}

#[test]
fn a_commit_between_join_and_share_is_sent_after_it_for_what_is_left() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let first = Member::join_as(params(&kafka).instance_id("2"));
    first.has(&[0, 1]);
    let slow = kafka.on(ApiKey::SYNC_GROUP).delay(Duration::from_millis(300));
    let second = Member::join_as(params(&kafka).instance_id("1"));
    assert!(slow.wait(1, WAIT));
    first.commit(0, 20);
    first.commit(1, 21);
    second.has(&[0]);
    assert!(first.is_told_of(1, 21).is_ok());
    let gone = first.is_told_of(0, 20);
    let is_fenced = matches!(gone, Err(KafkaError::Group { cause: GroupError::Fenced, .. }));
    assert!(is_fenced || committed(&kafka, 0) == Some(20), "{gone:?}");
    assert_eq!(committed(&kafka, 1), Some(21));
}

#[test]
fn of_offsets_that_wait_the_last_is_sent() {
    let kafka = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0]);
    let slow = kafka.on(ApiKey::OFFSET_COMMIT).delay(Duration::from_millis(200));
    member.commit(0, 1);
    assert!(slow.wait(1, WAIT));
    for at in 2..=9 {
        member.commit(0, at);
    }
    assert!(member.is_told_of(0, 9).is_ok());
    assert_eq!(committed(&kafka, 0), Some(9));
    let count = kafka.requests_of(ApiKey::OFFSET_COMMIT).len();
    assert!(count <= 3, "{count} commits");
}

#[test]
fn a_commit_that_the_coordinator_cannot_take_now_is_sent_again() {
    for code in [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ] {
        let kafka = FakeKafka::builder().topic("lines", 1).start().unwrap();
        let member = Member::join(&kafka);
        member.has(&[0]);
        kafka.on(ApiKey::OFFSET_COMMIT).times(2).fail(code);
        member.commit(0, 1);
        assert!(member.is_told_of(0, 1).is_ok(), "{code}");
        assert_eq!(committed(&kafka, 0), Some(1));
        member.was_never_without();
    }
}

#[test]
fn a_commit_that_is_refused_is_told() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0, 1]);
    let code = ErrorCode::OFFSET_METADATA_TOO_LARGE;
    kafka.on(ApiKey::OFFSET_COMMIT).topic("lines").partition(0).fail(code);
    member.group().commit(vec![offset(0, 1), offset(1, 2)]);
    let error = member.is_told_of(0, 1).unwrap_err();
    assert!(matches!(&error, KafkaError::Broker { code: found, .. } if *found == code), "{error}");
    assert!(member.is_told_of(1, 2).is_ok());
    member.was_never_without();
}

#[test]
fn a_slow_commit_holds_up_no_heartbeat() {
    let kafka = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0]);
    let slow = kafka.on(ApiKey::OFFSET_COMMIT).delay(Duration::from_millis(500));
    member.commit(0, 1);
    assert!(slow.wait(1, WAIT));
    let count = kafka.requests_of(ApiKey::HEARTBEAT).len();
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::HEARTBEAT).len() > count + 2));
    assert!(member.heard.state.lock().committed.is_empty());
    assert!(member.is_told_of(0, 1).is_ok());
}

#[test]
fn an_offset_that_waits_when_a_member_leaves_does_not_follow_a_newer_one() {
    let kafka = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0]);
    member.done(0, 10);
    let (asked, is_asked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    *member.heard.before_done.lock() = Some(Box::new(move || {
        asked.send(()).unwrap();
        may_go_on.recv().unwrap();
    }));
    std::thread::scope(|scope| {
        scope.spawn(|| member.group().leave(Deadline::after(WAIT)));
        is_asked.recv_timeout(WAIT).unwrap();
        member.commit(0, 5);
        go_on.send(()).unwrap();
    });
    assert_eq!(committed(&kafka, 0), Some(10));
}
