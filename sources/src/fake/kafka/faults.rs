//! What a cluster may do to requests of a kind, as a test's thread has scripted it (see
//! [`FaultBuilder`](super::FaultBuilder)), and to their answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::requests::Outcome;
use super::seen::Seen;
use super::slices::Reply;
use super::{ApiKey, ErrorCode};
use crate::fake::faults;

/// What a fault does to a request or to its response.
#[derive(Clone)]
pub(super) enum Action {
    Fail(ErrorCode),
    Delay(Duration),
    Disconnect,
    Silence,
    ReplyLost,
    CutAfter(usize),
    Trickle(Duration),
    CorruptCrc,
    WrongCorrelation,
    ReplyRaw(Vec<u8>),
    ReplyWith(Arc<Rewrite>),
}

/// Makes another response of a response.
pub(super) type Rewrite = dyn Fn(&Seen, Vec<u8>) -> Vec<u8> + Send + Sync;

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(code) => write!(f, "fail({code:?})"),
            Self::Delay(duration) => write!(f, "delay({duration:?})"),
            Self::Disconnect => f.write_str("disconnect"),
            Self::Silence => f.write_str("silence"),
            Self::ReplyLost => f.write_str("done_but_reply_lost"),
            Self::CutAfter(bytes) => write!(f, "cut_after({bytes})"),
            Self::Trickle(pause) => write!(f, "trickle({pause:?})"),
            Self::CorruptCrc => f.write_str("corrupt_crc"),
            Self::WrongCorrelation => f.write_str("wrong_correlation"),
            Self::ReplyRaw(bytes) => write!(f, "reply_raw({} bytes)", bytes.len()),
            Self::ReplyWith(_) => f.write_str("reply_with"),
        }
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) api: ApiKey,
    pub(super) broker: Option<i32>,
    pub(super) topic: Option<String>,
    pub(super) partition: Option<i32>,
}

impl faults::Aim for Aim {
    type Seen = Seen;

    fn hits(&self, seen: &Seen) -> bool {
        self.api == seen.api
            && self.broker.is_none_or(|broker| broker == seen.broker)
            && (self.names_nothing()
                || seen.names.iter().any(|named| self.covers(&named.topic, named.partition)))
    }
}

impl faults::Action for Action {
    fn delay(&self) -> Option<Duration> {
        if let Self::Delay(duration) = self { Some(*duration) } else { None }
    }
}

impl Aim {
    fn names_nothing(&self) -> bool {
        self.topic.is_none() && self.partition.is_none()
    }

    /// Whether it is for this topic or partition; a part that either side does not name matches.
    fn covers(&self, topic: &str, partition: Option<i32>) -> bool {
        self.topic.as_ref().is_none_or(|own| own == topic)
            && self.partition.is_none_or(|own| partition.is_none_or(|other| own == other))
    }
}

/// All faults of a cluster.
pub(super) type Faults = faults::Faults<Aim, Action>;

/// What befalls one request.
pub(super) type Befallen = faults::Befallen<Aim, Action>;

impl Befallen {
    /// What befalls it beside a delay.
    pub(super) fn action(&self) -> Option<&Action> {
        self.fault.as_ref().map(|(_, action)| action)
    }

    /// The error that a topic or partition of the response shall have.
    pub(super) fn error(&self, topic: &str, partition: Option<i32>) -> Option<ErrorCode> {
        match &self.fault {
            Some((aim, Action::Fail(code))) if aim.covers(topic, partition) => Some(*code),
            _ => None,
        }
    }

    /// The error that the response as a whole shall have: of a fault that names neither topic nor partition.
    pub(super) fn of_the_whole(&self) -> Option<ErrorCode> {
        match &self.fault {
            Some((aim, Action::Fail(code))) if aim.names_nothing() => Some(*code),
            _ => None,
        }
    }

    /// The fault was aimed at a single partition of those that the request names.
    pub(super) fn is_for_a_partition(&self) -> bool {
        self.fault.as_ref().is_some_and(|(aim, _)| aim.partition.is_some())
    }

    /// Whether the records of this partition shall have a wrong checksum.
    pub(super) fn corrupts(&self, topic: &str, partition: i32) -> bool {
        matches!(&self.fault, Some((aim, Action::CorruptCrc)) if aim.covers(topic, Some(partition)))
    }

    /// What a fault makes of a request that was answered.
    pub(super) fn change(&self, seen: &Seen, outcome: Outcome) -> Outcome {
        let Outcome::Reply(reply) = outcome else { return outcome };
        match self.action() {
            Some(Action::ReplyLost) => Outcome::Close,
            Some(Action::CutAfter(bytes)) => Outcome::Cut(reply, *bytes),
            Some(Action::Trickle(pause)) => Outcome::Trickle(reply, *pause),
            Some(Action::WrongCorrelation) => {
                let mut bytes = reply.into_bytes();
                if let Some(last) = bytes.get_mut(3) {
                    *last = !*last;
                }
                Outcome::Reply(Reply::of(bytes))
            }
            Some(Action::ReplyWith(rewrite)) => Outcome::Reply(Reply::of(rewrite(seen, reply.into_bytes()))),
            _ => Outcome::Reply(reply),
        }
    }
}
