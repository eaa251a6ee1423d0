//! Partitions that are to be given up in order once the batches that hold records of them are done, or have had their time. A
//! part of [`Shared`].

use parking_lot::MutexGuard;

use super::shared::{Gone, Shared, State};
use crate::kafka::TopicPartition;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::group::{Later, Offsets};

/// What a member waits for.
pub(super) struct GivingUp {
    member: usize,
    /// These are to be given up; none are named where any of the member's may go to others.
    partitions: Option<Vec<TopicPartition>>,
    pub(super) until: Deadline,
    answer: Later,
}

impl GivingUp {
    fn waits(&self, state: &State) -> bool {
        !self.until.is_over() && state.holdings.is_running(self.member, self.partitions.as_deref())
    }
}

impl Shared {
    /// Gives up a member's partitions: what is done of them. With none named any may go to others, and is given up when that is
    /// known. No batch takes of them any more. `None` where a batch runs that is waited for: what is done is given to `answer`
    /// then.
    pub(super) fn give_up(
        &self,
        member: usize,
        partitions: Option<&[TopicPartition]>,
        answer: Later,
    ) -> Option<Offsets> {
        let order = self.giving.lock();
        let mut state = self.lock();
        state.holdings.pause(member, partitions);
        let partitions = partitions.map(<[_]>::to_vec);
        let giving = GivingUp { member, partitions, until: Deadline::after(self.rebalance_wait), answer };
        if giving.waits(&state) {
            state.giving_up.push(giving);
            drop(state);
            self.wake_starter();
            return None;
        }
        let (done, gone) = self.give_up_now(state, &giving);
        drop(order);
        self.tell_revoked(gone);
        Some(done)
    }

    /// Gives up what need not wait any more.
    pub(super) fn go_on_giving_up(&self) {
        self.answer_all(|giving, state| !giving.waits(state));
    }

    /// The group has shared out, and a member has these: what might have gone need not be waited with, nor what has come back.
    pub(super) fn has_shared_out(&self, member: usize, assigned: &[TopicPartition]) {
        self.answer_all(|giving, _| {
            let is_settled = |names: &Vec<TopicPartition>| names.iter().any(|name| assigned.contains(name));
            giving.member == member && giving.partitions.as_ref().is_none_or(is_settled)
        });
    }

    /// Gives up all that a member waits with.
    pub(super) fn wait_no_more(&self, member: usize) {
        self.answer_all(|giving, _| giving.member == member);
    }

    fn answer_all(&self, is_due: impl Fn(&GivingUp, &State) -> bool) {
        let order = self.giving.lock();
        let mut all_gone = Vec::new();
        loop {
            let mut state = self.lock();
            let Some(at) = state.giving_up.iter().position(|giving| is_due(giving, &state)) else { break };
            let giving = state.giving_up.remove(at);
            let (done, gone) = self.give_up_now(state, &giving);
            (giving.answer)(done);
            all_gone.push(gone);
        }
        drop(order);
        all_gone.into_iter().for_each(|gone| self.tell_revoked(gone));
    }

    /// What is done of them, and what is gone then. Called while nobody else gives any.
    fn give_up_now(&self, mut state: MutexGuard<'_, State>, giving: &GivingUp) -> (Offsets, Gone) {
        let done = state.holdings.take_done(giving.member, giving.partitions.as_deref());
        let gone = match &giving.partitions {
            Some(partitions) => self.drop_what_is_gone(state, giving.member, partitions),
            None => Gone::default(),
        };
        (done, gone)
    }

    fn tell_revoked(&self, gone: Gone) {
        if !gone.partitions.is_empty() {
            self.tell_partitions("partitions_revoked", &gone.partitions);
        }
        self.tell_repeats(gone.repeats);
    }
}
