//! What goes into the machine of a membership and what comes out of it. Plain values: no thread, no closure, no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::kafka::group::inbox::Next;
use crate::kafka::group::membership::Offsets;
use crate::kafka::wire::ErrorCode;
use crate::kafka::{KafkaError, TopicPartition};

/// What happened.
#[derive(Clone, Debug)]
pub(in crate::kafka::group::classic) enum Event {
    /// The first event.
    Start,
    /// Nothing but time has passed.
    Wake,
    /// Answers [`Action::LookUp`].
    LookedUp(Result<Vec<(Arc<str>, Seen)>, KafkaError>),
    /// Answers [`Action::FindCoordinator`].
    Found(Result<(), Trouble>),
    /// Answers [`Action::Join`].
    Joined(Result<Joined, Trouble>),
    /// Answers [`Action::Sync`] with the bytes of the member's share.
    Synced(Result<Vec<u8>, Trouble>),
    /// Answers [`Action::Heartbeat`].
    Heartbeat(Result<(), Trouble>),
    /// Answers [`Action::Commit`]: what became of each partition that the answer names.
    Committed(Result<CommitAnswer, Trouble>),
    /// Answers [`Action::Leave`], well or not.
    Left,
    /// Answers [`Action::AskDone`], [`Action::Yield`] and [`Action::Revoke`] before any other event, or after [`Event::Later`].
    Done(Offsets),
    /// [`Action::Yield`] or [`Action::Revoke`] will be answered later, before any other event.
    Later,
    /// Answers [`Action::AskProgress`].
    Progress(bool),
    /// Somebody wants offsets to be committed.
    Commit(Offsets),
    /// Answers [`Action::Lost`]: these were still to be committed, under a right that is gone.
    TooLate(Offsets),
    /// Somebody wants the membership to end.
    Leave,
    /// The end took too long: what is not done stays undone.
    Abandon,
}

impl From<Next<Event>> for Event {
    fn from(next: Next<Event>) -> Self {
        match next {
            Next::Answer(answer) => answer,
            Next::Commit(offsets) => Event::Commit(offsets),
            Next::Leave => Event::Leave,
            Next::Abandon => Event::Abandon,
            Next::Wake => Event::Wake,
        }
    }
}

/// What a driver has to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) enum Action {
    /// Ask the cluster for topics; answer with [`Event::LookedUp`].
    LookUp(Wanted),
    /// Ask the cluster who coordinates the group; answer with [`Event::Found`].
    FindCoordinator,
    /// Ask the coordinator to be a member, with the id that it gave or none; answer with [`Event::Joined`].
    Join { member: String, protocols: Vec<(&'static str, Vec<u8>)> },
    /// Ask for the member's share, as the leader with the shares of all; answer with [`Event::Synced`].
    Sync { member: String, generation: i32, shares: Vec<(String, Vec<u8>)> },
    /// Give a sign of life; answer with [`Event::Heartbeat`].
    Heartbeat { member: String, generation: i32 },
    /// Commit offsets, beside whatever else is asked; answer with [`Event::Committed`].
    Commit { member: String, generation: i32, offsets: Offsets },
    /// Tell the group that the member goes, beside whatever else is asked; answer with [`Event::Left`].
    Leave { member: String },
    /// Ask the listener what is done; answer with [`Event::Done`]. With `pause` all its partitions go to others.
    AskDone { pause: bool },
    /// Tell the listener that any of its partitions may go to others; answer with [`Event::Done`] and what is done,
    /// or with [`Event::Later`].
    Yield,
    /// Tell the listener to give up partitions; answer with [`Event::Done`] and what is done of them, or with
    /// [`Event::Later`].
    Revoke(Vec<TopicPartition>),
    /// Ask the listener whether batches come to their end; answer with [`Event::Progress`].
    AskProgress,
    /// Tell the listener what it has from now on.
    Assigned(Vec<TopicPartition>),
    /// Tell the listener what others have by now, of what it was told that it may go.
    HandedOver(Vec<TopicPartition>),
    /// Tell the listener what it has no more, without a word before; answer with [`Event::TooLate`] where offsets wait for it.
    Lost(Vec<TopicPartition>),
    /// Tell the listener what became of offsets.
    Committed(Offsets, CommitResult),
    /// Tell the listener that the membership has ended for good.
    Failed(GroupFailure),
    /// Tell the listener something that a program may want to hear.
    Tell(&'static str, String),
    /// Nothing more will happen.
    End,
}

/// Which topics to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) enum Wanted {
    /// These.
    Names(BTreeSet<Arc<str>>),
    /// All there are.
    All,
}

/// What the cluster said of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) enum Seen {
    /// So many partitions.
    Partitions(i32),
    /// There is none of that name.
    Gone,
    /// It cannot say now.
    Unsure,
}

/// A membership as the coordinator gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) struct Joined {
    pub(in crate::kafka::group::classic) server: Arc<str>,
    pub(in crate::kafka::group::classic) member: String,
    pub(in crate::kafka::group::classic) generation: i32,
    /// The way to share out that was voted for.
    pub(in crate::kafka::group::classic) protocol: String,
    /// The id of the member that shares out.
    pub(in crate::kafka::group::classic) leader: String,
    /// All members, for the one that leads.
    pub(in crate::kafka::group::classic) members: Vec<JoinedMember>,
    /// Whether the coordinator knows the name that the member keeps.
    pub(in crate::kafka::group::classic) keeps_name: bool,
    /// The session that was asked for.
    pub(in crate::kafka::group::classic) session: Duration,
}

/// A member, as the one that leads is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) struct JoinedMember {
    pub(in crate::kafka::group::classic) id: String,
    pub(in crate::kafka::group::classic) instance: Option<String>,
    pub(in crate::kafka::group::classic) said: Vec<u8>,
}

/// What a coordinator said of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::group::classic) struct CommitAnswer {
    pub(in crate::kafka::group::classic) server: Arc<str>,
    pub(in crate::kafka::group::classic) codes: BTreeMap<TopicPartition, ErrorCode>,
}

/// Why a request has not succeeded.
#[derive(Clone, Debug)]
pub(in crate::kafka::group::classic) enum Trouble {
    /// A broker refuses it.
    Refused {
        server: Arc<str>,
        code: ErrorCode,
        /// The id that it gives the member with the refusal, or nothing.
        member: String,
    },
    /// There is no answer, or none of use.
    Unanswered(KafkaError),
}

/// What became of offsets.
#[derive(Clone, Debug)]
pub(in crate::kafka::group::classic) struct CommitResult(
    pub(in crate::kafka::group::classic) Result<(), KafkaError>,
);

/// Why a membership has ended.
#[derive(Clone, Debug)]
pub(in crate::kafka::group::classic) struct GroupFailure(pub(in crate::kafka::group::classic) KafkaError);

/// As they show themselves, for errors of I/O cannot be compared otherwise.
macro_rules! compared_by_debug {
    ($($name:ident)*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                format!("{:?}", self.0) == format!("{:?}", other.0)
            }
        }

        impl Eq for $name {}
    )*};
}

compared_by_debug!(CommitResult GroupFailure);
