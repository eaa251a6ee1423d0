//! What everything about Kafka fails with, on any thread. It names the broker, and the topic, partition and offset where
//! there is one.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use super::TopicPartition;
use super::wire::records::RecordError;
use super::wire::{ErrorCode, WireError};

/// Why something about a Kafka cluster failed. A clone is cheap.
///
/// A broker is named as `host:port`, with its number where it is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KafkaError {
    /// An address is not of the form `host:port`.
    Address {
        /// The address, as it was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// None of the brokers that were given could be talked to.
    NoBroker {
        /// Their addresses, as they were given.
        bootstrap: Arc<str>,
        /// How many of them were tried.
        tried: usize,
        /// What the last attempt came to.
        cause: Arc<KafkaError>,
    },
    /// The system knows no address of a broker's host.
    Resolve {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A broker could not be connected to.
    Connect {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A broker has told the clients an address at which it cannot be reached from here.
    UnreachableAdvertised {
        /// The brokers that were given and could be reached.
        bootstrap: Arc<str>,
        /// The broker, with the address that the cluster names.
        advertised: Arc<str>,
        /// What the attempt came to.
        cause: Arc<KafkaError>,
    },
    /// Something else than a Kafka broker answers there.
    NotKafka {
        /// The address.
        broker: Arc<str>,
        /// What it looks like.
        looks_like: &'static str,
    },
    /// A broker has not answered in time. The connection was closed, so that a late answer is not taken for another.
    Timeout {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// A broker closed the connection instead of an answer.
    Closed {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
    },
    /// The connection to a broker broke.
    Io {
        /// The broker.
        broker: Arc<str>,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A request cannot be sent, for something in it has no form in the protocol: a name is too long.
    Request {
        /// The name of the request.
        request: &'static str,
        /// What is wrong with it.
        cause: WireError,
    },
    /// A broker's answer does not follow the protocol.
    Protocol {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The version of the request.
        version: i16,
        /// What is wrong with the answer.
        cause: WireError,
    },
    /// A broker answered another request than the one that was sent.
    WrongAnswer {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The number of the request.
        expected: i32,
        /// The number that the answer has.
        found: i32,
    },
    /// A broker's answer says that it is longer than allowed.
    ResponseTooLarge {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// The partition, where it was asked for one only.
        partition: Option<TopicPartition>,
        /// The length it says it has, in bytes.
        length: u64,
        /// The longest allowed, in bytes.
        limit: usize,
    },
    /// A broker offers no version of a request that this client speaks.
    UnsupportedVersion {
        /// The broker.
        broker: Arc<str>,
        /// The name of the request.
        request: &'static str,
        /// The lowest and the highest that the broker offers; `None` where it does not know the request.
        offered: Option<(i16, i16)>,
    },
    /// A broker answered with an error.
    Broker {
        /// The broker.
        broker: Arc<str>,
        /// What it was asked for: the name of the request.
        request: &'static str,
        /// What it was about: a partition, a topic or a group, if one of them.
        about: Option<Arc<str>>,
        /// Its answer.
        code: ErrorCode,
    },
    /// The cluster has no such topic, or hides it from this client. It was not created by asking.
    UnknownTopic {
        /// The topic.
        topic: Arc<str>,
        /// A topic of the cluster with nearly that name.
        did_you_mean: Option<Arc<str>>,
    },
    /// The topic has no such partition.
    UnknownPartition {
        /// The partition.
        partition: TopicPartition,
        /// How many the topic has, with numbers from 0 on.
        partitions: usize,
    },
    /// A partition has no leader, or none that could be reached, for too long.
    NoLeader {
        /// The partition.
        partition: TopicPartition,
        /// For how long.
        since: Duration,
        /// What the last attempt came to, if there was one.
        cause: Option<Arc<KafkaError>>,
    },
    /// A start offset is not in the log.
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was asked for.
        wanted: i64,
        /// The first offset that is there.
        earliest: i64,
        /// The end of the log.
        latest: i64,
    },
    /// The cluster has deleted records before they were read.
    RangeLost {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that is lost.
        from: i64,
        /// The offset behind the last one that is lost.
        until: i64,
        /// The first offset that is still there.
        earliest: i64,
    },
    /// A record does not fit into the largest fetch that is allowed.
    RecordTooLarge {
        /// The partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// How many bytes it needs, with the batch it is in.
        size: u64,
        /// The largest fetch, in bytes.
        limit: u64,
    },
    /// A batch of records is damaged, or needs more memory than allowed.
    Records {
        /// The partition.
        partition: TopicPartition,
        /// The first offset of the batch.
        offset: i64,
        /// What is wrong with it.
        cause: RecordError,
    },
    /// A topic was deleted and made anew under the same name: what was read of it says nothing about the new one.
    TopicRecreated {
        /// The topic.
        topic: Arc<str>,
    },
    /// The log was cut back behind what was read of it, by an unclean election of a leader.
    LogTruncated {
        /// The partition.
        partition: TopicPartition,
        /// The end of what was read and is still there.
        from: i64,
        /// The offset behind the last one that was read.
        to: i64,
    },
    /// Somebody else commits offsets for the group.
    ForeignGroup {
        /// The group.
        group: Arc<str>,
        /// Who.
        owner: String,
    },
    /// The system gave no thread.
    Thread {
        /// What it said.
        cause: Arc<io::Error>,
    },
    /// The parameters make no sense.
    Parameter(String),
    /// An offset was given for a partition that is not read.
    NotRead {
        /// The partition.
        partition: TopicPartition,
    },
    /// Nothing says where to begin, and the reset is to fail.
    NoOffset {
        /// The partition.
        partition: TopicPartition,
        /// The group, if there is one.
        group: Option<Arc<str>>,
    },
    /// Offsets are to be committed, and there is no group to commit them for.
    NoGroup,
    /// The program's decoder refused a record.
    Decode {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: i64,
        /// What the decoder says.
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// A broker tells nothing of a topic.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// Its answer.
        code: ErrorCode,
    },
    /// The client was closed.
    Stopped,
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { .. }
            | Self::NoBroker { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::UnreachableAdvertised { .. }
            | Self::NotKafka { .. } => self.fmt_reaching(f),
            Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Io { .. }
            | Self::Request { .. }
            | Self::Protocol { .. }
            | Self::WrongAnswer { .. }
            | Self::ResponseTooLarge { .. }
            | Self::UnsupportedVersion { .. }
            | Self::Broker { .. } => self.fmt_asking(f),
            _ => self.fmt_records(f),
        }
    }
}

impl KafkaError {
    /// No connection to a broker came about.
    fn fmt_reaching(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text, problem } => write!(f, "{text:?} {problem}: write host:port"),
            Self::NoBroker { bootstrap, tried, cause } => {
                write!(f, "none of {tried} brokers in {bootstrap} could be talked to; the last: {cause}")
            }
            Self::Resolve { broker, cause } => {
                write!(f, "no address of the host of broker {broker}: {cause}")
            }
            // The system's own text adds an error number in parentheses.
            Self::Connect { broker, cause } if cause.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "no connection to broker {broker}: connection refused")
            }
            Self::Connect { broker, cause } => write!(f, "no connection to broker {broker}: {cause}"),
            Self::UnreachableAdvertised { bootstrap, advertised, cause } => write!(
                f,
                "{bootstrap} can be reached, but the cluster says that a broker is at {advertised}: {cause}; check \
                 advertised.listeners (advertised.host.name on old brokers)"
            ),
            Self::NotKafka { broker, looks_like } => {
                write!(f, "no Kafka broker answers at {broker}: this looks like {looks_like}")
            }
            _ => Ok(()),
        }
    }

    /// A broker gave no answer, or none that helps.
    fn fmt_asking(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { broker, request, after } => {
                write!(f, "broker {broker} has not answered {request} within {after:?}")
            }
            Self::Closed { broker, request } => {
                write!(f, "broker {broker} closed the connection instead of an answer to {request}")
            }
            Self::Io { broker, cause } => write!(f, "the connection to broker {broker} broke: {cause}"),
            Self::Request { request, cause } => write!(f, "{request} cannot be sent: {cause}"),
            Self::Protocol { broker, request, version, cause } => {
                write!(f, "the answer of broker {broker} to {request} {version} is no such answer: {cause}")
            }
            Self::WrongAnswer { broker, request, expected, found } => {
                write!(f, "broker {broker} answered request {found}, not {request} with number {expected}")
            }
            Self::ResponseTooLarge { broker, request, partition, length, limit } => {
                write!(f, "the answer of broker {broker} to {request}")?;
                if let Some(partition) = partition {
                    write!(f, " for {partition}")?;
                }
                write!(f, " has {length} bytes, more than the {limit} allowed")
            }
            Self::UnsupportedVersion { broker, request, offered: Some((low, high)) } => write!(
                f,
                "broker {broker} offers {request} in versions {low} to {high}, none of which is spoken here"
            ),
            Self::UnsupportedVersion { broker, request, offered: None } => {
                write!(f, "broker {broker} does not know {request}")
            }
            Self::Broker { broker, request, about, code } => {
                write!(f, "broker {broker} answered {request}")?;
                if let Some(about) = about {
                    write!(f, " for {about}")?;
                }
                write!(f, " with {code}")
            }
            _ => Ok(()),
        }
    }

    /// Something is the matter with a topic or its records.
    fn fmt_records(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTopic { topic, did_you_mean } => {
                write!(f, "the cluster has no topic {topic:?}")?;
                did_you_mean.iter().try_for_each(|near| write!(f, "; did you mean {near:?}?"))
            }
            Self::UnknownPartition { partition, partitions } => {
                write!(f, "there is no partition {partition}: the topic has {partitions}, from 0 on")
            }
            Self::NoLeader { partition, since, cause } => {
                write!(f, "{partition} has had no leader that can be reached for {since:?}")?;
                cause.iter().try_for_each(|cause| write!(f, ": {cause}"))
            }
            Self::OffsetOutOfRange { partition, wanted, earliest, latest } => {
                write!(f, "offset {wanted} is not in {partition}, which has {earliest} to {latest}")
            }
            Self::RangeLost { partition, from, until, earliest } => write!(
                f,
                "offsets {from} to {until} of {partition} were deleted before they were read; the first left is \
                 {earliest}"
            ),
            Self::RecordTooLarge { partition, offset, size, limit } => write!(
                f,
                "the record at offset {offset} of {partition} needs a fetch of {size} bytes, more than the {limit} \
                 allowed"
            ),
            Self::Records { partition, offset, cause } => {
                write!(f, "the records at offset {offset} of {partition}: {cause}")
            }
            Self::TopicRecreated { topic } => {
                write!(f, "the topic {topic:?} was deleted and made anew while it was read")
            }
            Self::LogTruncated { partition, from, to } => {
                write!(
                    f,
                    "the log of {partition} was cut back to {from} by an unclean election; {to} had been read"
                )
            }
            Self::ForeignGroup { group, owner } => {
                write!(f, "offsets of the group {group:?} are committed by {owner} too")
            }
            Self::Thread { cause } => write!(f, "no thread to fetch with: {cause}"),
            _ => self.fmt_program(f),
        }
    }
}

impl KafkaError {
    /// Something is the matter with what the program asks for, or with where it runs.
    fn fmt_program(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(mistake) => f.write_str(mistake),
            Self::NotRead { partition } => write!(f, "an offset is given for {partition}, which is not read"),
            Self::NoOffset { partition, group: Some(group) } => {
                write!(f, "the group {group:?} has committed no offset of {partition}")
            }
            Self::NoOffset { partition, group: None } => {
                write!(f, "there is no group and no given offset to begin {partition} at")
            }
            Self::NoGroup => write!(f, "offsets are committed for a group: set group.id"),
            Self::Decode { partition, offset, cause } => {
                write!(f, "the record at offset {offset} of {partition}: {cause}")
            }
            Self::Topic { topic, code } => write!(f, "the brokers answer {code} for the topic {topic:?}"),
            _ => write!(f, "the Kafka client was closed"),
        }
    }
}

impl Error for KafkaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoBroker { cause, .. } | Self::UnreachableAdvertised { cause, .. } => Some(&**cause),
            Self::NoLeader { cause: Some(cause), .. } => Some(&**cause),
            Self::Resolve { cause, .. } | Self::Connect { cause, .. } | Self::Io { cause, .. } => {
                Some(&**cause)
            }
            Self::Protocol { cause, .. } | Self::Request { cause, .. } => Some(cause),
            Self::Records { cause, .. } => Some(cause),
            Self::Decode { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_advertised_address_comes_with_a_hint() {
        let cause = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let cause = Arc::new(KafkaError::Connect { broker: "kafka:9092 (1)".into(), cause });
        let error = KafkaError::UnreachableAdvertised {
            bootstrap: "localhost:9092".into(),
            advertised: "kafka:9092 (1)".into(),
            cause,
        };
        assert_eq!(
            error.to_string(),
            "localhost:9092 can be reached, but the cluster says that a broker is at kafka:9092 (1): no connection to \
             broker kafka:9092 (1): connection refused; check advertised.listeners (advertised.host.name on old brokers)"
        );
    }

    #[test]
    fn a_misspelt_topic_comes_with_the_right_one() {
        let unknown = |near: Option<&str>| KafkaError::UnknownTopic {
            topic: "clciks".into(),
            did_you_mean: near.map(Into::into),
        };
        assert_eq!(unknown(None).to_string(), "the cluster has no topic \"clciks\"");
        assert!(unknown(Some("clicks")).to_string().ends_with("; did you mean \"clicks\"?"));
    }
}
