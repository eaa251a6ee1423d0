//! [`Connection`]: one client's connection. Its thread reads a request, lets scripted faults befall it, answers, and goes on
//! with the next; nothing overtakes.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::cluster::Shared;
use super::requests::{self, Outcome};
use super::slices::Reply;
use super::wire::Wire;

/// The longest request a broker takes (`socket.request.max.bytes`).
const REQUEST_BYTES_MAX: usize = 100 << 20;

/// A connection to one broker.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: Arc<TcpStream>,
    pub(super) wire: Wire,
    pub(super) broker: i32,
    /// The start of the broker that it belongs to.
    pub(super) start: u64,
    pub(super) number: u64,
    /// Who the client is.
    #[cfg(feature = "sasl")]
    pub(super) session: parking_lot::Mutex<super::sasl::Session>,
}

impl Connection {
    /// The thread of the connection.
    pub(super) fn run(self) {
        if let Err(error) = self.serve() {
            log::debug!("the fake broker {} closes connection {}: {error}", self.broker, self.number);
        }
        let _ = self.stream.shutdown(Shutdown::Both);
        self.shared.change(|_| ());
    }

    fn serve(&self) -> io::Result<()> {
        let mut input = BufReader::with_capacity(64 << 10, &self.wire);
        let mut frame = Vec::new();
        while read_frame(&mut input, &mut frame)? {
            if !self.answer(&frame)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers a request: whether the connection goes on.
    fn answer(&self, frame: &[u8]) -> io::Result<bool> {
        #[cfg(feature = "sasl")]
        if let Some(goes_on) = self.take_bare_token(frame)? {
            return Ok(goes_on);
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        match requests::dispatch(self, frame).map_err(invalid)? {
            Outcome::Reply(reply) => reply.write_to(&mut &self.wire).map(|()| true),
            Outcome::Raw(bytes) => (&self.wire).write_all(&bytes).map(|()| true),
            Outcome::Cut(reply, bytes) => {
                let mut whole = Vec::new();
                reply.write_to(&mut whole)?;
                whole.truncate(bytes);
                (&self.wire).write_all(&whole).map(|()| false)
            }
            Outcome::Trickle(reply, pause) => self.trickle(&reply, pause),
            Outcome::Nothing => Ok(true),
            Outcome::Close => Ok(false),
        }
    }

    /// Answers a frame that is nothing but a token of SASL: whether the connection goes on. `None`: it is not one.
    #[cfg(feature = "sasl")]
    fn take_bare_token(&self, frame: &[u8]) -> io::Result<Option<bool>> {
        let sasl = self.shared.state.lock().sasl.clone();
        let mut session = self.session.lock();
        let Some(sasl) = sasl.filter(|_| session.wants_bare_token()) else { return Ok(None) };
        let Ok(token) = session.take(&sasl, frame) else { return Ok(Some(false)) };
        let length = i32::try_from(token.len()).unwrap_or(i32::MAX).to_be_bytes();
        (&self.wire).write_all(&[&length[..], &token].concat())?;
        Ok(Some(true))
    }

    /// Whether the client has said who it is, if it has to.
    pub(super) fn is_known(&self) -> bool {
        #[cfg(feature = "sasl")]
        if self.shared.state.lock().sasl.is_some() {
            return matches!(*self.session.lock(), super::sasl::Session::Done);
        }
        true
    }

    /// Writes a reply byte by byte: whether the connection goes on.
    fn trickle(&self, reply: &Reply, pause: Duration) -> io::Result<bool> {
        let mut whole = Vec::new();
        reply.write_to(&mut whole)?;
        for byte in whole {
            if !self.pause(pause) {
                return Ok(false);
            }
            (&self.wire).write_all(&[byte])?;
        }
        Ok(true)
    }

    /// Waits `duration`; the end of the broker ends the wait. Whether the broker still runs.
    pub(super) fn pause(&self, duration: Duration) -> bool {
        !self.shared.wait(duration, |state| !state.runs(self.broker, self.start))
    }
}

/// Reads a request into `frame`: false at the end of the stream.
fn read_frame(input: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let length =
        usize::try_from(i32::from_be_bytes(length)).ok().filter(|length| *length <= REQUEST_BYTES_MAX);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a request of no valid length"))?;
    frame.clear();
    // What is told is not trusted: memory grows with what comes.
    let read = input.take(length as u64).read_to_end(frame)?;
    Ok(read == length)
}
