//! Which partitions a member gets, from what all members say of themselves: the range assignor of old consumers
//! (`kafka.consumer.RangeAssignor`). Pure. Every member computes its own share, so that all have to come to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::nodes::Registration;
use crate::kafka::TopicPartition;

/// A group as its nodes show it.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    /// By their ids.
    pub(super) members: BTreeMap<Arc<str>, Registration>,
    /// The partitions of the topics that this member reads.
    pub(super) topics: BTreeMap<Arc<str>, BTreeSet<i32>>,
}

/// A member's partitions, each with the number of the thread that reads it.
pub(super) type Share = BTreeMap<TopicPartition, u32>;

impl Roster {
    /// The share of a member: for each topic the threads of all that read it stand in the order of their names, and the
    /// partitions in that of their numbers; each thread gets an equal run of them, and the first ones get one more.
    pub(super) fn share(&self, member: &str) -> Share {
        let mut share = Share::new();
        for (topic, partitions) in &self.topics {
            let mut threads: Vec<(String, &str, u32)> = self
                .members
                .iter()
                .flat_map(|(id, registration)| {
                    (0..registration.threads(topic)).map(move |n| (thread_name(id, n), &**id, n))
                })
                .collect();
            threads.sort_by(|a, b| java_order(&a.0, &b.0));
            let Some(each) = partitions.len().checked_div(threads.len()) else { continue };
            let extra = partitions.len() % threads.len();
            let mut numbers = partitions.iter();
            for (position, (_, id, thread)) in threads.iter().enumerate() {
                let run = numbers.by_ref().take(each + usize::from(position < extra));
                if *id == member {
                    let name = |number: &i32| TopicPartition::new(Arc::clone(topic), *number);
                    share.extend(run.map(|number| (name(number), *thread)));
                } else {
                    run.for_each(drop);
                }
            }
        }
        share
    }
}

/// What a thread of a member is called.
pub(super) fn thread_name(member: &str, thread: u32) -> String {
    format!("{member}-{thread}")
}

/// The order of Java's strings: by units of UTF-16.
fn java_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roster(members: &[(&str, u32)], partitions: i32) -> Roster {
        let topic: Arc<str> = "t".into();
        let registration = |threads| Registration::Named(BTreeMap::from([(Arc::clone(&topic), threads)]));
        Roster {
            members: members.iter().map(|(id, threads)| (Arc::from(*id), registration(*threads))).collect(),
            topics: BTreeMap::from([(Arc::clone(&topic), (0..partitions).collect())]),
        }
    }

    fn numbers(share: &Share) -> Vec<(i32, u32)> {
        share.iter().map(|(partition, thread)| (partition.partition, *thread)).collect()
    }

    /// The example in the documentation of Kafka's assignor.
    #[test]
    fn five_partitions_go_to_two_members_of_two_threads() {
        let group = roster(&[("c1", 2), ("c2", 2)], 5);
        assert_eq!(numbers(&group.share("c1")), [(0, 0), (1, 0), (2, 1)]);
        assert_eq!(numbers(&group.share("c2")), [(3, 0), (4, 1)]);
    }

    #[test]
    fn threads_stand_in_the_order_of_their_names_not_their_numbers() {
        let group = roster(&[("c", 11)], 11);
        let threads: Vec<u32> = group.share("c").into_values().collect();
        assert_eq!(threads, [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9]);
        // As UTF-16 the first one is smaller, as UTF-8 the other.
        let group = roster(&[("\u{10000}", 1), ("\u{ffff}", 1)], 1);
        assert_eq!(numbers(&group.share("\u{10000}")), [(0, 0)]);
    }

    #[test]
    fn who_does_not_read_a_topic_gets_nothing_of_it() {
        let mut group = roster(&[("a", 1), ("b", 1)], 2);
        let other = Registration::Named(BTreeMap::from([("u".into(), 1)]));
        group.members.insert("c".into(), other);
        assert_eq!(group.share("c"), Share::new());
        assert_eq!(numbers(&group.share("b")), [(1, 0)]);
        assert_eq!(roster(&[], 2).share("a"), Share::new());
    }

    proptest! {
        #[test]
        fn every_partition_goes_to_one_thread_and_none_has_two_more_than_another(
            threads in prop::collection::vec(1_u32..13, 1..6),
            partitions in 0..40,
        ) {
            let names: Vec<String> = (0..threads.len()).map(|n| format!("g_host{n}-{}", n * 7 % 5)).collect();
            let members: Vec<_> = names.iter().map(String::as_str).zip(threads).collect();
            let group = roster(&members, partitions);
            let mut owners = BTreeMap::new();
            let mut counts = BTreeMap::new();
            for (id, threads) in &members {
                (0..*threads).for_each(|thread| { counts.insert((*id, thread), 0); });
                for (partition, thread) in numbers(&group.share(id)) {
                    prop_assert!(owners.insert(partition, (*id, thread)).is_none());
                    *counts.get_mut(&(*id, thread)).expect("a thread of the member") += 1;
                }
            }
            prop_assert_eq!(owners.into_keys().collect::<Vec<_>>(), (0..partitions).collect::<Vec<_>>());
            let (least, most) = (counts.values().min(), counts.values().max());
            prop_assert!(most.unwrap() - least.unwrap() <= 1);
        }
    }
}
