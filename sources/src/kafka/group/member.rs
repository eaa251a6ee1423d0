//! [`Member`]: what a membership consists of, whoever coordinates the group: the thread that decides, those that ask, and the
//! inbox between them and the stream.
//!
//! What is decided is up to a [`StateMachine`], a pure one: events with the time go in, actions come out. The thread `kafka-group`
//! gives it what waits in the inbox, has its actions performed, and gives it what comes of them before anything else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::inbox::{Inbox, Next};
use super::membership::Offsets;
use super::threads::Threads;
use crate::kafka::KafkaError;
use crate::kafka::client::deadline::{Deadline, now};

/// How long the end of the threads is waited for.
const END: Duration = Duration::from_secs(2);

/// What decides for a member. It has no thread, no I/O and no clock.
pub(in crate::kafka) trait StateMachine: Send + 'static {
    /// What happens.
    type Event: From<Next<Self::Event>> + Send + 'static;
    /// What is to be done.
    type Action;

    /// The first event.
    const START: Self::Event;

    /// Takes in one event and says what to do about it, in the order given. `now` never goes back.
    fn handle(&mut self, now: Mono, event: Self::Event, out: &mut Vec<Self::Action>);

    /// Whether nothing more will happen.
    fn is_ended(&self) -> bool;

    /// When the machine wants to be woken if nothing happens before.
    fn next_deadline(&self, now: Mono) -> Option<Mono>;
}

/// A member's threads and their inbox, for events `E`. Dropping it ends the threads without a word to the group.
pub(in crate::kafka) struct Member<E> {
    inbox: Arc<Inbox<E>>,
    threads: Threads,
    /// Ends what the threads wait for.
    cut_short: Box<dyn Fn() + Send + Sync>,
}

impl<E: Send + 'static> Member<E> {
    /// One without threads as yet. `cut_short` ends what they wait for, now and later.
    pub(in crate::kafka) fn new(cut_short: impl Fn() + Send + Sync + 'static) -> Self {
        Self { inbox: Arc::default(), threads: Threads::default(), cut_short: Box::new(cut_short) }
    }

    pub(in crate::kafka) fn inbox(&self) -> &Arc<Inbox<E>> {
        &self.inbox
    }

    pub(in crate::kafka) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Starts the thread that decides. `perform` performs an action on it and says what came of it, if that is known at once.
    pub(in crate::kafka) fn start<M: StateMachine<Event = E>>(
        &self,
        machine: M,
        perform: impl FnMut(M::Action) -> Option<E> + Send + 'static,
    ) -> Result<(), KafkaError> {
        let inbox = Arc::clone(&self.inbox);
        let started = self.threads.spawn("kafka-group", move || run(machine, &inbox, perform));
        started.map_err(KafkaError::no_thread)
    }

    /// Commits offsets, and returns at once.
    pub(in crate::kafka) fn commit(&self, offsets: Offsets) {
        self.inbox.commit(offsets);
    }

    /// Ends the membership in order, until the deadline, and then the threads.
    pub(in crate::kafka) fn leave(&self, deadline: Deadline) {
        self.inbox.leave();
        self.inbox.wait_for_end(deadline);
        self.close();
    }
}

impl<E> Member<E> {
    /// Ends the threads, whatever they do.
    fn close(&self) {
        self.inbox.close();
        (self.cut_short)();
        for name in self.threads.join(Deadline::after(END)) {
            log::warn!("the thread {name} has not ended within {END:?} and is left alone");
        }
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        self.close();
    }
}

/// The way of the thread that decides: until the machine has ended.
fn run<M: StateMachine>(
    mut machine: M,
    inbox: &Inbox<M::Event>,
    mut perform: impl FnMut(M::Action) -> Option<M::Event>,
) {
    let mut events = VecDeque::from([M::START]);
    let mut actions = Vec::new();
    while !machine.is_ended() {
        let event = match events.pop_front() {
            Some(event) => event,
            None => inbox.next(machine.next_deadline(now())).into(),
        };
        machine.handle(now(), event, &mut actions);
        events.extend(actions.drain(..).filter_map(&mut perform));
    }
    inbox.end();
}
