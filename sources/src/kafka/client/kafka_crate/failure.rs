//! The errors of the crate as errors of this library. The crate seldom says which broker it was about.

use std::io;
use std::sync::Arc;

use kafka_rust::Error;
use kafka_rust::error::KafkaCode;

use crate::kafka::wire::ErrorCode;
use crate::kafka::{KafkaError, TopicPartition};

/// An error of the crate's own.
pub(super) fn of_crate(request: &'static str, about: Option<&TopicPartition>, problem: String) -> KafkaError {
    let about = about.map(|name| name.to_string().into());
    KafkaError::KafkaCrate { request, about, problem: problem.into() }
}

/// What a call of the crate has failed with. `broker` is who was asked, as far as that is known.
pub(super) fn from_crate(error: Error, broker: &Arc<str>, request: &'static str) -> KafkaError {
    let broker = || Arc::clone(broker);
    match error {
        Error::Kafka(code) => {
            KafkaError::Broker { broker: broker(), request, about: None, code: code_of(code) }
        }
        Error::TopicPartitionError { topic_name, partition_id, error_code } => {
            let about = Some(format!("{topic_name}-{partition_id}").into());
            KafkaError::Broker { broker: broker(), request, about, code: code_of(error_code) }
        }
        Error::Io(cause) => from_io(cause, broker(), request),
        // It has tried all brokers, and kept what went wrong with each to itself.
        Error::NoHostReachable => KafkaError::Closed { broker: broker(), request },
        Error::ArcSelf(inner) => of_crate(request, None, inner.to_string()),
        other => of_crate(request, None, other.to_string()),
    }
}

/// The crate inflates within the call that reads, so that an error of that sort may be one of a batch.
fn from_io(cause: io::Error, broker: Arc<str>, request: &'static str) -> KafkaError {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, TimedOut, UnexpectedEof, WouldBlock};
    match cause.kind() {
        UnexpectedEof => KafkaError::Closed { broker, request },
        InvalidData | InvalidInput | Other => of_crate(request, None, cause.to_string()),
        WouldBlock | TimedOut => {
            KafkaError::Timeout { broker, request, after: std::time::Duration::from_secs(120) }
        }
        _ => KafkaError::Io { broker, cause: Arc::new(cause) },
    }
}

/// The numbers are those of the protocol; the crate knows those up to 35.
pub(super) fn code_of(code: KafkaCode) -> ErrorCode {
    ErrorCode(code as i16)
}
