//! How a program takes part in a consumer group: its name, its times, its ways to share out. A part of
//! [`KafkaParams`], with setters there and the names of other clients; read when a group is joined.

use std::time::Duration;

use super::Assignor;
use crate::kafka::KafkaParams;
use crate::kafka::params::names::positive_millis;

/// The session of a member that does not name one, as in Java's client since 3.0.
const SESSION: Duration = Duration::from_secs(45);

/// The longest session that brokers of 0.9 allow.
const SESSION_OF_0_9: Duration = Duration::from_secs(30);

/// The session of a member at a ZooKeeper that does not name one, as of old consumers.
#[cfg(feature = "zookeeper")]
const SESSION_OF_ZOOKEEPER: Duration = Duration::from_secs(6);

/// The longest time between two heartbeats that nobody has named.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// What a member says of itself, with defaults for all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct GroupParams {
    /// The name that the member keeps when it starts anew.
    pub(super) instance_id: Option<String>,
    session: Option<Duration>,
    heartbeat: Option<Duration>,
    /// How long batches may come to no end before the member leaves; also how long a rebalance waits for it.
    pub(super) max_poll: Duration,
    /// How long batches are waited for that hold records of partitions which are to be given up.
    rebalance_wait: Duration,
    /// The best liked first, one at least.
    pub(super) assignors: Vec<Assignor>,
}

impl Default for GroupParams {
    fn default() -> Self {
        Self {
            instance_id: None,
            session: None,
            heartbeat: None,
            max_poll: Duration::from_secs(300),
            rebalance_wait: Duration::ZERO,
            assignors: Assignor::DEFAULT.to_vec(),
        }
    }
}

impl GroupParams {
    /// How long the member may give no sign of life, with a broker that speaks this version of JoinGroup.
    pub(super) fn session(&self, join_version: i16) -> Duration {
        self.session.unwrap_or(if join_version == 0 { SESSION_OF_0_9 } else { SESSION })
    }

    /// The same at a ZooKeeper.
    #[cfg(feature = "zookeeper")]
    pub(in crate::kafka) fn zookeeper_session(&self) -> Duration {
        self.session.unwrap_or(SESSION_OF_ZOOKEEPER)
    }

    /// The name that the member keeps, if it has one.
    pub(in crate::kafka) fn instance_id(&self) -> Option<&str> {
        self.instance_id.as_deref()
    }

    /// Whether the member can share out so.
    #[cfg(feature = "zookeeper")]
    pub(in crate::kafka) fn offers(&self, assignor: Assignor) -> bool {
        self.assignors.contains(&assignor)
    }

    /// How often it gives one in a session of that length: often enough that a rebalance takes a small part of what a
    /// member that is gone would cost.
    pub(super) fn heartbeat(&self, session: Duration) -> Duration {
        self.heartbeat.unwrap_or(HEARTBEAT.min(session / 24)).max(Duration::from_millis(1))
    }

    /// How long batches are waited for that hold records of partitions which are to be given up.
    pub(in crate::kafka) fn rebalance_wait(&self) -> Duration {
        self.rebalance_wait
    }

    /// How long no batch may come to its end.
    pub(in crate::kafka) fn max_poll(&self) -> Duration {
        self.max_poll
    }

    /// Sets what other clients call `name`; `None` for a name that says nothing about groups.
    pub(in crate::kafka) fn apply(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        let time = |into: &mut Option<Duration>| positive_millis(name, value).map(|time| *into = Some(time));
        let done = match name {
            "group.instance.id" | "consumer.id" => {
                self.instance_id = Some(value.to_owned()).filter(|id| !id.is_empty());
                Ok(())
            }
            "session.timeout.ms" | "zookeeper.session.timeout.ms" => time(&mut self.session),
            "heartbeat.interval.ms" => time(&mut self.heartbeat),
            "max.poll.interval.ms" => positive_millis(name, value).map(|time| self.max_poll = time),
            "partition.assignment.strategy" => {
                Assignor::parse_list(value).map(|assignors| self.assignors = assignors)
            }
            _ => return None,
        };
        Some(done)
    }

    /// What does not go together, if anything.
    pub(in crate::kafka) fn check(&self) -> Result<(), String> {
        match (self.session, self.heartbeat) {
            (Some(session), Some(heartbeat)) if heartbeat >= session => {
                Err(format!("a heartbeat every {heartbeat:?} comes too late in a session of {session:?}"))
            }
            (None, Some(heartbeat)) if heartbeat >= SESSION_OF_0_9 => {
                Err(format!("a heartbeat every {heartbeat:?} comes too late in a session of {SESSION:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// Membership in a group. Without meaning where offsets are only kept for a group and nobody joins it.
impl KafkaParams {
    /// A name that the member keeps when it starts anew (`group.instance.id`), and nobody else in the group has: then its
    /// partitions wait for it until its session ends, and the group does not share out anew. Needs brokers from 2.3 on;
    /// older ones are not told of it. In a group that ZooKeeper coordinates it is the rest of the member's id, behind the
    /// group's name (`consumer.id`), and two members of one id are an error. Default: none.
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.group.instance_id = Some(id.into()).filter(|id| !id.is_empty());
        self
    }

    /// How long a member may give no sign of life before others get its partitions (`session.timeout.ms`). Default 45 s;
    /// 30 s with brokers of 0.9, which allow no more; 6 s at a ZooKeeper (`zookeeper.session.timeout.ms`), which allows 2 to
    /// 20 of its ticks.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        if timeout.is_zero() {
            self.note("a session must not last zero time".to_owned());
        }
        self.group.session = Some(timeout);
        self
    }

    /// How often a member gives a sign of life, and so how soon it learns that the group shares out anew
    /// (`heartbeat.interval.ms`). Default 3 s, or a 24th of the session if that is less.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        if interval.is_zero() {
            self.note("the interval of heartbeats must not be zero".to_owned());
        }
        self.group.heartbeat = Some(interval);
        self
    }

    /// How long no batch may come to its end before the member leaves the group, so that others read its partitions
    /// (`max.poll.interval.ms`). It joins again when one does. Default 5 minutes.
    pub fn max_poll_interval(mut self, interval: Duration) -> Self {
        if interval.is_zero() {
            self.note("max_poll_interval must not be zero".to_owned());
        }
        self.group.max_poll = interval;
        self
    }

    /// How long a member of a reliable stream waits, when the group shares out anew, for the batches that run with records of
    /// partitions which go to others, or may, so that these are committed before and nobody reads them twice. No batch takes
    /// of such partitions meanwhile. Default: not at all; what running batches have is read again where the partition goes.
    ///
    /// The whole group waits for its slowest member, but no longer than half of
    /// [`max_poll_interval`](Self::max_poll_interval), nor than [`request_timeout`](Self::request_timeout) (30 s by default); a
    /// longer wait is cut to that. What is not done by then is read again and told of (`commit_skipped`). In a group in
    /// ZooKeeper old consumers give up claiming a partition after `rebalance.max.retries` times `rebalance.backoff.ms`, 8 s by
    /// default: wait for less. For streams other than those of
    /// [`create_reliable_stream`](crate::kafka::create_reliable_stream) it means nothing.
    pub fn rebalance_wait(mut self, wait: Duration) -> Self {
        self.group.rebalance_wait = wait;
        self
    }

    /// The ways in which this member can share out a group's partitions (`partition.assignment.strategy`), the best liked
    /// first. All members of a group need one in common. Default as in Java's client.
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Assignor>) -> Self {
        let mut chosen: Vec<Assignor> = Vec::new();
        for assignor in assignors {
            if !chosen.contains(&assignor) {
                chosen.push(assignor);
            }
        }
        if chosen.is_empty() {
            self.note("a member needs an assignor".to_owned());
        } else {
            self.group.assignors = chosen;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> GroupParams {
        let params = KafkaParams::from([(name, value)]);
        assert_eq!(params.check(), Ok(()), "{name}");
        assert_eq!(params.unused(), <[String; 0]>::default());
        params.group
    }

    #[test]
    fn names_of_other_clients_set_what_the_setters_do() {
        let ms = Duration::from_millis;
        let params = KafkaParams::new();
        assert_eq!(of("group.instance.id", "a"), params.clone().instance_id("a").group);
        assert_eq!(of("session.timeout.ms", "6000"), params.clone().session_timeout(ms(6_000)).group);
        assert_eq!(of("heartbeat.interval.ms", "500"), params.clone().heartbeat_interval(ms(500)).group);
        assert_eq!(of("max.poll.interval.ms", "7000"), params.clone().max_poll_interval(ms(7_000)).group);
        let strategy = "org.apache.kafka.clients.consumer.RoundRobinAssignor, range";
        let both = params.assignors([Assignor::RoundRobin, Assignor::Range]).group;
        assert_eq!(of("partition.assignment.strategy", strategy), both);
    }

    #[test]
    fn a_session_is_shorter_with_0_9_unless_it_is_named() {
        let seconds = Duration::from_secs;
        let default = GroupParams::default();
        assert_eq!([0, 1].map(|version| default.session(version)), [seconds(30), seconds(45)]);
        let named = of("session.timeout.ms", "60000");
        assert_eq!([0, 5].map(|version| named.session(version)), [seconds(60); 2]);
    }

    #[test]
    fn heartbeats_follow_the_session() {
        let default = GroupParams::default();
        assert_eq!(default.heartbeat(Duration::from_secs(45)), Duration::from_millis(1_875));
        assert_eq!(default.heartbeat(Duration::from_secs(6)), Duration::from_millis(250));
        assert_eq!(default.heartbeat(Duration::from_secs(300)), Duration::from_secs(3));
    }

    #[test]
    fn what_cannot_be_is_a_mistake() {
        let mistake = |params: KafkaParams| params.check().unwrap_err();
        let unknown = mistake(KafkaParams::from([("partition.assignment.strategy", "best")]));
        assert!(unknown.contains("best") && unknown.contains("range"), "{unknown}");
        assert!(mistake(KafkaParams::from([("session.timeout.ms", "0")])).contains("not a time"));
        let late = [("session.timeout.ms", "1000"), ("heartbeat.interval.ms", "2000")];
        assert!(mistake(KafkaParams::from(late)).contains("too late"));
        assert!(mistake(KafkaParams::new().assignors([])).contains("assignor"));
    }
}
