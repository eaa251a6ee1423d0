//! [`Link`]: a connection on which a broker's thread sends requests and takes their answers, several under way at a time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::batch::{Batch, Format};
use super::partition::{Numbers, Partition};
use super::settings::Settings;
use super::shared::Shared;
use crate::kafka::KafkaError;
use crate::kafka::client::cluster::Target;
use crate::kafka::client::connection::{Asked, Connection};
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::negotiation;
use crate::kafka::wire::frame::LENGTH_BYTES;
use crate::kafka::wire::messages::ProduceResponse;
use crate::kafka::wire::records::Codec;
use crate::kafka::wire::{ApiKey, Versions, Writer};

/// Brokers close a connection that was idle for ten minutes; this one is then closed before.
const IDLE: Duration = Duration::from_secs(240);
/// One that was used so lately is open, as far as anybody knows.
const BUSY: Duration = Duration::from_millis(100);
/// Record sets of at least so many bytes are written from where they lie.
const LARGE: usize = 16 * 1024;
/// Answers are short.
const ANSWER_ROOM: usize = 16 * 1024;

/// An open connection.
pub(super) struct Link {
    connection: Connection,
    /// Of Produce.
    pub(super) version: i16,
    pub(super) format: Format,
    flights: VecDeque<Flight>,
    /// Bytes of answers, not all of them taken yet.
    answers: Vec<u8>,
    filled: usize,
    used: Mono,
}

/// A request that has no answer yet.
struct Flight {
    asked: Asked,
    parcels: Vec<Parcel>,
}

/// A batch, and where it belongs.
pub(super) struct Parcel {
    pub(super) partition: Arc<Partition>,
    pub(super) batch: Batch,
}

/// An answer, and what it is about.
pub(super) struct Answered {
    pub(super) answer: ProduceResponse,
    pub(super) parcels: Vec<Parcel>,
}

impl Link {
    /// Connects to a broker.
    pub(super) fn open(shared: &Shared, node: i32) -> Result<Self, KafkaError> {
        let cluster = &shared.control.cluster;
        // One that the cluster does not name any more leads nothing, as soon as that is known.
        let target = cluster.target(node).ok_or_else(|| KafkaError::Resolve {
            broker: node.to_string().into(),
            cause: Arc::new(io::Error::new(io::ErrorKind::NotFound, "the cluster names no such broker")),
        })?;
        let deadline = Deadline::after(shared.settings.connect_timeout + shared.settings.request_timeout);
        let opened = Self::open_to(shared, &target, deadline);
        if opened.is_err() {
            cluster.lost(&target);
        }
        opened
    }

    fn open_to(shared: &Shared, target: &Target, deadline: Deadline) -> Result<Self, KafkaError> {
        let cluster = &shared.control.cluster;
        let connection = negotiation::open(cluster, target, cluster.way_out(), deadline)?;
        let version = connection.version(ApiKey::PRODUCE)?;
        let magic = match version {
            0 | 1 => 0,
            2 => 1,
            _ => 2,
        };
        let codec = match shared.settings.codec {
            Codec::Zstd if version < 7 => Codec::None,
            codec => codec,
        };
        Ok(Self {
            connection,
            version,
            format: Format { magic, codec },
            flights: VecDeque::new(),
            answers: vec![0; ANSWER_ROOM],
            filled: 0,
            used: now(),
        })
    }

    /// The broker, as errors name it.
    pub(super) fn broker(&self) -> &Arc<str> {
        self.connection.broker()
    }

    /// Whether batches have numbers here.
    pub(super) fn numbers(&self, shared: &Shared, are_on: bool) -> Numbers {
        if are_on && self.format.magic == 2 { Numbers::On(shared.id()) } else { Numbers::Off }
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.flights.len()
    }

    /// Whether it was idle for so long that the broker may close it, or its session ends.
    pub(super) fn is_stale(&self) -> bool {
        self.flights.is_empty() && (now() - self.used > IDLE || self.connection.is_expired())
    }

    /// Whether it has to be replaced, and waits for its answers first.
    pub(super) fn is_running_out(&self) -> bool {
        !self.flights.is_empty() && self.connection.is_expired()
    }

    /// Whether the broker has closed it while it was idle. Only to be asked when nothing is under way.
    pub(super) fn is_closed_by_broker(&mut self) -> bool {
        if now() - self.used < BUSY {
            return false;
        }
        let asked = self.connection.note(ApiKey::PRODUCE, self.version, Deadline::after(IDLE));
        let soon = Deadline::after(Duration::from_micros(1));
        self.connection.poll(&asked, &mut self.answers, soon).is_err()
    }

    /// Sends batches that are laid out. With no acknowledgements they are returned as done.
    pub(super) fn send(
        &mut self,
        settings: &Settings,
        parcels: Vec<Parcel>,
    ) -> Result<Vec<Parcel>, (KafkaError, Vec<Parcel>)> {
        self.used = now();
        let expiry = parcels.iter().map(|parcel| parcel.batch.born + settings.delivery_timeout).min();
        let left = expiry.map_or(settings.request_timeout, |expiry| expiry - now());
        // A batch that is about to be given up shall not end the connection for all others.
        let patience = left.max(Duration::from_secs(1)).min(settings.request_timeout);
        let deadline = Deadline::after(patience + self.connection.throttle());
        let asked = self.connection.note(ApiKey::PRODUCE, self.version, deadline);
        let frame = match lay_out(&self.connection, &asked, settings, &parcels) {
            Ok(frame) => frame,
            Err(error) => return Err((error, parcels)),
        };
        let mut pieces = frame.pieces(&parcels);
        let written = pieces.try_for_each(|piece| self.connection.write(&asked, piece));
        drop(pieces);
        if let Err(error) = written {
            return Err((error, parcels));
        }
        if settings.has_answers() {
            self.flights.push_back(Flight { asked, parcels });
            return Ok(Vec::new());
        }
        Ok(parcels)
    }

    /// Waits for answers until `until`, and takes those that have come.
    pub(super) fn receive(&mut self, until: Deadline) -> Result<Vec<Answered>, KafkaError> {
        let mut all = Vec::new();
        let Some(first) = self.flights.front() else { return Ok(all) };
        let room = &mut self.answers[self.filled..];
        self.filled += self.connection.poll(&first.asked, room, until)?;
        self.used = now();
        loop {
            match self.take_answer() {
                Ok(Some(answered)) => all.push(answered),
                Ok(None) => return Ok(all),
                // What was answered before is settled first; a broken answer stays where it is.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes an answer that has come as a whole.
    fn take_answer(&mut self) -> Result<Option<Answered>, KafkaError> {
        let Some(flight) = self.flights.front() else { return Ok(None) };
        let Some(word) = self.answers[..self.filled].first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let end = LENGTH_BYTES + self.connection.answer_length(&flight.asked, *word)?;
        if self.filled < end {
            // No more memory than twice of what has come: the length may be a lie.
            let room = end.min((2 * self.filled).max(ANSWER_ROOM));
            self.answers.resize(room.max(self.answers.len()), 0);
            return Ok(None);
        }
        let body = self.connection.body(&flight.asked, &self.answers[LENGTH_BYTES..end])?;
        let answer: ProduceResponse = self.connection.decode(&flight.asked, body)?;
        self.connection.throttled(answer.throttle_time_ms);
        self.answers.copy_within(end..self.filled, 0);
        self.filled -= end;
        let parcels = self.flights.pop_front().map_or_else(Vec::new, |flight| flight.parcels);
        Ok(Some(Answered { answer, parcels }))
    }

    /// All batches that are under way, the oldest first. The connection is of no use any more.
    pub(super) fn into_parcels(self) -> impl Iterator<Item = Parcel> {
        self.flights.into_iter().flat_map(|flight| flight.parcels)
    }
}

/// A request as it is written: all but the large record sets in one piece.
struct Frame {
    bytes: Vec<u8>,
    /// Up to where `bytes` is written before which parcel's records.
    large: Vec<(usize, usize)>,
}

impl Frame {
    fn pieces<'a>(&'a self, parcels: &'a [Parcel]) -> impl Iterator<Item = &'a [u8]> {
        let starts = std::iter::once(0).chain(self.large.iter().map(|(end, _)| *end));
        let parts = starts
            .zip(&self.large)
            .flat_map(move |(start, (end, parcel))| [&self.bytes[start..*end], parcels[*parcel].batch.set()]);
        let last = self.large.last().map_or(0, |(end, _)| *end);
        parts.chain(std::iter::once(&self.bytes[last..])).filter(|piece| !piece.is_empty())
    }
}

/// Lays out a request of the versions 0 to 8, whose form is that of [`ProduceRequest`](crate::kafka::wire::messages), with a
/// topic for each parcel. The large record sets are left out.
fn lay_out(
    connection: &Connection,
    asked: &Asked,
    settings: &Settings,
    parcels: &[Parcel],
) -> Result<Frame, KafkaError> {
    debug_assert!(Versions::new(0, 8).contains(asked.version));
    let small: usize = parcels.iter().map(|parcel| parcel.batch.set().len()).filter(|len| *len < LARGE).sum();
    let mut out = Writer::append_to(Vec::with_capacity(small + 256 + 64 * parcels.len()));
    let mut large = Vec::new();
    out.i32(0);
    connection.header(asked).encode(&mut out);
    if asked.version >= 3 {
        out.nullable_string(None);
    }
    out.i16(settings.acks);
    out.i32(i32::try_from(settings.request_timeout.as_millis()).unwrap_or(i32::MAX));
    out.array_len(parcels.len());
    let mut left_out = 0;
    for (at, Parcel { partition, batch }) in parcels.iter().enumerate() {
        out.field("the topic");
        out.string(&partition.name.topic);
        out.array_len(1);
        out.i32(partition.name.partition);
        let set = batch.set();
        if set.len() < LARGE {
            out.bytes(set);
        } else {
            out.array_len(set.len());
            large.push((out.len(), at));
            left_out += set.len();
        }
    }
    let length = out.len() - LENGTH_BYTES + left_out;
    out.set_i32(0, i32::try_from(length).unwrap_or(i32::MAX));
    match out.into_bytes() {
        Ok(bytes) => Ok(Frame { bytes, large }),
        Err(cause) => Err(KafkaError::Request { request: "Produce", cause }),
    }
}
