//! Asking the leader of a partition where an epoch of its leaders has ended: what was read up to there is in the log, what
//! was read behind it may have been cut off. Runs on the thread that asks; the fetch threads ask on their own connections, in
//! the same words.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cluster::Target;
use super::control::{Attempt, Control, Use, unanswered};
use super::deadline::Deadline;
use super::offsets::{missing, no_leader};
use super::transport::{EpochEnd, TopicFilter};
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use crate::kafka::{KafkaError, TopicPartition};

impl Control {
    /// Where an epoch of leaders ended.
    pub(crate) fn epoch_end(
        &self,
        partition: &TopicPartition,
        epoch: i32,
        deadline: Deadline,
    ) -> Result<Option<EpochEnd>, KafkaError> {
        let mut is_stale = false;
        self.until(deadline, || {
            let leader = self.leader(partition, is_stale, deadline)?;
            is_stale = true;
            let Some(leader) = leader else { return Ok(None) };
            let asked = vec![(partition, leader.epoch, epoch)];
            let way = (self.cluster.way_out(), deadline);
            let answer = self.ask(&leader.target, Use::Control, |_, _| epoch_request(&asked), way)?;
            let ends = epoch_ends(&answer.answer);
            match ends.get(partition).copied() {
                None => Err(unanswered(&answer.broker, "OffsetForLeaderEpoch", partition)),
                Some((ErrorCode::NONE, end)) => Ok(end),
                Some((code, _)) => Err(self.refused(&answer.broker, "OffsetForLeaderEpoch", partition, code)),
            }
        })
    }

    /// Who leads a partition; `None` where the epochs of its leaders cannot be relied on.
    fn leader(
        &self,
        partition: &TopicPartition,
        is_stale: bool,
        deadline: Deadline,
    ) -> Result<Option<Leader>, Attempt> {
        let known = self.cluster.view().leader(partition);
        if is_stale || known.is_none() {
            let topics = [Arc::clone(&partition.topic)];
            let found = self.ask_topics(TopicFilter::Names(&topics), (self.cluster.way_out(), deadline))?;
            if let Some(error) = found.first().and_then(|topic| missing(partition, topic)) {
                return Err(error.into());
            }
        }
        let (node, info, has_epochs) = {
            let view = self.cluster.view();
            (view.leader(partition), view.partition(partition), view.has_epochs())
        };
        let target = node.and_then(|node| self.cluster.target(node));
        match (target, info.and_then(|info| info.leader_epoch)) {
            (None, _) => Err(Attempt::Again(no_leader(partition))),
            (Some(target), Some(epoch)) if has_epochs => Ok(Some(Leader { target, epoch })),
            (Some(_), _) => Ok(None),
        }
    }
}

struct Leader {
    target: Target,
    epoch: i32,
}

/// A question about epochs: the partition, the epoch of its leader, and the epoch that is asked for.
pub(crate) fn epoch_request(of: &[(&TopicPartition, i32, i32)]) -> OffsetForLeaderEpochRequest {
    let mut topics: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, current_leader_epoch, leader_epoch) in of {
        topics.entry(&name.topic).or_default().push(OffsetForLeaderPartition {
            partition: name.partition,
            current_leader_epoch: *current_leader_epoch,
            leader_epoch: *leader_epoch,
        });
    }
    let topic = |(topic, partitions): (&str, _)| OffsetForLeaderTopic { topic: topic.to_owned(), partitions };
    OffsetForLeaderEpochRequest { replica_id: -1, topics: topics.into_iter().map(topic).collect() }
}

/// The answer to it, by partition. No end: the broker knows nothing of the epoch.
pub(crate) fn epoch_ends(
    answer: &OffsetForLeaderEpochResponse,
) -> HashMap<TopicPartition, (ErrorCode, Option<EpochEnd>)> {
    let mut ends = HashMap::new();
    for topic in &answer.topics {
        let name: Arc<str> = topic.topic.as_str().into();
        for partition in &topic.partitions {
            let is_known = partition.leader_epoch >= 0 && partition.end_offset >= 0;
            let end = EpochEnd { epoch: partition.leader_epoch, end_offset: partition.end_offset };
            let partition_name = TopicPartition::new(Arc::clone(&name), partition.partition);
            ends.insert(partition_name, (partition.error_code, is_known.then_some(end)));
        }
    }
    ends
}
