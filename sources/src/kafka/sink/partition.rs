//! [`Partition`]: a partition's batches, in order. Records are added on the threads of those who send; batches are taken, and
//! put back or ended, on the thread of the broker that leads it. A short lock lies between them.
//!
//! Order is kept so: batches leave in the order of their records; one that is put back holds up the others until all that
//! are under way have come back. Batches that have a number keep it, so that a broker drops what it has already. The first
//! of an id travels alone: brokers from 2.5 on take any number from a producer that they do not know (KIP-360), so that
//! the second could be appended where the first was refused, and the first could not be any more.

mod recovery;
mod terms;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use batchmill::Mono;
use parking_lot::Mutex;

pub(super) use self::terms::{Added, Adding, Numbers, Taken, Terms};
use super::batch::{Batch, FIRST_BYTES, Number, OpenBatch, ProducerId, following};
use super::inbox::Inbox;
use super::topic::Topic;
use crate::kafka::client::backoff::{Backoff, BackoffRange};
use crate::kafka::client::deadline::now;
use crate::kafka::{KafkaError, TopicPartition};

/// What a batch needs beside its records, in bytes.
pub(super) const BATCH_ROOM: usize = 64;

/// A partition that is written.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// Its place among all that the producer writes.
    pub(super) index: usize,
    topic: Weak<Topic>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: Option<OpenBatch>,
    /// Sealed ones, the oldest first.
    queue: VecDeque<Batch>,
    /// How many records were sealed so far.
    sealed: u64,
    /// Batches under way, and to whom.
    in_flight: usize,
    in_flight_to: i32,
    /// Something was put back: nothing leaves before all that is under way has come back.
    recovering: bool,
    /// Nothing leaves before this.
    hold: Option<Mono>,
    backoff: Backoff,
    /// Where the thread of its leader looks for work; none without a leader.
    home: Option<Arc<Inbox>>,
    /// That thread knows that there is something to do, or where there is none, the supervisor.
    is_noted: bool,
    /// By whom the next batch is numbered, and its number.
    id: Option<ProducerId>,
    sequence: i32,
    /// The generation of the id of which a batch was acknowledged last; 0 if there was none.
    acknowledged: u64,
    /// Ids up to this generation are of no use any more.
    spent: u64,
    /// What the last attempt came to.
    trouble: Option<KafkaError>,
    is_closed: bool,
}

impl Partition {
    pub(super) fn new(name: TopicPartition, index: usize, topic: Weak<Topic>, backoff: BackoffRange) -> Self {
        let state = State {
            open: None,
            queue: VecDeque::new(),
            sealed: 0,
            in_flight: 0,
            in_flight_to: -1,
            recovering: false,
            hold: None,
            backoff: Backoff::new(backoff),
            home: None,
            is_noted: false,
            id: None,
            sequence: 0,
            acknowledged: 0,
            spent: 0,
            trouble: None,
            is_closed: false,
        };
        Self { name, index, topic, state: Mutex::new(state) }
    }

    /// Records without key go to another partition next.
    pub(super) fn move_on(&self) {
        if let Some(topic) = self.topic.upgrade() {
            topic.move_on(self.name.partition);
        }
    }

    /// Adds a record to the open batch, or to a new one if it is full. `sealed` is set if one became full.
    #[inline]
    pub(super) fn add(self: &Arc<Self>, adding: &Adding<'_>, sealed: &mut bool) -> Added {
        let mut state = self.state.lock();
        let &Adding { ref record, more, room, group, memory, limit, .. } = adding;
        if let Some(open) = &mut state.open {
            if open.records() < adding.max_records && open.push(record, more, room, (limit, memory), group) {
                return Added::Quietly;
            }
            *sealed = true;
            state.seal();
        }
        if state.is_closed {
            return Added::Closed;
        }
        let buffer = match memory.take(room + BATCH_ROOM, FIRST_BYTES.min(limit)) {
            Ok(buffer) => buffer,
            Err(before) => {
                // What was sealed has to leave.
                state.note(self);
                return Added::Full(before);
            }
        };
        let mut open = OpenBatch::new(buffer, now());
        open.push(record, more, room, (usize::MAX, memory), group);
        state.open = Some(open);
        state.note(self)
    }

    /// Takes the next batch, if there is one on these terms. What has been tried for too long is put into `failed`.
    pub(super) fn take(self: &Arc<Self>, terms: &Terms<'_>, failed: &mut Vec<(Batch, KafkaError)>) -> Taken {
        let mut state = self.state.lock();
        if state.home.as_ref().is_none_or(|home| home.node() != terms.node) {
            return Taken::Leave;
        }
        self.expire(&mut state, terms.settings, terms.now, failed);
        if state.open.is_none() && state.queue.is_empty() && state.in_flight == 0 {
            state.is_noted = false;
            return Taken::Leave;
        }
        let expiry = state.oldest().map(|born| born + terms.settings.delivery_timeout);
        let blocked = state.in_flight >= terms.in_flight
            || state.in_flight > 0
                && (state.recovering || state.in_flight_to != terms.node || state.begins(terms.numbers));
        if blocked {
            return Taken::Later(None);
        }
        if let Some(hold) = state.hold.filter(|hold| *hold > terms.now) {
            return Taken::Later(Some(expiry.map_or(hold, |expiry| expiry.min(hold))));
        }
        if state.queue.is_empty() {
            let Some(open) = &state.open else { return Taken::Later(None) };
            let due = open.born + terms.settings.linger;
            if !terms.hurry && due > terms.now {
                return Taken::Later(Some(due));
            }
            if terms.look_only {
                return Taken::Due;
            }
            state.seal();
        }
        if terms.look_only {
            return Taken::Due;
        }
        state.take(terms)
    }

    /// Says who leads the partition now: nobody, or the broker whose thread looks here. Its inbox is returned if it has
    /// something to do.
    pub(super) fn set_home(self: &Arc<Self>, home: Option<&Arc<Inbox>>) -> Option<Arc<Inbox>> {
        let mut state = self.state.lock();
        let is_same = match (&state.home, home) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return None;
        }
        state.home = home.cloned();
        state.is_noted = false;
        // A new leader need not be waited for.
        state.hold = None;
        if !state.has_work() {
            return None;
        }
        match state.note(self) {
            Added::Tell(inbox) => Some(inbox),
            _ => None,
        }
    }

    /// Whether a broker's thread looks after it.
    pub(super) fn has_home(&self) -> bool {
        self.state.lock().home.is_some()
    }

    /// Whether there are records without a broker's thread to look after them.
    pub(super) fn is_stranded(&self) -> bool {
        let state = self.state.lock();
        state.home.is_none() && state.has_work()
    }

    /// What the last attempt came to.
    pub(super) fn has_trouble(&self, error: KafkaError) {
        self.state.lock().trouble = Some(error);
    }

    /// The thread that has to know that batches came back, if it is another one than that of `node`.
    pub(super) fn other_home(&self, node: i32) -> Option<Arc<Inbox>> {
        self.state.lock().home.clone().filter(|home| home.node() != node)
    }

    /// All that is not under way. No more records are taken.
    pub(super) fn close(&self) -> Vec<Batch> {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.seal();
        state.queue.drain(..).collect()
    }
}

impl State {
    /// Makes sure that somebody looks at the partition: whom to tell.
    fn note(&mut self, partition: &Arc<Partition>) -> Added {
        let was_noted = std::mem::replace(&mut self.is_noted, true);
        match &self.home {
            Some(home) => {
                if !was_noted {
                    home.put(partition);
                }
                Added::Tell(Arc::clone(home))
            }
            None if was_noted => Added::Quietly,
            None => Added::TellSupervisor,
        }
    }

    fn has_work(&self) -> bool {
        self.open.is_some() || !self.queue.is_empty()
    }

    fn seal(&mut self) {
        if let Some(open) = self.open.take() {
            let batch = open.seal(self.sealed);
            self.sealed = batch.next();
            self.queue.push_back(batch);
        }
    }

    /// When the oldest record that is not under way was added.
    fn oldest(&self) -> Option<Mono> {
        let open = || self.open.as_ref().map(|open| open.born);
        self.queue.front().map(|batch| batch.born).or_else(open)
    }

    /// Whether no batch of the id that numbers are from is known to be in the log.
    fn begins(&self, numbers: Numbers) -> bool {
        numbers != Numbers::Off && self.id.is_none_or(|id| id.generation != self.acknowledged)
    }

    fn came_back(&mut self) {
        self.in_flight -= 1;
    }

    /// Takes the first of the queue.
    fn take(&mut self, terms: &Terms<'_>) -> Taken {
        let Some(front) = self.queue.front_mut() else { return Taken::Later(None) };
        if front.bytes() > terms.room {
            return Taken::Due;
        }
        match terms.numbers {
            Numbers::Off => {
                if let Some(number) = front.number {
                    // A broker that takes numbers would miss this one before those behind it.
                    self.spent = self.spent.max(number.id.generation);
                    self.id = None;
                    self.queue.iter_mut().for_each(|batch| batch.number = None);
                }
            }
            Numbers::On(_) if front.number.is_some() => {}
            Numbers::On(current) => {
                if self.id.is_none() {
                    self.id = current.filter(|id| id.generation > self.spent);
                    self.sequence = 0;
                }
                let Some(id) = self.id else { return Taken::NeedsId };
                front.number = Some(Number { id, sequence: self.sequence });
                self.sequence = following(self.sequence, front.records);
            }
        }
        let Some(mut batch) = self.queue.pop_front() else { return Taken::Later(None) };
        batch.attempts += 1;
        if self.in_flight == 0 {
            self.recovering = false;
        }
        self.in_flight += 1;
        self.in_flight_to = terms.node;
        Taken::Batch(batch)
    }
}
