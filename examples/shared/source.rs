//! [`TextSource`]: the address a program reads lines from, which may be that of a server of its own.

use batchmill_sources::fake::LineServer;

use crate::arguments::{Arguments, UsageError};
use crate::console::say;
use crate::program::Failure;

/// Somebody's text server, or one that lives in this process as long as this value does.
#[derive(Debug)]
pub struct TextSource {
    address: Option<String>,
    own: Option<LineServer>,
}

/// What our own server sends; the words have a place in `network_word_join_sentiments`.
pub(crate) const LINES: [&str; 8] = [
    "a good day begins with a good word",
    "what a bad day for a happy fish",
    "the slow boat was late and nobody was happy",
    "we love the sea and we fear the storm",
    "it was a calm night and a great morning",
    "a broken net is a sad thing",
    "the captain laughed and the crew was glad",
    "to fail is bad and to try again is brave",
];

const LINES_PER_SECOND: u32 = 100;

impl TextSource {
    /// Takes the address out of the arguments, if there is one.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn take(arguments: &mut Arguments) -> Result<Self, UsageError> {
        Ok(Self { address: arguments.address()?, own: None })
    }

    /// The address. Without one in the arguments a server starts, and one line on standard error says so.
    ///
    /// # Errors
    /// When that server cannot start.
    pub fn address(&mut self) -> Result<String, Failure> {
        if let Some(address) = &self.address {
            return Ok(address.clone());
        }
        let line = |number: u64| LINES[(number % LINES.len() as u64) as usize].to_owned();
        let server = LineServer::generate(LINES_PER_SECOND, line)
            .map_err(|error| Failure::Other(format!("no text server on loopback: {error}")))?;
        let address = server.addr().to_owned();
        say(format_args!(
            "no HOST PORT given: a text server of our own on {address} sends {LINES_PER_SECOND} lines a second"
        ));
        self.own = Some(server);
        self.address = Some(address.clone());
        Ok(address)
    }
}
