//! Commits as the machine decides on them: when they go out, and what an answer means for each partition. A part of the
//! machine.

use std::collections::BTreeMap;

use batchmill::Mono;

use super::commits::{Due, UnderWay};
use super::event::{Action, CommitAnswer, CommitResult, Trouble};
use super::verdict::Verdict;
use super::{Machine, Phase};
use crate::kafka::group::GroupError;
use crate::kafka::group::assignor::Assignor;
use crate::kafka::group::membership::Offsets;
use crate::kafka::{ErrorCode, KafkaError, TopicPartition};

impl Machine {
    /// Takes offsets to commit, as far as the partitions are the member's.
    pub(super) fn commit(&mut self, offsets: Offsets, out: &mut Vec<Action>) {
        let (ours, foreign): (Offsets, Offsets) =
            offsets.into_iter().partition(|(partition, _)| self.may_commit_for(partition));
        self.commits.add(ours);
        self.tell_fenced(foreign, out);
    }

    /// Sends what waits, if it can be sent now.
    pub(super) fn send_commits(&mut self, now: Mono, out: &mut Vec<Action>) {
        if !self.may_commit() {
            return;
        }
        let (member, generation) = (self.me.id.clone(), self.me.generation);
        if let Some(offsets) = self.commits.begin(&member, generation, now) {
            out.push(Action::Commit { member, generation, offsets });
        }
    }

    /// Whether offsets are sent now. Between JoinGroup and SyncGroup the coordinator takes none; and what the listener is about
    /// to say goes along, but if it says it later.
    pub(super) fn may_commit(&self) -> bool {
        let is_member = self.has_right() && self.coordinator;
        let sends = matches!(
            self.phase,
            Phase::Stable | Phase::Preparing { .. } | Phase::Joining | Phase::Leaving { asked: false, .. }
        );
        is_member && sends && self.asked_done == 0
    }

    /// Whether the generation gives the right to commit for what the member has: its share of that has come, or nobody gets
    /// the partitions before it has given them up. Where the members share out eagerly, others have them by then, and may
    /// have committed further.
    pub(super) fn has_right(&self) -> bool {
        let keeps_all = self.me.assignor.is_some_and(Assignor::is_cooperative);
        self.me.generation >= 0 && (keeps_all || self.held_generation == self.me.generation)
    }

    fn may_commit_for(&self, partition: &TopicPartition) -> bool {
        self.held.contains(partition) || self.giving.contains(partition)
    }

    /// Skips what waits for partitions that are not the member's any more.
    pub(super) fn drop_foreign(&mut self, out: &mut Vec<Action>) {
        let (held, giving) = (&self.held, &self.giving);
        let is_foreign =
            |partition: &TopicPartition| !held.contains(partition) && !giving.contains(partition);
        let foreign = self.commits.take_gone(is_foreign);
        self.tell_fenced(foreign, out);
    }

    pub(super) fn tell_fenced(&self, offsets: Offsets, out: &mut Vec<Action>) {
        if !offsets.is_empty() {
            out.push(Action::Committed(offsets, CommitResult(Err(self.error(GroupError::Fenced)))));
        }
    }

    /// The coordinator has answered a commit, or has not.
    pub(super) fn committed(
        &mut self,
        now: Mono,
        answer: Result<CommitAnswer, Trouble>,
        out: &mut Vec<Action>,
    ) {
        let Some(under_way) = self.commits.end() else { return };
        let answer = match answer {
            Ok(answer) => answer,
            Err(trouble) => return self.not_committed(now, under_way, &trouble, out),
        };
        let is_of_now = under_way.generation == self.me.generation && under_way.member == self.me.id;
        let is_settled =
            !matches!(self.phase, Phase::Unjoined | Phase::Joining | Phase::Sharing(_) | Phase::Syncing);
        let is_waited_for = matches!(self.phase, Phase::Preparing { .. } | Phase::Leaving { .. });
        let mut sorted = Sorted::default();
        for (partition, due) in under_way.offsets {
            // What the answer does not mention may be committed or not: once more does no harm.
            let code = answer.codes.get(&partition).copied().unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
            let is_gone = under_way.gone.contains(&partition);
            match Verdict::of_code(code) {
                _ if code.is_ok() => sorted.well.push((partition, due.committed)),
                // Whatever the reason is: others may have committed further, or this member under another right.
                _ if is_gone => sorted.fenced.push((partition, due.committed)),
                Verdict::NotThere => {
                    self.coordinator = false;
                    sorted.again.push((partition, due));
                }
                // It was sent before a join that has come to its end meanwhile.
                Verdict::Rebalance | Verdict::NoMember { .. } if !is_of_now || !is_settled => {
                    sorted.again.push((partition, due));
                }
                // The topic may be gone for good: that is nothing to wait for.
                Verdict::Retry if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION && is_waited_for => {
                    sorted.refused.entry(code.0).or_default().push((partition, due.committed));
                }
                Verdict::Rebalance | Verdict::Retry => sorted.again.push((partition, due)),
                verdict @ (Verdict::NoMember { .. } | Verdict::InstanceTwice) => {
                    sorted.fenced.push((partition, due.committed));
                    sorted.verdict = Some(verdict);
                }
                _ => sorted.refused.entry(code.0).or_default().push((partition, due.committed)),
            }
        }
        self.settle(now, &answer.server, sorted, out);
    }

    fn settle(&mut self, now: Mono, server: &std::sync::Arc<str>, sorted: Sorted, out: &mut Vec<Action>) {
        if sorted.again.is_empty() {
            self.commits.went_well();
        } else {
            self.put_back(now, sorted.again, out);
        }
        if !sorted.well.is_empty() {
            out.push(Action::Committed(sorted.well, CommitResult(Ok(()))));
        }
        self.tell_fenced(sorted.fenced, out);
        for (code, offsets) in sorted.refused {
            let about = Some(format!("group {:?}", self.config.group).into());
            let (broker, code) = (server.clone(), ErrorCode(code));
            let error = KafkaError::Broker { broker, request: "OffsetCommit", about, code };
            out.push(Action::Committed(offsets, CommitResult(Err(error))));
        }
        match sorted.verdict {
            Some(Verdict::NoMember { forget }) => {
                out.push(Action::Tell("membership_lost", "a commit was refused".to_owned()));
                self.lose(forget, out);
            }
            Some(Verdict::InstanceTwice) => self.fail_as_member(GroupError::InstanceTwice, out),
            _ => {}
        }
    }

    fn not_committed(&mut self, now: Mono, under_way: UnderWay, trouble: &Trouble, out: &mut Vec<Action>) {
        let offsets = under_way.offsets.into_iter();
        if let Verdict::Final(error) = Verdict::of(trouble) {
            let offsets = offsets.map(|(partition, due)| (partition, due.committed)).collect();
            out.push(Action::Committed(offsets, CommitResult(Err(error))));
            return;
        }
        if matches!(Verdict::of(trouble), Verdict::NotThere) {
            self.coordinator = false;
        }
        let (gone, again): (Vec<_>, Vec<_>) =
            offsets.partition(|(partition, _)| under_way.gone.contains(partition));
        self.tell_fenced(gone.into_iter().map(|(partition, due)| (partition, due.committed)).collect(), out);
        self.put_back(now, again, out);
    }

    /// They go out again after a pause, unless newer ones wait or the partitions are gone meanwhile.
    fn put_back(&mut self, now: Mono, offsets: Vec<(TopicPartition, Due)>, out: &mut Vec<Action>) {
        self.commits.rest(now);
        for (partition, due) in offsets {
            self.commits.put_back(partition, due);
        }
        self.drop_foreign(out);
    }
}

/// The offsets of a commit by what became of them.
#[derive(Debug, Default)]
struct Sorted {
    well: Offsets,
    again: Vec<(TopicPartition, Due)>,
    fenced: Offsets,
    /// By the code of the error.
    refused: BTreeMap<i16, Offsets>,
    verdict: Option<Verdict>,
}
