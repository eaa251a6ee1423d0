//! Members that come, go, and are killed.

use super::*;

#[test]
fn a_member_alone_has_everything_and_its_nodes_say_so() {
    let zookeeper = zookeeper(3);
    let member = Member::join_with(settings(&zookeeper, "one"), 2);
    member.has(&[0, 1, 2]);
    let node = text(&zookeeper, "/consumers/readers/ids/readers_one").unwrap();
    assert!(
        node.contains(r#""subscription":{"lines":2}"#) && node.contains(r#""pattern":"static""#),
        "{node}"
    );
    let named = |thread: u32| Some(format!("readers_one-{thread}"));
    assert_eq!(owners(&zookeeper, 3), [named(0), named(0), named(1)]);
    let heard = member.leave();
    assert_eq!(owners(&zookeeper, 3), [None, None, None]);
    assert_eq!(zookeeper.children("/consumers/readers/ids"), Some(vec![]));
    assert_eq!(heard.calls(), ["assigned [0, 1, 2]"]);
    assert_eq!(zookeeper.sessions().len(), 0);
}

#[test]
fn two_members_share_a_topic_and_one_that_leaves_is_taken_over_from_at_once() {
    let zookeeper = zookeeper(4);
    let one = Member::join(&zookeeper, "one");
    one.has(&[0, 1, 2, 3]);
    let two = Member::join(&zookeeper, "two");
    two.has(&[2, 3]);
    one.has(&[0, 1]);
    one.heard.done_until(1, 7);
    one.leave();
    two.has(&[0, 1, 2, 3]);
    assert_eq!(two.committed(1).unwrap(), Some(7), "what was done is committed before it is given up");
}

#[test]
fn partitions_that_a_member_keeps_are_not_given_up_for_a_moment() {
    let zookeeper = zookeeper(4);
    let one = Member::join(&zookeeper, "one");
    one.has(&[0, 1, 2, 3]);
    let kept = zookeeper.node("/consumers/readers/owners/lines/0").unwrap().stat.czxid;
    let two = Member::join(&zookeeper, "two");
    two.has(&[2, 3]);
    assert_eq!(one.heard.calls(), ["assigned [0, 1, 2, 3]", "revoked [2, 3]"]);
    // One after the other, if the first lets go of them while the second looks.
    assert!(two.heard.calls().iter().all(|call| call.starts_with("assigned")), "{:?}", two.heard.calls());
    assert_eq!(zookeeper.node("/consumers/readers/owners/lines/0").unwrap().stat.czxid, kept);
}

#[test]
fn a_member_that_is_killed_is_taken_over_from_when_its_session_ends() {
    let zookeeper = zookeeper(2);
    let one = Member::join(&zookeeper, "one");
    one.has(&[0, 1]);
    let two = Member::join(&zookeeper, "two");
    two.has(&[1]);
    let session = session_of(&zookeeper, "one");
    one.crash();
    assert_eq!(owners(&zookeeper, 1), [Some("readers_one-0".to_owned())]);
    zookeeper.expire(session);
    two.has(&[0, 1]);
}

#[test]
fn partitions_that_are_added_are_shared_out_and_so_is_a_topic_that_comes() {
    let zookeeper = FakeZooKeeper::start().unwrap();
    let one = Member::join(&zookeeper, "one");
    let is_watched = |zookeeper: &FakeZooKeeper| {
        !zookeeper.requests_of(Operation::EXISTS).is_empty()
            && zookeeper.children("/consumers/readers/ids").is_some()
    };
    assert!(zookeeper.wait_until(WAIT, is_watched));
    grow(&zookeeper, 1);
    one.has(&[0]);
    let two = Member::join(&zookeeper, "two");
    grow(&zookeeper, 4);
    one.has(&[0, 1]);
    two.has(&[2, 3]);
}

/// An old consumer that gives all up at each change, and is slow.
#[test]
fn what_another_member_still_owns_is_taken_when_it_lets_go() {
    let zookeeper = zookeeper(2);
    let old = crate::zookeeper::ZooKeeper::connect(&zookeeper.connect_string()).unwrap();
    let (open, ephemeral) = (crate::zookeeper::Acl::Open, crate::zookeeper::CreateMode::Ephemeral);
    old.create_all("/consumers/readers/owners/lines", b"", &open).unwrap();
    for partition in ["0", "1"] {
        let path = format!("/consumers/readers/owners/lines/{partition}");
        old.create(&path, b"readers_old-0", ephemeral, &open).unwrap();
    }
    let member = Member::join(&zookeeper, "new");
    let is_claimed = |zookeeper: &FakeZooKeeper| {
        let claims = zookeeper.requests_of(Operation::GET_DATA);
        claims.iter().any(|seen| format!("{seen:?}").contains("owners/lines/1"))
    };
    assert!(zookeeper.wait_until(WAIT, is_claimed));
    old.delete("/consumers/readers/owners/lines/1", None).unwrap();
    member.has(&[1]);
    old.close();
    member.has(&[0, 1]);
}

#[test]
fn a_partition_that_goes_to_another_thread_of_a_member_stays_and_is_named_anew() {
    let zookeeper = zookeeper(2);
    let one = Member::join_with(settings(&zookeeper, "b"), 2);
    one.has(&[0, 1]);
    assert_eq!(owners(&zookeeper, 2)[1].as_deref(), Some("readers_b-1"));
    // Before it in the order of names, so that the partition goes to the first thread.
    let two = Member::join(&zookeeper, "a");
    two.has(&[0]);
    let is_named = |zookeeper: &FakeZooKeeper| owners(zookeeper, 2)[1].as_deref() == Some("readers_b-0");
    assert!(zookeeper.wait_until(WAIT, is_named), "{:?}", owners(&zookeeper, 2));
    assert_eq!(one.heard.calls(), ["assigned [0, 1]", "revoked [0]"]);
}

#[test]
fn a_member_of_a_pattern_shares_with_those_of_names() {
    let zookeeper = zookeeper(2);
    let node = r#"{"version":1,"subscription":{"li.*":1},"pattern":"white_list","timestamp":"1"}"#;
    zookeeper.put("/consumers/readers/ids/readers_zz", node);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
}

#[test]
fn nothing_is_left_of_a_member_whose_password_keeps_others_out() {
    let zookeeper = zookeeper(1);
    let mut settings = settings(&zookeeper, "one");
    settings.auth = Some(("user".to_owned(), crate::kafka::security::Secret::new("word")));
    let member = Member::join_with(settings, 1);
    member.has(&[0]);
    let acl = zookeeper.node("/consumers/readers/owners/lines/0").unwrap().acl;
    let all = acl.iter().find(|entry| entry.permissions == Permissions::ALL).unwrap();
    assert_eq!((all.scheme.as_str(), all.id.starts_with("user:")), ("digest", true));
    assert!(!all.id.contains("word"), "{all:?}");
    member.leave();
    assert_eq!(owners(&zookeeper, 1), [None]);
}
