//! Members with different subscriptions: what they had they keep, the rest goes to whoever has least, and then partitions are
//! moved one by one from those that have more to those that have less, until no move makes it more even.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Claims;
use crate::kafka::TopicPartition;
use crate::kafka::group::assignor::Counts;

/// What each member gets, in the order of the claims' members.
pub(super) fn assign(claims: &Claims<'_>) -> Vec<Vec<TopicPartition>> {
    let mut balance = Balance::new(claims);
    let (all, unassigned) = balance.take_owned(claims);
    let before = previous(claims);
    balance.fill_up(&unassigned);
    balance.even_out(&all, &unassigned, &before);
    balance.current.into_iter().map(|share| share.into_iter().collect()).collect()
}

/// Who had a partition in an older generation than the newest.
fn previous(claims: &Claims<'_>) -> HashMap<TopicPartition, usize> {
    let mut previous: HashMap<TopicPartition, usize> = HashMap::new();
    for (at, member) in claims.members.iter().enumerate() {
        if member.generation >= claims.newest {
            continue;
        }
        for partition in &member.owned {
            let other = previous.get(partition).map(|other| claims.members[*other].generation);
            if other.is_none_or(|other| member.generation > other) {
                previous.insert(partition.clone(), at);
            }
        }
    }
    previous
}

/// The shares on their way to balance. Members are numbers, in the order of their ids.
#[derive(Clone)]
struct Balance {
    counts: Counts,
    /// Which members may have a topic's partitions.
    may_have: BTreeMap<Arc<str>, Vec<usize>>,
    /// How many partitions a member may have at most.
    most: Vec<usize>,
    current: Vec<BTreeSet<TopicPartition>>,
    owner: HashMap<TopicPartition, usize>,
    /// Members by how many partitions they have, but for those that can neither give nor take.
    by_size: BTreeSet<(usize, usize)>,
    /// A member had to give up what it does not subscribe to any more.
    has_revoked: bool,
    /// For each topic, which partitions have moved from whom to whom.
    moves: Moves,
}

impl Balance {
    fn new(claims: &Claims<'_>) -> Self {
        let counts = &claims.counts;
        let subscribers = |topic: &Arc<str>| {
            let members = claims.members.iter().enumerate();
            let subscribed = members.filter(|(_, member)| member.topics.contains(topic));
            subscribed.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let may_have: BTreeMap<_, _> =
            counts.keys().map(|topic| (Arc::clone(topic), subscribers(topic))).collect();
        let mut most = vec![0; claims.members.len()];
        for (topic, members) in &may_have {
            for member in members {
                most[*member] += usize::try_from(counts[topic]).unwrap_or(0);
            }
        }
        Self {
            counts: counts.clone(),
            may_have,
            most,
            current: vec![BTreeSet::new(); claims.members.len()],
            owner: HashMap::new(),
            by_size: BTreeSet::new(),
            has_revoked: false,
            moves: Moves::default(),
        }
    }

    /// Gives all what they had and still may have: all partitions, and those that nobody has. Those of topics with few
    /// subscribers come first.
    fn take_owned(&mut self, claims: &Claims<'_>) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        for (at, owned) in claims.owned.iter().enumerate() {
            for partition in owned {
                match self.may_have.get(&partition.topic) {
                    Some(members) if members.contains(&at) => {
                        self.current[at].insert(partition.clone());
                        self.owner.insert(partition.clone(), at);
                    }
                    Some(_) => self.has_revoked = true,
                    None => {}
                }
            }
        }
        self.by_size = self.current.iter().enumerate().map(|(at, share)| (share.len(), at)).collect();
        let mut topics: Vec<_> = self.counts.iter().collect();
        topics.sort_by_key(|(topic, _)| (self.may_have[*topic].len(), Arc::clone(topic)));
        let all: Vec<_> = topics
            .into_iter()
            .flat_map(|(topic, count)| (0..*count).map(move |n| TopicPartition::new(Arc::clone(topic), n)))
            .collect();
        let unassigned =
            all.iter().filter(|partition| !self.owner.contains_key(partition)).cloned().collect();
        (all, unassigned)
    }

    /// Gives what nobody has to whoever has least.
    fn fill_up(&mut self, unassigned: &[TopicPartition]) {
        for partition in unassigned {
            if let Some(member) = self.with_least(&partition.topic) {
                self.give(partition, member);
            }
        }
    }

    /// The member with the fewest partitions among those that may have the topic's.
    fn with_least(&self, topic: &str) -> Option<usize> {
        let may_have = &self.may_have[topic];
        self.by_size.iter().map(|(_, member)| *member).find(|member| may_have.binary_search(member).is_ok())
    }

    fn give(&mut self, partition: &TopicPartition, to: usize) {
        if let Some(from) = self.owner.insert(partition.clone(), to) {
            self.resize(from, |share| share.remove(partition));
        }
        self.resize(to, |share| share.insert(partition.clone()));
    }

    fn resize(&mut self, member: usize, change: impl FnOnce(&mut BTreeSet<TopicPartition>) -> bool) {
        let was = self.by_size.remove(&(self.current[member].len(), member));
        change(&mut self.current[member]);
        if was {
            self.by_size.insert((self.current[member].len(), member));
        }
    }

    fn even_out(
        &mut self,
        all: &[TopicPartition],
        unassigned: &[TopicPartition],
        before: &HashMap<TopicPartition, usize>,
    ) {
        let is_first = unassigned.len() == all.len();
        let can_move = |partition: &&TopicPartition| self.may_have[&partition.topic].len() >= 2;
        let movable: Vec<_> = all.iter().filter(can_move).cloned().collect();
        let new: Vec<_> = unassigned.iter().filter(can_move).cloned().collect();
        let can_take_part = |member: usize| {
            self.current[member].len() < self.most[member]
                || self.current[member].iter().any(|partition| self.may_have[&partition.topic].len() >= 2)
        };
        let fixed: Vec<_> = (0..self.current.len()).filter(|member| !can_take_part(*member)).collect();
        for member in fixed {
            self.by_size.remove(&(self.current[member].len(), member));
        }
        let unmoved = self.clone();
        // What is new goes first, for it is nobody's loss.
        if !self.has_revoked {
            self.reassign(&new, before);
        }
        let has_moved = self.reassign(&movable, before);
        if !is_first && has_moved && self.unevenness() >= unmoved.unevenness() {
            *self = unmoved;
        }
    }

    /// Moves partitions to members that have less, as long as that makes it more even: whether any was.
    fn reassign(&mut self, movable: &[TopicPartition], before: &HashMap<TopicPartition, usize>) -> bool {
        let mut has_moved = false;
        // Each round makes it more even, so that far fewer are needed; a group that claims nonsense must not hold up.
        for _ in 0..=self.owner.len() {
            let mut moved_now = false;
            for partition in movable {
                if self.is_balanced() {
                    break;
                }
                if let Some(to) = self.better_for(partition, before) {
                    let from = self.owner[partition];
                    let moved = self.moves.instead_of(partition, from, to);
                    self.moves.note(&moved, self.owner[&moved], to);
                    self.give(&moved, to);
                    moved_now = true;
                }
            }
            has_moved |= moved_now;
            if !moved_now {
                break;
            }
        }
        has_moved
    }

    /// Who should have a partition rather than its owner: who had it once, or else who has least.
    fn better_for(
        &self,
        partition: &TopicPartition,
        before: &HashMap<TopicPartition, usize>,
    ) -> Option<usize> {
        let size = self.current[*self.owner.get(partition)?].len();
        let has_less = |member: usize| size > self.current[member].len() + 1;
        let may_have = &self.may_have[&partition.topic];
        if let Some(once) = before.get(partition).filter(|once| has_less(**once) && may_have.contains(once)) {
            return Some(*once);
        }
        may_have.iter().any(|member| has_less(*member)).then(|| self.with_least(&partition.topic)).flatten()
    }

    /// Whether no move of one partition makes it more even.
    fn is_balanced(&self) -> bool {
        let (Some((least, _)), Some((most, _))) = (self.by_size.first(), self.by_size.last()) else {
            return true;
        };
        if least + 1 >= *most {
            return true;
        }
        self.by_size
            .iter()
            .all(|(size, member)| *size == self.most[*member] || !self.could_take_one(*size, *member))
    }

    /// Whether somebody with two more has a partition that this member may have.
    fn could_take_one(&self, size: usize, member: usize) -> bool {
        let larger = self.by_size.range((size + 2, 0)..);
        let mut theirs = larger.flat_map(|(_, other)| &self.current[*other]);
        theirs.any(|partition| self.may_have[&partition.topic].binary_search(&member).is_ok())
    }

    /// The sum of all differences between two members.
    fn unevenness(&self) -> usize {
        let sizes: Vec<_> = self.by_size.iter().map(|(size, _)| *size).collect();
        let of = |(at, size): (usize, &usize)| sizes[..at].iter().map(|less| size - less).sum::<usize>();
        sizes.iter().enumerate().map(of).sum()
    }
}

/// Which partitions of a topic have moved from whom to whom. One that would go where another has come from is spared: the
/// other goes back instead.
#[derive(Clone, Default)]
struct Moves {
    /// By topic, and by whom they were of first and whose they are.
    by_pair: HashMap<(Arc<str>, usize, usize), BTreeSet<TopicPartition>>,
    of: HashMap<TopicPartition, (usize, usize)>,
}

impl Moves {
    /// What to move rather than this partition.
    fn instead_of(&self, partition: &TopicPartition, from: usize, to: usize) -> TopicPartition {
        let first = self.of.get(partition).map_or(from, |(first, _)| *first);
        let back = self.by_pair.get(&(Arc::clone(&partition.topic), to, first));
        back.and_then(BTreeSet::first).unwrap_or(partition).clone()
    }

    /// It moves.
    fn note(&mut self, partition: &TopicPartition, from: usize, to: usize) {
        let key = |(first, last): (usize, usize)| (Arc::clone(&partition.topic), first, last);
        let mut first = from;
        if let Some(pair) = self.of.remove(partition) {
            first = pair.0;
            if let Some(moved) = self.by_pair.get_mut(&key(pair)) {
                moved.remove(partition);
            }
        }
        if first != to {
            self.of.insert(partition.clone(), (first, to));
            self.by_pair.entry(key((first, to))).or_default().insert(partition.clone());
        }
    }
}
