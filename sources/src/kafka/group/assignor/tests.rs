//! What must hold of every way to share out, for random groups, and what Java's assignors make of some.

use proptest::prelude::*;

use super::*;

fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> GroupMember {
    GroupMember {
        id: id.to_owned(),
        instance: instance.map(ToOwned::to_owned),
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
    }
}

fn counts(of: &[(&str, i32)]) -> Counts {
    of.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect()
}

fn shown(shares: &Shares) -> Vec<String> {
    let list = |partitions: &Vec<TopicPartition>| {
        partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    shares.iter().map(|(id, partitions)| format!("{id}: {}", list(partitions))).collect()
}

#[test]
fn a_range_is_a_run_of_each_topic_and_the_first_members_get_one_more() {
    let members = [member("b", None, &["t", "u"]), member("a", None, &["t", "u"]), member("c", None, &["u"])];
    let shares = Assignor::Range.assign(&counts(&[("t", 3), ("u", 4)]), &members);
    assert_eq!(shown(&shares), ["a: t-0 t-1 u-0 u-1", "b: t-2 u-2", "c: u-3"]);
}

#[test]
fn a_round_robin_goes_on_from_topic_to_topic() {
    let members = [member("a", None, &["t", "u"]), member("b", None, &["u"]), member("c", None, &["t", "u"])];
    let shares = Assignor::RoundRobin.assign(&counts(&[("t", 3), ("u", 3)]), &members);
    assert_eq!(shown(&shares), ["a: t-0 t-2 u-2", "b: u-0", "c: t-1 u-1"]);
}

#[test]
fn members_that_keep_a_name_come_first_in_the_order_of_names() {
    let members = [member("a", None, &["t"]), member("z", Some("1"), &["t"]), member("y", Some("2"), &["t"])];
    let shares = Assignor::Range.assign(&counts(&[("t", 4)]), &members);
    assert_eq!(shown(&shares), ["a: t-3", "y: t-2", "z: t-0 t-1"]);
}

#[test]
fn what_a_member_says_is_read_back() {
    for (assignor, _, _) in NAMES {
        let topics: BTreeSet<Arc<str>> = [Arc::from("t"), Arc::from("u")].into();
        let partitions = [TopicPartition::new("t", 3), TopicPartition::new("t", 1)].into();
        let said = assignor.subscription(&topics, Held { partitions: &partitions, generation: 7 }).unwrap();
        let read = assignor.member("m", Some("i"), &said).unwrap();
        assert_eq!((&*read.id, read.instance.as_deref(), &read.topics), ("m", Some("i"), &topics));
        assert!(assignor.member("m", None, &said[..said.len() - 1]).is_err(), "{assignor}");
    }
}

#[test]
fn a_share_is_read_back_and_none_is_empty() {
    let partitions =
        vec![TopicPartition::new("t", 1), TopicPartition::new("t", 2), TopicPartition::new("u", 0)];
    let bytes = encode_share(&partitions).unwrap();
    assert_eq!(decode_share(&bytes), Ok(partitions.into_iter().collect()));
    assert_eq!(decode_share(b""), Ok(BTreeSet::new()));
    assert!(decode_share(b"\0").is_err());
}

#[test]
fn assignors_are_known_by_both_their_names() {
    for (assignor, name, class) in NAMES {
        assert_eq!(Assignor::named(name), Some(*assignor));
        assert_eq!(assignor.to_string(), *name);
        let java = format!("org.apache.kafka.clients.consumer.{class}, {name}");
        assert_eq!(Assignor::parse_list(&java), Ok(vec![*assignor]));
    }
    assert!(Assignor::parse_list("ranges").unwrap_err().contains("did you mean range?"));
    assert!(Assignor::parse_list(" ,").is_err());
}

/// Topics with partitions, and members with different subscriptions.
fn groups() -> impl Strategy<Value = (Counts, Vec<GroupMember>)> {
    let topics = prop::collection::vec(0..9i32, 1..5);
    let members = prop::collection::vec((0..3u8, prop::collection::btree_set(0..5usize, 0..4)), 1..7);
    (topics, members).prop_map(|(topics, members)| {
        let name = |number: usize| -> Arc<str> { format!("t{number}").into() };
        let counts = topics.iter().enumerate().map(|(at, count)| (name(at), *count)).collect();
        let member = |(at, (kind, topics)): (usize, (u8, BTreeSet<usize>))| GroupMember {
            id: format!("m{}", (at * 5) % 7),
            instance: (kind == 0).then(|| format!("i{}", (at * 3) % 7)),
            topics: topics.into_iter().map(name).collect(),
        };
        (counts, members.into_iter().enumerate().map(member).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_partition_goes_to_one_member_that_subscribes((counts, members) in groups()) {
        for (assignor, _, _) in NAMES {
            let shares = assignor.assign(&counts, &members);
            prop_assert_eq!(shares.len(), members.len());
            let mut seen = BTreeSet::new();
            for member in &members {
                for partition in &shares[&member.id] {
                    prop_assert!(member.topics.contains(&partition.topic), "{}: {}", assignor, partition);
                    prop_assert!(seen.insert(partition.clone()), "{}: {} twice", assignor, partition);
                }
            }
            let wanted = |topic: &Arc<str>| members.iter().any(|member| member.topics.contains(topic));
            let all: i32 = counts.iter().filter(|(topic, _)| wanted(topic)).map(|(_, count)| *count).sum();
            prop_assert_eq!(seen.len(), usize::try_from(all).unwrap());
        }
    }

    #[test]
    fn members_with_the_same_subscription_get_as_much((counts, mut members) in groups()) {
        let all: BTreeSet<_> = counts.keys().cloned().collect();
        members.iter_mut().for_each(|member| member.topics = all.clone());
        for (assignor, _, _) in NAMES {
            let shares = assignor.assign(&counts, &members);
            let sizes: Vec<_> = shares.values().map(Vec::len).collect();
            let difference = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
            // A range is fair to each topic.
            let fair = if *assignor == Assignor::Range { counts.len() } else { 1 };
            prop_assert!(difference <= fair, "{}: {:?}", assignor, sizes);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (assignor, _, _) in NAMES {
            let _ = assignor.member("m", None, &bytes);
        }
        let _ = decode_share(&bytes);
    }
}
