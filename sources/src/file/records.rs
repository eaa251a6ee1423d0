//! The records of a partition's files where a program decodes or reads them itself. In tasks.
//!
//! An error is told with its file, and the file is noted as the one at fault.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use batchmill::{BlockDecoder, ByteBlock, SourceError};

use super::FileError;
use super::format::{BoxedRecords, OpenRecords};
use super::plan::{PlannedFile, Segment, Trouble};
use super::read::{FileBlocks, Reading};

/// How many records are decoded at a time.
const CHUNK: usize = 512;

/// A decoder that is shared by the batches of a stream.
#[derive(Clone)]
pub(super) struct Shared<T>(pub(super) Arc<dyn BlockDecoder<T>>);

impl<T: 'static> BlockDecoder<T> for Shared<T> {
    fn decode(
        &self,
        block: &Arc<ByteBlock>,
        at: &mut usize,
        limit: usize,
        out: &mut Vec<T>,
    ) -> Result<(), SourceError> {
        self.0.decode(block, at, limit, out)
    }

    fn count(&self, bytes: &[u8]) -> Option<u64> {
        self.0.count(bytes)
    }
}

/// What a program's decoder makes of the blocks of a partition.
pub(super) struct DecodedRecords<T> {
    blocks: FileBlocks,
    decoder: Arc<dyn BlockDecoder<T>>,
    current: Option<Undecoded>,
    /// Decoded records, the last first.
    reversed: Vec<T>,
}

/// A block, and how much of it is decoded.
struct Undecoded {
    block: Arc<ByteBlock>,
    at: usize,
    offset: u64,
    file: Arc<PlannedFile>,
}

impl<T: 'static> DecodedRecords<T> {
    pub(super) fn new(blocks: FileBlocks, decoder: Arc<dyn BlockDecoder<T>>) -> Self {
        Self { blocks, decoder, current: None, reversed: Vec::new() }
    }

    /// Decodes some records; `false` at the end of the partition.
    fn decode(&mut self) -> Result<bool, SourceError> {
        while self.reversed.is_empty() {
            let Some(current) = &mut self.current else {
                let Some(block) = self.blocks.next().transpose()? else { return Ok(false) };
                let (offset, file) = (block.offset, block.file);
                self.current =
                    Some(Undecoded { block: Arc::new(ByteBlock::new(block.bytes)), at: 0, offset, file });
                continue;
            };
            current.decode(&*self.decoder, &mut self.reversed)?;
            if current.at == current.block.len() {
                self.current = None;
            }
        }
        self.reversed.reverse();
        Ok(true)
    }
}

impl Undecoded {
    fn decode<T: 'static>(
        &mut self,
        decoder: &dyn BlockDecoder<T>,
        out: &mut Vec<T>,
    ) -> Result<(), FileError> {
        let before = self.at;
        let refused = match decoder.decode(&self.block, &mut self.at, CHUNK, out) {
            Ok(()) if before < self.at && self.at <= self.block.len() => return Ok(()),
            Ok(()) => {
                let (len, at) = (self.block.len(), self.at);
                format!("the decoder went from byte {before} of {len} to {at}").into()
            }
            Err(cause) => cause,
        };
        self.file.note(Trouble::Rejected);
        Err(FileError::Undecodable {
            path: self.file.path.clone(),
            offset: Some(self.offset),
            cause: refused,
        })
    }
}

impl<T: 'static> Iterator for DecodedRecords<T> {
    type Item = Result<T, SourceError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reversed.is_empty() {
            match self.decode() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(cause) => return Some(Err(cause)),
            }
        }
        self.reversed.pop().map(Ok)
    }
}

/// What a program's reader makes of the files of a partition.
pub(super) struct ReadRecords<T> {
    reading: Arc<Reading>,
    segments: std::vec::IntoIter<Segment>,
    open: OpenRecords<T>,
    current: Option<(Arc<PlannedFile>, BoxedRecords<T>)>,
}

impl<T> ReadRecords<T> {
    pub(super) fn new(reading: Arc<Reading>, segments: Vec<Segment>, open: OpenRecords<T>) -> Self {
        Self { reading, segments: segments.into_iter(), open, current: None }
    }

    /// Opens the next file; `None` if it cannot be read, which is told.
    fn open(&self, file: &Arc<PlannedFile>) -> Option<Result<BoxedRecords<T>, SourceError>> {
        let input = self.reading.open(file)?.take(file.identity.size);
        let (file, reading) = (Arc::clone(file), Arc::clone(&self.reading));
        Some((self.open)(FileContents { input, file, reading }))
    }
}

/// An error of a program's reader; `None` if it comes of trouble with the file, which has been told.
fn refused(file: &PlannedFile, cause: SourceError) -> Option<SourceError> {
    if file.trouble().is_some_and(|trouble| trouble != Trouble::Rejected) {
        return None;
    }
    file.note(Trouble::Rejected);
    Some(FileError::Undecodable { path: file.path.clone(), offset: None, cause }.into())
}

impl<T> Iterator for ReadRecords<T> {
    type Item = Result<T, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((file, records)) = &mut self.current else {
                let file = self.segments.next()?.file;
                match self.open(&file) {
                    Some(Ok(records)) => self.current = Some((file, records)),
                    Some(Err(cause)) => match refused(&file, cause) {
                        Some(error) => return Some(Err(error)),
                        None => continue,
                    },
                    None => {}
                }
                continue;
            };
            match records.next() {
                Some(Ok(record)) => return Some(Ok(record)),
                Some(Err(cause)) => {
                    let error = refused(file, cause);
                    self.current = None;
                    if error.is_some() {
                        return error.map(Err);
                    }
                }
                None => self.current = None,
            }
        }
    }
}

/// The contents of a file, for [`FileFormat::reader`](super::FileFormat::reader): as many bytes as the file had when
/// it was put into a batch.
///
/// Reading fails when the file is changed meanwhile or the system says so; then the file is left with an event.
#[derive(Debug)]
pub struct FileContents {
    input: io::Take<File>,
    file: Arc<PlannedFile>,
    reading: Arc<Reading>,
}

impl FileContents {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.file.identity.size
    }
}

impl Read for FileContents {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buf) {
            Ok(0) if !buf.is_empty() => {
                self.reading.check(&self.file, self.input.get_ref());
                if self.input.limit() == 0 {
                    return Ok(0);
                }
                self.file.note(Trouble::Changed);
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut while it was read"))
            }
            Err(cause) if cause.kind() != io::ErrorKind::Interrupted => {
                self.reading.unreadable(&self.file, self.size() - self.input.limit(), &cause);
                Err(cause)
            }
            result => result,
        }
    }
}
