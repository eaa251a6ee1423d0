//! Offsets on their way to the coordinator: one commit is under way at a time, and what comes meanwhile waits, the newest of
//! a partition. A part of the machine.

use std::collections::{BTreeMap, BTreeSet};

use batchmill::Mono;

use crate::kafka::TopicPartition;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::membership::Offsets;

/// What is to be committed.
#[derive(Debug)]
pub(super) struct Commits {
    waiting: BTreeMap<TopicPartition, Due>,
    under_way: Option<UnderWay>,
    /// Nothing is sent before.
    rest_until: Option<Mono>,
    backoff: Backoff,
}

/// An offset that is to be committed.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) committed: Committed,
    /// A join waits for it.
    is_awaited: bool,
}

/// A commit without an answer.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) offsets: BTreeMap<TopicPartition, Due>,
    /// Of which partitions the member has lost the right since: one that has come back is held under another.
    pub(super) gone: BTreeSet<TopicPartition>,
    /// The member and the generation that it was sent under.
    pub(super) member: String,
    pub(super) generation: i32,
}

impl Commits {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { waiting: BTreeMap::new(), under_way: None, rest_until: None, backoff }
    }

    /// Takes offsets. Of a partition that waits already the new one counts, and a join waits for it as for the other.
    pub(super) fn add(&mut self, offsets: impl IntoIterator<Item = (TopicPartition, Committed)>) {
        for (partition, committed) in offsets {
            let is_awaited = self.waiting.get(&partition).is_some_and(|due| due.is_awaited);
            self.waiting.insert(partition, Due { committed, is_awaited });
        }
    }

    /// Takes an offset back that was not committed, unless a newer one waits.
    pub(super) fn put_back(&mut self, partition: TopicPartition, due: Due) {
        let is_awaited = due.is_awaited;
        self.waiting.entry(partition).or_insert(due).is_awaited |= is_awaited;
    }

    /// A join waits for all that is to be committed by now.
    pub(super) fn await_all(&mut self) {
        let under_way = self.under_way.iter_mut().flat_map(|under_way| under_way.offsets.values_mut());
        self.waiting.values_mut().chain(under_way).for_each(|due| due.is_awaited = true);
    }

    /// Whether a join has to wait for an offset.
    pub(super) fn has_awaited(&self) -> bool {
        let under_way = self.under_way.iter().flat_map(|under_way| under_way.offsets.values());
        self.waiting.values().chain(under_way).any(|due| due.is_awaited)
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Takes what waits for partitions of which `goes` holds; what is under way for them is not sent again.
    pub(super) fn take_gone(&mut self, goes: impl Fn(&TopicPartition) -> bool) -> Offsets {
        if let Some(under_way) = &mut self.under_way {
            under_way.gone.extend(under_way.offsets.keys().filter(|partition| goes(partition)).cloned());
        }
        let gone: Vec<_> = self.waiting.keys().filter(|partition| goes(partition)).cloned().collect();
        let taken = gone.into_iter().filter_map(|partition| self.waiting.remove_entry(&partition));
        taken.map(|(partition, due)| (partition, due.committed)).collect()
    }

    /// Begins a commit of all that waits, if none is under way and none rests.
    pub(super) fn begin(&mut self, member: &str, generation: i32, now: Mono) -> Option<Offsets> {
        if self.under_way.is_some() || self.waiting.is_empty() || self.rests(now) {
            return None;
        }
        self.rest_until = None;
        let offsets = std::mem::take(&mut self.waiting);
        let sent = offsets.iter().map(|(name, due)| (name.clone(), due.committed.clone())).collect();
        let gone = BTreeSet::new();
        self.under_way = Some(UnderWay { offsets, gone, member: member.to_owned(), generation });
        Some(sent)
    }

    /// The commit under way has its answer.
    pub(super) fn end(&mut self) -> Option<UnderWay> {
        self.under_way.take()
    }

    /// The next one waits for a while.
    pub(super) fn rest(&mut self, now: Mono) {
        self.rest_until = Some(now + self.backoff.pause());
    }

    /// The last one was good: the next pause is short again.
    pub(super) fn went_well(&mut self) {
        self.backoff.reset();
    }

    fn rests(&self, now: Mono) -> bool {
        self.rest_until.is_some_and(|until| until > now)
    }

    /// When the next one is due that rests.
    pub(super) fn due(&self) -> Option<Mono> {
        self.rest_until.filter(|_| self.under_way.is_none() && !self.waiting.is_empty())
    }

    /// The partitions of which something waits.
    #[cfg(any(test, feature = "fake"))]
    pub(super) fn waiting(&self) -> impl Iterator<Item = &TopicPartition> {
        self.waiting.keys()
    }

    /// The partitions of which something waits or is under way.
    #[cfg(any(test, feature = "fake"))]
    pub(super) fn kept(&self) -> impl Iterator<Item = &TopicPartition> {
        self.waiting.keys().chain(self.under_way.iter().flat_map(|under_way| under_way.offsets.keys()))
    }
}
