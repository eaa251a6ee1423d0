//! [`Faults`]: what a cluster shall do to the next requests of a kind. They are scripted by a test's thread (see
//! [`FaultBuilder`](super::FaultBuilder)) and taken by connection threads, one at most for a request beside its delays.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::requests::Outcome;
use super::seen::Seen;
use super::slices::Reply;
use super::{ApiKey, ErrorCode};

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

impl Aim {
    fn hits(&self, seen: &Seen) -> bool {
        self.api == seen.api
            && self.broker.is_none_or(|broker| broker == seen.broker)
            && (self.names_nothing()
                || seen.names.iter().any(|named| self.covers(&named.topic, named.partition)))
    }

    fn names_nothing(&self) -> bool {
        self.topic.is_none() && self.partition.is_none()
    }

    /// Whether it is for this topic or partition; a part that either side does not name matches.
    fn covers(&self, topic: &str, partition: Option<i32>) -> bool {
        self.topic.as_ref().is_none_or(|own| own == topic)
            && self.partition.is_none_or(|own| partition.is_none_or(|other| own == other))
    }
}

/// A fault that is scripted.
#[derive(Clone, Debug)]
struct Scripted {
    id: u64,
    aim: Aim,
    action: Action,
    skip: u64,
    left: u64,
    fired: u64,
}

/// All faults of a cluster, in the order in which they were scripted.
#[derive(Debug, Default)]
pub(super) struct Faults {
    scripted: Vec<Scripted>,
    next_id: u64,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(super) struct Befallen {
    pub(super) delay: Duration,
    pub(super) action: Option<Action>,
    aim: Option<Aim>,
}

impl Befallen {
    /// The error that a topic or partition of the response shall have.
    pub(super) fn error(&self, topic: &str, partition: Option<i32>) -> Option<ErrorCode> {
        match (&self.action, &self.aim) {
            (Some(Action::Fail(code)), Some(aim)) if aim.covers(topic, partition) => Some(*code),
            _ => None,
        }
    }

    /// The error that the response as a whole shall have: of a fault that names neither topic nor partition.
    pub(super) fn of_the_whole(&self) -> Option<ErrorCode> {
        match (&self.action, &self.aim) {
            (Some(Action::Fail(code)), Some(aim)) if aim.names_nothing() => Some(*code),
            _ => None,
        }
    }

    /// The fault was aimed at a single partition of those that the request names.
    pub(super) fn is_for_a_partition(&self) -> bool {
        self.aim.as_ref().is_some_and(|aim| aim.partition.is_some())
    }

    /// Whether the records of this partition shall have a wrong checksum.
    pub(super) fn corrupts(&self, topic: &str, partition: i32) -> bool {
        let aimed = self.aim.as_ref().is_some_and(|aim| aim.covers(topic, Some(partition)));
        aimed && matches!(self.action, Some(Action::CorruptCrc))
    }

    /// What a fault makes of a request that was answered.
    pub(super) fn change(&self, seen: &Seen, outcome: Outcome) -> Outcome {
        let Outcome::Reply(reply) = outcome else { return outcome };
        match &self.action {
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

impl Faults {
    /// Takes what is due for a request: all delays, and the first of the others.
    pub(super) fn take(&mut self, seen: &Seen) -> Befallen {
        let mut befallen = Befallen::default();
        for fault in self.scripted.iter_mut().filter(|fault| fault.left > 0 && fault.aim.hits(seen)) {
            let delay = if let Action::Delay(delay) = fault.action { Some(delay) } else { None };
            if delay.is_none() && befallen.action.is_some() {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.left -= 1;
            fault.fired += 1;
            match delay {
                Some(delay) => befallen.delay += delay,
                None => {
                    befallen.action = Some(fault.action.clone());
                    befallen.aim = Some(fault.aim.clone());
                }
            }
        }
        befallen
    }

    /// Those that have not fired as often as they should.
    pub(super) fn unfired(&self) -> Vec<String> {
        let unfired =
            |fault: &&Scripted| if fault.left > u64::MAX / 2 { fault.fired == 0 } else { fault.left > 0 };
        let line = |fault: &Scripted| {
            let Scripted { aim, action, fired, left, .. } = fault;
            let times =
                if *left > u64::MAX / 2 { "always".to_owned() } else { format!("{} times", fired + left) };
            format!("{aim:?}: {action:?}, {times}, fired {fired}")
        };
        self.scripted.iter().filter(unfired).map(line).collect()
    }

    pub(super) fn clear(&mut self) {
        self.scripted.clear();
    }

    /// Adds a fault that lets `skip` requests pass and then befalls so many: its id.
    pub(super) fn add(&mut self, aim: Aim, action: Action, skip: u64, times: u64) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.scripted.push(Scripted { id, aim, action, skip, left: times, fired: 0 });
        id
    }

    /// How often a fault has fired.
    pub(super) fn fired(&self, id: u64) -> u64 {
        self.scripted.iter().find(|fault| fault.id == id).map_or(0, |fault| fault.fired)
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.scripted.retain(|fault| fault.id != id);
    }
}
