//! One partition of what is read ahead, as values: what is here, how far it reaches, what is asked for next.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use batchmill::Mono;

use crate::kafka::client::deadline::now;
use crate::kafka::client::fetch::block::FetchedBlock;
use crate::kafka::client::transport::{Fetched, Want};
use crate::kafka::{KafkaError, TopicPartition};

/// A reader's place in one partition. Moved by [`ReadAhead::next`](super::ReadAhead::next) only, under its lock.
#[derive(Debug)]
pub(in crate::kafka::streams) struct Cursor {
    pub(super) partition: TopicPartition,
    /// The next offset to hand out.
    next: AtomicI64,
    /// The end of what is to be handed out.
    until: i64,
}

impl Cursor {
    pub(in crate::kafka::streams) fn new(partition: TopicPartition, offsets: Range<i64>) -> Self {
        Self { partition, next: AtomicI64::new(offsets.start), until: offsets.end }
    }

    fn left(&self) -> Range<i64> {
        self.next.load(Ordering::Relaxed)..self.until
    }

    fn move_to(&self, offset: i64) {
        self.next.store(offset, Ordering::Relaxed);
    }
}

/// What is known of a partition when a batch is cut.
#[derive(Clone, Debug)]
pub(in crate::kafka::streams) struct Seen {
    /// Behind the last offset that a reader may go to; none if no broker has said so yet.
    pub(in crate::kafka::streams) end: Option<i64>,
    /// Behind the last offset that has come.
    pub(in crate::kafka::streams) position: i64,
    pub(in crate::kafka::streams) leader_epoch: Option<i32>,
    /// Bytes an offset, of what has come so far.
    pub(in crate::kafka::streams) offset_bytes: Option<f64>,
    /// For how long records behind the end have waited for the end of a transaction.
    pub(in crate::kafka::streams) held_back: Duration,
    /// Its share of the budget, in bytes.
    pub(in crate::kafka::streams) share: usize,
    pub(in crate::kafka::streams) failed: Option<KafkaError>,
}

/// What a cursor meets.
pub(super) enum Step {
    Block {
        block: FetchedBlock,
        offsets: Range<i64>,
        moved_out: bool,
    },
    /// The cursor has all of its range.
    End,
    /// It has not come yet.
    Nothing,
    /// It cannot be fetched.
    Trouble(Trouble),
    /// It will never come.
    Failed(KafkaError),
}

/// Why a partition cannot be fetched for now.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) begun: Mono,
    cause: Arc<KafkaError>,
}

impl Trouble {
    pub(super) fn new(begun: Mono, cause: KafkaError) -> Self {
        Self { begun, cause: Arc::new(cause) }
    }

    pub(super) fn into_error(self, partition: &TopicPartition) -> KafkaError {
        let since = now() - self.begun;
        KafkaError::NoLeader { partition: partition.clone(), since, cause: Some(self.cause) }
    }
}

pub(super) struct Partition {
    blocks: VecDeque<FetchedBlock>,
    /// All that came from here on is here.
    floor: i64,
    /// What lies before this belongs to one reader, who takes the blocks away.
    claimed: i64,
    /// Behind the last offset that came: what is fetched next.
    position: i64,
    leader_epoch: Option<i32>,
    /// Nothing from here on is fetched.
    limit: i64,
    /// The bytes of `blocks`, and of those that tasks have and have not given back.
    held: usize,
    /// How much the next fetch asks for, where a batch of records did not fit.
    grown: Option<usize>,
    end: Option<i64>,
    /// Since when records behind the end wait for the end of a transaction.
    held_back: Option<Mono>,
    came_bytes: u64,
    came_offsets: u64,
    trouble: Option<Trouble>,
    /// The offset is not in the log, and what becomes of that is not decided yet.
    out_of_range: bool,
    failed: Option<KafkaError>,
}

impl Partition {
    pub(super) fn new(from: i64, limit: i64, leader_epoch: Option<i32>) -> Self {
        Self {
            blocks: VecDeque::new(),
            floor: from,
            claimed: from,
            position: from,
            leader_epoch,
            limit,
            held: 0,
            grown: None,
            end: None,
            held_back: None,
            came_bytes: 0,
            came_offsets: 0,
            trouble: None,
            out_of_range: false,
            failed: None,
        }
    }

    /// What is known, where all that is held has to fit into `share`.
    pub(super) fn seen(&self, share: usize) -> Seen {
        Seen {
            share,
            end: self.end,
            position: self.position,
            leader_epoch: self.leader_epoch,
            offset_bytes: (self.came_offsets > 0).then(|| self.came_bytes as f64 / self.came_offsets as f64),
            held_back: self.held_back.map_or(Duration::ZERO, |since| now() - since),
            failed: self.failed.clone(),
        }
    }

    /// What to fetch next, if `size` bytes more fit into `share`. Something is always asked for when nothing is here.
    pub(super) fn want(&self, size: usize, share: usize) -> Option<Want> {
        let size = self.grown.unwrap_or(size);
        let fits = self.held == 0 || self.held.saturating_add(size) <= share;
        if !fits || self.out_of_range || self.failed.is_some() || self.position >= self.limit {
            return None;
        }
        let max_bytes = u32::try_from(size).unwrap_or(u32::MAX);
        Some(Want { offset: self.position, leader_epoch: self.leader_epoch, max_bytes })
    }

    /// Takes in what came. An answer to a question that is no longer asked is dropped.
    pub(super) fn came(&mut self, fetched: Fetched, end: i64) {
        self.trouble = None;
        let moved = self.end.replace(end) != Some(end);
        if end >= fetched.high_watermark {
            self.held_back = None;
        } else if moved || self.held_back.is_none() {
            self.held_back = Some(now());
        }
        if fetched.offset != self.position {
            return;
        }
        for block in fetched.blocks {
            self.held += block.bytes();
            self.came_bytes += block.bytes() as u64;
            self.blocks.push_back(block);
        }
        self.came_offsets += fetched.next_offset.abs_diff(self.position);
        if fetched.next_offset > self.position {
            self.grown = None;
        }
        self.position = self.position.max(fetched.next_offset);
        self.leader_epoch = fetched.leader_epoch.or(self.leader_epoch);
    }

    /// The next fetch asks for so much; what was asked for before did not hold one batch of records.
    pub(super) fn grow(&mut self, to: usize) {
        self.grown = Some(to);
    }

    pub(super) fn end_at(&mut self, limit: i64) {
        self.limit = self.limit.min(limit);
        while self.blocks.back().is_some_and(|block| block.offsets().start >= limit) {
            let bytes = self.blocks.pop_back().map_or(0, |block| block.bytes());
            self.give_back(bytes);
        }
    }

    pub(super) fn see_end(&mut self, end: i64) {
        self.end = Some(self.end.map_or(end, |known| known.max(end)));
    }

    pub(super) fn move_to(&mut self, offset: i64) {
        self.out_of_range = false;
        self.trouble = None;
        // Nothing that came is dropped by this: a range from before it is read on, with a gap.
        self.position = offset;
    }

    /// The offset is in the log after all, as far as is known.
    pub(super) fn doubt(&mut self, trouble: Trouble) {
        self.out_of_range = false;
        self.cannot_fetch(trouble);
    }

    pub(super) fn fail(&mut self, error: KafkaError) {
        self.failed.get_or_insert(error);
    }

    /// Whether this is news.
    pub(super) fn find_out_of_range(&mut self, wanted: i64) -> bool {
        wanted == self.position && !std::mem::replace(&mut self.out_of_range, true)
    }

    /// Whether this is news.
    pub(super) fn cannot_fetch(&mut self, mut trouble: Trouble) -> bool {
        if let Some(known) = &self.trouble {
            trouble.begun = trouble.begun.min(known.begun);
        }
        self.trouble.replace(trouble).is_none()
    }

    /// Whether all that came from `from` on is here, and stays until it is dropped.
    pub(super) fn holds(&self, from: i64) -> bool {
        self.floor.max(self.claimed) <= from
    }

    /// Gives what lies before `until` to one reader.
    pub(super) fn claim(&mut self, until: i64) {
        self.claimed = self.claimed.max(until);
    }

    /// So many bytes are no longer needed.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    pub(super) fn drop_until(&mut self, until: i64) {
        while self.blocks.front().is_some_and(|block| block.offsets().end <= until) {
            let bytes = self.blocks.pop_front().map_or(0, |block| block.bytes());
            self.give_back(bytes);
        }
        self.floor = self.floor.max(until);
        if self.position < until && self.failed.is_none() {
            self.position = until;
        }
    }

    /// The next block of a cursor's range; moves the cursor behind it.
    pub(super) fn step(&mut self, cursor: &Cursor, keep: bool) -> Step {
        let left = cursor.left();
        if left.is_empty() {
            return Step::End;
        }
        // The first that reaches beyond the cursor. With `keep` those before it have been handed out already.
        let place = self.blocks.partition_point(|block| block.offsets().end <= left.start);
        match self.blocks.get(place) {
            Some(block) if block.offsets().start < left.end => {
                let block = block.clone();
                let next = block.offsets().end;
                let moved_out = !keep && next <= left.end;
                if moved_out {
                    // Those before it are left over from a range that was not read to its end.
                    let passed: usize = self.blocks.drain(..=place).take(place).map(|b| b.bytes()).sum();
                    self.give_back(passed);
                    self.floor = self.floor.max(next);
                }
                cursor.move_to(next.min(left.end));
                Step::Block { block, offsets: left, moved_out }
            }
            // What lies between the cursor and the next block, or between it and the position, holds no records.
            Some(_) => end_of(cursor),
            None if self.position >= left.end => end_of(cursor),
            None => match (&self.failed, &self.trouble) {
                (Some(error), _) => Step::Failed(error.clone()),
                (None, Some(trouble)) => Step::Trouble(trouble.clone()),
                (None, None) => Step::Nothing,
            },
        }
    }
}

fn end_of(cursor: &Cursor) -> Step {
    cursor.move_to(cursor.until);
    Step::End
}
