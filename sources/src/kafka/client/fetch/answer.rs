//! Finds the batches in what came for a partition, by their headers only, and makes blocks of them. Runs on the fetch thread,
//! before the next request leaves: nothing is copied, checked or decompressed here.

use std::ops::Range;
use std::sync::Arc;

use super::block::FetchedBlock;
use super::frames::FrameBuffer;
use crate::kafka::client::settings::Isolation;
use crate::kafka::wire::messages::PartitionData;
use crate::kafka::wire::records::{AbortedFilter, BatchSpan, BatchWalk, RecordError};
use crate::kafka::{KafkaError, TopicPartition};

/// A block is cut at about this many bytes, so that a large fetch makes several tasks.
const BLOCK_BYTES: usize = 1 << 20;

/// What is in the answer for one partition.
#[derive(Debug)]
pub(in crate::kafka::client) struct Read {
    pub(in crate::kafka::client) blocks: Vec<FetchedBlock>,
    /// Where to go on.
    pub(in crate::kafka::client) next_offset: i64,
    /// The epoch of the last batch.
    pub(in crate::kafka::client) leader_epoch: Option<i32>,
    /// The first batch is cut off and has that many bytes; nothing else is there.
    pub(in crate::kafka::client) truncated_record: Option<u32>,
}

/// Reads what came for a partition that was asked for from `asked` on.
///
/// What cannot be read is an error once it comes first: what is before it is handed over, and asked for it is again.
pub(super) fn read(
    name: &TopicPartition,
    frame: &Arc<FrameBuffer>,
    data: &PartitionData<'_>,
    asked: i64,
    isolation: Isolation,
) -> Result<Read, KafkaError> {
    let aborted =
        data.aborted_transactions.iter().filter(|_| isolation == Isolation::ReadCommitted).flatten();
    let mut aborted = AbortedFilter::new(aborted.map(|aborted| (aborted.producer_id, aborted.first_offset)));
    let mut maker = BlockMaker::new(name, frame, place_in(frame, data.records), asked);
    let mut next_offset = asked;
    let mut leader_epoch = None;
    let mut walk = BatchWalk::new(data.records);
    loop {
        let step = walk.next().transpose().and_then(|span| match span {
            Some(span) => aborted.keep(data.records, &span).map(|is_kept| Some((span, is_kept))),
            None => Ok(None),
        });
        let (span, is_kept) = match step {
            Ok(Some(step)) => step,
            Ok(None) => break,
            Err(_) if next_offset > asked => break,
            Err(cause) => return Err(KafkaError::Records { partition: name.clone(), offset: asked, cause }),
        };
        let next = span.next_offset();
        if !is_plausible(&span, next_offset, data.high_watermark) {
            if next_offset > asked {
                break;
            }
            let cause = RecordError::BadOffsets { first: span.base_offset, last: span.last_offset };
            return Err(KafkaError::Records { partition: name.clone(), offset: asked, cause });
        }
        // Brokers find batches by an index, so that one comes along that ends before what was asked for.
        if next > next_offset {
            next_offset = next;
            leader_epoch = Some(span.leader_epoch).filter(|epoch| *epoch >= 0);
            if is_kept {
                maker.push(span);
            }
        }
    }
    let truncated = walk.partial().filter(|_| next_offset == asked);
    let truncated_record = truncated.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    Ok(Read { blocks: maker.finish(next_offset), next_offset, leader_epoch, truncated_record })
}

/// Whether a batch can have the offsets that it says it has. No checksum covers the first of them, and to go on behind offsets
/// that there are not would skip all between.
///
/// Records below the high watermark may have been compacted away. What is behind it was appended while the answer was put
/// together: without a gap before it, and whole.
fn is_plausible(span: &BatchSpan, next_offset: i64, high_watermark: i64) -> bool {
    if span.last_offset < high_watermark {
        return true;
    }
    // A compressed message set does not tell how many it has.
    let records = span.records.map_or(i64::from(i32::MAX), i64::from);
    let known = next_offset.max(high_watermark);
    span.last_offset.checked_sub(records).is_none_or(|before| before < known)
        && (span.magic < 2 || span.last_offset - span.base_offset + 1 == records)
}

/// Where a slice of the frame is in it.
fn place_in(frame: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(frame.as_ptr() as usize);
    // Nothing at all may lie anywhere.
    if part.is_empty() || start > frame.len() { 0..0 } else { start..start + part.len() }
}

/// Puts batches together to blocks.
struct BlockMaker<'a> {
    name: &'a TopicPartition,
    frame: &'a Arc<FrameBuffer>,
    set: Range<usize>,
    blocks: Vec<FetchedBlock>,
    spans: Vec<BatchSpan>,
    bytes: usize,
    /// The first offset that can be in the next block.
    begin: i64,
}

impl<'a> BlockMaker<'a> {
    fn new(name: &'a TopicPartition, frame: &'a Arc<FrameBuffer>, set: Range<usize>, begin: i64) -> Self {
        Self { name, frame, set, blocks: Vec::new(), spans: Vec::new(), bytes: 0, begin }
    }

    fn push(&mut self, span: BatchSpan) {
        let next_offset = span.next_offset();
        self.bytes += span.range.len() + size_of::<BatchSpan>();
        self.spans.push(span);
        if self.bytes >= BLOCK_BYTES {
            self.cut(next_offset);
        }
    }

    fn cut(&mut self, next_offset: i64) {
        let spans = std::mem::take(&mut self.spans).into();
        let offsets = self.begin..next_offset;
        let (name, frame) = (self.name.clone(), Arc::clone(self.frame));
        self.blocks.push(FetchedBlock::new(name, frame, self.set.clone(), spans, offsets));
        self.bytes = 0;
        self.begin = next_offset;
    }

    /// What is dropped behind the last batch belongs to the last block.
    fn finish(mut self, next_offset: i64) -> Vec<FetchedBlock> {
        if !self.spans.is_empty() {
            self.cut(next_offset);
        } else if let Some(last) = self.blocks.last_mut() {
            last.end_at(next_offset);
        }
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::fetch::frames::FramePool;
    use crate::kafka::wire::messages::AbortedTransaction;
    use crate::kafka::wire::records::{BatchBuilder, BatchFlags, Codec, Limits, NewRecord, message_set};

    const PRODUCER: i64 = 7;

    /// A batch of so many records of 100 bytes.
    fn batch(base_offset: i64, records: usize, codec: Codec, transactional: bool) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        let value = [b'v'; 100];
        (0..records).for_each(|_| builder.push(&NewRecord { value: Some(&value), ..NewRecord::default() }));
        let producer_id = if transactional { PRODUCER } else { -1 };
        builder.build(
            codec,
            &BatchFlags { base_offset, leader_epoch: 3, transactional, producer_id, ..BatchFlags::default() },
        )
    }

    /// A marker that ends a transaction.
    fn marker(base_offset: i64, kind: u8) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.push(&NewRecord {
            key: Some(&[0, 0, 0, kind]),
            value: Some(&[0; 6]),
            ..NewRecord::default()
        });
        let flags = BatchFlags {
            base_offset,
            control: true,
            transactional: true,
            producer_id: PRODUCER,
            ..BatchFlags::default()
        };
        builder.build(Codec::None, &flags)
    }

    struct Answer(Arc<FrameBuffer>);

    impl Answer {
        /// The sets stand behind something else, as they do in a frame.
        fn of(batches: &[Vec<u8>]) -> Self {
            let bytes = [b"before".to_vec(), batches.concat()].concat();
            let mut frame = FramePool::new(0).take(bytes.len());
            frame.bytes_mut().copy_from_slice(&bytes);
            Self(Arc::new(frame))
        }

        fn read(&self, asked: i64, cut: usize, aborted: Option<i64>) -> Result<Read, KafkaError> {
            let records = &self.0[6..self.0.len() - cut];
            let aborted_transactions =
                aborted.map(|first_offset| vec![AbortedTransaction { producer_id: PRODUCER, first_offset }]);
            let data = PartitionData { records, aborted_transactions, ..PartitionData::default() };
            read(&TopicPartition::new("t", 0), &self.0, &data, asked, Isolation::ReadCommitted)
        }
    }

    fn offsets(read: &Read) -> Vec<i64> {
        let mut offsets = Vec::new();
        for block in &read.blocks {
            let mut opened = block.open(block.offsets(), Limits::default());
            while let Some(batch) = opened.next_batch() {
                let mut batch = batch.unwrap();
                let bytes = Arc::clone(batch.bytes());
                while let Some(record) = batch.next_in(bytes.bytes()).unwrap() {
                    assert_eq!(record.value.of(bytes.bytes()).map(<[u8]>::len), Some(100));
                    offsets.push(record.offset);
                }
            }
        }
        offsets
    }

    #[test]
    fn records_before_what_was_asked_for_and_a_partial_tail_are_left_out() {
        let answer = Answer::of(&[
            batch(10, 5, Codec::Lz4, false),
            batch(15, 5, Codec::None, false),
            batch(20, 5, Codec::None, false),
        ]);
        let read = answer.read(17, 30, None).unwrap();
        assert_eq!(offsets(&read), [17, 18, 19]);
        assert_eq!((read.next_offset, read.leader_epoch, read.truncated_record), (20, Some(3), None));
        assert_eq!((read.blocks.len(), read.blocks[0].offsets()), (1, 17..20));
    }

    #[test]
    fn a_first_batch_that_is_cut_off_says_how_large_it_is() {
        let whole = batch(10, 5, Codec::None, false);
        let size = u32::try_from(whole.len()).unwrap();
        let read = Answer::of(&[whole]).read(10, 1, None).unwrap();
        assert_eq!((read.blocks.len(), read.next_offset, read.truncated_record), (0, 10, Some(size)));
    }

    #[test]
    fn aborted_records_and_markers_move_the_position_only() {
        let answer = Answer::of(&[
            batch(0, 2, Codec::None, false),
            batch(2, 2, Codec::None, true),
            marker(4, 0),
            batch(5, 2, Codec::None, true),
            marker(7, 1),
        ]);
        let read = answer.read(0, 0, Some(2)).unwrap();
        assert_eq!((offsets(&read), read.next_offset), (vec![0, 1, 5, 6], 8));
        assert_eq!((read.blocks.len(), read.blocks[0].offsets()), (1, 0..8));
    }

    #[test]
    fn a_large_answer_makes_several_blocks_that_meet() {
        let batches: Vec<_> = (0..40).map(|at| batch(at * 1_000, 1_000, Codec::None, false)).collect();
        let read = Answer::of(&batches).read(0, 0, None).unwrap();
        assert_eq!(offsets(&read), (0..40_000).collect::<Vec<_>>());
        assert!(read.blocks.len() >= 4 && read.blocks.iter().all(|block| block.bytes() < 2 * BLOCK_BYTES));
        assert!(read.blocks.windows(2).all(|pair| pair[0].offsets().end == pair[1].offsets().start));
    }

    #[test]
    fn plain_messages_of_old_brokers_make_several_blocks_too() {
        let value = [b'v'; 100];
        let record = NewRecord { value: Some(&value), ..NewRecord::default() };
        let records: Vec<_> = (0..30_000).map(|offset| (offset, record)).collect();
        for magic in [0, 1] {
            let set = message_set(magic, Codec::None, &records).unwrap();
            let read = Answer::of(&[set]).read(17, 0, None).unwrap();
            assert_eq!(offsets(&read), (17..30_000).collect::<Vec<_>>());
            assert!(read.blocks.len() >= 3, "{}", read.blocks.len());
        }
    }

    #[test]
    fn what_is_before_a_damaged_header_is_handed_over_first() {
        let mut damaged = batch(5, 5, Codec::None, false);
        damaged[16] = 9;
        let answer = Answer::of(&[batch(0, 5, Codec::None, false), damaged]);
        let read = answer.read(0, 0, None).unwrap();
        assert_eq!((offsets(&read), read.next_offset), ((0..5).collect(), 5));
        let answer = Answer::of(&[answer.0[6 + batch(0, 5, Codec::None, false).len()..].to_vec()]);
        let error = answer.read(5, 0, None).unwrap_err();
        assert!(matches!(error, KafkaError::Records { offset: 5, .. }), "{error}");
    }

    #[test]
    fn a_block_can_be_opened_in_parts() {
        let batches: Vec<_> = (0..4).map(|at| batch(at * 10, 10, Codec::Snappy, false)).collect();
        let read = Answer::of(&batches).read(0, 0, None).unwrap();
        let found = |range| {
            let mut opened = read.blocks[0].open(range, Limits::default());
            let mut found = Vec::new();
            while let Some(batch) = opened.next_batch() {
                let mut batch = batch.unwrap();
                let bytes = Arc::clone(batch.bytes());
                while let Some(record) = batch.next_in(bytes.bytes()).unwrap() {
                    found.push(record.offset);
                }
            }
            found
        };
        assert_eq!(found(5..25), (5..25).collect::<Vec<_>>());
        assert_eq!(found(30..99), (30..40).collect::<Vec<_>>());
        assert_eq!(found(40..99), Vec::<i64>::new());
    }

    #[test]
    fn a_record_that_two_batches_have_is_read_once() {
        let answer = Answer::of(&[batch(0, 7, Codec::Gzip, false), batch(3, 7, Codec::None, false)]);
        let read = answer.read(0, 0, None).unwrap();
        assert_eq!((offsets(&read), read.next_offset), ((0..10).collect(), 10));
    }

    #[test]
    fn offsets_behind_the_log_are_believed_only_without_a_gap() {
        let plausible = |base, count, last_delta: i32, next_offset, high_watermark| {
            let mut batch = batch(base, count, Codec::None, false);
            batch[23..27].copy_from_slice(&last_delta.to_be_bytes());
            let span = BatchWalk::new(&batch).next().unwrap().unwrap();
            is_plausible(&span, next_offset, high_watermark)
        };
        assert!(plausible(500, 2, 90, 10, 1_000), "it was compacted");
        assert!(plausible(10, 5, 4, 10, 10), "it was appended while it was read");
        assert!(plausible(6, 5, 4, 10, 8), "and begins before what was asked for");
        assert!(plausible(14, 5, 4, 10, 14), "what is before it was compacted");
        assert!(!plausible(15, 5, 4, 10, 14), "there is a gap before it");
        assert!(!plausible(10, 5, 5, 10, 12), "it has a hole");
        assert!(!plausible(0, 1, i32::MAX, 0, 10) && !plausible(i64::MAX, 2, 1, 0, 10));
    }

    #[test]
    fn a_damaged_batch_does_not_hide_the_next() {
        let mut damaged = batch(0, 5, Codec::None, false);
        *damaged.last_mut().unwrap() ^= 1;
        let read = Answer::of(&[damaged, batch(5, 1, Codec::None, false)]).read(0, 0, None).unwrap();
        let mut opened = read.blocks[0].open(0..6, Limits::default());
        let bad = opened.next_batch().unwrap().unwrap_err();
        assert_eq!(bad.offsets, 0..5);
        let mut good = opened.next_batch().unwrap().unwrap();
        let bytes = Arc::clone(good.bytes());
        assert_eq!(good.next_in(bytes.bytes()).unwrap().unwrap().offset, 5);
    }
}
