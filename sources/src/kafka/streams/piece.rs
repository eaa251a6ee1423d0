//! A block that a task reads: opened batch by batch, decoded a chunk at a time, and given back when it is dropped.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use batchmill::{InputHandle, Piece, SourceError};

use super::decoder::RecordDecoder;
use super::range::Progress;
use super::read_ahead::Taken;
use crate::kafka::client::fetch::block::{BadBatch, OpenedBatch, OpenedBlock, RecordBytes};
use crate::kafka::params::OnBadRecord;
use crate::kafka::wire::records::{Limits, RawRecord};
use crate::kafka::{KafkaError, RecordRef};

/// What becomes of batches that cannot be read, and how many there were.
pub(super) struct BadRecords {
    policy: OnBadRecord,
    handle: Option<InputHandle>,
    skipped: AtomicUsize,
}

impl BadRecords {
    pub(super) fn new(policy: OnBadRecord, handle: Option<InputHandle>) -> Self {
        Self { policy, handle, skipped: AtomicUsize::new(0) }
    }

    fn meet(&self, bad: BadBatch) -> Result<(), KafkaError> {
        if self.policy == OnBadRecord::Stop {
            return Err(bad.error);
        }
        let skipped = self.skipped.fetch_add(1, Ordering::Relaxed) + 1;
        let Range { start, end } = bad.offsets;
        let detail =
            format!("{}; offsets {start} to {end} are left out, batch {skipped} of that kind", bad.error);
        log::warn!("bad_records_skipped: {detail}");
        if let Some(handle) = &self.handle {
            handle.source_event("bad_records_skipped", detail);
        }
        Ok(())
    }
}

/// The part of a block that belongs to a range.
pub(super) struct BlockPiece<T> {
    taken: Taken,
    opened: OpenedBlock,
    batch: Option<OpenedBatch>,
    decoder: Arc<dyn RecordDecoder<T>>,
    bad_records: Arc<BadRecords>,
    progress: Option<Arc<Progress>>,
}

impl<T> BlockPiece<T> {
    pub(super) fn new(
        taken: Taken,
        decoder: Arc<dyn RecordDecoder<T>>,
        bad_records: Arc<BadRecords>,
        progress: Option<Arc<Progress>>,
    ) -> Self {
        let opened = taken.block.open(taken.offsets.clone(), Limits::default());
        Self { taken, opened, batch: None, decoder, bad_records, progress }
    }

    /// Opens the next batch that can be; `false` at the end.
    fn open_next(&mut self) -> Result<bool, KafkaError> {
        while self.batch.is_none() {
            match self.opened.next_batch() {
                None => return Ok(false),
                Some(Ok(batch)) => self.batch = Some(batch),
                Some(Err(bad)) => self.bad_records.meet(bad)?,
            }
        }
        Ok(true)
    }

    fn end(&mut self) {
        if let Some(progress) = self.progress.take() {
            let (all, ours) = (self.taken.block.offsets(), &self.taken.offsets);
            let offsets = all.end.min(ours.end) - all.start.max(ours.start);
            let bytes = self.taken.block.bytes() as u64;
            progress.add(self.taken.block.partition(), u64::try_from(offsets).unwrap_or(0), bytes);
        }
    }
}

impl<T: 'static> Piece<T> for BlockPiece<T> {
    fn read(&mut self, limit: usize, out: &mut Vec<T>) -> Result<bool, SourceError> {
        // Batches may be small: a chunk goes on with the next one.
        while out.len() < limit {
            if !self.open_next()? {
                self.end();
                return Ok(false);
            }
            let Some(batch) = &mut self.batch else { continue };
            let bytes = Arc::clone(batch.bytes());
            let mut records = RecordRefs::new(&bytes, batch, limit - out.len());
            let decoded = self.decoder.decode(&mut records, out);
            let RecordRefs { last, bad, ended, .. } = records;
            if let Err(cause) = decoded {
                let partition = bytes.partition().clone();
                return Err(Box::new(KafkaError::Decode {
                    partition,
                    offset: last,
                    cause: Arc::from(cause),
                }));
            }
            if ended {
                self.batch = None;
            }
            if let Some(bad) = bad {
                self.bad_records.meet(bad)?;
            }
        }
        Ok(true)
    }
}

/// Records on their way through a [`RecordDecoder`], some of one batch.
pub struct RecordRefs<'a> {
    payload: &'a Arc<RecordBytes>,
    bytes: &'a [u8],
    batch: &'a mut OpenedBatch,
    left: usize,
    /// The offset of the record that was given out last.
    last: i64,
    /// The batch gives no more.
    ended: bool,
    /// Why not, if it should.
    bad: Option<BadBatch>,
}

impl<'a> RecordRefs<'a> {
    fn new(payload: &'a Arc<RecordBytes>, batch: &'a mut OpenedBatch, limit: usize) -> Self {
        Self { payload, bytes: payload.bytes(), batch, left: limit, last: -1, ended: false, bad: None }
    }

    #[inline]
    fn step(&mut self) -> Option<RawRecord> {
        self.left = self.left.checked_sub(1)?;
        match self.batch.next_in(self.bytes) {
            Ok(Some(record)) => {
                self.last = record.offset;
                return Some(record);
            }
            Ok(None) => {}
            Err(bad) => self.bad = Some(bad),
        }
        self.ended = true;
        self.left = 0;
        None
    }
}

impl<'a> Iterator for RecordRefs<'a> {
    type Item = RecordRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let record = self.step()?;
        Some(RecordRef::new(self.payload, self.bytes, record))
    }
}

impl fmt::Debug for RecordRefs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordRefs").field("partition", self.payload.partition()).finish_non_exhaustive()
    }
}
