//! [`FaultBuilder`] and [`Fault`]: how a test scripts, on its own thread, what shall befall requests of a kind.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::seen::Seen;
use super::state::Shared;
use crate::fake::faults;
use crate::zookeeper::{ErrorCode, Operation};

/// Makes another reply of a reply.
pub(super) type Rewrite = dyn Fn(&Seen, Vec<u8>) -> Vec<u8> + Send + Sync;

/// What a fault does.
#[derive(Clone)]
pub(super) enum Action {
    Fail(ErrorCode),
    Delay(Duration),
    Disconnect,
    Silence,
    ReplyLost,
    CutAfter(usize),
    ReplyRaw(Vec<u8>),
    ReplyWith(Arc<Rewrite>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(code) => write!(f, "fail({code})"),
            Self::Delay(duration) => write!(f, "delay({duration:?})"),
            Self::Disconnect => f.write_str("disconnect"),
            Self::Silence => f.write_str("silence"),
            Self::ReplyLost => f.write_str("done_but_reply_lost"),
            Self::CutAfter(bytes) => write!(f, "cut_after({bytes})"),
            Self::ReplyRaw(bytes) => write!(f, "reply_raw({} bytes)", bytes.len()),
            Self::ReplyWith(_) => f.write_str("reply_with"),
        }
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    op: Operation,
    server: Option<usize>,
    path: Option<String>,
}

impl faults::Action for Action {
    fn delay(&self) -> Option<Duration> {
        if let Self::Delay(duration) = self { Some(*duration) } else { None }
    }
}

impl faults::Aim for Aim {
    type Seen = Seen;

    fn hits(&self, seen: &Seen) -> bool {
        self.op == seen.op
            && self.server.is_none_or(|server| server == seen.server)
            && self.path.as_ref().is_none_or(|path| seen.path.as_ref() == Some(path))
    }
}

/// All faults of the servers.
pub(super) type Faults = faults::Faults<Aim, Action>;

/// Scripts a fault: which requests, how often, and at last what happens to them.
#[derive(Debug)]
#[must_use = "nothing is scripted until it is said what happens"]
pub struct FaultBuilder<'a> {
    shared: &'a Arc<Shared>,
    aim: Aim,
    times: u64,
    skip: u64,
}

impl<'a> FaultBuilder<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, op: Operation) -> Self {
        Self { shared, aim: Aim { op, server: None, path: None }, times: 1, skip: 0 }
    }

    /// Only requests to this server.
    pub fn server(mut self, server: usize) -> Self {
        self.aim.server = Some(server);
        self
    }

    /// Only requests about this node, by its whole path.
    pub fn path(mut self, path: &str) -> Self {
        self.aim.path = Some(path.to_owned());
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

    /// Does nothing and replies with this error.
    pub fn fail(self, code: ErrorCode) -> Fault {
        self.script(Action::Fail(code))
    }

    /// Begins with the request so much later; the connection's other requests wait. Other faults may befall it as well.
    pub fn delay(self, duration: Duration) -> Fault {
        self.script(Action::Delay(duration))
    }

    /// Does nothing and closes the connection.
    pub fn disconnect(self) -> Fault {
        self.script(Action::Disconnect)
    }

    /// Does nothing, never replies, and goes on with the next request.
    pub fn silence(self) -> Fault {
        self.script(Action::Silence)
    }

    /// Does what is asked and closes the connection instead of replying.
    pub fn done_but_reply_lost(self) -> Fault {
        self.script(Action::ReplyLost)
    }

    /// Does what is asked, sends so many bytes of the reply, its length included, and closes the connection.
    pub fn cut_after(self, bytes: usize) -> Fault {
        self.script(Action::CutAfter(bytes))
    }

    /// Does nothing and sends these bytes as they are, instead of length, header and body.
    pub fn reply_raw(self, bytes: impl Into<Vec<u8>>) -> Fault {
        self.script(Action::ReplyRaw(bytes.into()))
    }

    /// Does what is asked and sends what `rewrite` makes of the reply: its header and body, without the length, which is
    /// set anew. It runs on the connection's thread, under the fake's lock: it must not call the fake.
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

    /// Waits until it has fired so often, at most `timeout`: whether it has.
    pub fn wait(&self, times: u64, timeout: Duration) -> bool {
        let id = self.id;
        self.shared.wait(timeout, |state| (state.faults.fired(id) >= times).then_some(())).is_some()
    }

    /// Takes it back, however often it has fired.
    pub fn remove(self) {
        self.shared.state.lock().faults.remove(self.id);
    }
}
