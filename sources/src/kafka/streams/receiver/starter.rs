//! The thread that begins partitions that were assigned: it asks what the group has committed and what the logs have, so
//! that the members' threads never wait for that. It also finds out what has become of lost offsets, and commits by the
//! clock. One for each stream, `kafka-receiver`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::holdings::Right;
use super::put_off::PutOff;
use super::shared::{Next, Shared};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::offsets::{missing, no_leader};
use crate::kafka::client::transport::{TopicFilter, Transport};
use crate::kafka::group::Membership;
use crate::kafka::params::KafkaParams;
use crate::kafka::streams::begin::{Why, announce, begin};
use crate::kafka::streams::logs::each_log;
use crate::kafka::streams::lost_range::settle;
use crate::kafka::{KafkaError, TopicPartition};

/// How often offsets are committed again that have not changed: brokers forget those of idle groups, some after a day.
const RECOMMIT: Duration = Duration::from_secs(3_600);

/// All memberships of a stream, by their numbers.
pub(super) type Members = Arc<Vec<Box<dyn Membership>>>;

/// What the thread works with.
pub(super) struct Starter {
    pub(super) shared: Arc<Shared>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) members: Members,
    pub(super) params: KafkaParams,
    /// How often what is done is committed.
    pub(super) commit_every: Duration,
}

impl Starter {
    pub(super) fn start(self) -> Result<JoinHandle<()>, KafkaError> {
        std::thread::Builder::new()
            .name("kafka-receiver".to_owned())
            .spawn(move || self.run())
            .map_err(|cause| KafkaError::Thread { cause: Arc::new(cause) })
    }

    fn run(self) {
        let mut commit = Deadline::after(self.commit_every);
        let mut recommit = Deadline::after(RECOMMIT);
        let mut not_before = None;
        let mut put_off = PutOff::new(self.params.unavailable_for);
        loop {
            match self.shared.next(commit.min(recommit), not_before) {
                Next::Begin(assigned) => not_before = self.begin_all(assigned, &mut put_off),
                Next::OutOfRange(partitions) => {
                    partitions.iter().for_each(|(partition, wanted)| self.out_of_range(partition, *wanted));
                }
                Next::GiveUp => self.shared.go_on_giving_up(),
                Next::Time => {
                    if recommit.is_over() {
                        self.shared.lock().holdings.give_all_again();
                        recommit = Deadline::after(RECOMMIT);
                    }
                    commit_done(&self.shared, &self.members);
                    commit = Deadline::after(self.commit_every);
                }
                Next::Stop => return,
            }
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.params.request_timeout)
    }

    /// Begins what was assigned. Returns when to try again, if some could not be begun.
    fn begin_all(
        &self,
        assigned: Vec<(TopicPartition, Right, usize)>,
        put_off: &mut PutOff,
    ) -> Option<Deadline> {
        let mut of_members: BTreeMap<usize, Vec<(TopicPartition, Right)>> = BTreeMap::new();
        for (partition, right, member) in assigned {
            of_members.entry(member).or_default().push((partition, right));
        }
        let mut all_begun = true;
        for (member, partitions) in &of_members {
            match self.begin_some(*member, partitions, put_off) {
                Ok(begun) => all_begun &= begun,
                Err(KafkaError::Stopped) => return None,
                Err(error) => {
                    all_begun = false;
                    self.put_off(partitions, error, put_off);
                }
            }
        }
        self.shared.fetch_what_is_held();
        (!all_begun).then(|| Deadline::after(self.params.backoff))
    }

    /// Whether all could be begun.
    fn begin_some(
        &self,
        member: usize,
        assigned: &[(TopicPartition, Right)],
        put_off: &mut PutOff,
    ) -> Result<bool, KafkaError> {
        let (assigned, mut all_begun) = self.with_leaders(assigned, put_off)?;
        if assigned.is_empty() {
            return Ok(all_begun);
        }
        let partitions: Vec<_> = assigned.iter().map(|(partition, _)| partition.clone()).collect();
        let membership = &self.members[member];
        let committed = membership.committed(&partitions, self.deadline())?;
        let logs = each_log(&partitions, &*self.transport, self.deadline())?;
        let mut unsaid = Vec::new();
        for (((partition, right), (_, committed)), log) in assigned.iter().zip(committed).zip(logs) {
            let log = match log {
                Ok(log) => log,
                Err(KafkaError::Stopped) => return Err(KafkaError::Stopped),
                Err(error) => {
                    self.put_off(&[(partition.clone(), *right)], error, put_off);
                    all_begun = false;
                    continue;
                }
            };
            put_off.is_known(partition);
            let wanted = committed.map(|c| (c.offset, c.leader_epoch, Why::Committed));
            let begins = begin(partition.clone(), log, wanted, &self.params)?;
            announce(std::slice::from_ref(&begins), &self.shared.handle);
            if self.shared.begin(*right, &begins) && begins.is_unsaid() {
                unsaid.push(partition.clone());
            }
        }
        self.shared.give(member, Some(&unsaid), &**membership);
        Ok(all_begun)
    }

    /// Those of these partitions that somebody leads, and whether that is all. The others are put off: to wait for their
    /// leaders would hold up all else that this thread does.
    fn with_leaders(
        &self,
        assigned: &[(TopicPartition, Right)],
        put_off: &mut PutOff,
    ) -> Result<(Vec<(TopicPartition, Right)>, bool), KafkaError> {
        let names: BTreeSet<_> = assigned.iter().map(|(partition, _)| Arc::clone(&partition.topic)).collect();
        let names: Vec<_> = names.into_iter().collect();
        let topics = self.transport.topics(TopicFilter::Names(&names), self.deadline())?;
        let mut led = Vec::new();
        for (partition, right) in assigned {
            let topic = topics.iter().find(|topic| topic.name == partition.topic);
            let found = topic.and_then(|topic| topic.partition(partition.partition));
            let why = match found {
                Some(found) if found.leader.is_none() => Some(no_leader(partition)),
                Some(_) => None,
                None => topic.and_then(|topic| missing(partition, topic)),
            };
            match why {
                Some(why) => self.put_off(&[(partition.clone(), *right)], why, put_off),
                None => led.push((partition.clone(), *right)),
            }
        }
        let are_all = led.len() == assigned.len();
        Ok((led, are_all))
    }

    /// Has the beginning of partitions be looked for again, or fails the stream where that is of no use.
    fn put_off(&self, partitions: &[(TopicPartition, Right)], why: KafkaError, put_off: &mut PutOff) {
        let now = now();
        if !partitions.iter().all(|(partition, right)| put_off.may_try_again(partition, *right, &why, now)) {
            return self.shared.fail(why);
        }
        match put_off.is_to_be_told(now) {
            true => log::warn!("where partitions begin could not be asked, which is tried again: {why}"),
            false => log::debug!("where partitions begin could not be asked: {why}"),
        }
        let mut state = self.shared.lock();
        for (partition, right) in partitions {
            state.holdings.ask_again(partition, *right);
        }
    }

    fn out_of_range(&self, partition: &TopicPartition, wanted: i64) {
        let (policy, deadline) = (self.params.on_lost_range, self.deadline());
        let read_ahead = &self.shared.read_ahead;
        if let Some(detail) = settle(partition, wanted, policy, &*self.transport, read_ahead, deadline) {
            self.shared.tell("range_lost", detail);
        }
    }
}

/// Gives to be committed what is done and was not given yet.
pub(super) fn commit_done(shared: &Shared, members: &Members) {
    for (number, member) in members.iter().enumerate() {
        shared.give(number, None, &**member);
    }
}
