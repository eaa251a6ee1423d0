//! Blocks of bytes as sources deliver them, and the decoders that turn them into records.
//!
//! A receiver or file reader fills a [`ByteBlock`] and hands it to the engine; the tasks of a batch share it and read
//! it through a [`BlockDecoder`], on a pool thread or the job thread, as often as the batch runs.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Once, OnceLock};

use parking_lot::Mutex;

use crate::SourceError;
use crate::buffer::BlockBytes;
use crate::text::TextBlock;

/// A block of bytes as a source delivered it, holding whole records. Shared and immutable.
///
/// ```
/// use batchmill::ByteBlock;
///
/// let block = ByteBlock::new(b"one\ntwo\n".to_vec());
/// assert_eq!(block.len(), 8);
/// assert_eq!(block.bytes(), b"one\ntwo\n");
/// assert_eq!(block.records(), None, "nothing has decoded it yet");
/// ```
pub struct ByteBlock {
    len: usize,
    /// What was delivered, until the first reader decides in which form it stays.
    delivered: Mutex<Option<BlockBytes>>,
    form: OnceLock<Form>,
    /// The text of a block that a binary decoder read first: the one case that costs a copy.
    late_text: OnceLock<Option<Arc<TextBlock>>>,
    records: OnceLock<u64>,
    counted: Once,
}

/// How a block lies in memory once somebody has read it.
enum Form {
    /// Checked as a whole; texts slice it.
    Text(Arc<TextBlock>),
    /// Known not to be text that can be sliced: not UTF-8, or too long.
    NotText(BlockBytes),
    /// A binary decoder was first; whether it is text was never asked.
    Unchecked(BlockBytes),
}

impl ByteBlock {
    /// Takes over `bytes`. Nothing is copied or looked at.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self::of(bytes.into())
    }

    pub(crate) fn of(bytes: BlockBytes) -> Self {
        Self {
            len: bytes.len(),
            delivered: Mutex::new(Some(bytes)),
            form: OnceLock::new(),
            late_text: OnceLock::new(),
            records: OnceLock::new(),
            counted: Once::new(),
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes, for decoders of binary records.
    pub fn bytes(&self) -> &[u8] {
        match self.form.get_or_init(|| Form::Unchecked(self.take_delivered())) {
            Form::Text(text) => text.as_str().as_bytes(),
            Form::NotText(bytes) | Form::Unchecked(bytes) => bytes,
        }
    }

    /// The block as text that can be sliced, or `None` when it is not UTF-8 or is longer than 4 GiB.
    ///
    /// The first caller checks it as a whole, in place; all later ones only look.
    pub(crate) fn text(&self) -> Option<&Arc<TextBlock>> {
        match self.form.get_or_init(|| Form::check(self.take_delivered())) {
            Form::Text(text) => Some(text),
            Form::NotText(_) => None,
            Form::Unchecked(bytes) => {
                let copy = || match Form::check(bytes.to_vec().into()) {
                    Form::Text(text) => Some(text),
                    Form::NotText(_) | Form::Unchecked(_) => None,
                };
                self.late_text.get_or_init(copy).as_ref()
            }
        }
    }

    /// How many records a complete decode found in it, once one has come to its end.
    pub fn records(&self) -> Option<u64> {
        self.records.get().copied()
    }

    /// Keeps what a complete decode found. The first to say so is heard: every decode finds the same.
    pub(crate) fn set_records(&self, records: u64) {
        self.records.get_or_init(|| records);
    }

    /// Runs `count` for the first decoder that asks: what is wrong with a block is counted once, not once a run.
    pub(crate) fn count_once(&self, count: impl FnOnce()) {
        self.counted.call_once(count);
    }

    fn take_delivered(&self) -> BlockBytes {
        self.delivered.lock().take().expect("only the one initialiser of `form` takes the bytes")
    }
}

impl Form {
    fn check(bytes: BlockBytes) -> Self {
        match TextBlock::from_block(bytes) {
            Ok(text) => Self::Text(Arc::new(text)),
            Err(bytes) => Self::NotText(bytes),
        }
    }
}

impl From<Vec<u8>> for ByteBlock {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for ByteBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteBlock").field("len", &self.len).field("records", &self.records()).finish()
    }
}

/// Turns bytes into records inside a batch's task.
///
/// One decoder serves all blocks of a source, from several threads at once. A batch may run again, and then its
/// blocks are decoded again: a decoder gives the same records each time.
pub trait BlockDecoder<T>: Send + Sync + 'static {
    /// Decodes records from byte `*at` of the block on, pushes at most `limit` onto `out`, and leaves `*at` behind
    /// what it consumed. `*at == block.len()` says that the block is done; a call that returns `Ok` has moved `*at`
    /// unless it was there already or `limit` is 0.
    ///
    /// # Errors
    ///
    /// When the bytes are no records; the error names the place. It fails the task, and what was pushed is dropped.
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<T>,
    ) -> Result<(), SourceError>;

    /// How many records `bytes` (whole records) hold, where that is cheap to tell; rate limits ask for it.
    fn count(&self, bytes: &[u8]) -> Option<u64> {
        let _ = bytes;
        None
    }
}

/// A decoder made of a closure that turns a whole block into records. Made by [`decode_with`].
pub struct FnDecoder<T, F> {
    decode: F,
    records: PhantomData<fn() -> T>,
}

/// Makes a decoder of a closure that gets the bytes of a whole block and pushes its records.
///
/// All records of a block are made at once, so `limit` is not kept: a block holds what fits into one.
///
/// ```
/// use std::sync::Arc;
/// use batchmill::{BlockDecoder, ByteBlock, SourceError, decode_with};
///
/// // Every byte is a record, but 0 is none.
/// let decoder = decode_with(|bytes: &[u8], out: &mut Vec<u32>| -> Result<(), SourceError> {
///     if let Some(at) = bytes.iter().position(|&b| b == 0) {
///         return Err(format!("a zero at byte {at}").into());
///     }
///     out.extend(bytes.iter().map(|&b| u32::from(b)));
///     Ok(())
/// });
/// let (mut at, mut records) = (0, Vec::new());
/// let block = Arc::new(ByteBlock::new(vec![7, 9]));
/// decoder.decode(&block, &mut at, 1024, &mut records).unwrap();
/// assert_eq!((at, records), (2, vec![7, 9]));
/// ```
pub fn decode_with<T, F>(decode: F) -> FnDecoder<T, F>
where
    F: Fn(&[u8], &mut Vec<T>) -> Result<(), SourceError> + Send + Sync + 'static,
{
    FnDecoder { decode, records: PhantomData }
}

impl<T, F> BlockDecoder<T> for FnDecoder<T, F>
where
    T: 'static,
    F: Fn(&[u8], &mut Vec<T>) -> Result<(), SourceError> + Send + Sync + 'static,
{
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        _limit: usize,
        out: &mut Vec<T>,
    ) -> Result<(), SourceError> {
        (self.decode)(&block.bytes()[*at..], out)?;
        *at = block.len();
        Ok(())
    }
}

impl<T, F> fmt::Debug for FnDecoder<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnDecoder")
    }
}

/// Binary records of one fixed length, each a `Vec<u8>`: Spark's `binaryRecordsStream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedRecords {
    length: usize,
}

impl FixedRecords {
    /// Records of `length` bytes.
    ///
    /// # Panics
    ///
    /// When `length` is 0.
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "a record has at least one byte");
        Self { length }
    }

    /// The length of a record in bytes.
    pub fn length(self) -> usize {
        self.length
    }
}

impl BlockDecoder<Vec<u8>> for FixedRecords {
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<Vec<u8>>,
    ) -> Result<(), SourceError> {
        let rest = &block.bytes()[*at..];
        let take = limit.min(rest.len() / self.length);
        out.extend(rest.chunks_exact(self.length).take(take).map(<[u8]>::to_vec));
        *at += take * self.length;
        let left = block.len() - *at;
        if left > 0 && left < self.length {
            return Err(Box::new(PartRecord { offset: *at, found: left, length: self.length }));
        }
        Ok(())
    }

    fn count(&self, bytes: &[u8]) -> Option<u64> {
        Some((bytes.len() / self.length) as u64)
    }
}

/// A block of fixed-length records ends within a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartRecord {
    /// Where in the block the record starts, in bytes.
    pub offset: usize,
    /// How many bytes of it are there.
    pub found: usize,
    /// How many it should have.
    pub length: usize,
}

impl fmt::Display for PartRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, found, length } = self;
        write!(f, "the record at byte {offset} of the block has {found} bytes instead of {length}")
    }
}

impl std::error::Error for PartRecord {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_first_then_bytes_shares_one_buffer() {
        let block = ByteBlock::new(b"a b\n".to_vec());
        let text = block.text().expect("it is UTF-8").as_str().as_ptr();
        assert_eq!(block.bytes().as_ptr(), text);
    }

    #[test]
    fn bytes_first_then_text_reads_the_same() {
        let block = ByteBlock::new(b"a b\n".to_vec());
        assert_eq!(block.bytes(), b"a b\n");
        assert_eq!(block.text().expect("it is UTF-8").as_str(), "a b\n");
        assert_eq!(block.bytes(), b"a b\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let block = ByteBlock::new(vec![b'a', 0xFF]);
        assert!(block.text().is_none());
        assert_eq!(block.bytes(), [b'a', 0xFF]);
    }

    #[test]
    fn first_count_of_records_stays() {
        let block = ByteBlock::new(Vec::new());
        assert_eq!(block.records(), None);
        block.set_records(3);
        assert_eq!(block.records(), Some(3));
    }

    fn decode_all(decoder: &FixedRecords, block: Vec<u8>, limit: usize) -> Result<Vec<Vec<u8>>, String> {
        let (block, mut at, mut out) = (Arc::new(ByteBlock::new(block)), 0, Vec::new());
        while at < block.len() {
            decoder.decode(&block, &mut at, limit, &mut out).map_err(|e| e.to_string())?;
        }
        Ok(out)
    }

    #[test]
    fn fixed_records_are_the_same_for_every_limit() {
        for limit in [1, 2, 1024] {
            let records = decode_all(&FixedRecords::new(2), b"aabbcc".to_vec(), limit);
            assert_eq!(records, Ok(vec![b"aa".to_vec(), b"bb".to_vec(), b"cc".to_vec()]));
        }
    }

    #[test]
    fn part_of_a_fixed_record_is_an_error_with_its_place() {
        let message = "the record at byte 4 of the block has 1 bytes instead of 2".to_owned();
        assert_eq!(decode_all(&FixedRecords::new(2), b"aabbc".to_vec(), 1024), Err(message.clone()));
        assert_eq!(decode_all(&FixedRecords::new(2), b"aabbc".to_vec(), 1), Err(message));
    }

    #[test]
    fn fixed_records_count_without_decoding() {
        assert_eq!(FixedRecords::new(4).count(&[0; 12]), Some(3));
    }
}
