//! Topics, offsets, groups.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::fake::kafka::{ApiKey, ErrorCode, FakeRecord, Profile};
use crate::kafka::KafkaError;
use crate::kafka::client::transport::{Committed, OffsetAt, PartitionInfo, TopicError, TopicFilter};

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

#[test]
fn topics_come_in_the_order_asked_for_and_an_unknown_one_is_not_created() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder()
            .profile(profile)
            .brokers(2)
            .topic("a", 1)
            .topic("b", 3)
            .auto_create(true)
            .start()
            .unwrap();
        let found = client(&kafka).topics(TopicFilter::Names(&names(&["b", "oops", "a"])), soon()).unwrap();
        let seen: Vec<_> =
            found.iter().map(|topic| (&*topic.name, topic.partitions.len(), topic.error)).collect();
        assert_eq!(
            seen,
            [("b", 3, None), ("oops", 0, Some(TopicError::Unknown)), ("a", 1, None)],
            "{profile}"
        );
        assert_eq!(kafka.topics(), ["a", "b"], "{profile}");
        assert_eq!(found[0].id.is_some(), profile >= Profile::V2_8, "{profile}");
        let PartitionInfo { leader, leader_epoch, .. } = found[0].partitions[2];
        assert_eq!(leader, kafka.leader("b", 2).unwrap(), "{profile}");
        assert_eq!(leader_epoch.is_some(), profile >= Profile::V2_4, "{profile}");
    }
}

#[test]
fn all_topics_can_be_asked_for() {
    for profile in [Profile::V0_8, Profile::V0_10, Profile::V4_3] {
        let kafka = FakeKafka::builder().profile(profile).topic("a", 1).topic("b", 1).start().unwrap();
        let mut found = client(&kafka).topics(TopicFilter::All, soon()).unwrap();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(found.iter().map(|topic| &*topic.name).collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn offsets_of_several_leaders_come_in_the_order_asked_for() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).brokers(3).topic("t", 3).start().unwrap();
        for number in 0..3 {
            store(&kafka, "t", number, 0, 10 * (number as usize + 1));
        }
        kafka.set_log_start("t", 1, 4).unwrap();
        let at = [
            (partition("t", 2), OffsetAt::Latest),
            (partition("t", 1), OffsetAt::Earliest),
            (partition("t", 1), OffsetAt::Latest),
            (partition("t", 9), OffsetAt::Latest),
            (partition("oops", 0), OffsetAt::Latest),
        ];
        let found = client(&kafka).offsets(&at, soon()).unwrap();
        let offset = |place: usize| found[place].1.as_ref().unwrap().unwrap().offset;
        assert_eq!([offset(0), offset(1), offset(2)], [30, 4, 20], "{profile}");
        assert!(matches!(found[3].1, Err(KafkaError::UnknownPartition { partitions: 3, .. })), "{profile}");
        assert!(matches!(found[4].1, Err(KafkaError::UnknownTopic { .. })), "{profile}");
    }
}

#[test]
fn offsets_are_found_by_time() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).topic("t", 1).start().unwrap();
        for at in [1_000, 2_000, 3_000] {
            kafka.produce("t", 0, [FakeRecord::new("v").timestamp(at)]).unwrap();
        }
        let time = |ms| (partition("t", 0), OffsetAt::Time(ms));
        let found = client(&kafka).offsets(&[time(1), time(1_500), time(3_001)], soon()).unwrap();
        let offsets: Vec<_> =
            found.iter().map(|(_, found)| found.as_ref().unwrap().map(|found| found.offset)).collect();
        if profile >= Profile::V0_10 {
            assert_eq!(offsets, [Some(0), Some(1), None], "{profile}");
        } else {
            // By segment: never behind what was asked for.
            assert_eq!(offsets[0], Some(0), "{profile}");
            assert!(offsets[1] <= Some(1) && offsets[1].is_some(), "{profile}: {offsets:?}");
        }
    }
}

#[test]
fn offsets_are_asked_for_again_when_the_leader_has_moved() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 1).start().unwrap();
    store(&kafka, "t", 0, 0, 5);
    let client = client(&kafka);
    let at = [(partition("t", 0), OffsetAt::Latest)];
    let latest = |found: Vec<(_, crate::kafka::client::transport::FoundOffsetResult)>| {
        found[0].1.clone().unwrap().unwrap().offset
    };
    assert_eq!(latest(client.offsets(&at, soon()).unwrap()), 5);
    let other = 3 - kafka.leader("t", 0).unwrap().unwrap();
    kafka.move_leader("t", 0, other).unwrap();
    assert_eq!(latest(client.offsets(&at, soon()).unwrap()), 5);
}

#[test]
fn a_partition_without_a_leader_has_an_error_of_its_own() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    kafka.lose_leader("t", 1).unwrap();
    let at = [(partition("t", 0), OffsetAt::Latest), (partition("t", 1), OffsetAt::Latest)];
    let found = client(&kafka).offsets(&at, Deadline::after(Duration::from_millis(200))).unwrap();
    assert!(found[0].1.is_ok());
    assert!(matches!(found[1].1, Err(KafkaError::NoLeader { .. })), "{:?}", found[1].1);
}

#[test]
fn what_was_committed_can_be_read() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).brokers(2).topic("t", 2).start().unwrap();
        let client = client(&kafka);
        let leader_epoch = Some(3).filter(|_| profile >= Profile::V2_4);
        let committed = Committed { offset: 7, leader_epoch, metadata: "me".to_owned() };
        client.commit("g", &[(partition("t", 1), committed.clone())], soon()).unwrap();
        let found = client.committed("g", &[partition("t", 0), partition("t", 1)], soon()).unwrap();
        assert_eq!(found, [(partition("t", 0), None), (partition("t", 1), Some(committed))], "{profile}");
    }
}

#[test]
fn a_coordinator_that_moves_is_found_again() {
    let kafka = FakeKafka::builder().brokers(3).topic("t", 1).start().unwrap();
    let client = client(&kafka);
    let commit = |offset| {
        let committed = Committed::at(offset);
        client.commit("g", &[(partition("t", 0), committed)], soon()).unwrap();
    };
    for broker in kafka.brokers() {
        kafka.move_coordinator("g", broker).unwrap();
        commit(broker.into());
        assert_eq!(kafka.committed("g", "t", 0).map(|committed| committed.offset), Some(broker.into()));
    }
    kafka.on(ApiKey::OFFSET_COMMIT).fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    kafka.on(ApiKey::FIND_COORDINATOR).fail(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    commit(99);
    assert_eq!(kafka.committed("g", "t", 0).map(|committed| committed.offset), Some(99));
}

#[test]
fn a_group_with_members_is_named() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    kafka.on(ApiKey::OFFSET_COMMIT).fail(ErrorCode::UNKNOWN_MEMBER_ID);
    let committed = Committed::at(1);
    let error = client(&kafka).commit("g", &[(partition("t", 0), committed)], soon()).unwrap_err();
    assert!(matches!(&error, KafkaError::ForeignGroup { group, .. } if &**group == "g"), "{error}");
    assert_eq!(
        error.to_string(),
        "offsets of the group \"g\" are committed by members of the group too; end that first (a member that was \
         killed stays until its session ends), or use another group.id"
    );
}

#[test]
fn a_connection_that_was_closed_while_idle_is_opened_again() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let client = client(&kafka);
    let ask = || client.topics(TopicFilter::Names(&names(&["t"])), soon()).unwrap();
    ask();
    kafka.disconnect_clients(kafka.brokers()[0]).unwrap();
    assert_eq!(ask().len(), 1);
}

#[test]
fn an_advertised_address_that_leads_nowhere_comes_with_a_hint() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    // Port 1 is not listened at, and needs no name to be resolved.
    kafka.advertise(kafka.brokers()[0], "127.0.0.1", 1).unwrap();
    let at = [(partition("t", 0), OffsetAt::Latest)];
    let found = client(&kafka).offsets(&at, Deadline::after(Duration::from_millis(200))).unwrap();
    let error = found[0].1.clone().unwrap_err();
    assert!(matches!(error, KafkaError::UnreachableAdvertised { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&kafka.bootstrap())
            && text.contains("127.0.0.1:1")
            && text.contains("advertised.listeners"),
        "{text}"
    );
}

#[test]
fn closing_ends_what_is_waited_for() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let client = Arc::new(client(&kafka));
    let fault = kafka.on(ApiKey::METADATA).silence();
    let asking = Arc::clone(&client);
    let asked = std::thread::spawn(move || asking.topics(TopicFilter::All, soon()));
    assert!(fault.wait(1, WAIT));
    client.close();
    assert!(matches!(asked.join().unwrap(), Err(KafkaError::Stopped)));
    assert!(matches!(client.topics(TopicFilter::All, soon()), Err(KafkaError::Stopped)));
}
