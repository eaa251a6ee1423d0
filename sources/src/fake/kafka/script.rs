//! [`FaultBuilder`] and [`Fault`]: how a test scripts faults, on its own thread.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::Shared;
use super::faults::{Action, Aim};
use super::seen::Seen;
use super::{ApiKey, ErrorCode};

/// Scripts a fault: which requests, how often, and at last what happens to them. A request that several faults are for
/// meets all that delay it and the first of the others.
///
/// ```
/// use std::time::Duration;
/// use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
///
/// let kafka = FakeKafka::builder().brokers(2).topic("lines", 2).start()?;
/// // The first two fetches of partition 1 fail, and then the next answer of broker 1 is cut off after 100 bytes.
/// kafka.on(ApiKey::FETCH).topic("lines").partition(1).times(2).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
/// kafka.on(ApiKey::FETCH).broker(1).after(2).cut_after(100);
/// // Metadata is slow from now on.
/// let slow = kafka.on(ApiKey::METADATA).always().delay(Duration::from_millis(10));
/// slow.remove();
/// # Ok::<(), std::io::Error>(())
/// ```
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

    /// Does what is asked and sends the answer, its length included, byte by byte, with such a pause before each.
    pub fn trickle(self, pause: Duration) -> Fault {
        self.script(Action::Trickle(pause))
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
        let id = self.shared.state.lock().faults.add(self.aim, action, self.skip, self.times);
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
        self.shared.state.lock().faults.fired(self.id)
    }

    /// Waits until it has fired so often, at most `timeout`: whether it has. Only a request that it is for ends the wait
    /// early.
    pub fn wait(&self, times: u64, timeout: Duration) -> bool {
        let id = self.id;
        self.shared.wait(timeout, |state| state.faults.fired(id) >= times)
    }

    /// Takes it back, however often it has fired.
    pub fn remove(self) {
        self.shared.state.lock().faults.remove(self.id);
    }
}
