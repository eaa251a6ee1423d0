//! The names under which Spark, the Java client and librdkafka know the settings, and what each means here.

use std::time::Duration;

use super::{KafkaParams, OffsetReset};
use crate::kafka::Isolation;
use crate::kafka::nearest::nearest;
use crate::kafka::security::{self, Applied};

impl KafkaParams {
    /// Sets what other clients call `name`. Names of Spark (`metadata.broker.list`,
    /// `spark.streaming.kafka.maxRatePerPartition`), of the Java client and of librdkafka are known:
    ///
    /// | name | meaning |
    /// |---|---|
    /// | `bootstrap.servers`, `metadata.broker.list` | the brokers, if the call names none |
    /// | `group.id`, `client.id`, `client.rack` | as the setters |
    /// | `auto.offset.reset` | `earliest`, `smallest`, `beginning`; `latest`, `largest`, `end`; `none`, `error` |
    /// | `isolation.level` | `read_committed`, `read_uncommitted` |
    /// | `max.partition.fetch.bytes`, `fetch.message.max.bytes` | [`max_partition_bytes`](Self::max_partition_bytes) |
    /// | `fetch.max.wait.ms`, `fetch.wait.max.ms`, `fetch.min.bytes` | [`max_wait`](Self::max_wait), [`min_bytes`](Self::min_bytes) |
    /// | `request.timeout.ms`, `socket.timeout.ms`, `socket.connection.setup.timeout.ms` | [`request_timeout`](Self::request_timeout), [`connect_timeout`](Self::connect_timeout) |
    /// | `reconnect.backoff.ms`, `retry.backoff.ms`, `refresh.leader.backoff.ms`, `reconnect.backoff.max.ms`, `retry.backoff.max.ms` | [`backoff`](Self::backoff) |
    /// | `metadata.max.age.ms`, `topic.metadata.refresh.interval.ms` | [`refresh`](Self::refresh) |
    /// | `enable.auto.commit`, `auto.commit.enable` | what a receiver stream does anyway; a mistake in direct mode |
    /// | `auto.commit.interval.ms` | [`commit_interval`](Self::commit_interval) |
    /// | `broker.version.fallback` | [`broker_version`](Self::broker_version) |
    /// | `security.protocol`, `sasl.*`, `ssl.*` in PEM form, `enable.ssl.certificate.verification` | [`security`](Self::security) |
    /// | `group.instance.id`, `session.timeout.ms`, `heartbeat.interval.ms`, `max.poll.interval.ms` | [`instance_id`](Self::instance_id), [`session_timeout`](Self::session_timeout), [`heartbeat_interval`](Self::heartbeat_interval), [`max_poll_interval`](Self::max_poll_interval) |
    /// | `partition.assignment.strategy` | [`assignors`](Self::assignors): `range`, `roundrobin`, `sticky`, `cooperative-sticky`, or Java's classes |
    /// | `zookeeper.connect` | the ZooKeeper quorum, if the call names none |
    /// | `zookeeper.session.timeout.ms`, `zookeeper.connection.timeout.ms`, `consumer.id` | [`session_timeout`](Self::session_timeout), [`connect_timeout`](Self::connect_timeout), [`instance_id`](Self::instance_id) |
    /// | `spark.streaming.kafka.maxRatePerPartition`, `.minRatePerPartition`, `spark.streaming.backpressure.initialRate` | the rates |
    ///
    /// Names with a meaning for other clients only (deserializers, `max.poll.records`) are accepted and
    /// logged once at the start. `enable.auto.commit = true` in direct mode, stores that are not PEM, a value that does
    /// not fit and an unknown name are errors of [`start`](batchmill::StreamingContext::start).
    pub fn set(mut self, name: &str, value: &str) -> Self {
        let applied = match self.security.set(name, value) {
            Ok(Applied::Done) => Ok(()),
            Ok(Applied::Unused) => {
                self.unused.push(name.to_owned());
                Ok(())
            }
            Ok(Applied::Unknown) => self.apply(name, value.trim()),
            Err(mistake) => Err(mistake),
        };
        if let Err(mistake) = applied {
            self.mistakes.push(mistake);
        }
        self
    }

    fn apply(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "bootstrap.servers" | "metadata.broker.list" => self.bootstrap = Some(value.to_owned()),
            "group.id" => self.group_id = Some(value.to_owned()),
            "client.id" => self.client_id = value.to_owned(),
            "client.rack" => self.rack = Some(value.to_owned()).filter(|rack| !rack.is_empty()),
            "auto.offset.reset" => self.reset = reset(name, value)?,
            "isolation.level" => self.isolation = isolation(name, value)?,
            "enable.auto.commit" | "auto.commit.enable" => {
                self.auto_commit = Some(auto_commit(name, value)?);
            }
            "auto.commit.interval.ms" => self.commit_interval = Some(positive_millis(name, value)?),
            "max.partition.fetch.bytes" | "fetch.message.max.bytes" => {
                self.max_partition_bytes = bytes(name, value)?;
            }
            "fetch.max.wait.ms" | "fetch.wait.max.ms" => self.max_wait = millis(name, value)?,
            "fetch.min.bytes" => self.min_bytes = number::<i32>(name, value)?.unsigned_abs(),
            "request.timeout.ms" | "socket.timeout.ms" => {
                self.request_timeout = positive_millis(name, value)?
            }
            "zookeeper.connect" => self.zookeeper = Some(value.to_owned()),
            "offsets.storage" if value == "zookeeper" => self.unused.push(name.to_owned()),
            "offsets.storage" => {
                return Err(format!(
                    "{name} = {value}: a group in ZooKeeper keeps its offsets there; use zookeeper, or a group of brokers"
                ));
            }
            "socket.connection.setup.timeout.ms" | "zookeeper.connection.timeout.ms" => {
                self.connect_timeout = positive_millis(name, value)?
            }
            "reconnect.backoff.ms" | "retry.backoff.ms" | "refresh.leader.backoff.ms" => {
                self.backoff = positive_millis(name, value)?;
                self.backoff_max = self.backoff_max.max(self.backoff);
            }
            "reconnect.backoff.max.ms" | "retry.backoff.max.ms" => {
                self.backoff_max = positive_millis(name, value)?.max(self.backoff);
            }
            "metadata.max.age.ms" | "topic.metadata.refresh.interval.ms" => {
                self.refresh = positive_millis(name, value)?;
            }
            "broker.version.fallback" => self.broker_version = Some(value.to_owned()),
            "spark.streaming.kafka.maxRatePerPartition" => {
                self.max_rate = Some(number(name, value)?).filter(|rate| *rate > 0);
            }
            "spark.streaming.kafka.minRatePerPartition" => self.min_rate = number(name, value)?,
            "spark.streaming.backpressure.initialRate" => {
                self.initial_rate = Some(number(name, value)?).filter(|rate| *rate > 0);
            }
            _ if WITHOUT_MEANING.contains(&name) => self.unused.push(name.to_owned()),
            _ => match self.group.apply(name, value) {
                Some(done) => return done,
                None => return Err(unknown(name, &[KNOWN, WITHOUT_MEANING, security::NAMES])),
            },
        }
        Ok(())
    }
}

/// What other clients need and this one does not.
const WITHOUT_MEANING: &[&str] = &[
    "api.version.request",
    "check.crcs",
    "connections.max.idle.ms",
    "consumer.timeout.ms",
    "default.api.timeout.ms",
    "exclude.internal.topics",
    "fetch.max.bytes",
    "kafka.maxRetries",
    "key.deserializer",
    "max.poll.records",
    "num.consumer.fetchers",
    "queued.max.message.chunks",
    "rebalance.backoff.ms",
    "rebalance.max.retries",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "spark.streaming.kafka.consumer.cache.enabled",
    "spark.streaming.kafka.consumer.poll.ms",
    "spark.streaming.kafka.maxRetries",
    "value.deserializer",
    "zookeeper.sync.time.ms",
];

/// What `apply` understands, for suggestions.
const KNOWN: &[&str] = &[
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "broker.version.fallback",
    "client.id",
    "client.rack",
    "consumer.id",
    "enable.auto.commit",
    "fetch.max.wait.ms",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "metadata.broker.list",
    "metadata.max.age.ms",
    "offsets.storage",
    "partition.assignment.strategy",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "refresh.leader.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.timeout.ms",
    "spark.streaming.backpressure.initialRate",
    "spark.streaming.kafka.maxRatePerPartition",
    "spark.streaming.kafka.minRatePerPartition",
    "topic.metadata.refresh.interval.ms",
    "zookeeper.connect",
    "zookeeper.connection.timeout.ms",
    "zookeeper.session.timeout.ms",
];

fn reset(name: &str, value: &str) -> Result<OffsetReset, String> {
    match value.to_ascii_lowercase().as_str() {
        "earliest" | "smallest" | "beginning" => Ok(OffsetReset::Earliest),
        "latest" | "largest" | "end" => Ok(OffsetReset::Latest),
        "none" | "error" => Ok(OffsetReset::Fail),
        _ => Err(format!("{name} = {value}: use earliest (smallest), latest (largest) or none")),
    }
}

fn isolation(name: &str, value: &str) -> Result<Isolation, String> {
    match value.to_ascii_lowercase().as_str() {
        "read_committed" => Ok(Isolation::ReadCommitted),
        "read_uncommitted" => Ok(Isolation::ReadUncommitted),
        _ => Err(format!("{name} = {value}: use read_committed or read_uncommitted")),
    }
}

fn auto_commit(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "false" => Ok(false),
        "true" => Ok(true),
        _ => Err(format!("{name} = {value}: use true or false")),
    }
}

pub(in crate::kafka) fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{name} = {value}: not a number that fits"))
}

pub(in crate::kafka) fn bytes(name: &str, value: &str) -> Result<usize, String> {
    match number::<i32>(name, value)? {
        0 => Err(format!("{name} = 0: nothing could be read")),
        n => usize::try_from(n).map_err(|_| format!("{name} = {value}: not a size")),
    }
}

pub(in crate::kafka) fn millis(name: &str, value: &str) -> Result<Duration, String> {
    number::<u32>(name, value).map(|ms| Duration::from_millis(ms.into()))
}

pub(in crate::kafka) fn positive_millis(name: &str, value: &str) -> Result<Duration, String> {
    match millis(name, value)? {
        Duration::ZERO => Err(format!("{name} = 0: not a time")),
        time => Ok(time),
    }
}

/// What is said of a name that is none of these.
pub(in crate::kafka) fn unknown(name: &str, known: &[&[&'static str]]) -> String {
    match nearest(name, known.iter().copied().flatten().copied()) {
        Some(known) => format!("{name} is no parameter; did you mean {known}?"),
        None => format!("{name} is no parameter"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(name: &str, value: &str) -> String {
        KafkaParams::from([(name, value)]).check().unwrap_err()
    }

    #[test]
    fn every_known_name_takes_a_fitting_value() {
        for name in KNOWN {
            let value = match *name {
                "auto.offset.reset" => "earliest",
                "isolation.level" => "read_committed",
                "enable.auto.commit" => "false",
                "offsets.storage" => "zookeeper",
                "partition.assignment.strategy" => "range",
                _ => "7",
            };
            assert_eq!(KafkaParams::from([(*name, value)]).check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn resets_have_all_their_spellings() {
        let spelt = |value| KafkaParams::from([("auto.offset.reset", value)]).reset;
        for value in ["earliest", "smallest", "beginning", "Smallest"] {
            assert_eq!(spelt(value), OffsetReset::Earliest, "{value}");
        }
        for value in ["latest", "largest", "end"] {
            assert_eq!(spelt(value), OffsetReset::Latest, "{value}");
        }
        assert_eq!(spelt("none"), OffsetReset::Fail);
        assert!(mistake("auto.offset.reset", "first").contains("use earliest"));
    }

    #[test]
    fn an_unknown_name_comes_with_a_suggestion_if_one_is_near() {
        assert_eq!(mistake("group.ids", "a"), "group.ids is no parameter; did you mean group.id?");
        assert_eq!(
            mistake("auto.ofset.reset", "latest"),
            "auto.ofset.reset is no parameter; did you mean auto.offset.reset?"
        );
        assert_eq!(mistake("colour", "red"), "colour is no parameter");
    }

    #[test]
    fn names_without_meaning_are_kept_apart() {
        let params = KafkaParams::from([("key.deserializer", "x"), ("max.poll.records", "6000")]);
        assert_eq!(params.check(), Ok(()));
        assert_eq!(params.unused(), ["key.deserializer", "max.poll.records"]);
    }

    #[test]
    fn automatic_commits_are_refused_with_the_way_to_commit() {
        let params = KafkaParams::from([("enable.auto.commit", "true")]);
        assert_eq!(params.check(), Ok(()), "a receiver stream commits by itself");
        assert!(params.check_direct().unwrap_err().contains("commit_async"));
        assert!(mistake("security.protocol", "TLS").contains("SASL_SSL"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let params = KafkaParams::new().set("fetch.min.bytes", "many").set("metadata.max.age.ms", "0");
        assert_eq!(
            params.check(),
            Err("fetch.min.bytes = many: not a number that fits; metadata.max.age.ms = 0: not a time"
                .to_owned())
        );
    }
}
