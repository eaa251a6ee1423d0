//! Whether the log still has what was read of it: asked on the fetch connection of the leader when a position is resumed, and
//! whenever the leader has changed. After an election of a replica that lags behind, the log may be shorter than what was
//! read, or have other records at the same offsets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::partition::FetchPartition;
use super::request::FetchPlan;
use crate::kafka::client::connection::Connection;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::metadata::ClusterView;
use crate::kafka::client::transport::{FetchFailure, Want};
use crate::kafka::wire::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use crate::kafka::wire::{ApiKey, ErrorCode};
use crate::kafka::{KafkaError, TopicPartition};

/// A partition of a plan whose log is to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: TopicPartition,
    pub(super) want: Want,
    /// The epoch of the leader.
    pub(super) current: i32,
    /// The epoch of what was read last.
    read: i32,
}

/// Where an epoch of leaders ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EpochEnd {
    /// The epoch that was asked for, or the last one before it that left a record.
    epoch: i32,
    /// The offset behind its last record.
    end_offset: i64,
}

/// What an answer means for a partition.
#[derive(Debug)]
pub(super) enum Finding {
    /// The log has what was read.
    Whole,
    /// It has not.
    Truncated(FetchFailure),
    /// The broker did not say.
    Refused(ErrorCode),
    /// Its answer is about others.
    Unanswered,
}

/// What has to be asked before the plan is sent. What needs no question counts as checked.
pub(super) fn questions(plan: &FetchPlan, own: &mut [FetchPartition], view: &ClusterView) -> Vec<Question> {
    if !view.has_epochs() {
        return Vec::new();
    }
    let mut questions = Vec::new();
    for planned in &plan.partitions {
        let current = view.partition(&planned.name).and_then(|info| info.leader_epoch);
        let partition = own.iter_mut().find(|partition| partition.name == planned.name);
        let (Some(current), Some(partition)) = (current, partition) else { continue };
        if partition.checked_epoch == Some(current) || partition.is_at_follower() {
            continue;
        }
        match planned.want.leader_epoch {
            // Within the epoch of the leader nothing is ever taken back.
            Some(read) if read != current => {
                questions.push(Question { name: planned.name.clone(), want: planned.want, current, read });
            }
            _ => partition.checked_epoch = Some(current),
        }
    }
    questions
}

/// Asks them. `None`: the broker cannot be asked.
pub(super) fn ask(
    connection: &mut Connection,
    questions: &[Question],
    deadline: Deadline,
) -> Result<Option<Vec<Finding>>, KafkaError> {
    let Some(version) = connection.versions.common(ApiKey::OFFSET_FOR_LEADER_EPOCH) else {
        return Ok(None);
    };
    let asked: Vec<_> =
        questions.iter().map(|question| (&question.name, question.current, question.read)).collect();
    let answer: OffsetForLeaderEpochResponse = connection.call(version, &epoch_request(&asked), deadline)?;
    let ends = epoch_ends(&answer);
    let finding = |question: &Question| match ends.get(&question.name) {
        Some((code, end)) if code.is_ok() => judge(question, *end),
        Some((code, _)) => Finding::Refused(*code),
        None => Finding::Unanswered,
    };
    Ok(Some(questions.iter().map(finding).collect()))
}

/// A question about epochs: the partition, the epoch of its leader, and the epoch that is asked for.
fn epoch_request(of: &[(&TopicPartition, i32, i32)]) -> OffsetForLeaderEpochRequest {
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
fn epoch_ends(
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

fn judge(question: &Question, end: Option<EpochEnd>) -> Finding {
    let wanted = question.want.offset;
    let end = match end {
        Some(end) if end.epoch == question.read && end.end_offset >= wanted => return Finding::Whole,
        // An older epoch goes on where ours was: what was read last is not there any more, even if the offsets are.
        Some(end) => end.end_offset.min(wanted),
        // The log has never heard of the epoch.
        None => 0,
    };
    Finding::Truncated(FetchFailure::LogTruncated { wanted, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(end: Option<(i32, i64)>) -> Option<(i64, i64)> {
        let want = Want { offset: 100, leader_epoch: Some(5), max_bytes: 1 };
        let question = Question { name: TopicPartition::new("t", 0), want, current: 7, read: 5 };
        match judge(&question, end.map(|(epoch, end_offset)| EpochEnd { epoch, end_offset })) {
            Finding::Truncated(FetchFailure::LogTruncated { wanted, end }) => Some((wanted, end)),
            _ => None,
        }
    }

    #[test]
    fn a_log_that_has_our_epoch_up_to_our_offset_is_whole() {
        assert_eq!([judged(Some((5, 100))), judged(Some((5, 400)))], [None, None]);
    }

    #[test]
    fn a_log_that_ends_before_our_offset_was_truncated() {
        assert_eq!(judged(Some((5, 80))), Some((100, 80)));
        assert_eq!(judged(Some((4, 80))), Some((100, 80)));
    }

    #[test]
    fn a_log_without_our_epoch_has_other_records() {
        assert_eq!(judged(Some((4, 300))), Some((100, 100)));
        assert_eq!(judged(None), Some((100, 0)));
    }
}
