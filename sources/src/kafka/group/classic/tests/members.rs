//! Members that come, go, and are killed.

use batchmill::{Clock, ManualClock};

use super::*;

#[test]
fn two_members_share_a_topic_and_one_that_leaves_is_taken_over_from_at_once() {
    for profile in [Profile::V0_9, Profile::V0_10, Profile::V1_1, Profile::V2_4, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 4).start().unwrap();
        let first = Member::join(&kafka);
        first.has(&[0, 1, 2, 3]);
        let second = Member::join(&kafka);
        second.settles_with(&kafka, 2);
        first.settles_with(&kafka, 2);
        assert!(first.held().is_disjoint(&second.held()), "{profile}");
        second.leave();
        assert_eq!(kafka.group(GROUP).unwrap().members.len(), 1, "{profile}");
        first.has(&[0, 1, 2, 3]);
        first.leave();
        assert_eq!(kafka.group(GROUP).unwrap().state, GroupState::Empty, "{profile}");
    }
}

#[test]
fn partitions_that_a_member_keeps_are_never_taken_from_it() {
    let kafka = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let first = Member::join_as(params(&kafka).instance_id("1"));
    first.has(&[0, 1, 2, 3]);
    let second = Member::join_as(params(&kafka).instance_id("2"));
    second.has(&[2, 3]);
    first.has(&[0, 1]);
    assert_eq!(first.calls(), ["assigned [0, 1, 2, 3]", "handed over [2, 3]"]);
    assert_eq!(second.calls(), ["assigned [2, 3]"]);
}

#[test]
fn a_member_that_is_killed_is_taken_over_from_when_its_session_ends() {
    let clock = Arc::new(ManualClock::new());
    let builder = FakeKafka::builder().topic("lines", 2);
    let kafka = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).start().unwrap();
    let first = Member::join(&kafka);
    first.has(&[0, 1]);
    let second = Member::join(&kafka);
    second.settles_with(&kafka, 1);
    first.settles_with(&kafka, 1);
    let ids = |kafka: &FakeKafka| {
        let group = kafka.group(GROUP).unwrap();
        group.members.into_iter().map(|member| member.id).collect::<BTreeSet<_>>()
    };
    let both = ids(&kafka);
    second.crash();
    clock.advance(Duration::from_secs(40));
    // The survivor has given signs of life at this time.
    let count = kafka.requests_of(ApiKey::HEARTBEAT).len();
    assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::HEARTBEAT).len() > count + 1));
    assert_eq!(ids(&kafka), both);
    clock.advance(Duration::from_secs(10));
    first.has(&[0, 1]);
    assert_eq!(ids(&kafka).len(), 1);
}

#[test]
fn a_member_that_was_put_out_loses_all_and_joins_anew() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0, 1]);
    let id = kafka.group(GROUP).unwrap().members[0].id.clone();
    kafka.expire_member(GROUP, &id).unwrap();
    member.heard.wait_for("to be back", |state| {
        let assigned = state.calls.iter().filter(|call| *call == "assigned [0, 1]").count();
        (assigned == 2).then_some(())
    });
    let calls: Vec<_> = member.calls().into_iter().filter(|call| !call.starts_with("membership")).collect();
    assert_eq!(calls, ["assigned [0, 1]", "lost [0, 1]", "assigned [0, 1]"]);
    assert_ne!(kafka.group(GROUP).unwrap().members[0].id, id);
}

#[test]
fn partitions_that_are_added_are_shared_out() {
    let kafka = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let member = Member::join(&kafka);
    member.has(&[0]);
    kafka.add_partitions("lines", 2).unwrap();
    member.has(&[0, 1, 2]);
    member.was_never_without();
}

#[test]
fn a_topic_that_does_not_exist_is_not_made_and_is_read_when_it_comes() {
    for profile in [Profile::V0_9, Profile::V0_11, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).auto_create(true).start().unwrap();
        let member = Member::join(&kafka);
        await_stable(&kafka);
        let count = kafka.requests_of(ApiKey::METADATA).len();
        assert!(kafka.wait_until(WAIT, |kafka| kafka.requests_of(ApiKey::METADATA).len() > count + 1));
        assert_eq!(kafka.topics(), <[String; 0]>::default(), "{profile}");
        kafka.create_topic("lines", 2).unwrap();
        member.has(&[0, 1]);
    }
}

#[test]
fn a_pattern_follows_the_topics_that_come() {
    let kafka = FakeKafka::builder().topic("other", 1).start().unwrap();
    let member = Member::join_for(params(&kafka), Subscription::pattern("lin.*").unwrap());
    await_stable(&kafka);
    kafka.create_topic("lines", 2).unwrap();
    member.has(&[0, 1]);
    let group = kafka.group(GROUP).unwrap();
    assert_eq!(group.members[0].topics, ["lines"]);
}

#[test]
fn members_can_share_out_by_turns() {
    let kafka = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let join = |name| Member::join_as(params(&kafka).assignors([Assignor::RoundRobin]).instance_id(name));
    let members = [join("1"), join("2")];
    members[0].has(&[0, 2]);
    members[1].has(&[1, 3]);
    assert_eq!(kafka.group(GROUP).unwrap().protocol.as_deref(), Some("roundrobin"));
}

#[test]
fn a_member_without_an_assignor_in_common_fails() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let first = Member::join_as(params(&kafka).assignors([Assignor::Range]));
    first.has(&[0, 1]);
    let second = Member::join_as(params(&kafka).assignors([Assignor::RoundRobin]));
    let KafkaError::Group { server, group, member, cause } = second.fails() else { panic!() };
    assert_eq!(cause, GroupError::NoCommonAssignor { ours: vec!["roundrobin".to_owned()] });
    assert_eq!((&*group, &*member), (GROUP, "batchmill"));
    assert!(server.contains("127.0.0.1"), "{server}");
    first.was_never_without();
}

#[test]
fn a_member_without_progress_leaves_and_comes_back() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let interval = Duration::from_millis(200);
    let member = Member::join_as(params(&kafka).max_poll_interval(interval));
    member.has(&[0, 1]);
    member.done(0, 7);
    member.heard.change(|state| state.progress = false);
    member.has(&[]);
    assert_eq!(committed(&kafka, 0), Some(7));
    assert!(kafka.wait_until(WAIT, |kafka| kafka.group(GROUP).unwrap().members.is_empty()));
    assert!(member.calls().iter().any(|call| call.starts_with("no_progress")));
    member.heard.change(|state| state.progress = true);
    member.has(&[0, 1]);
}

#[test]
fn a_member_ends_soon_whatever_it_waits_for() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let _first = Member::join_as(params(&kafka).instance_id("1"));
    // The broker never answers, so that JoinGroup waits.
    kafka.on(ApiKey::JOIN_GROUP).silence();
    let second = Member::join_as(params(&kafka));
    assert!(kafka.wait_for_request(WAIT, |seen| seen.api == ApiKey::JOIN_GROUP).is_some());
    second.crash();
}
