//! A partition that is fetched: it belongs to one thread at a time, the supervisor's or that of a broker, and goes from one
//! to the other with what is known of it.

use std::time::Duration;

use batchmill::Mono;

use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::client::metadata::ClusterView;
use crate::kafka::{TopicId, TopicPartition};

/// So many answers in a row may have nothing of a partition that has something.
const STARVED_MAX: u32 = 3;

/// What a fetcher keeps of a partition.
#[derive(Debug)]
pub(in crate::kafka::client) struct FetchPartition {
    pub(in crate::kafka::client) name: TopicPartition,
    /// Which time it is that the partition is wanted: one that is left out and wanted again begins anew.
    pub(super) incarnation: u64,
    /// The id its topic had when it was first fetched.
    topic_id: Option<TopicId>,
    /// The epoch of the leader for which the log was last checked for a truncation.
    pub(super) checked_epoch: Option<i32>,
    /// A follower that the leader has sent us to.
    replica: Option<Replica>,
    backoff: Backoff,
    /// Not asked for before then, unless another offset than that is wanted.
    pause: Option<(Mono, i64)>,
    /// Since when it cannot be fetched.
    unavailable: Option<Mono>,
    /// How many answers in a row had nothing of it, though there is something.
    starved: u32,
    /// The leader that is known is wrong, or none was known, at that time.
    stale: Option<Mono>,
    /// This broker is not given it again before then.
    hold: Option<(i32, Mono)>,
    /// The cluster is not asked for its leader before then.
    pub(super) ask_at: Option<Mono>,
}

#[derive(Clone, Copy, Debug)]
struct Replica {
    node: i32,
    until: Mono,
}

/// Where a partition is to be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// From this broker.
    At(i32),
    /// Nobody leads it, or its leader has no address.
    NoLeader,
    /// Nothing is known of the topic or of the partition.
    Unknown,
    /// The topic is another than it was.
    Recreated {
        /// What it was.
        was: TopicId,
        /// What it is.
        now: TopicId,
    },
}

impl FetchPartition {
    pub(super) fn new(name: TopicPartition, incarnation: u64, backoff: BackoffRange) -> Self {
        Self {
            name,
            incarnation,
            topic_id: None,
            checked_epoch: None,
            replica: None,
            backoff: Backoff::new(backoff),
            pause: None,
            unavailable: None,
            starved: 0,
            stale: None,
            hold: None,
            ask_at: None,
        }
    }

    /// Where to fetch it from, as far as the cluster is known.
    pub(super) fn place(&mut self, view: &ClusterView, now: Mono) -> Place {
        let Some(topic) = view.topic(&self.name.topic) else { return Place::Unknown };
        if let Some(now) = topic.id {
            let was = *self.topic_id.get_or_insert(now);
            if was != now {
                return Place::Recreated { was, now };
            }
        }
        if topic.partition(self.name.partition).is_none() {
            return Place::Unknown;
        }
        self.replica = self.replica.filter(|replica| now < replica.until);
        if let Some(replica) = self.replica.filter(|replica| view.brokers().contains_key(&replica.node)) {
            return Place::At(replica.node);
        }
        view.leader(&self.name).map_or(Place::NoLeader, Place::At)
    }

    /// Whether what is known of its topic, as of `known_since`, is too old to act on.
    pub(super) fn is_stale(&self, known_since: Option<Mono>) -> bool {
        self.stale.is_some_and(|stale| known_since.is_none_or(|known| known <= stale))
    }

    /// The leader that is known is not the one to ask: the cluster is to be asked first.
    pub(super) fn leader_is_wrong(&mut self, now: Mono) {
        self.stale = Some(now);
    }

    /// Reads from a follower until `until`.
    pub(super) fn read_from(&mut self, node: i32, until: Mono) {
        self.replica = Some(Replica { node, until });
    }

    /// Reads from the leader again. `false`: it was read from there.
    pub(super) fn back_to_leader(&mut self) -> bool {
        self.replica.take().is_some()
    }

    /// Whether it is read from a follower.
    pub(super) fn is_at_follower(&self) -> bool {
        self.replica.is_some()
    }

    /// The offset was asked for in vain: pause.
    pub(super) fn pause(&mut self, offset: i64, now: Mono) {
        self.pause = Some((now + self.backoff.pause(), offset));
    }

    /// Until when it is not asked for at `offset`.
    pub(super) fn paused_until(&self, offset: i64, now: Mono) -> Option<Mono> {
        self.pause.filter(|(until, at)| *until > now && *at == offset).map(|(until, _)| until)
    }

    /// The broker could not serve it, or could not be reached: it is not given to that one before `until`.
    pub(super) fn hold(&mut self, node: i32, until: Mono) {
        self.hold = Some((node, until));
    }

    /// Until when it is not given to a broker.
    pub(super) fn held_until(&self, node: i32, now: Mono) -> Option<Mono> {
        self.hold.filter(|(held, until)| *held == node && *until > now).map(|(_, until)| until)
    }

    /// How long to wait before the next attempt.
    pub(super) fn next_pause(&mut self) -> Duration {
        self.backoff.pause()
    }

    /// The cluster was asked for its leader in vain: not again at once.
    pub(super) fn ask_later(&mut self, now: Mono) {
        self.ask_at = Some(now + self.backoff.pause());
    }

    /// It cannot be fetched: for how long already.
    pub(super) fn unavailable(&mut self, now: Mono) -> Duration {
        now - *self.unavailable.get_or_insert(now)
    }

    /// An answer had nothing of it, though there is something: whether it was one too many. Once or twice is no wonder: old
    /// brokers find out after they have read where the log ends.
    pub(super) fn starves(&mut self) -> bool {
        self.starved = self.starved.saturating_add(1);
        self.starved > STARVED_MAX
    }

    /// An answer without an error came, which had something of it, or there is nothing.
    pub(super) fn is_well(&mut self) {
        self.starved = 0;
        self.pause = None;
        self.unavailable = None;
        self.stale = None;
        self.hold = None;
        self.ask_at = None;
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::address::Address;
    use crate::kafka::client::metadata::{BrokerInfo, MetadataAnswer};
    use crate::kafka::client::transport::{PartitionInfo, TopicInfo};
    use std::collections::BTreeMap;

    fn partition() -> FetchPartition {
        let range = BackoffRange { first: Duration::from_millis(100), longest: Duration::from_secs(10) };
        FetchPartition::new(TopicPartition::new("t", 0), 0, range)
    }

    fn view(id: Option<u8>, leader: Option<i32>) -> ClusterView {
        let broker = |port| BrokerInfo { address: Address::new("h", port), rack: None };
        let topic = TopicInfo {
            name: "t".into(),
            id: id.and_then(|id| TopicId::from_bytes([id; 16])),
            internal: false,
            partitions: vec![PartitionInfo { partition: 0, leader, leader_epoch: None }],
            error: None,
        };
        let mut view = ClusterView::default();
        let brokers = BTreeMap::from([(1, broker(1)), (2, broker(2))]);
        view.merge(
            MetadataAnswer { brokers, topics: vec![topic], is_all: false, epochs: false },
            Mono::default(),
        );
        view
    }

    fn at(ms: u64) -> Mono {
        Mono::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn it_is_fetched_from_its_leader_or_from_the_follower_it_was_sent_to() {
        let mut partition = partition();
        let view = view(None, Some(1));
        assert_eq!(partition.place(&view, at(0)), Place::At(1));
        partition.read_from(2, at(100));
        assert_eq!(partition.place(&view, at(99)), Place::At(2));
        assert_eq!(partition.place(&view, at(100)), Place::At(1), "the leader is asked again");
        partition.read_from(3, at(200));
        assert_eq!(partition.place(&view, at(101)), Place::At(1), "a follower without an address is none");
        assert!(partition.back_to_leader());
    }

    #[test]
    fn what_keeps_it_from_being_fetched_is_said() {
        let mut partition = partition();
        assert_eq!(partition.place(&ClusterView::default(), at(0)), Place::Unknown);
        assert_eq!(partition.place(&view(None, None), at(0)), Place::NoLeader);
        assert_eq!(partition.place(&view(Some(1), Some(1)), at(0)), Place::At(1));
        assert_eq!(partition.place(&view(None, Some(1)), at(0)), Place::At(1));
        let id = |id| TopicId::from_bytes([id; 16]).unwrap();
        let recreated = Place::Recreated { was: id(1), now: id(2) };
        assert_eq!(partition.place(&view(Some(2), Some(1)), at(0)), recreated);
    }

    #[test]
    fn a_pause_is_for_the_offset_that_failed() {
        let mut partition = partition();
        partition.pause(7, at(0));
        assert!(partition.paused_until(7, at(49)).is_some());
        assert_eq!(partition.paused_until(8, at(49)), None);
        assert_eq!(partition.paused_until(7, at(151)), None);
    }

    #[test]
    fn a_wrong_leader_is_believed_again_after_the_next_answer() {
        let mut partition = partition();
        assert!(!partition.is_stale(None));
        partition.leader_is_wrong(at(5));
        assert!(partition.is_stale(None) && partition.is_stale(Some(at(5))));
        assert!(!partition.is_stale(Some(at(6))));
    }

    #[test]
    fn unavailable_counts_from_the_first_failure_on() {
        let mut partition = partition();
        assert_eq!(partition.unavailable(at(10)), Duration::ZERO);
        assert_eq!(partition.unavailable(at(30)), Duration::from_millis(20));
        partition.is_well();
        assert_eq!(partition.unavailable(at(40)), Duration::ZERO);
    }
}
