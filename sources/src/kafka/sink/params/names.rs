//! The names under which the Java client and librdkafka know a producer's settings, and what each means here.

use super::{Acks, Compression, Idempotence, ProducerParams};
use crate::kafka::params::names::{bytes, millis, number, positive_millis, unknown};
use crate::kafka::security::{self, Applied};

impl ProducerParams {
    /// Sets what other clients call `name`. Names of the Java client and of librdkafka are known:
    ///
    /// | name | meaning |
    /// |---|---|
    /// | `bootstrap.servers`, `metadata.broker.list` | the brokers, if the call names none |
    /// | `client.id` | as the setter |
    /// | `acks`, `request.required.acks` | `0`, `1`, `all` or `-1` |
    /// | `enable.idempotence` | `true` is [`Required`](Idempotence::Required), `false` is [`Off`](Idempotence::Off) |
    /// | `compression.type`, `compression.codec` | `none`, `gzip`, `snappy`, `lz4`, `zstd` |
    /// | `linger.ms`, `queue.buffering.max.ms` | [`linger`](Self::linger) |
    /// | `batch.size` | [`batch_bytes`](Self::batch_bytes) |
    /// | `batch.num.messages` | how many records a batch has at most |
    /// | `max.request.size`, `message.max.bytes` | [`max_request_bytes`](Self::max_request_bytes) |
    /// | `buffer.memory`, `queue.buffering.max.kbytes` | [`buffer_bytes`](Self::buffer_bytes), the second in KiB |
    /// | `max.in.flight.requests.per.connection`, `max.in.flight` | [`max_in_flight`](Self::max_in_flight) |
    /// | `retries`, `message.send.max.retries` | how often a batch is sent again at most |
    /// | `max.block.ms` | [`max_wait`](Self::max_wait) |
    /// | `delivery.timeout.ms`, `message.timeout.ms` | [`delivery_timeout`](Self::delivery_timeout) |
    /// | `request.timeout.ms`, `socket.timeout.ms`, `socket.connection.setup.timeout.ms` | [`request_timeout`](Self::request_timeout), [`connect_timeout`](Self::connect_timeout) |
    /// | `retry.backoff.ms`, `reconnect.backoff.ms`, `retry.backoff.max.ms`, `reconnect.backoff.max.ms` | [`backoff`](Self::backoff) |
    /// | `metadata.max.age.ms`, `topic.metadata.refresh.interval.ms` | [`refresh`](Self::refresh) |
    /// | `broker.version.fallback` | [`broker_version`](Self::broker_version) |
    /// | `security.protocol`, `sasl.*`, `ssl.*` in PEM form, `enable.ssl.certificate.verification` | [`security`](Self::security) |
    ///
    /// Names with a meaning for other clients only (serializers, `queue.buffering.max.messages`) are accepted and logged
    /// once. Transactions, other partitioners, stores that are not PEM, a value that does not fit and an
    /// unknown name are errors of [`Producer::connect`](super::super::Producer::connect).
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
            "client.id" => self.client_id = value.to_owned(),
            "acks" | "request.required.acks" => self.acks = acks(name, value)?,
            "enable.idempotence" => self.idempotence = idempotence(name, value)?,
            "compression.type" | "compression.codec" => self.compression = compression(name, value)?,
            "linger.ms" | "queue.buffering.max.ms" => self.linger = millis(name, fractionless(value))?,
            "batch.size" => self.batch_bytes = number::<u32>(name, value)?.max(1) as usize,
            "batch.num.messages" => self.batch_records = number::<u32>(name, value)?.max(1),
            "max.request.size" | "message.max.bytes" => self.request_bytes = bytes(name, value)?,
            "buffer.memory" => self.buffer_bytes = positive(name, value)?,
            "queue.buffering.max.kbytes" => {
                self.buffer_bytes = positive(name, value)?.saturating_mul(1024);
            }
            "max.in.flight.requests.per.connection" | "max.in.flight" => {
                self.max_in_flight = positive(name, value)?;
            }
            "retries" | "message.send.max.retries" => self.retries = number(name, value)?,
            "max.block.ms" => self.max_wait = millis(name, value)?,
            "broker.version.fallback" => self.broker_version = Some(value.to_owned()),
            _ => return self.apply_time(name, value),
        }
        Ok(())
    }

    fn apply_time(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "delivery.timeout.ms" | "message.timeout.ms" => {
                self.delivery_timeout = positive_millis(name, value)?;
            }
            "request.timeout.ms" | "socket.timeout.ms" => {
                self.request_timeout = positive_millis(name, value)?
            }
            "socket.connection.setup.timeout.ms" => self.connect_timeout = positive_millis(name, value)?,
            "reconnect.backoff.ms" | "retry.backoff.ms" => {
                self.backoff = positive_millis(name, value)?;
                self.backoff_max = self.backoff_max.max(self.backoff);
            }
            "reconnect.backoff.max.ms" | "retry.backoff.max.ms" => {
                self.backoff_max = positive_millis(name, value)?.max(self.backoff);
            }
            "metadata.max.age.ms" | "topic.metadata.refresh.interval.ms" => {
                self.refresh = positive_millis(name, value)?;
            }
            "transactional.id" => return Err(format!("{name} = {value}: transactions are not built")),
            "partitioner.class" | "partitioner" => {
                return Err(format!(
                    "{name} = {value}: records go by key as in Java; name a partition instead"
                ));
            }
            _ if WITHOUT_MEANING.contains(&name) => self.unused.push(name.to_owned()),
            _ => return Err(unknown(name, &[KNOWN, WITHOUT_MEANING, security::NAMES])),
        }
        Ok(())
    }
}

/// What other clients need and this one does not.
const WITHOUT_MEANING: &[&str] = &[
    "api.version.request",
    "compression.level",
    "connections.max.idle.ms",
    "interceptor.classes",
    "key.serializer",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.ignore.keys",
    "producer.type",
    "queue.buffering.max.messages",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "serializer.class",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "sticky.partitioning.linger.ms",
    "value.serializer",
];

/// What `apply` understands, for suggestions.
const KNOWN: &[&str] = &[
    "acks",
    "batch.num.messages",
    "batch.size",
    "bootstrap.servers",
    "broker.version.fallback",
    "buffer.memory",
    "client.id",
    "compression.codec",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "linger.ms",
    "max.block.ms",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "metadata.max.age.ms",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.ms",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "socket.connection.setup.timeout.ms",
    "socket.timeout.ms",
    "topic.metadata.refresh.interval.ms",
];

fn acks(name: &str, value: &str) -> Result<Acks, String> {
    match value.to_ascii_lowercase().as_str() {
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err(format!("{name} = {value}: use all, 1 or 0")),
    }
}

fn idempotence(name: &str, value: &str) -> Result<Idempotence, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(Idempotence::Required),
        "false" => Ok(Idempotence::Off),
        _ => Err(format!("{name} = {value}: use true or false")),
    }
}

fn compression(name: &str, value: &str) -> Result<Compression, String> {
    match value.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        "snappy" => Ok(Compression::Snappy),
        "lz4" => Ok(Compression::Lz4),
        "zstd" => Ok(Compression::Zstd),
        _ => Err(format!("{name} = {value}: use none, gzip, snappy, lz4 or zstd")),
    }
}

fn positive(name: &str, value: &str) -> Result<usize, String> {
    match number(name, value)? {
        0 => Err(format!("{name} = 0: nothing could be sent")),
        n => Ok(n),
    }
}

/// librdkafka's linger may have a fraction; less than a millisecond is none.
fn fractionless(value: &str) -> &str {
    match value.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            whole
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(pairs: &[(&str, &str)]) -> String {
        ProducerParams::from_iter(pairs.iter().copied()).check().unwrap_err().to_string()
    }

    #[test]
    fn every_known_name_takes_a_fitting_value() {
        for name in KNOWN {
            let value = match *name {
                "acks" | "request.required.acks" => "all",
                "enable.idempotence" => "true",
                "compression.type" | "compression.codec" => "snappy",
                _ => "5",
            };
            assert!(ProducerParams::from([(*name, value)]).check().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_of_both_clients_mean_the_same() {
        let java = [("linger.ms", "20"), ("acks", "1"), ("retries", "3"), ("delivery.timeout.ms", "900")];
        let librdkafka = [
            ("queue.buffering.max.ms", "20.5"),
            ("request.required.acks", "1"),
            ("message.send.max.retries", "3"),
            ("message.timeout.ms", "900"),
        ];
        assert_eq!(ProducerParams::from(java), ProducerParams::from(librdkafka));
    }

    #[test]
    fn what_does_not_fit_is_told_at_once() {
        assert_eq!(mistake(&[("linger", "5")]), "linger is no parameter");
        assert_eq!(mistake(&[("linger.m", "5")]), "linger.m is no parameter; did you mean linger.ms?");
        assert_eq!(
            mistake(&[("acks", "2"), ("buffer.memory", "0")]),
            "acks = 2: use all, 1 or 0; buffer.memory = 0: nothing could be sent"
        );
        assert!(mistake(&[("transactional.id", "t")]).contains("not built"));
        assert!(mistake(&[("security.protocol", "TLS")]).contains("SASL_SSL"));
        assert!(mistake(&[("acks", "1"), ("enable.idempotence", "true")]).contains("needs acks = all"));
        assert_eq!(ProducerParams::from([("key.serializer", "x")]).unused(), ["key.serializer"]);
    }
}
