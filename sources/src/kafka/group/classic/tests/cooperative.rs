//! Members that share out stickily, all at once or giving up one after the other.

use super::*;

fn join(kafka: &FakeKafka, assignor: Assignor) -> Member {
    Member::join_as(params(kafka).assignors([assignor]))
}

#[test]
fn of_three_cooperative_members_each_keeps_what_it_keeps() {
    let kafka = FakeKafka::builder().topic("lines", 6).start().unwrap();
    let mut members = vec![join(&kafka, Assignor::CooperativeSticky)];
    members[0].has(&[0, 1, 2, 3, 4, 5]);
    for number in 0..6 {
        members[0].done(number, 10 + i64::from(number));
    }
    members.push(join(&kafka, Assignor::CooperativeSticky));
    members[1].settles_with(&kafka, 3);
    members[0].settles_with(&kafka, 3);
    members.push(join(&kafka, Assignor::CooperativeSticky));
    members[2].settles_with(&kafka, 2);
    members[0].settles_with(&kafka, 2);
    members[1].settles_with(&kafka, 2);
    let all: BTreeSet<i32> = members.iter().flat_map(Member::held).collect();
    assert_eq!(all.len(), 6);
    // What was done was committed before others had it.
    assert!((0..6).all(|number| committed(&kafka, number) == Some(10 + i64::from(number))));
    let calls: Vec<_> = members[0].calls();
    let revoked = calls.iter().filter(|call| call.starts_with("revoked")).count();
    assert_eq!((calls[0].as_str(), calls.len(), revoked), ("assigned [0, 1, 2, 3, 4, 5]", 3, 2), "{calls:?}");
    assert!(members[2].calls().iter().all(|call| call.starts_with("assigned")));
    let kept = members[0].held();
    members.pop().map(Member::leave);
    members[0].settles_with(&kafka, 3);
    assert!(members[0].held().is_superset(&kept));
}

#[test]
fn sticky_members_keep_what_they_have() {
    let kafka = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let first = join(&kafka, Assignor::Sticky);
    first.has(&[0, 1, 2, 3]);
    let second = join(&kafka, Assignor::Sticky);
    second.settles_with(&kafka, 2);
    first.settles_with(&kafka, 2);
    let (mine, theirs) = (first.held(), second.held());
    for _ in 0..2 {
        // A member that misses a generation would have to begin anew.
        let [next, its_next] = [&first, &second].map(|member| member.heard.state.lock().shares + 1);
        kafka.rebalance(GROUP).unwrap();
        first.has_shares(next);
        second.has_shares(its_next);
    }
    assert_eq!((first.held(), second.held()), (mine, theirs));
    second.was_never_without();
}

#[test]
fn a_group_goes_over_from_eager_to_cooperative_member_by_member() {
    let kafka = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let both = || params(&kafka).assignors([Assignor::Range, Assignor::CooperativeSticky]);
    let old = Member::join_as(both());
    old.has(&[0, 1, 2, 3]);
    assert_eq!(kafka.group(GROUP).unwrap().protocol.as_deref(), Some("range"));
    let new = join(&kafka, Assignor::CooperativeSticky);
    new.settles_with(&kafka, 2);
    old.settles_with(&kafka, 2);
    assert_eq!(kafka.group(GROUP).unwrap().protocol.as_deref(), Some("cooperative-sticky"));
    let calls = old.calls();
    assert!(calls.iter().any(|call| call.starts_with("revoked")), "{calls:?}");
    assert!(!calls.iter().any(|call| call.starts_with("lost")), "{calls:?}");
}
