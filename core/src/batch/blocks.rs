//! Batches of blocks: items or bytes as a receiver stored them, and byte blocks that are read when their task runs.
//!
//! Bytes are decoded in the tasks, a chunk of records at a time, on whatever thread runs them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Batch;
use super::chunks::{CHUNK, Chunks};
use super::fault::{Fault, at};
use super::items::{open_shared, weight_of};
use super::partitions::Partitions;
use super::run::Run;
use crate::{BatchContext, BlockDecoder, ByteBlock, Data, Site, SourceError, TaskError};

/// One partition of a batch as a source delivered it.
pub enum Block<T> {
    /// Records.
    Items(Arc<Vec<T>>),
    /// Bytes, and what makes records of them.
    Bytes(Arc<ByteBlock>, Arc<dyn BlockDecoder<T>>),
}

impl<T> Clone for Block<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Items(items) => Self::Items(Arc::clone(items)),
            Self::Bytes(bytes, decoder) => Self::Bytes(Arc::clone(bytes), Arc::clone(decoder)),
        }
    }
}

impl<T> fmt::Debug for Block<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Items(items) => f.debug_struct("Items").field("len", &items.len()).finish(),
            Self::Bytes(bytes, _) => f.debug_struct("Bytes").field("len", &bytes.len()).finish(),
        }
    }
}

impl BatchContext {
    /// A batch with one partition for each block, in their order. Nothing is copied; bytes are decoded in the tasks.
    ///
    /// Items are cloned while they are read, unless the batch is consumed and nobody else holds the block any more.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use batchmill::text::TextLines;
    /// use batchmill::{BatchContext, Block, ByteBlock};
    ///
    /// let block = Arc::new(ByteBlock::new(b"to be\nor not\n".to_vec()));
    /// let lines = BatchContext::sequential().from_blocks(vec![Block::Bytes(block, Arc::new(TextLines::default()))]);
    /// assert_eq!(lines.collect()?, ["to be", "or not"]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn from_blocks<T: Data>(&self, blocks: Vec<Block<T>>) -> Batch<T> {
        Batch::from_node(self.clone(), Blocks::new(blocks, Site::here("from_blocks")))
    }

    /// A batch with one partition for each of `weights`, each of which is read when its task runs: `read` gets the
    /// partition's number and gives its bytes in blocks of whole records, which `decoder` turns into records.
    ///
    /// A weight is about how many bytes the partition has; it decides how partitions are shared out and changes no
    /// result. `read` is called again when the batch runs again, and must then give the same bytes.
    ///
    /// ```
    /// use batchmill::text::TextLines;
    /// use batchmill::{BatchContext, SourceError};
    ///
    /// let files = ["a b\n", "c\nd\n"];
    /// let read = move |p: usize| Ok(std::iter::once(Ok::<_, SourceError>(files[p].as_bytes().to_vec())));
    /// let lines = BatchContext::sequential().read_blocks(vec![4, 4], read, TextLines::default());
    /// assert_eq!(lines.collect()?, ["a b", "c", "d"]);
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn read_blocks<T, I, F>(&self, weights: Vec<u64>, read: F, decoder: impl BlockDecoder<T>) -> Batch<T>
    where
        T: Data,
        I: Iterator<Item = Result<Vec<u8>, SourceError>> + 'static,
        F: Fn(usize) -> Result<I, SourceError> + Send + Sync + 'static,
    {
        let site = Site::here("read_blocks");
        Batch::from_node(self.clone(), ReadBlocks { weights, read, decoder: Arc::new(decoder), site })
    }
}

/// The leaf of every batch that lies in memory.
struct Blocks<T> {
    slots: Vec<Slot<T>>,
    claimed: bool,
    site: Site,
}

enum Slot<T> {
    /// Items are taken out when a claimed batch opens them; the weight stays.
    Items(Mutex<Option<Arc<Vec<T>>>>, u64),
    Bytes(Arc<ByteBlock>, Arc<dyn BlockDecoder<T>>),
}

impl<T: Data> Blocks<T> {
    fn new(blocks: Vec<Block<T>>, site: Site) -> Self {
        let slot = |block| match block {
            Block::Items(items) => {
                let weight = weight_of::<T>(items.len());
                Slot::Items(Mutex::new(Some(items)), weight)
            }
            Block::Bytes(bytes, decoder) => Slot::Bytes(bytes, decoder),
        };
        Self { slots: blocks.into_iter().map(slot).collect(), claimed: false, site }
    }
}

impl<T: Data> Partitions<T> for Blocks<T> {
    fn count(&self) -> usize {
        self.slots.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        match &self.slots[partition] {
            Slot::Items(_, weight) => *weight,
            Slot::Bytes(bytes, _) => bytes.len() as u64,
        }
    }

    fn prepare(&self, _: &Run, _: Range<usize>, _: bool) -> Result<(), TaskError> {
        Ok(())
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        match &self.slots[partition] {
            Slot::Items(items, _) => {
                let mut items = items.lock();
                let items = if self.claimed { items.take() } else { items.clone() };
                Ok(open_shared(items.expect("a claimed batch runs once")))
            }
            Slot::Bytes(bytes, decoder) => {
                Ok(Box::new(Decoding::new(Arc::clone(bytes), Arc::clone(decoder), self.site)))
            }
        }
    }

    fn claim(&mut self) {
        self.claimed = true;
    }
}

/// A byte block on its way to records.
struct Decoding<T> {
    bytes: Arc<ByteBlock>,
    decoder: Arc<dyn BlockDecoder<T>>,
    site: Site,
    at: usize,
    records: u64,
}

impl<T> Decoding<T> {
    fn new(bytes: Arc<ByteBlock>, decoder: Arc<dyn BlockDecoder<T>>, site: Site) -> Self {
        Self { bytes, decoder, site, at: 0, records: 0 }
    }
}

impl<T: 'static> Chunks<T> for Decoding<T> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        if self.at < self.bytes.len() {
            let before = self.at;
            at(self.site, || self.decoder.decode(&self.bytes, &mut self.at, CHUNK, out))
                .map_err(|cause| Fault::new(Some(self.site), cause))?;
            if self.at <= before || self.at > self.bytes.len() {
                // Going on would loop for ever, or lose bytes without a word.
                let wrong =
                    format!("the decoder went from byte {before} of {} to {}", self.bytes.len(), self.at);
                return Err(Fault::new(Some(self.site), wrong.into()));
            }
            self.records += out.len() as u64;
        }
        let more = self.at < self.bytes.len();
        if !more {
            self.bytes.set_records(self.records);
        }
        Ok(more)
    }
}

struct ReadBlocks<T, F> {
    weights: Vec<u64>,
    read: F,
    decoder: Arc<dyn BlockDecoder<T>>,
    site: Site,
}

impl<T, I, F> Partitions<T> for ReadBlocks<T, F>
where
    T: Data,
    I: Iterator<Item = Result<Vec<u8>, SourceError>> + 'static,
    F: Fn(usize) -> Result<I, SourceError> + Send + Sync + 'static,
{
    fn count(&self) -> usize {
        self.weights.len()
    }

    fn weight(&self, _: &Run, partition: usize) -> u64 {
        self.weights[partition]
    }

    fn prepare(&self, _: &Run, _: Range<usize>, _: bool) -> Result<(), TaskError> {
        Ok(())
    }

    fn open(&self, _: &Run, partition: usize) -> Result<Box<dyn Chunks<T>>, Fault> {
        let blocks =
            at(self.site, || (self.read)(partition)).map_err(|cause| Fault::new(Some(self.site), cause))?;
        let decoder = Arc::clone(&self.decoder);
        Ok(Box::new(ReadingBlocks { blocks, decoder, site: self.site, current: None }))
    }

    fn claim(&mut self) {}
}

/// A partition whose blocks are read one after another; one is in memory at a time, and what its records hold.
struct ReadingBlocks<T, I> {
    blocks: I,
    decoder: Arc<dyn BlockDecoder<T>>,
    site: Site,
    current: Option<Decoding<T>>,
}

impl<T: 'static, I: Iterator<Item = Result<Vec<u8>, SourceError>>> Chunks<T> for ReadingBlocks<T, I> {
    fn next(&mut self, out: &mut Vec<T>) -> Result<bool, Fault> {
        if self.current.is_none() {
            let Some(bytes) = at(self.site, || self.blocks.next()) else { return Ok(false) };
            let bytes = bytes.map_err(|cause| Fault::new(Some(self.site), cause))?;
            let block = Arc::new(ByteBlock::new(bytes));
            self.current = Some(Decoding::new(block, Arc::clone(&self.decoder), self.site));
        }
        let current = self.current.as_mut().expect("it was just filled");
        if !current.next(out)? {
            self.current = None;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode_with;
    use crate::text::TextLines;

    fn lines(text: &str) -> Block<crate::Text> {
        Block::Bytes(Arc::new(ByteBlock::new(text.into())), Arc::new(TextLines::default()))
    }

    #[test]
    fn every_block_is_a_partition_also_an_empty_one() {
        let words = Block::Items(Arc::new(vec!["x".into()]));
        let batch = BatchContext::sequential().from_blocks(vec![lines("a\nb"), lines(""), words]);
        let partitions = batch.collect_partitions().unwrap();
        assert_eq!(partitions.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 1]);
    }

    #[test]
    fn a_complete_decode_leaves_the_number_of_records() {
        let block = Arc::new(ByteBlock::new("line\n".repeat(5_000).into_bytes()));
        let blocks = vec![Block::Bytes(Arc::clone(&block), Arc::new(TextLines::default()) as _)];
        let batch = BatchContext::sequential().from_blocks(blocks);
        batch.take(1).unwrap();
        assert_eq!(block.records(), None);
        assert_eq!(batch.len().unwrap(), 5_000);
        assert_eq!(block.records(), Some(5_000));
    }

    #[test]
    fn a_decoder_that_fails_or_stands_still_fails_the_batch() {
        struct Stuck;
        impl BlockDecoder<u8> for Stuck {
            fn decode(
                &self,
                _: &Arc<ByteBlock>,
                _: &mut usize,
                _: usize,
                _: &mut Vec<u8>,
            ) -> Result<(), SourceError> {
                Ok(())
            }
        }
        let error = |decoder: Arc<dyn BlockDecoder<u8>>| {
            let block = Block::Bytes(Arc::new(ByteBlock::new(vec![1])), decoder);
            BatchContext::sequential().from_blocks(vec![block]).collect().unwrap_err().to_string()
        };
        assert!(error(Arc::new(Stuck)).ends_with("the decoder went from byte 0 of 1 to 0"));
        let fails = decode_with(|_, _: &mut Vec<u8>| Err("bad byte".into()));
        let error = error(Arc::new(fails));
        assert!(error.starts_with("from_blocks at ") && error.ends_with("partition 0: bad byte"), "{error}");
    }

    #[test]
    fn blocks_that_are_read_late_may_be_many_or_none() {
        let read = |p: usize| Ok((0..p).map(|i| Ok(format!("{i}\n").into_bytes())));
        let batch = BatchContext::sequential().read_blocks(vec![1; 3], read, TextLines::default());
        assert_eq!(batch.glom().map(|lines| lines.len()).collect().unwrap(), [0, 1, 2]);
    }
}
