//! Members that keep a name when they start anew.

use super::*;

fn instance(kafka: &FakeKafka, name: &str) -> Member {
    Member::join_as(params(kafka).instance_id(name))
}

#[test]
fn an_instance_that_is_back_within_its_session_has_its_partitions_without_a_rebalance() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let (first, second) = (instance(&kafka, "1"), instance(&kafka, "2"));
    first.has(&[0]);
    second.has(&[1]);
    await_stable(&kafka);
    let generation = kafka.group(GROUP).unwrap().generation;
    second.done(1, 8);
    second.leave();
    assert_eq!(committed(&kafka, 1), Some(8));
    assert_eq!(kafka.group(GROUP).unwrap().members.len(), 2, "its partitions wait for it");
    let again = instance(&kafka, "2");
    again.has(&[1]);
    assert_eq!(kafka.group(GROUP).unwrap().generation, generation);
    assert_eq!(first.held(), [0].into());
}

#[test]
fn an_instance_whose_name_another_one_takes_fails() {
    let kafka = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let first = instance(&kafka, "1");
    first.has(&[0, 1]);
    let second = instance(&kafka, "1");
    second.has(&[0, 1]);
    let KafkaError::Group { cause, member, .. } = first.fails() else { panic!() };
    assert_eq!(cause, GroupError::InstanceTwice);
    assert!(member.starts_with("1-"), "{member}");
    assert_eq!(first.held(), [].into());
}

#[test]
fn a_broker_before_names_were_kept_is_left_by_an_instance_as_by_any_member() {
    let kafka = FakeKafka::builder().profile(Profile::V1_1).topic("lines", 2).start().unwrap();
    let member = instance(&kafka, "1");
    member.has(&[0, 1]);
    member.leave();
    assert_eq!(kafka.group(GROUP).unwrap().state, GroupState::Empty);
}
