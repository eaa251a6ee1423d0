//! What goes into the machine of a membership and what comes out of it. Plain values: no thread, no closure, no I/O.

use std::sync::Arc;
use std::time::Duration;

use crate::kafka::TopicPartition;
use crate::kafka::group::Offsets;
use crate::kafka::group::inbox::Next;
use crate::kafka::zookeeper::failure::Failure;
use crate::kafka::zookeeper::hands::Owner;
use crate::kafka::zookeeper::offsets::Written;
use crate::kafka::zookeeper::share::Roster;

/// What happened.
#[derive(Clone, Debug)]
pub(in crate::kafka::zookeeper) enum Event {
    /// The first event.
    Start,
    /// Nothing but time has passed.
    Wake,
    /// The watcher of a session, by its number, was told something.
    Stirred { session: u64, what: Stir },
    /// Answers [`Action::Begin`], with how long sessions live there without a connection.
    Begun(Result<(), Failure>, Duration),
    /// Answers [`Action::View`].
    Viewed(Result<Roster, Failure>),
    /// Answers [`Action::Claim`]: who has each now, up to the first that failed.
    Claimed(Vec<(TopicPartition, u32, Owner)>, Option<Failure>),
    /// Answers [`Action::Release`].
    Released(Result<(), Failure>),
    /// Answers [`Action::Commit`]: what became of each, up to the first that failed.
    Committed(Offsets, Vec<Written>, Option<Failure>),
    /// Answers [`Action::Close`].
    Closed,
    /// Answers [`Action::AskDone`] and [`Action::Revoke`] at once, or after [`Event::Later`].
    Done(Offsets),
    /// [`Action::Revoke`] will be answered later.
    Later,
    /// Answers [`Action::AskProgress`].
    Progress(bool),
    /// Somebody wants offsets to be committed.
    Commit(Offsets),
    /// Somebody wants the membership to end.
    Leave,
    /// The end took too long: what is not done stays undone.
    Abandon,
}

impl From<Next<Event>> for Event {
    fn from(next: Next<Event>) -> Self {
        match next {
            Next::Answer(stirred) => stirred,
            Next::Commit(offsets) => Event::Commit(offsets),
            Next::Leave => Event::Leave,
            Next::Abandon => Event::Abandon,
            Next::Wake => Event::Wake,
        }
    }
}

/// What the watcher of a session was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::zookeeper) enum Stir {
    /// A node has changed that was looked at.
    Changed,
    /// The connection to this server was lost.
    Disconnected(Arc<str>),
    /// The session goes on.
    Reconnected,
    /// The session has ended.
    Expired,
}

/// What a driver has to do, in the order given.
#[derive(Clone, Debug)]
pub(in crate::kafka::zookeeper) enum Action {
    /// Begin a session with this number, and say in it that the member is there.
    Begin { session: u64 },
    /// Look at the group, and watch it.
    View,
    /// Take these for these threads, as far as nobody else has them.
    Claim(Vec<(TopicPartition, u32)>),
    /// Give these up.
    Release(Vec<TopicPartition>),
    /// Write these offsets.
    Commit(Offsets),
    /// End the session in order.
    Close,
    /// Ask the listener what is done.
    AskDone,
    /// Tell the listener to give up partitions; answer with what is done of them, or with [`Event::Later`].
    Revoke(Vec<TopicPartition>),
    /// Ask the listener whether batches come to their end.
    AskProgress,
    /// Tell the listener what it has from now on.
    Assigned(Vec<TopicPartition>),
    /// Tell the listener what it has no more.
    Lost(Vec<TopicPartition>),
    /// Tell the listener that offsets are committed, or, if not, that they cannot be any more.
    Told { offsets: Offsets, committed: bool },
    /// Tell the listener that the membership has ended for good.
    Failed(Failure),
    /// Tell the listener something that a program may want to hear.
    Tell(&'static str, String),
    /// Nothing more will happen.
    End,
}
