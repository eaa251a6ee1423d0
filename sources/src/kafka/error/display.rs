//! What a [`KafkaError`] says: one clause that names the place and, where there is one, what to do.

use std::{fmt, io};

use super::KafkaError;
use crate::kafka::ErrorCode;

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { .. }
            | Self::NoBroker { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::UnreachableAdvertised { .. }
            | Self::NotKafka { .. }
            | Self::Security { .. } => self.fmt_reaching(f),
            Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Io { .. }
            | Self::Request { .. }
            | Self::Protocol { .. }
            | Self::WrongAnswer { .. }
            | Self::ResponseTooLarge { .. }
            | Self::Unanswered { .. }
            | Self::BadValue { .. }
            | Self::NoRecords { .. }
            | Self::UnsupportedVersion { .. }
            | Self::KafkaCrate { .. }
            | Self::Broker { .. } => self.fmt_asking(f),
            Self::RecordOverLimit { .. }
            | Self::BufferFull { .. }
            | Self::NotDelivered { .. }
            | Self::InDoubt { .. }
            | Self::NotFlushed { .. } => self.fmt_sending(f),
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
                write!(f, "none of {tried} brokers in {bootstrap} could be talked to; the last: {cause}")?;
                match **cause {
                    Self::Closed { .. } => {
                        f.write_str(", as one that wants SASL or TLS does when it is asked without")
                    }
                    _ => Ok(()),
                }
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
            Self::NotKafka { broker, looks_like: "TLS" } => write!(
                f,
                "no Kafka broker without TLS answers at {broker}: this looks like TLS; set security.protocol to SSL or SASL_SSL"
            ),
            Self::Security { broker, cause } => write!(f, "no secure connection to broker {broker}: {cause}"),
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
            Self::Unanswered { broker, request, about } => {
                write!(f, "the answer of broker {broker} to {request} says nothing of {about}")
            }
            Self::BadValue { broker, request, about, what, value } => {
                write!(f, "broker {broker} answered {request}")?;
                if let Some(about) = about {
                    write!(f, " for {about}")?;
                }
                write!(f, " with the {what} {value}")
            }
            Self::NoRecords { broker, partition, offset, end } => write!(
                f,
                "broker {broker} answers Fetch for {partition} at offset {offset} with nothing of use, though it says that \
                 the log ends at {end}"
            ),
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
                write!(f, " with {code}")?;
                if (*request, *code) == ("Produce", ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT) {
                    f.write_str(
                        ": it keeps the topic in a format of before 0.11 (message.format.version), which has no headers \
                         and no numbers for idempotence",
                    )?;
                }
                Ok(())
            }
            Self::KafkaCrate { request, about, problem } => {
                write!(f, "the kafka crate has failed in {request}")?;
                about.iter().try_for_each(|about| write!(f, " for {about}"))?;
                write!(f, ": {problem}")
            }
            _ => Ok(()),
        }
    }

    /// Records could not be written.
    fn fmt_sending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordOverLimit { topic, size, limit } => {
                write!(f, "a record for {topic:?} has about {size} bytes, more than the {limit} allowed")
            }
            Self::BufferFull { topic, limit, after } => write!(
                f,
                "no room for a record for {topic:?} within {after:?}: all {limit} bytes of the buffer hold records that \
                 are not acknowledged"
            ),
            Self::NotDelivered { partition, records, after, cause } => {
                write!(f, "{records} records for {partition} were not acknowledged within {after:?}")?;
                cause.iter().try_for_each(|cause| write!(f, "; the last attempt: {cause}"))
            }
            Self::InDoubt { partition, records, cause } => {
                write!(f, "{records} records for {partition} may have been appended or not: {cause}")
            }
            Self::NotFlushed { batches, after } => {
                write!(f, "{batches} batches of records were not acknowledged within {after:?}")
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
            Self::Gap { partition, from, to } => write!(
                f,
                "records from offset {from} to {to} of {partition} did not come: the topic is compacted (then say that gaps are \
                 expected) or has transactions, or a record is larger than max_record_bytes"
            ),
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
                write!(
                    f,
                    "offsets of the group {group:?} are committed by {owner} too; end that first (a member that was killed \
                     stays until its session ends), or use another group.id"
                )
            }
            Self::Group { server, group, member, cause } => {
                write!(f, "member {member:?} of group {group:?} at {server}: {cause}")
            }
            Self::Member { group, member, cause } => {
                write!(f, "member {member:?} of group {group:?}: {cause}")
            }
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper { group, member, cause } => {
                write!(f, "member {member:?} of group {group:?}: {cause}")
            }
            Self::Thread { cause } => write!(f, "no thread for the Kafka client: {cause}"),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
    fn a_topic_in_an_old_format_is_told_from_other_refusals() {
        let code = ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT;
        let told = |request| {
            KafkaError::Broker { broker: "b:9092".into(), request, about: Some("t-0".into()), code }
                .to_string()
        };
        assert!(told("Produce").starts_with("broker b:9092 answered Produce for t-0 with "));
        assert!(told("Produce").contains("message.format.version"));
        // By time logs of before 0.10 cannot be asked, which is another matter.
        assert!(!told("ListOffsets").contains("message.format.version"));
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
