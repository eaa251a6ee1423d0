//! A bare client for the fake's own tests: it sends a request and reads the answer, on the test's thread.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{ApiKey, FakeKafka};
use crate::kafka::wire::Reader;
use crate::kafka::wire::frame::{decode_response_header, encode_request};
use crate::kafka::wire::messages::{Message, Request};

/// How long any wait in a test may take; far more than it does on a busy machine.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// A connection to a broker.
pub(super) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

/// An answer without its header.
pub(super) struct Answer {
    version: i16,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn decode<'a, M: Message<'a>>(&'a self) -> M {
        let mut input = Reader::new(&self.body);
        let message = M::decode(self.version, &mut input).unwrap();
        input.finish().unwrap();
        message
    }
}

impl Client {
    /// Connects to a broker.
    pub(super) fn of(kafka: &FakeKafka, broker: i32) -> Self {
        let stream = TcpStream::connect(kafka.address(broker).unwrap()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request.
    pub(super) fn send<'a, R: Request<'a>>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let frame = encode_request(request, version, self.correlation_id, Some("test")).unwrap();
        self.stream.write_all(&frame).unwrap();
    }

    /// Reads the next frame; none if the connection was closed.
    pub(super) fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame).ok()?;
        Some(frame)
    }

    /// Reads bytes until the connection is closed.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// Reads the answer to the last request; none if the connection was closed.
    pub(super) fn answer(&mut self, key: ApiKey, version: i16) -> Option<Answer> {
        let frame = self.frame()?;
        let mut input = Reader::new(&frame);
        assert_eq!(decode_response_header(key, version, &mut input), Ok(self.correlation_id));
        Some(Answer { version, body: input.rest().to_vec() })
    }

    /// Sends a request and reads the answer.
    pub(super) fn ask<'a, R: Request<'a>>(&mut self, version: i16, request: &R) -> Answer {
        self.send(version, request);
        self.answer(R::KEY, version).expect("the broker has closed the connection")
    }
}
