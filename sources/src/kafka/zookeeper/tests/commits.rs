//! Offsets: where they are, and who may write them.

use super::*;

fn fenced(result: &Result<(), KafkaError>) -> bool {
    matches!(result, Err(KafkaError::Group { cause: GroupError::Fenced, .. }))
}

#[test]
fn offsets_are_decimal_numbers_where_old_consumers_have_them() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    assert_eq!(member.committed(0).unwrap(), None);
    member.commit(0, 42);
    member.heard.is_told_of(0, 42).unwrap();
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("42"));
    assert_eq!(member.committed(0).unwrap(), Some(42));
    let node = zookeeper.node("/consumers/readers/offsets/lines/0").unwrap();
    assert!(!node.stat.is_ephemeral());
}

#[test]
fn an_offset_that_somebody_else_writes_is_written_over_and_told_of() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    member.commit(0, 1);
    member.heard.is_told_of(0, 1).unwrap();
    zookeeper.put("/consumers/readers/offsets/lines/0", "99");
    member.commit(0, 2);
    member.heard.is_told_of(0, 2).unwrap();
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("2"));
    let told = "offset_overwritten: lines-0: 99 by somebody else, 2 now";
    assert!(member.heard.calls().iter().any(|call| call == told), "{:?}", member.heard.calls());
}

#[test]
fn nothing_is_committed_over_the_offset_of_one_who_has_taken_the_owner_node() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    member.commit(0, 1);
    member.heard.is_told_of(0, 1).unwrap();
    // Somebody thinks that it is theirs, and commits.
    zookeeper.put("/consumers/readers/offsets/lines/0", "50");
    zookeeper.delete("/consumers/readers/owners/lines/0");
    zookeeper.put("/consumers/readers/owners/lines/0", "readers_thief-0");
    member.commit(0, 2);
    assert!(fenced(&member.heard.is_told_of(0, 2)));
    member.has(&[]);
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("50"));
    zookeeper.delete("/consumers/readers/owners/lines/0");
    member.has(&[0]);
}

#[test]
fn a_commit_whose_reply_is_lost_counts_as_done_when_the_node_has_it() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    member.commit(0, 1);
    member.heard.is_told_of(0, 1).unwrap();
    zookeeper.on(Operation::SET_DATA).done_but_reply_lost();
    member.commit(0, 2);
    member.heard.is_told_of(0, 2).unwrap();
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("2"));
    assert!(!member.heard.calls().iter().any(|call| call.starts_with("offset_overwritten")));
    assert_eq!(zookeeper.requests_of(Operation::SET_DATA).len(), 2, "it is not written again");
    zookeeper.assert_all_fired();
}

#[test]
fn what_is_no_offset_is_an_error_that_names_node_group_and_member() {
    let zookeeper = zookeeper(1);
    zookeeper.put("/consumers/readers/offsets/lines/0", "many");
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    let error = member.committed(0).unwrap_err().to_string();
    for part in ["/consumers/readers/offsets/lines/0", "\"many\"", "readers_one", &zookeeper.connect_string()]
    {
        assert!(error.contains(part), "{error}");
    }
    // A tool's word for none.
    zookeeper.put("/consumers/readers/offsets/lines/0", "-1");
    assert_eq!(member.committed(0).unwrap(), None);
}

#[test]
fn what_was_given_to_be_committed_goes_out_before_its_partition_is_given_up() {
    let zookeeper = zookeeper(2);
    let one = Member::join(&zookeeper, "one");
    one.has(&[0, 1]);
    // The member looks at the group for a while, so that the offset waits when the partition goes.
    let view = zookeeper
        .on(Operation::GET_CHILDREN_2)
        .path("/consumers/readers/ids")
        .delay(Duration::from_millis(300));
    let two = Member::join(&zookeeper, "two");
    assert!(view.wait(1, WAIT));
    one.commit(1, 9);
    two.has(&[1]);
    assert_eq!(two.committed(1).unwrap(), Some(9));
}

#[test]
fn what_was_given_before_a_session_ended_does_not_go_out_under_the_next_one() {
    let zookeeper = zookeeper(1);
    let member = Member::join(&zookeeper, "one");
    member.has(&[0]);
    member.commit(0, 1);
    member.heard.is_told_of(0, 1).unwrap();
    // The member waits for a connection to commit, and what is done meanwhile waits for the member.
    let session = session_of(&zookeeper, "one");
    zookeeper.stop(1);
    member.commit(0, 2);
    while !member.group().has_taken_all() {
        std::thread::yield_now();
    }
    member.commit(0, 3);
    zookeeper.expire(session);
    zookeeper.put("/consumers/readers/offsets/lines/0", "50");
    zookeeper.start_again(1).unwrap();
    assert!(fenced(&member.heard.is_told_of(0, 3)));
    member.heard.wait_for("to be back", |state| {
        (state.calls.iter().filter(|call| *call == "assigned [0]").count() == 2).then_some(())
    });
    assert_eq!(stored(&zookeeper, 0).as_deref(), Some("50"));
}
