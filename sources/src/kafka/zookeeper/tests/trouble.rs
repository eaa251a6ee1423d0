//! Servers that go and come back, nodes that are none, names that are taken.

use super::*;
use crate::zookeeper::ZooKeeperError;

#[test]
fn a_member_reads_on_while_its_servers_are_away_and_commits_when_they_are_back() {
    let zookeeper = zookeeper(2);
    let mut settings = settings(&zookeeper, "one");
    settings.request_timeout = Duration::from_millis(200);
    let member = Member::join_with(settings, 1);
    member.has(&[0, 1]);
    zookeeper.stop(1);
    member.commit(0, 5);
    let is_told = |state: &crate::kafka::group::heard::State| {
        state.calls.iter().any(|call| call.starts_with("group_trouble")).then_some(())
    };
    member.heard.wait_for("to be told", is_told);
    assert_eq!(member.heard.held().len(), 2);
    zookeeper.start_again(1).unwrap();
    member.heard.is_told_of(0, 5).unwrap();
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("5"));
    let taken: Vec<_> = member.heard.calls().into_iter().filter(|call| call.starts_with("lost")).collect();
    assert_eq!(taken, <[String; 0]>::default());
}

#[test]
fn servers_that_are_away_are_told_of_though_nothing_is_asked_of_them() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    let told = |kind: &'static str| {
        member
            .heard
            .wait_for(kind, |state| state.calls.iter().any(|call| call.starts_with(kind)).then_some(()));
    };
    zookeeper.stop(1);
    told("group_trouble: the connection to ZooKeeper server 127.0.0.1");
    zookeeper.start_again(1).unwrap();
    told("group_recovered");
    assert_eq!(member.heard.held(), [0].into());
}

#[test]
fn a_member_whose_session_expires_joins_anew_under_its_name() {
    let zookeeper = zookeeper(2);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0, 1]);
    for times in 2..5 {
        zookeeper.expire(session_of(&zookeeper, "one"));
        member.heard.wait_for("to be back", |state| {
            (state.calls.iter().filter(|call| *call == "assigned [0, 1]").count() == times).then_some(())
        });
    }
    assert_eq!(zookeeper.children("/consumers/readers/ids").unwrap(), ["readers_one"]);
    assert_eq!(zookeeper.sessions().len(), 1);
}

#[test]
fn two_members_of_one_name_are_an_error_of_the_second_when_the_first_stays() {
    let zookeeper = zookeeper(1);
    let first = Member::join(&zookeeper, "one");
    first.has(&[0]);
    let mut settings = settings(&zookeeper, "one");
    settings.session = Duration::from_millis(200);
    let second = Member::join_with(settings, 1);
    let error = second.heard.fails();
    assert!(matches!(&error, KafkaError::Group { cause: GroupError::MemberTwice, .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("readers_one") && error.contains(&zookeeper.connect_string()), "{error}");
    assert_eq!(first.heard.held().len(), 1);
}

#[test]
fn a_member_that_starts_anew_waits_for_the_session_that_has_its_name() {
    let zookeeper = zookeeper(1);
    let first = Member::join(&zookeeper, "one");
    first.has(&[0]);
    let session = session_of(&zookeeper, "one");
    first.crash();
    let second = Member::join(&zookeeper, "one");
    second.heard.wait_for("to be told", |state| {
        state.calls.iter().any(|call| call.contains("same id")).then_some(())
    });
    zookeeper.expire(session);
    second.has(&[0]);
}

#[test]
fn a_foreign_member_is_an_error_that_names_its_node() {
    let zookeeper = zookeeper(1);
    zookeeper.put("/consumers/readers/ids/readers_other", "not json");
    let member = Member::join(&zookeeper, "one");
    let error = member.heard.fails();
    assert!(matches!(&error, KafkaError::Group { cause: GroupError::ForeignNode { .. }, .. }), "{error}");
    assert!(error.to_string().contains("/consumers/readers/ids/readers_other"), "{error}");
}

#[test]
fn a_foreign_topic_is_an_error_and_its_partitions_are_taken_back() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    zookeeper.put("/brokers/topics/lines", "{}");
    let error = member.heard.fails().to_string();
    assert!(error.contains("/brokers/topics/lines"), "{error}");
    member.has(&[]);
    assert!(zookeeper.wait_until(WAIT, |zookeeper| owners(zookeeper, 1) == [None]));
}

#[test]
fn a_member_whose_node_somebody_deletes_says_again_that_it_is_there() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    zookeeper.delete("/consumers/readers/ids/readers_one");
    member.heard.wait_for("to be back", |state| {
        (state.calls.iter().filter(|call| *call == "assigned [0]").count() == 2).then_some(())
    });
    assert_eq!(zookeeper.children("/consumers/readers/ids").unwrap(), ["readers_one"]);
    // And so where the whole group is deleted.
    zookeeper.delete("/consumers/readers");
    member.heard.wait_for("to be back", |state| {
        (state.calls.iter().filter(|call| *call == "assigned [0]").count() == 3).then_some(())
    });
    assert_eq!(zookeeper.children("/consumers/readers/ids").unwrap(), ["readers_one"]);
}

#[test]
fn who_may_not_write_is_told_which_node() {
    let zookeeper = zookeeper(1);
    let mut settings = settings(&zookeeper, "one");
    settings.auth = Some(("user".to_owned(), crate::kafka::security::Secret::new("word")));
    let first = Member::join_with(settings, 1);
    first.has(&[0]);
    let second = Member::join(&zookeeper, "two");
    let error = second.heard.fails();
    let KafkaError::ZooKeeper { cause, .. } = &error else { panic!("{error}") };
    let ZooKeeperError::NoAuth { path, .. } = &**cause else { panic!("{error}") };
    assert_eq!(&**path, "/consumers/readers/ids/readers_two");
}

#[test]
fn a_member_without_progress_leaves_and_comes_back() {
    let zookeeper = zookeeper(2);
    let mut stuck = settings(&zookeeper, "one");
    stuck.max_poll = Duration::from_millis(50);
    let stuck = Member::join_with(stuck, 1);
    stuck.has(&[0, 1]);
    stuck.heard.done_until(0, 3);
    stuck.heard.change(|state| state.progress = false);
    stuck.has(&[]);
    let other = Member::join(&zookeeper, "two");
    other.has(&[0, 1]);
    assert_eq!(other.committed(0).unwrap(), Some(3));
    stuck.heard.change(|state| state.progress = true);
    stuck.has(&[0]);
    other.has(&[1]);
}

#[test]
fn leaving_is_bounded_when_the_servers_are_silent() {
    let zookeeper = zookeeper(1);
    let mut member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    zookeeper.silence(1);
    let group = member.group.take().unwrap();
    let limit = Deadline::after(Duration::from_secs(2));
    group.leave(Deadline::after(Duration::from_millis(200)));
    drop(group);
    assert!(!limit.is_over());
}
