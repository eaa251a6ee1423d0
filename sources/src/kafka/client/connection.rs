//! One connection to a broker: requests go out, answers come in, one at a time and under a deadline. After any error but a
//! broker's own the connection is of no use any more and has to be dropped: a late answer must not meet the next request.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::deadline::{Deadline, now};
use super::dialer::Conn;
use super::versions::Versions;
use super::way_out::{Led, WayOut};
use crate::kafka::KafkaError;
use crate::kafka::wire::frame::{self, FrameError, LENGTH_BYTES, RequestHeader};
use crate::kafka::wire::messages::{Message, Request};
use crate::kafka::wire::{ApiKey, Reader, WireError};

/// Answers larger than this are given memory as their bytes come, for their length may be a lie.
const BELIEVED_LENGTH: usize = 1 << 20;

/// An open connection.
pub(crate) struct Connection {
    conn: Box<dyn Conn>,
    /// The way out of whoever uses it.
    led: Option<Led>,
    limits: Limits,
    client_id: Arc<str>,
    broker: Arc<str>,
    pub(crate) versions: Arc<Versions>,
    next_id: i32,
    has_answered: bool,
    /// How long the broker has put us off with its last answer.
    throttle: Duration,
    /// When it has to be replaced, for the broker ends its session soon after.
    replace_at: Option<Mono>,
    frame: Vec<u8>,
}

/// How long answers may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The first good one.
    pub(crate) first: usize,
    /// Those after it.
    pub(crate) later: usize,
}

/// A request that was sent and has no answer yet.
#[derive(Debug)]
pub(crate) struct Asked {
    api: ApiKey,
    pub(crate) version: i16,
    id: i32,
    sent: Mono,
    deadline: Deadline,
}

impl Connection {
    pub(crate) fn new(
        conn: Box<dyn Conn>,
        broker: Arc<str>,
        client_id: Arc<str>,
        versions: Arc<Versions>,
        limits: Limits,
    ) -> Self {
        Self {
            conn,
            led: None,
            limits,
            client_id,
            broker,
            versions,
            next_id: 1,
            has_answered: false,
            throttle: Duration::ZERO,
            replace_at: None,
            frame: Vec::new(),
        }
    }

    /// From now on this way out ends a request under way.
    pub(crate) fn lead_to(&mut self, way_out: &WayOut) -> Result<(), KafkaError> {
        self.led = Some(way_out.lead_to(self.conn.shut_handle()).ok_or(KafkaError::Stopped)?);
        Ok(())
    }

    /// Nobody uses it any more.
    pub(crate) fn rest(&mut self) {
        self.led = None;
    }

    /// It leads to a broker that has answered on another connection: its first answer may be as long as the others.
    pub(crate) fn is_trusted(&mut self) {
        self.has_answered = true;
    }

    /// The broker takes requests on it for so long.
    #[cfg(feature = "sasl")]
    pub(crate) fn lasts(&mut self, lifetime: Duration) {
        self.replace_at = Some(now() + lifetime * 17 / 20);
    }

    /// Whether it has to be replaced before the next request, for the broker will soon take none on it.
    pub(crate) fn is_expired(&self) -> bool {
        self.replace_at.is_some_and(|at| at <= now())
    }

    /// The broker, as errors name it.
    pub(crate) fn broker(&self) -> &Arc<str> {
        &self.broker
    }

    /// How long the broker has put us off with its last answer; the next one may take that much longer.
    pub(crate) fn throttle(&self) -> Duration {
        self.throttle
    }

    /// Notes what an answer says about throttling. What it says is not believed beyond a minute.
    pub(crate) fn throttled(&mut self, ms: i32) {
        self.throttle = Duration::from_millis(u64::try_from(ms).unwrap_or(0).min(60_000));
    }

    /// The highest version of a request that both sides speak.
    pub(crate) fn version(&self, api: ApiKey) -> Result<i16, KafkaError> {
        self.versions.common(api).ok_or_else(|| KafkaError::UnsupportedVersion {
            broker: Arc::clone(&self.broker),
            request: name(api),
            offered: self.versions.offered(api),
        })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call<Q, A>(
        &mut self,
        version: i16,
        request: &Q,
        deadline: Deadline,
    ) -> Result<A, KafkaError>
    where
        Q: for<'a> Request<'a, Response = A>,
        A: for<'a> Message<'a>,
    {
        self.call_with(version, request, deadline, |version, body| A::decode(version, body))
    }

    /// Sends a request and waits for its answer, of which `read` makes something that does not point into it.
    pub(crate) fn call_with<'q, Q: Request<'q>, T>(
        &mut self,
        version: i16,
        request: &Q,
        deadline: Deadline,
        read: impl FnOnce(i16, &mut Reader<'_>) -> Result<T, WireError>,
    ) -> Result<T, KafkaError> {
        let asked = self.send(version, request, deadline)?;
        let length = self.receive_length(&asked)?;
        let mut frame = std::mem::take(&mut self.frame);
        let received = self.receive_growing(&asked, &mut frame, length);
        let answer = received.and_then(|()| {
            let body = self.body(&asked, &frame[..length])?;
            self.decode_with(&asked, body, read)
        });
        // A large one is not kept for the sake of the small ones to come.
        frame.truncate(BELIEVED_LENGTH);
        frame.shrink_to(BELIEVED_LENGTH);
        self.frame = frame;
        answer
    }

    /// Notes a request that is laid out and written by the caller. Several may be under way; their answers come in the
    /// order of the requests.
    pub(crate) fn note(&mut self, api: ApiKey, version: i16, deadline: Deadline) -> Asked {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        Asked { api, version, id, sent: now(), deadline }
    }

    /// What stands before the body of a request that was noted.
    pub(crate) fn header(&self, asked: &Asked) -> RequestHeader {
        RequestHeader {
            key: asked.api,
            version: asked.version,
            correlation_id: asked.id,
            client_id: Some(self.client_id.to_string()),
        }
    }

    /// Writes a part of a request that was noted.
    pub(crate) fn write(&mut self, asked: &Asked, bytes: &[u8]) -> Result<(), KafkaError> {
        self.conn.write_all(bytes, asked.deadline).map_err(|error| self.broken(asked, error))
    }

    /// Waits for bytes of answers until `until`, of which the first is that to `asked`: how many were put into `room`; 0 if
    /// none came by then.
    pub(crate) fn poll(
        &mut self,
        asked: &Asked,
        room: &mut [u8],
        until: Deadline,
    ) -> Result<usize, KafkaError> {
        match self.conn.read(room, until.min(asked.deadline)) {
            Ok(0) => Err(self.closed(asked)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !asked.deadline.is_over() => Ok(0),
            read => read.map_err(|error| self.broken(asked, error)),
        }
    }

    /// How many bytes the answer has of which `word` are the first four.
    pub(crate) fn answer_length(&self, asked: &Asked, word: [u8; LENGTH_BYTES]) -> Result<usize, KafkaError> {
        let limit =
            if self.has_answered { self.limits.later } else { self.limits.first.min(self.limits.later) };
        frame::frame_length(word, limit).map_err(|error| self.no_length(asked, word, limit, error))
    }

    /// Sends a request. Its answer has to be received before the next is sent.
    pub(crate) fn send<'a, Q: Request<'a>>(
        &mut self,
        version: i16,
        request: &Q,
        deadline: Deadline,
    ) -> Result<Asked, KafkaError> {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        let asked = Asked { api: Q::KEY, version, id, sent: now(), deadline };
        let out = frame::encode_request(request, version, id, Some(&self.client_id))
            .map_err(|cause| KafkaError::Request { request: name(Q::KEY), cause })?;
        self.conn.write_all(&out, deadline).map_err(|error| self.broken(&asked, error))?;
        Ok(asked)
    }

    /// Waits for an answer: how many bytes it has, to be received next.
    pub(crate) fn receive_length(&mut self, asked: &Asked) -> Result<usize, KafkaError> {
        let mut word = [0; LENGTH_BYTES];
        self.receive(asked, &mut word)?;
        self.answer_length(asked, word)
    }

    /// Receives bytes until `room` is full.
    pub(crate) fn receive(&mut self, asked: &Asked, mut room: &mut [u8]) -> Result<(), KafkaError> {
        while !room.is_empty() {
            match self.conn.read(room, asked.deadline) {
                Ok(0) => return Err(self.closed(asked)),
                Ok(read) => room = &mut room[read..],
                Err(error) => return Err(self.broken(asked, error)),
            }
        }
        Ok(())
    }

    fn receive_growing(
        &mut self,
        asked: &Asked,
        frame: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), KafkaError> {
        let mut have = 0;
        while have < length {
            let until = length.min((2 * have).max(BELIEVED_LENGTH));
            if frame.len() < until {
                frame.resize(until, 0);
            }
            self.receive(asked, &mut frame[have..until])?;
            have = until;
        }
        Ok(())
    }

    /// What an answer says, without its header, which is checked.
    pub(crate) fn body<'f>(&mut self, asked: &Asked, frame: &'f [u8]) -> Result<Reader<'f>, KafkaError> {
        let mut input = Reader::new(frame);
        let found = frame::decode_response_header(asked.api, asked.version, &mut input)
            .map_err(|cause| self.protocol(asked, cause))?;
        if found != asked.id {
            return Err(KafkaError::WrongAnswer {
                broker: Arc::clone(&self.broker),
                request: name(asked.api),
                expected: asked.id,
                found,
            });
        }
        Ok(input)
    }

    /// Decodes the body of an answer.
    pub(crate) fn decode<'f, A: Message<'f>>(
        &mut self,
        asked: &Asked,
        body: Reader<'f>,
    ) -> Result<A, KafkaError> {
        self.decode_with(asked, body, A::decode)
    }

    fn decode_with<'f, T>(
        &mut self,
        asked: &Asked,
        mut body: Reader<'f>,
        read: impl FnOnce(i16, &mut Reader<'f>) -> Result<T, WireError>,
    ) -> Result<T, KafkaError> {
        let answer = read(asked.version, &mut body)
            .and_then(|answer| body.finish().map(|()| answer))
            .map_err(|cause| self.protocol(asked, cause))?;
        self.has_answered = true;
        Ok(answer)
    }

    fn protocol(&self, asked: &Asked, cause: WireError) -> KafkaError {
        KafkaError::Protocol {
            broker: Arc::clone(&self.broker),
            request: name(asked.api),
            version: asked.version,
            cause,
        }
    }

    fn closed(&self, asked: &Asked) -> KafkaError {
        KafkaError::Closed { broker: Arc::clone(&self.broker), request: name(asked.api) }
    }

    fn broken(&self, asked: &Asked, cause: io::Error) -> KafkaError {
        #[cfg(feature = "tls")]
        if let Some(cause) = super::tls::security_error(&cause) {
            return KafkaError::Security { broker: Arc::clone(&self.broker), cause };
        }
        match cause.kind() {
            io::ErrorKind::TimedOut => KafkaError::Timeout {
                broker: Arc::clone(&self.broker),
                request: name(asked.api),
                after: now() - asked.sent,
            },
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                self.closed(asked)
            }
            _ => KafkaError::Io { broker: Arc::clone(&self.broker), cause: Arc::new(cause) },
        }
    }

    /// The first four bytes are not the length of an answer, or of none that is allowed.
    fn no_length(&self, asked: &Asked, word: [u8; 4], limit: usize, error: FrameError) -> KafkaError {
        let broker = Arc::clone(&self.broker);
        match error {
            FrameError::NotKafka { looks_like } if !self.has_answered => {
                KafkaError::NotKafka { broker, looks_like }
            }
            _ => KafkaError::ResponseTooLarge {
                broker,
                request: name(asked.api),
                partition: None,
                length: u64::from(u32::from_be_bytes(word)),
                limit,
            },
        }
    }
}

/// The name of a request. Those that are sent from here have one.
pub(crate) fn name(api: ApiKey) -> &'static str {
    api.name().unwrap_or("a request")
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("broker", &self.broker).finish_non_exhaustive()
    }
}
