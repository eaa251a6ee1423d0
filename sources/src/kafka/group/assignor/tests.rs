//! What must hold of every way to share out, for random groups, and what Java's assignors make of some.

use proptest::prelude::*;

use super::*;

fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> GroupMember {
    GroupMember {
        id: id.to_owned(),
        instance: instance.map(ToOwned::to_owned),
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        owned: BTreeSet::new(),
        generation: -1,
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

/// A line of the table that Java's assignors wrote.
struct Golden {
    assignor: Assignor,
    counts: Counts,
    members: Vec<GroupMember>,
    shares: Shares,
}

fn partitions(text: &str) -> Vec<TopicPartition> {
    let one = |name: &str| {
        let (topic, number) = name.split_once('-').unwrap();
        TopicPartition::new(topic, number.parse().unwrap())
    };
    text.split(',').filter(|name| !name.is_empty()).map(one).collect()
}

impl Golden {
    fn read(line: &str) -> Self {
        let [head, members, shares] = &line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (assignor, topics) = head.split_once(' ').unwrap();
        let count = |topic: &str| {
            let (name, count) = topic.split_once('=').unwrap();
            (Arc::from(name), count.parse().unwrap())
        };
        let member = |text: &str| {
            let [id, instance, topics, owned, generation] = text.split('/').collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            GroupMember {
                owned: partitions(owned).into_iter().collect(),
                generation: generation.parse().unwrap(),
                ..member(
                    id,
                    Some(instance).filter(|id| !id.is_empty()),
                    &topics.split(',').collect::<Vec<_>>(),
                )
            }
        };
        let share = |text: &str| {
            let (id, list) = text.split_once('/').unwrap();
            (id.to_owned(), partitions(list))
        };
        Self {
            assignor: Assignor::named(assignor).unwrap(),
            counts: topics.split(',').map(count).collect(),
            members: members.split(' ').map(member).collect(),
            shares: shares.split(' ').map(share).collect(),
        }
    }

    fn ours(&self) -> Shares {
        let mut shares = self.assignor.assign(&self.counts, &self.members);
        shares.values_mut().for_each(|share| share.sort());
        shares
    }
}

#[test]
fn the_shares_are_those_of_javas_assignors() {
    let table = include_str!("../../../../golden/assignors/shares.txt");
    let mut differ = Vec::new();
    for line in table.lines() {
        let golden = Golden::read(line);
        let ours = golden.ours();
        if ours != golden.shares {
            differ.push(format!("{line}\n   ours {:?}", shown(&ours)));
        }
    }
    assert!(differ.is_empty(), "{} differ: {}", differ.len(), differ.join("\n"));
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
            owned: BTreeSet::new(),
            generation: -1,
        };
        (counts, members.into_iter().enumerate().map(member).collect())
    })
}

/// The members as they come to the next generation, with what they had in the last.
fn again(members: &[GroupMember], shares: &Shares, generation: i32) -> Vec<GroupMember> {
    let with_share = |member: &GroupMember| GroupMember {
        owned: shares.get(&member.id).into_iter().flatten().cloned().collect(),
        generation: if shares.contains_key(&member.id) { generation } else { -1 },
        ..member.clone()
    };
    members.iter().map(with_share).collect()
}

const STICKY: [Assignor; 2] = [Assignor::Sticky, Assignor::CooperativeSticky];

#[test]
fn of_two_claims_the_newer_counts_and_of_two_of_the_same_age_none() {
    let both = |one: i32, other: i32| {
        let claim = |id: &str, generation| GroupMember {
            owned: partitions("t-0").into_iter().collect(),
            generation,
            ..member(id, None, &["t"])
        };
        let members = [claim("a", one), claim("b", other)];
        shown(&Assignor::CooperativeSticky.assign(&counts(&[("t", 2)]), &members))
    };
    assert_eq!(both(5, 4), ["a: t-0", "b: t-1"]);
    assert_eq!(both(4, 5), ["a: t-1", "b: t-0"]);
    assert_eq!(both(5, 5), ["a: ", "b: t-1"], "it is given once both have given it up");
}

/// Found by fuzzing.
#[test]
fn a_partition_of_a_negative_number_that_a_member_says_it_had_is_not_given() {
    super::hostile::share_among_strangers(&[
        2, 15, 48, 0, 2, 0, 0, 0, 1, 0, 1, 97, 0, 0, 0, 27, 0, 0, 0, 1, 0, 1, 97, 0, 0, 0, 3, 0, 0, 0, 0, 0,
        0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 255, 255, 255, 255, 36, 0, 0, 0, 0, 0, 1, 0, 1, 97, 0,
        0, 0, 23, 0, 0, 0, 1, 0, 1, 97, 0, 0, 0, 2, 0, 0, 0, 2, 255, 255, 255, 255, 255, 255, 255, 15, 0, 0,
        0, 32, 0, 0, 0, 5,
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_moves_where_nothing_has_changed((counts, members) in groups()) {
        for assignor in STICKY {
            let first = assignor.assign(&counts, &members);
            let second = assignor.assign(&counts, &again(&members, &first, 1));
            let sorted = |shares: &Shares| -> Vec<BTreeSet<TopicPartition>> {
                shares.values().map(|share| share.iter().cloned().collect()).collect()
            };
            prop_assert_eq!(sorted(&first), sorted(&second), "{}", assignor);
        }
    }

    #[test]
    fn only_what_goes_to_somebody_new_moves_where_all_subscribe_to_the_same(
        (counts, mut members) in groups(), gone in 0..7usize,
    ) {
        let all: BTreeSet<_> = counts.keys().cloned().collect();
        members.iter_mut().for_each(|member| member.topics = all.clone());
        let first = Assignor::Sticky.assign(&counts, &members);
        let mut fewer = again(&members, &first, 1);
        if fewer.len() > 1 {
            fewer.remove(gone % members.len());
        }
        let second = Assignor::Sticky.assign(&counts, &fewer);
        for member in &fewer {
            let kept = |partition: &&TopicPartition| second[&member.id].contains(partition);
            prop_assert_eq!(first[&member.id].iter().filter(kept).count(), first[&member.id].len());
        }
    }

    #[test]
    fn what_somebody_has_to_give_up_is_given_in_one_of_the_next_rounds((counts, members) in groups(), seed: u64) {
        let all: Vec<_> = counts.iter().flat_map(|(topic, count)| {
            (0..*count).map(|number| TopicPartition::new(Arc::clone(topic), number))
        }).collect();
        let mut before = Shares::new();
        for (at, partition) in all.iter().enumerate() {
            let member = &members[(seed.rotate_left(at as u32 * 7) % members.len() as u64) as usize];
            before.entry(member.id.clone()).or_default().push(partition.clone());
        }
        let members = again(&members, &before, 1);
        let first = Assignor::CooperativeSticky.assign(&counts, &members);
        for (id, share) in &first {
            let others = members.iter().filter(|member| member.id != *id);
            let theirs: BTreeSet<_> = others.flat_map(|member| &member.owned).collect();
            prop_assert!(share.iter().all(|partition| !theirs.contains(partition)));
        }
        // One more round, unless the even shares of members that subscribe to different topics look otherwise then.
        let mut last = first;
        for generation in 2..6 {
            last = Assignor::CooperativeSticky.assign(&counts, &again(&members, &last, generation));
        }
        let wanted = |topic: &Arc<str>| members.iter().any(|member| member.topics.contains(topic));
        let count = all.iter().filter(|partition| wanted(&partition.topic)).count();
        prop_assert_eq!(last.values().map(Vec::len).sum::<usize>(), count);
    }

    #[test]
    fn no_single_move_makes_sticky_shares_more_even((counts, members) in groups()) {
        let shares = Assignor::Sticky.assign(&counts, &members);
        for member in &members {
            let size = shares[&member.id].len();
            for (_, share) in shares.iter().filter(|(_, share)| share.len() > size + 1) {
                prop_assert!(share.iter().all(|partition| !member.topics.contains(&partition.topic)));
            }
        }
    }

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
