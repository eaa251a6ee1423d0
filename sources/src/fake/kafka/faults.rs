//! Scripted faults: what a cluster shall do to the next requests of a kind. They are scripted by a test's thread through
//! [`FakeKafka::on`](super::FakeKafka::on) and taken by connection threads, one at most for a request beside its delays.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cluster::Shared;
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
            Self::CorruptCrc => f.write_str("corrupt_crc"),
            Self::WrongCorrelation => f.write_str("wrong_correlation"),
            Self::ReplyRaw(bytes) => write!(f, "reply_raw({} bytes)", bytes.len()),
            Self::ReplyWith(_) => f.write_str("reply_with"),
        }
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
struct Aim {
    api: ApiKey,
    broker: Option<i32>,
    topic: Option<String>,
    partition: Option<i32>,
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

    fn find(&mut self, id: u64) -> Option<&mut Scripted> {
        self.scripted.iter_mut().find(|fault| fault.id == id)
    }
}

/// Scripts a fault: which requests, how often, and at last what happens to them. See
/// [`FakeKafka::on`](super::FakeKafka::on).
#[derive(Debug)]
#[must_use = "nothing is scripted until it is said what happens"]
pub struct FaultBuilder<'a> {
    shared: &'a Arc<Shared>,
    aim: Aim,
    times: u64,
    skip: u64,
}

impl<'a> FaultBuilder<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, api: ApiKey) -> Self {
        let aim = Aim { api, broker: None, topic: None, partition: None };
        Self { shared, aim, times: 1, skip: 0 }
    }

    /// Only requests to this broker.
    pub fn broker(mut self, id: i32) -> Self {
        self.aim.broker = Some(id);
        self
    }

    /// Only requests that name this topic (or group, or transactional id).
    pub fn topic(mut self, topic: &str) -> Self {
        self.aim.topic = Some(topic.to_owned());
        self
    }

    /// Only requests that name a partition of this number; others of the same request are answered as always.
    pub fn partition(mut self, partition: i32) -> Self {
        self.aim.partition = Some(partition);
        self
    }

    /// So many requests instead of one.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// All requests from now on, until the [`Fault`] is removed.
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Lets so many requests pass before the first.
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Does nothing and answers with this error, in the field for it: that of each partition named (or of the one that
    /// the fault is for), else that of the topic, else that of the response. An error of a fetch session and, from version
    /// 2 of OffsetFetch on, of a group is one of the response.
    pub fn fail(self, code: ErrorCode) -> Fault {
        self.script(Action::Fail(code))
    }

    /// Begins with the request so much later. Other faults may befall it as well.
    pub fn delay(self, duration: Duration) -> Fault {
        self.script(Action::Delay(duration))
    }

    /// Does nothing and closes the connection.
    pub fn disconnect(self) -> Fault {
        self.script(Action::Disconnect)
    }

    /// Does nothing, never answers, and goes on with the next request.
    pub fn silence(self) -> Fault {
        self.script(Action::Silence)
    }

    /// Does what is asked and closes the connection instead of answering.
    pub fn done_but_reply_lost(self) -> Fault {
        self.script(Action::ReplyLost)
    }

    /// Does what is asked, sends so many bytes of the answer, its length included, and closes the connection.
    pub fn cut_after(self, bytes: usize) -> Fault {
        self.script(Action::CutAfter(bytes))
    }

    /// Fetch: answers with a wrong bit in the first batch of each partition, so that its checksum is wrong.
    pub fn corrupt_crc(self) -> Fault {
        self.script(Action::CorruptCrc)
    }

    /// Does what is asked and answers with another correlation id.
    pub fn wrong_correlation(self) -> Fault {
        self.script(Action::WrongCorrelation)
    }

    /// Does nothing and sends these bytes as they are, instead of length, header and response.
    pub fn reply_raw(self, bytes: impl Into<Vec<u8>>) -> Fault {
        self.script(Action::ReplyRaw(bytes.into()))
    }

    /// Does what is asked and sends what `rewrite` makes of the answer: its header and body, without the length, which
    /// is set anew. It runs on the connection's thread, without a lock.
    pub fn reply_with(self, rewrite: impl Fn(&Seen, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Fault {
        self.script(Action::ReplyWith(Arc::new(rewrite)))
    }

    fn script(self, action: Action) -> Fault {
        let mut state = self.shared.state.lock();
        let id = state.faults.next_id;
        state.faults.next_id += 1;
        let scripted = Scripted { id, aim: self.aim, action, skip: self.skip, left: self.times, fired: 0 };
        state.faults.scripted.push(scripted);
        Fault { shared: Arc::clone(self.shared), id }
    }
}

/// A scripted fault. It stays in force when this handle is dropped.
#[derive(Debug)]
pub struct Fault {
    shared: Arc<Shared>,
    id: u64,
}

impl Fault {
    /// How often it has fired.
    pub fn fired(&self) -> u64 {
        self.shared.state.lock().faults.find(self.id).map_or(0, |fault| fault.fired)
    }

    /// Waits until it has fired so often, at most `timeout`: whether it has. Only a request that it is for ends the wait
    /// early.
    pub fn wait(&self, times: u64, timeout: Duration) -> bool {
        let id = self.id;
        self.shared.wait(timeout, |state| state.faults.find(id).is_some_and(|fault| fault.fired >= times))
    }

    /// Takes it back, however often it has fired.
    pub fn remove(self) {
        self.shared.state.lock().faults.scripted.retain(|fault| fault.id != self.id);
    }
}
