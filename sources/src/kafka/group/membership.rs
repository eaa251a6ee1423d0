//! The two sides of a membership, as traits: what a stream asks of it, and what it tells the stream.

use std::fmt::Debug;

use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Committed;
use crate::kafka::{KafkaError, TopicPartition};

/// Offsets of partitions, as they are committed.
pub(crate) type Offsets = Vec<(TopicPartition, Committed)>;

/// Tells the membership what is done, some time after it has asked. Called once, on any thread.
pub(crate) type Later = Box<dyn FnOnce(Offsets) + Send>;

/// A member of a consumer group, on threads of its own from its start until it [leaves](Self::leave). Dropping it without
/// that ends the threads and tells the group nothing: to the group it has crashed.
///
/// Its calls may be made on several threads at once, but not by a [`RebalanceListener`] from within a call of its own.
pub(crate) trait Membership: Send + Sync + Debug {
    /// The offsets that the group has committed, in the order of `of`. Waits for the answer, until the deadline.
    fn committed(
        &self,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError>;

    /// Commits offsets under this member's right to the partitions, and returns at once; what came of it is told with
    /// [`RebalanceListener::committed`]. What waits while the group shares out anew is sent after that, as far as the
    /// partitions are still this member's. Of several offsets of a partition that wait the last counts.
    fn commit(&self, offsets: Offsets);

    /// Commits what [is done](RebalanceListener::done), leaves the group so that others take over at once, and joins the
    /// threads. A static member does not leave: its partitions wait for it until its session ends. After the deadline the
    /// rest is left undone. The listener is not called any more after this.
    fn leave(&self, deadline: Deadline);
}

/// A stream's side of its membership. Called on the member's threads, one call at a time; must not block, for heartbeats
/// wait meanwhile.
pub(crate) trait RebalanceListener: Send + Sync {
    /// These partitions are this member's from now on, besides those it has. Where they begin is for the listener to ask,
    /// on another thread, with [`Membership::committed`]. Called with none too, when the group has shared out and nothing has
    /// come.
    fn assigned(&self, partitions: &[TopicPartition]);

    /// What is done and was not yet given to be committed, of all partitions of this member. Asked before the group shares
    /// out anew where it keeps them, and before it leaves; what it returns is committed first. With `pause` the partitions go
    /// to others then, and nothing is to be taken of them any more.
    fn done(&self, pause: bool) -> Offsets;

    /// The group shares out anew, and any of this member's partitions may go to others: what is taken of them before the next
    /// call of [`assigned`](Self::assigned) or [`lost`](Self::lost) may be read twice. What is done of them, and returned, is
    /// committed before. With `None` the listener waits for what still runs, and gives what is done to `later`; so long the
    /// group does not share out, within limits.
    fn may_go(&self, later: Later) -> Option<Offsets>;

    /// These partitions are to be given up; nobody else has them yet. What is done of them, and returned, is committed
    /// before the group learns that they are free; with `None` as with [`may_go`](Self::may_go).
    fn revoked(&self, partitions: &[TopicPartition], later: Later) -> Option<Offsets>;

    /// Of what [may go](Self::may_go), these have gone to others.
    fn handed_over(&self, partitions: &[TopicPartition]);

    /// These partitions are no longer this member's, and others may have them: nothing more can be committed for them.
    fn lost(&self, partitions: &[TopicPartition]);

    /// What came of a commit. [`GroupError::Fenced`](crate::kafka::GroupError::Fenced) says that it was skipped, for the partitions were no longer this
    /// member's.
    fn committed(&self, offsets: &Offsets, result: &Result<(), KafkaError>);

    /// Whether batches come to their end; `false` once one has not for `max.poll.interval.ms`. Then the member leaves the
    /// group, so that others read its partitions, and joins again when there is progress.
    fn makes_progress(&self) -> bool;

    /// The membership has ended and does not begin anew: for a reason that waiting does not mend.
    fn failed(&self, error: KafkaError);

    /// Something a program may want to hear: `kind` is a name in `snake_case`.
    fn tell(&self, kind: &'static str, detail: String);
}
