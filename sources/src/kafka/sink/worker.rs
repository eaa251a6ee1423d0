//! The thread of a broker: takes batches of the partitions that it leads, sends them, and settles what it answers. One
//! thread does both, so that nothing is shared but the partitions: it sends as long as there is something to send and fewer
//! requests than allowed are under way, and else waits for answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::batch::{Batch, LayoutError};
use super::inbox::Inbox;
use super::link::{Answered, Link, Parcel};
use super::params::Idempotence;
use super::partition::{Numbers, Partition, Taken, Terms};
use super::shared::Shared;
use super::verdict::{Verdict, verdict};
use crate::kafka::KafkaError;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::{PartitionProduceResponse, ProduceResponse};

/// While answers are waited for, the partitions are looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The longest sleep while an id is waited for.
const ID_WAIT: Duration = Duration::from_millis(500);

/// The thread's way: until the producer is closed.
pub(super) fn run(shared: &Arc<Shared>, inbox: &Arc<Inbox>) {
    let settings = &shared.settings;
    let mut worker = Worker {
        shared,
        inbox,
        active: BTreeMap::new(),
        last: 0,
        link: None,
        not_before: None,
        pause: Backoff::new(settings.backoff),
        are_numbered: settings.idempotence != Idempotence::Off && shared.id().is_some(),
    };
    while let Some(noted) = inbox.collect() {
        worker.active.extend(noted.into_iter().map(|partition| (partition.index, partition)));
        worker.turn();
    }
    if let Some(link) = worker.link.take() {
        worker.give_up(link);
    }
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    inbox: &'a Arc<Inbox>,
    /// Those with something to send or under way.
    active: BTreeMap<usize, Arc<Partition>>,
    /// The partition that a batch was taken of last: the next is looked at first.
    last: usize,
    link: Option<Link>,
    /// No attempt to connect before this.
    not_before: Option<Mono>,
    pause: Backoff,
    are_numbered: bool,
}

/// What a look at the partitions has found.
#[derive(Default)]
struct Found {
    parcels: Vec<Parcel>,
    failed: Vec<(Batch, KafkaError)>,
    is_due: bool,
    next: Option<Mono>,
}

impl Worker<'_> {
    /// Sends what there is to send, or else waits.
    fn turn(&mut self) {
        if self.link.as_ref().is_some_and(Link::is_stale) {
            self.link = None;
        }
        let may_send = self.link.as_ref().is_none_or(|link| {
            link.under_way() < self.shared.settings.max_in_flight && !link.is_running_out()
        });
        let found = if may_send { self.look() } else { Found::default() };
        self.shared.end_failed(found.failed);
        if !found.parcels.is_empty() {
            return self.send(found.parcels);
        }
        if found.is_due && self.link.is_none() {
            return self.connect(found.next);
        }
        match &mut self.link {
            Some(link) if link.under_way() > 0 => {
                let look = now() + LOOK_EVERY;
                let until = found.next.map_or(look, |next| next.min(look));
                match link.receive(Deadline::at(until.max(now() + Duration::from_micros(500)))) {
                    Ok(answers) => {
                        // Not before: a broker that takes connections may still answer with nothing of use.
                        if !answers.is_empty() {
                            self.pause.reset();
                        }
                        answers.into_iter().for_each(|answered| self.settle(answered));
                    }
                    Err(error) => self.lose(&error),
                }
            }
            _ => self.inbox.wait(found.next),
        }
    }

    /// Looks at all partitions, and takes what fits into a request. Without a connection nothing is taken.
    fn look(&mut self) -> Found {
        let shared = self.shared;
        let mut found = Found::default();
        let link = self.link.as_ref();
        let numbers = link.map_or(Numbers::Off, |link| link.numbers(shared, self.are_numbered));
        let mut terms = Terms {
            settings: &shared.settings,
            node: self.inbox.node(),
            now: now(),
            hurry: shared.is_in_a_hurry(),
            room: usize::MAX,
            numbers,
            in_flight: link.map_or(1, |link| shared.settings.in_flight_of_a_partition(numbers, link.version)),
            look_only: link.is_none(),
        };
        let mut bytes = 0;
        let (before, after): (Vec<_>, Vec<_>) =
            self.active.values().cloned().partition(|partition| partition.index <= self.last);
        for partition in after.into_iter().chain(before) {
            match partition.take(&terms, &mut found.failed) {
                Taken::Batch(batch) => {
                    bytes += batch.bytes();
                    terms.room = shared.settings.request_bytes.saturating_sub(bytes);
                    self.last = partition.index;
                    partition.move_on();
                    found.parcels.push(Parcel { partition, batch });
                }
                Taken::Due => found.is_due = true,
                Taken::Later(next) => found.next = earlier(found.next, next),
                Taken::NeedsId => {
                    shared.want_id(shared.id().map_or(0, |id| id.generation));
                    // Not for ever: what is too old has to be given up.
                    found.next = earlier(found.next, Some(terms.now + ID_WAIT));
                }
                Taken::Leave => {
                    self.active.remove(&partition.index);
                }
            }
        }
        found
    }

    /// Lays batches out and sends them.
    fn send(&mut self, parcels: Vec<Parcel>) {
        let Some(mut link) = self.link.take() else { return };
        if !self.shared.settings.has_answers() && link.is_closed_by_broker() {
            // Nobody would ever hear that they are lost.
            let error = KafkaError::Closed { broker: Arc::clone(link.broker()), request: "Produce" };
            self.put_back(parcels, &error, false);
            return self.lost(&error);
        }
        let mut ready = Vec::with_capacity(parcels.len());
        for mut parcel in parcels {
            match parcel.batch.lay_out(link.format, &self.shared.memory) {
                Ok(()) => ready.push(parcel),
                Err(error) => {
                    let error = malformed(error, &parcel.partition, parcel.batch.first);
                    self.fail(parcel, error);
                }
            }
        }
        match link.send(&self.shared.settings, ready) {
            Ok(done) => {
                if !done.is_empty() {
                    self.pause.reset();
                }
                done.into_iter().for_each(|parcel| self.done(parcel));
                self.link = Some(link);
            }
            Err((error, unsent)) => {
                // They were not sent to their end, so that they are not in doubt.
                self.put_back(unsent, &error, true);
                self.put_under_way_back(link, &error);
                self.lost(&error);
            }
        }
    }

    /// Connects, if it is time to.
    fn connect(&mut self, next: Option<Mono>) {
        if let Some(at) = self.not_before.filter(|at| *at > now()) {
            return self.inbox.wait(earlier(next, Some(at)));
        }
        match Link::open(self.shared, self.inbox.node()) {
            Ok(link) => {
                if self.shared.settings.idempotence == Idempotence::Required && link.format.magic < 2 {
                    let broker = Arc::clone(link.broker());
                    let request = "InitProducerId";
                    return self.lost(&KafkaError::UnsupportedVersion { broker, request, offered: None });
                }
                self.link = Some(link);
            }
            Err(error) => self.lost(&error),
        }
    }

    /// The connection is of no use any more.
    fn lose(&mut self, error: &KafkaError) {
        if let Some(link) = self.link.take() {
            self.put_under_way_back(link, error);
        }
        self.lost(error);
    }

    /// There is no connection: the cluster is asked whether somebody else leads the partitions now.
    fn lost(&mut self, error: &KafkaError) {
        self.active.values().for_each(|partition| partition.has_trouble(error.clone()));
        if let Some(target) = self.shared.control.cluster.target(self.inbox.node()) {
            self.shared.control.cluster.lost(&target);
        }
        let pause = match error {
            // What is wrong stays wrong, and a user who is refused too often may be locked out.
            KafkaError::Security { cause, .. } if !cause.is_passing() => self.shared.settings.request_timeout,
            _ => self.pause.pause(),
        };
        self.not_before = Some(now() + pause);
        self.shared.want_refresh();
    }

    /// What is under way may have been appended.
    fn put_under_way_back(&self, link: Link, error: &KafkaError) {
        let doubtful = |mut parcel: Parcel| {
            parcel.batch.in_doubt = true;
            parcel
        };
        self.put_back(link.into_parcels().map(doubtful).collect(), error, false);
    }

    /// To be sent again, unless they were sent too often.
    fn put_back(&self, parcels: Vec<Parcel>, error: &KafkaError, pauses: bool) {
        let mut failed = Vec::new();
        for Parcel { partition, batch } in parcels {
            if batch.attempts > self.shared.settings.retries {
                partition.failed(batch, error.clone(), &mut failed);
            } else {
                partition.put_back(batch, error, pauses, &mut failed);
            }
            self.shared.tell_other_home(&partition, self.inbox.node());
        }
        self.shared.end_failed(failed);
    }

    fn done(&self, Parcel { partition, batch }: Parcel) {
        partition.acknowledged(batch.number);
        batch.end(None, &self.shared.memory);
        self.shared.tell_other_home(&partition, self.inbox.node());
    }

    fn fail(&self, Parcel { partition, batch }: Parcel, error: KafkaError) {
        let mut failed = Vec::new();
        partition.failed(batch, error, &mut failed);
        self.shared.tell_other_home(&partition, self.inbox.node());
        self.shared.end_failed(failed);
    }

    /// The producer is closed: nobody waits for what is under way.
    fn give_up(&self, link: Link) {
        link.into_parcels().for_each(|parcel| self.fail(parcel, KafkaError::Stopped));
    }

    /// Settles all batches of a request.
    fn settle(&mut self, Answered { answer, parcels }: Answered) {
        for (at, parcel) in parcels.into_iter().enumerate() {
            match of(&answer, at, &parcel.partition) {
                Some(answer) => self.settle_one(parcel, answer.error_code),
                // It says nothing of this one; the broker may have appended it.
                None => self.settle_one(parcel, ErrorCode::NETWORK_EXCEPTION),
            }
        }
    }

    fn settle_one(&mut self, mut parcel: Parcel, code: ErrorCode) {
        let error = || KafkaError::Broker {
            broker: self.link.as_ref().map_or_else(|| "?".into(), |link| Arc::clone(link.broker())),
            request: "Produce",
            about: Some(parcel.partition.name.to_string().into()),
            code,
        };
        match verdict(code, &parcel.batch, || parcel.partition.has_earlier(&parcel.batch)) {
            Verdict::Done => self.done(parcel),
            Verdict::Again { in_doubt, stale } => {
                let error = error();
                parcel.batch.in_doubt |= in_doubt;
                if stale {
                    self.shared.want_refresh();
                }
                self.put_back(vec![parcel], &error, true);
            }
            Verdict::AfterOthers => {
                let error = error();
                self.put_back(vec![parcel], &error, false);
            }
            Verdict::Renumber => {
                let (error, mut failed) = (error(), Vec::new());
                let Parcel { partition, batch } = parcel;
                partition.forgotten(batch, &error, &mut failed);
                self.shared.tell_other_home(&partition, self.inbox.node());
                self.shared.end_failed(failed);
            }
            Verdict::InDoubt => {
                let error = parcel.partition.in_doubt(&parcel.batch, &error());
                self.fail(parcel, error);
            }
            Verdict::Split => {
                let error = error();
                self.split(parcel, &error);
            }
            Verdict::Fail => {
                let error = error();
                self.fail(parcel, error);
            }
        }
    }

    /// Sends a batch that is too large for the broker in halves. A record alone fails.
    fn split(&self, Parcel { partition, mut batch }: Parcel, error: &KafkaError) {
        let mut failed = Vec::new();
        match batch.split(&self.shared.memory) {
            Ok(Some(half)) => {
                partition.put_half_back(half, error, &mut failed);
                partition.put_back(batch, error, false, &mut failed);
            }
            Ok(None) => partition.failed(batch, error.clone(), &mut failed),
            Err(cause) => {
                let error = malformed(cause, &partition, batch.first);
                partition.failed(batch, error, &mut failed);
            }
        }
        self.shared.tell_other_home(&partition, self.inbox.node());
        self.shared.end_failed(failed);
    }
}

fn earlier(one: Option<Mono>, other: Option<Mono>) -> Option<Mono> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What an answer says of the partition that the request named at this place.
fn of<'a>(
    answer: &'a ProduceResponse,
    at: usize,
    partition: &Partition,
) -> Option<&'a PartitionProduceResponse> {
    let topic = &*partition.name.topic;
    let is_same = |found: &&PartitionProduceResponse| found.index == partition.name.partition;
    // As a rule the answer is in the order of the request.
    let here = answer.responses.get(at).filter(|found| found.name == topic);
    let here = here.and_then(|found| found.partition_responses.iter().find(is_same));
    here.or_else(|| {
        let topics = answer.responses.iter().filter(|found| found.name == topic);
        topics.flat_map(|found| &found.partition_responses).find(is_same)
    })
}

/// What was gathered here can be laid out, unless memory is damaged. The place is counted from the first record sent.
fn malformed(error: LayoutError, partition: &Partition, first: u64) -> KafkaError {
    match error {
        LayoutError::Wire(cause) => KafkaError::Request { request: "Produce", cause },
        LayoutError::Records(cause) => {
            KafkaError::Records { partition: partition.name.clone(), offset: first as i64, cause }
        }
    }
}
