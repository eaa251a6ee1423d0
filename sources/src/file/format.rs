//! What becomes of the bytes of files: [`FileFormat`]. Built before the start.

use std::fmt;
use std::sync::Arc;

use batchmill::text::{TextLines, Utf8Policy};
use batchmill::{BlockDecoder, FixedRecords, SourceError, Text};

use super::plan::Framing;
use super::records::FileContents;
#[cfg(doc)]
use super::{FileError, FileOptions};

pub(super) type BoxedRecords<T> = Box<dyn Iterator<Item = Result<T, SourceError>>>;
pub(super) type OpenRecords<T> =
    Arc<dyn Fn(FileContents) -> Result<BoxedRecords<T>, SourceError> + Send + Sync>;

/// How the files of a directory become records. Files are read in the tasks of a batch, and read again when the batch
/// runs again.
///
/// ```
/// use std::io::{BufRead, BufReader};
/// use batchmill::decode_with;
/// use batchmill_sources::file::FileFormat;
///
/// // Numbers, a line each; a large file is read by several tasks.
/// let numbers = FileFormat::lines(decode_with(|lines, out| {
///     for line in std::str::from_utf8(lines)?.lines() {
///         out.push(line.parse::<u64>()?);
///     }
///     Ok(())
/// }));
///
/// // The same by a reader of the whole file; here one could decompress.
/// let read = FileFormat::reader(|file| {
///     Ok(BufReader::new(file).lines().map(|line| Ok(line?.parse::<u64>()?)))
/// });
/// # let _ = [numbers, read];
/// ```
pub struct FileFormat<T> {
    pub(super) framing: Framing,
    pub(super) records: Records<T>,
    /// What becomes of lines that are not UTF-8; none where the bytes need not be text.
    pub(super) utf8: Option<Utf8Policy>,
}

pub(super) enum Records<T> {
    /// What can be wrong with a block is seen before it is decoded.
    Sound(Arc<dyn BlockDecoder<T>>),
    /// The decoder may refuse a block.
    Decoded(Arc<dyn BlockDecoder<T>>),
    /// The program reads.
    Read(OpenRecords<T>),
}

impl<T: 'static> FileFormat<T> {
    /// Lines, or records that end at line ends: `decoder` gets blocks of whole lines with their ends, as a rule of up
    /// to a mebibyte. Large files are shared out among tasks.
    ///
    /// [`FileOptions::max_line`] and [`FileOptions::long_line`] apply; whether it is UTF-8 is the decoder's affair.
    pub fn lines(decoder: impl BlockDecoder<T>) -> Self {
        Self::new(Framing::Lines, Records::Decoded(Arc::new(decoder)))
    }

    /// Records of `length` bytes each: `decoder` gets blocks of whole records. Large files are shared out among tasks.
    /// A file whose size is no multiple of `length` is skipped, with an event.
    pub fn fixed(length: usize, decoder: impl BlockDecoder<T>) -> Self {
        Self::new(Framing::Fixed(length as u64), Records::Decoded(Arc::new(decoder)))
    }

    /// Files that can only be read as a whole: `decoder` gets each as one block. A file that is larger than
    /// [`FileOptions::max_bytes_per_batch`] is skipped, with an event.
    pub fn whole(decoder: impl BlockDecoder<T>) -> Self {
        Self::new(Framing::Whole, Records::Decoded(Arc::new(decoder)))
    }

    /// Files that are read by `open`, from their start to their end, in one task each: it gets the contents and gives
    /// the records. An error it returns fails the batch with [`FileError::Undecodable`]; one that comes of the reading
    /// ends the file, as it does for the other formats.
    pub fn reader<I>(open: impl Fn(FileContents) -> Result<I, SourceError> + Send + Sync + 'static) -> Self
    where
        I: Iterator<Item = Result<T, SourceError>> + 'static,
    {
        let open = move |contents| Ok(Box::new(open(contents)?) as BoxedRecords<T>);
        Self::new(Framing::Stream, Records::Read(Arc::new(open)))
    }

    fn new(framing: Framing, records: Records<T>) -> Self {
        Self { framing, records, utf8: None }
    }

    /// Says what is wrong with the format, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.framing {
            Framing::Fixed(0) => Err("the length of a record must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }
}

impl FileFormat<Text> {
    /// Lines of text.
    pub(super) fn text(policy: Utf8Policy) -> Self {
        let lines = Records::Sound(Arc::new(TextLines::new(policy)));
        Self { utf8: Some(policy), ..Self::new(Framing::Lines, lines) }
    }
}

impl FileFormat<Vec<u8>> {
    /// Records of `length` bytes.
    pub(super) fn binary(length: usize) -> Self {
        let decoder = FixedRecords::new(length.max(1));
        Self::new(Framing::Fixed(length as u64), Records::Sound(Arc::new(decoder)))
    }
}

impl<T> fmt::Debug for FileFormat<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileFormat").field("framing", &self.framing).finish_non_exhaustive()
    }
}
