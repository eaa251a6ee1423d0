//! The caller's buffer while frames are inflated: it grows with what comes, and no further than the limit.

use super::Fault;

/// Copies may write so much more than was asked for, which the next one overwrites.
pub(super) const SLACK: usize = 32;

/// The buffer is longer than what is inflated, up to its capacity; dropping this cuts it off behind that.
#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) buffer: &'a mut Vec<u8>,
    /// Where the next byte goes.
    pub(super) at: usize,
    /// Where the frame began.
    pub(super) frame: usize,
    /// Where the limit is.
    end: usize,
    /// The first room to be asked for.
    hint: usize,
}

impl<'a> Output<'a> {
    /// Usual batches are compressed to a fourth.
    pub(super) fn new(buffer: &'a mut Vec<u8>, limit: usize, compressed: usize) -> Self {
        let at = buffer.len();
        let end = at.saturating_add(limit).min(isize::MAX as usize - SLACK);
        let hint = at.saturating_add(compressed.saturating_mul(4));
        Self { buffer, at, frame: at, end, hint }
    }

    /// How many bytes of the frame there are.
    pub(super) fn in_frame(&self) -> usize {
        self.at - self.frame
    }

    pub(super) fn left(&self) -> usize {
        self.end - self.at
    }

    /// Up to where can be written, and the slack behind it.
    pub(super) fn room(&self) -> usize {
        self.buffer.len() - SLACK
    }

    /// Makes room for `n` bytes, within the limit.
    pub(super) fn reserve(&mut self, n: usize) -> Result<(), Fault> {
        /// No smaller step is worth its call.
        const STEP: usize = 32 * 1024;
        if n > self.left() {
            return Err(Fault::TooLarge);
        }
        let needed = self.at + n;
        if self.buffer.len() >= needed + SLACK {
            return Ok(());
        }
        if self.buffer.capacity() < needed + SLACK {
            let doubled = self.buffer.capacity().saturating_mul(2).max(self.hint);
            let wanted = doubled.min(self.end).max(needed) + SLACK;
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        let most = self.buffer.capacity().min(self.end + SLACK);
        self.buffer.resize((needed + STEP).min(most).max(needed + SLACK), 0);
        Ok(())
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.reserve(bytes.len())?;
        self.buffer[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        Ok(())
    }

    pub(super) fn repeat(&mut self, byte: u8, n: usize) -> Result<(), Fault> {
        self.reserve(n)?;
        self.buffer[self.at..][..n].fill(byte);
        self.at += n;
        Ok(())
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        self.buffer.truncate(self.at);
    }
}
