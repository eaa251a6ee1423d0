//! What is known of the cluster: its brokers, its topics, who leads their partitions. Built from answers to Metadata, and
//! shared by all threads of a client, behind a lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::address::Address;
use super::transport::{PartitionInfo, TopicError, TopicInfo};
use crate::kafka::TopicPartition;
use crate::kafka::wire::ErrorCode;

/// So many answers in a row with an older epoch are believed: a topic made anew on a broker without topic ids begins with
/// epoch 0 again, whereas a broker that lags behind catches up.
const BELIEVED_AFTER: u32 = 5;

/// A broker, as the cluster names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerInfo {
    pub(crate) address: Address,
    pub(crate) rack: Option<String>,
}

/// What one answer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetadataAnswer {
    pub(crate) brokers: BTreeMap<i32, BrokerInfo>,
    /// Those that were asked for, with their errors.
    pub(crate) topics: Vec<TopicInfo>,
    /// All were asked for: others do not exist.
    pub(crate) is_all: bool,
    /// Whether the cluster's epochs of leaders can be relied on: from 2.4 on.
    pub(crate) epochs: bool,
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct ClusterView {
    brokers: BTreeMap<i32, BrokerInfo>,
    topics: HashMap<Arc<str>, Known>,
    /// Topics that were there and are said to be gone, and since when.
    missed: HashMap<Arc<str>, Mono>,
    epochs: bool,
}

#[derive(Debug)]
struct Known {
    info: TopicInfo,
    /// Of the last answer about it.
    since: Mono,
    /// How many answers in a row were older, by partition.
    older: HashMap<i32, u32>,
}

impl ClusterView {
    /// Doubts for so long that a topic is gone which was there: the answer then says so with an error that may pass. A broker
    /// that has just started tells of no topic until its controller has told it of them (seen on 0.8.2, 2.8 and 3.9).
    pub(crate) fn doubt(&mut self, answer: &mut MetadataAnswer, now: Mono, patience: Duration) {
        self.missed.retain(|_, since| now - *since < patience);
        for topic in &mut answer.topics {
            if topic.error != Some(TopicError::Unknown) {
                self.missed.remove(&topic.name);
                continue;
            }
            if !patience.is_zero() && self.topics.contains_key(&topic.name) {
                self.missed.insert(Arc::clone(&topic.name), now);
            }
            if self.missed.contains_key(&topic.name) {
                topic.error = Some(TopicError::Broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
            }
        }
    }

    /// Takes what an answer says, but for partitions of which a newer leader is known already.
    pub(crate) fn merge(&mut self, answer: MetadataAnswer, now: Mono) {
        if !answer.brokers.is_empty() {
            self.brokers = answer.brokers;
        }
        self.epochs = answer.epochs;
        if answer.is_all {
            let names: HashSet<_> = answer.topics.iter().map(|topic| &topic.name).collect();
            let missed = &mut self.missed;
            self.topics.retain(|name, _| {
                let is_there = names.contains(name);
                if !is_there {
                    missed.insert(Arc::clone(name), now);
                }
                is_there
            });
        }
        for topic in answer.topics {
            if topic.error.is_some() {
                self.topics.remove(&topic.name);
                continue;
            }
            match self.topics.get_mut(&topic.name) {
                Some(known) => known.merge(topic, now),
                None => {
                    let known = Known { info: topic, since: now, older: HashMap::new() };
                    self.topics.insert(Arc::clone(&known.info.name), known);
                }
            }
        }
    }

    /// The brokers, by number.
    pub(crate) fn brokers(&self) -> &BTreeMap<i32, BrokerInfo> {
        &self.brokers
    }

    /// Whether epochs of leaders can be relied on.
    pub(crate) fn has_epochs(&self) -> bool {
        self.epochs
    }

    /// What is known of a topic.
    pub(crate) fn topic(&self, name: &str) -> Option<&TopicInfo> {
        self.topics.get(name).map(|known| &known.info)
    }

    /// When the last answer about a topic came.
    pub(crate) fn known_since(&self, name: &str) -> Option<Mono> {
        self.topics.get(name).map(|known| known.since)
    }

    /// What is known of a partition.
    pub(crate) fn partition(&self, partition: &TopicPartition) -> Option<PartitionInfo> {
        self.topic(&partition.topic)?.partition(partition.partition).copied()
    }

    /// Who leads a partition, if its address is known too.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<i32> {
        self.partition(partition)?.leader.filter(|node| self.brokers.contains_key(node))
    }
}

impl TopicInfo {
    /// One of its partitions.
    pub(crate) fn partition(&self, number: i32) -> Option<&PartitionInfo> {
        let at = self.partitions.binary_search_by_key(&number, |known| known.partition);
        at.ok().map(|at| &self.partitions[at])
    }
}

impl Known {
    fn merge(&mut self, mut new: TopicInfo, now: Mono) {
        self.since = now;
        let same_topic = new.id.is_none() || new.id == self.info.id;
        if !same_topic {
            self.older.clear();
        } else {
            for partition in &mut new.partitions {
                self.keep_newer(partition);
            }
            new.id = self.info.id;
        }
        self.info = new;
    }

    /// Keeps what is known of a partition where an answer is older.
    fn keep_newer(&mut self, partition: &mut PartitionInfo) {
        let Some(known) = self.info.partition(partition.partition) else { return };
        if partition.leader_epoch >= known.leader_epoch || partition.leader_epoch.is_none() {
            self.older.remove(&partition.partition);
            return;
        }
        let older = self.older.entry(partition.partition).or_default();
        *older += 1;
        if *older >= BELIEVED_AFTER {
            self.older.remove(&partition.partition);
        } else {
            *partition = *known;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::TopicId;
    use crate::kafka::client::transport::TopicError;

    fn topic(id: Option<u8>, partitions: &[(i32, Option<i32>, Option<i32>)]) -> TopicInfo {
        TopicInfo {
            name: "t".into(),
            id: id.and_then(|id| TopicId::from_bytes([id; 16])),
            internal: false,
            partitions: partitions
                .iter()
                .map(|&(partition, leader, leader_epoch)| PartitionInfo { partition, leader, leader_epoch })
                .collect(),
            error: None,
        }
    }

    fn view(topics: impl IntoIterator<Item = TopicInfo>) -> ClusterView {
        let mut view = ClusterView::default();
        for topic in topics {
            let broker = |port| BrokerInfo { address: Address::new("h", port), rack: None };
            let brokers = BTreeMap::from([(1, broker(1)), (2, broker(2))]);
            view.merge(
                MetadataAnswer { brokers, topics: vec![topic], is_all: false, epochs: true },
                Mono::default(),
            );
        }
        view
    }

    fn leader(view: &ClusterView) -> Option<i32> {
        view.leader(&TopicPartition::new("t", 0))
    }

    #[test]
    fn an_older_answer_does_not_bring_the_old_leader_back() {
        let new = topic(None, &[(0, Some(2), Some(5))]);
        let old = topic(None, &[(0, Some(1), Some(4))]);
        assert_eq!(leader(&view([new.clone(), old])), Some(2));
        let newer = topic(None, &[(0, Some(1), Some(6))]);
        assert_eq!(leader(&view([new, newer])), Some(1));
    }

    #[test]
    fn without_epochs_the_last_answer_counts() {
        let answers = [topic(None, &[(0, Some(2), None)]), topic(None, &[(0, Some(1), None)])];
        assert_eq!(leader(&view(answers)), Some(1));
    }

    #[test]
    fn an_epoch_that_stays_lower_is_believed_in_the_end() {
        let mut answers = vec![topic(None, &[(0, Some(2), Some(5))])];
        answers.extend(vec![topic(None, &[(0, Some(1), Some(0))]); BELIEVED_AFTER as usize]);
        assert_eq!(leader(&view(answers.iter().take(BELIEVED_AFTER as usize).cloned())), Some(2));
        assert_eq!(leader(&view(answers)), Some(1));
    }

    #[test]
    fn another_topic_id_begins_anew() {
        let view = view([topic(Some(1), &[(0, Some(2), Some(5))]), topic(Some(2), &[(0, Some(1), Some(0))])]);
        assert_eq!(leader(&view), Some(1));
        assert_eq!(view.topic("t").and_then(|topic| topic.id), TopicId::from_bytes([2; 16]));
    }

    #[test]
    fn an_answer_without_ids_keeps_the_id() {
        let view = view([topic(Some(1), &[]), topic(None, &[(0, None, None)])]);
        assert_eq!(view.topic("t").and_then(|topic| topic.id), TopicId::from_bytes([1; 16]));
    }

    #[test]
    fn a_topic_that_is_gone_is_forgotten() {
        let mut gone = topic(None, &[]);
        gone.error = Some(TopicError::Unknown);
        let view = view([topic(None, &[(0, Some(1), None)]), gone]);
        assert_eq!(view.topic("t"), None);
    }

    #[test]
    fn that_a_topic_is_gone_is_believed_after_a_while() {
        let mut view = view([topic(None, &[(0, Some(1), None)])]);
        let mut says = |after_s: u64, error: Option<TopicError>| {
            let mut answer = MetadataAnswer { topics: vec![topic(None, &[])], ..MetadataAnswer::default() };
            answer.topics[0].error = error;
            let now = Mono::default() + Duration::from_secs(after_s);
            view.doubt(&mut answer, now, Duration::from_secs(10));
            view.merge(answer.clone(), now);
            answer.topics[0].error
        };
        let doubted = Some(TopicError::Broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        let gone = Some(TopicError::Unknown);
        assert_eq!([says(0, gone), says(9, gone)], [doubted; 2]);
        assert_eq!([says(9, None), says(10, gone), says(19, gone)], [None, doubted, doubted]);
        assert_eq!([says(20, gone), says(21, gone)], [gone; 2]);
    }

    #[test]
    fn a_topic_that_is_not_among_all_is_forgotten() {
        let mut view = view([topic(None, &[(0, Some(1), None)])]);
        let all = MetadataAnswer { is_all: true, ..MetadataAnswer::default() };
        view.merge(all, Mono::default());
        assert_eq!((view.topic("t"), view.brokers().len()), (None, 2));
    }

    #[test]
    fn a_leader_without_an_address_is_none() {
        assert_eq!(leader(&view([topic(None, &[(0, Some(3), None)])])), None);
        assert_eq!(leader(&view([topic(None, &[(0, None, None)])])), None);
    }
}
