//! [`SocketOptions`]: the settings of a socket source, checked when the stream is made.

use std::time::Duration;

use batchmill::text::{LongLine, Utf8Policy};

/// How a socket source connects, reads and treats what is not as it should be.
///
/// ```
/// use std::time::Duration;
/// use batchmill::text::LongLine;
/// use batchmill_sources::socket::SocketOptions;
///
/// let options = SocketOptions::new()
///     .connect_timeout(Duration::from_secs(3))
///     .max_line(64 * 1024)
///     .long_line(LongLine::Truncate);
/// assert_ne!(options, SocketOptions::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SocketOptions {
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Option<Duration>,
    pub(super) read_buffer: usize,
    pub(super) max_line: usize,
    pub(super) long_line: LongLine,
    pub(super) invalid_utf8: Utf8Policy,
    pub(super) max_record: usize,
}

impl SocketOptions {
    /// The defaults, each said with its method.
    pub const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(60)),
            read_buffer: 256 * 1024,
            max_line: 1 << 20,
            long_line: LongLine::Fail,
            invalid_utf8: Utf8Policy::Lossy,
            max_record: 16 << 20,
        }
    }

    /// How long to wait for each of the host's addresses. Default 10 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// After how long a silence the system asks the peer whether it is still there; a peer that does not answer ends the
    /// connection. `None` never asks: then a peer that vanished without a word is waited for until the stop. Default
    /// 60 s.
    pub const fn keepalive(mut self, silence: Option<Duration>) -> Self {
        self.keepalive = silence;
        self
    }

    /// How many bytes are read at once at most. The buffer grows where one record needs it. Default 256 KiB.
    pub const fn read_buffer(mut self, bytes: usize) -> Self {
        self.read_buffer = bytes;
        self
    }

    /// Text: the longest line, in bytes without its end. Default 1 MiB.
    pub const fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Text: what becomes of a longer line. Default [`LongLine::Fail`]: the connection ends with
    /// [`LineTooLong`](super::SocketError::LineTooLong) and is made anew.
    pub const fn long_line(mut self, policy: LongLine) -> Self {
        self.long_line = policy;
        self
    }

    /// Text: what becomes of a line that is not UTF-8. Default [`Utf8Policy::Lossy`], as Spark has it.
    /// [`Utf8Policy::Strict`] fails the batch.
    pub const fn invalid_utf8(mut self, policy: Utf8Policy) -> Self {
        self.invalid_utf8 = policy;
        self
    }

    /// Frames and records: the longest one, in bytes. Default 16 MiB. No memory is set aside for what a peer only claims.
    pub const fn max_record(mut self, bytes: usize) -> Self {
        self.max_record = bytes;
        self
    }

    /// What is wrong with them, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let zero = [
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("keepalive", self.keepalive.is_some_and(|silence| silence.is_zero())),
            ("read_buffer", self.read_buffer == 0),
            ("max_line", self.max_line == 0),
            ("max_record", self.max_record == 0),
        ];
        match zero.iter().find(|(_, is_zero)| *is_zero) {
            Some((setting, _)) => Err(format!("{setting} must be more than zero")),
            None => Ok(()),
        }
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_zero_is_named() {
        assert_eq!(SocketOptions::new().check(), Ok(()));
        assert_eq!(SocketOptions::new().keepalive(None).check(), Ok(()));
        let wrong = [
            (SocketOptions::new().connect_timeout(Duration::ZERO), "connect_timeout"),
            (SocketOptions::new().keepalive(Some(Duration::ZERO)), "keepalive"),
            (SocketOptions::new().read_buffer(0), "read_buffer"),
            (SocketOptions::new().max_line(0), "max_line"),
            (SocketOptions::new().max_record(0), "max_record"),
        ];
        for (options, setting) in wrong {
            assert_eq!(options.check(), Err(format!("{setting} must be more than zero")));
        }
    }
}
