//! What is said when a record is added to a partition, or a batch is taken from it, and what comes of it.

use std::sync::Arc;

use batchmill::Mono;

use super::super::batch::{Batch, ProducerId};
use super::super::group::Group;
use super::super::inbox::Inbox;
use super::super::memory::{Before, Memory};
use super::super::settings::Settings;
use crate::kafka::wire::records::{NewHeader, NewRecord};

/// What a record comes with.
pub(in crate::kafka::sink) struct Adding<'a> {
    pub(in crate::kafka::sink) record: NewRecord<'a>,
    /// More headers than its own.
    pub(in crate::kafka::sink) more: &'a [NewHeader<'a>],
    /// How many bytes it has at most.
    pub(in crate::kafka::sink) room: usize,
    pub(in crate::kafka::sink) group: &'a Arc<Group>,
    pub(in crate::kafka::sink) memory: &'a Memory,
    /// The size of a full batch.
    pub(in crate::kafka::sink) limit: usize,
    pub(in crate::kafka::sink) max_records: u32,
}

/// What came of adding a record.
#[derive(Debug)]
pub(in crate::kafka::sink) enum Added {
    /// It is in a batch.
    Quietly,
    /// It is, and this thread should look.
    Tell(Arc<Inbox>),
    /// It is, and nobody leads the partition.
    TellSupervisor,
    /// There is no memory.
    Full(Before),
    /// The producer is closed.
    Closed,
}

/// On what terms a broker's thread takes a batch.
#[derive(Debug)]
pub(in crate::kafka::sink) struct Terms<'a> {
    pub(in crate::kafka::sink) settings: &'a Settings,
    pub(in crate::kafka::sink) node: i32,
    pub(in crate::kafka::sink) now: Mono,
    /// Batches that are not full do not wait.
    pub(in crate::kafka::sink) hurry: bool,
    /// How many bytes the batch may have.
    pub(in crate::kafka::sink) room: usize,
    /// Who numbers batches.
    pub(in crate::kafka::sink) numbers: Numbers,
    /// How many batches of a partition may be under way.
    pub(in crate::kafka::sink) in_flight: usize,
    /// Only says whether there is one.
    pub(in crate::kafka::sink) look_only: bool,
}

/// Whether batches have numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka::sink) enum Numbers {
    /// They have none.
    Off,
    /// From this producer; none while there is no id.
    On(Option<ProducerId>),
}

/// What was taken.
#[derive(Debug)]
pub(in crate::kafka::sink) enum Taken {
    /// A batch is under way.
    Batch(Batch),
    /// There is one, or one that does not fit into this request.
    Due,
    /// Nothing before this moment.
    Later(Option<Mono>),
    /// It waits for a new id.
    NeedsId,
    /// This thread has no more to do with it.
    Leave,
}
