//! A stage over partitions that arrive while it runs. Each piece is a task; the thread that drives the run waits for the
//! next one, so that no task waits, and a partition of any size is read by all workers.
//!
//! Of each partition there are segments: the states of stretches of pieces that follow each other. A task adds its piece
//! to the last segment if nobody is at work on that one, else it begins another; and whoever has finished a segment joins
//! it with its neighbours that nobody is at work on. So what comes out is in the order of the pieces, whoever read them, and
//! there are no more states than tasks at work, and one for each partition.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::chunks::{Chunks, Reader};
use super::fault::Fault;
use super::fold::Fold;
use super::run::{Halt, Run};
use crate::TaskError;

/// A piece of a partition, to be opened in its task.
pub(crate) type Unopened<'r, T> = Box<dyn FnOnce() -> Result<Box<dyn Chunks<T>>, Fault> + Send + 'r>;

/// Partitions that arrive in pieces which can be read apart from each other.
pub(crate) trait Arriving<'r, T>: Sync {
    /// Waits for the next piece of one of `partitions`, those first in which the reader has least to do, and says which
    /// one's it is; `None` when all are at their end.
    fn next(&self, partitions: &[usize]) -> Result<Option<(usize, Unopened<'r, T>)>, Fault>;

    /// Ends that wait: nothing more is wanted.
    fn stop(&self);
}

/// So many partitions are read at the same time, at least; the others wait for their turn, and so do their states.
const OPEN_PARTITIONS: usize = 8;

/// Folds each of the partitions `wanted`, about `weight` bytes; none for one of which nothing came. With `across`, states
/// of partitions that follow each other are joined where there would be many of them.
pub(super) fn fold_arriving<'r, T: 'static, F: Fold<T>>(
    run: &Run,
    arriving: &dyn Arriving<'r, T>,
    wanted: Range<usize>,
    weight: u64,
    fold: &F,
    across: bool,
) -> Result<Vec<Option<F::State>>, TaskError> {
    let workers = run.context.executor().parallelism();
    let stage = Stage {
        run,
        arriving,
        fold,
        first: wanted.start,
        workers,
        weight: weight / workers as u64,
        across,
        progress: Mutex::new(Progress::new(wanted.len())),
        changed: Condvar::new(),
        failed: AtomicUsize::new(usize::MAX),
    };
    run.context.executor().run(&mut std::iter::from_fn(|| stage.hand_over()), &|_| stage.work());
    let progress = stage.progress.into_inner();
    match progress.error {
        Some(error) => Err(error),
        None => Ok(progress.partitions.into_iter().map(Folded::into_state).collect()),
    }
}

struct Stage<'s, 'r, T, F: Fold<T>> {
    run: &'s Run,
    arriving: &'s dyn Arriving<'r, T>,
    fold: &'s F,
    /// The number of the first of its partitions.
    first: usize,
    workers: usize,
    /// About how many bytes a state is of.
    weight: u64,
    across: bool,
    progress: Mutex<Progress<'r, T, F::State>>,
    /// A task is done.
    changed: Condvar,
    /// 0 when something has failed: see [`Halt`].
    failed: AtomicUsize,
}

/// How far a stage is. Partitions are counted from its first one.
struct Progress<'r, T, S> {
    partitions: Vec<Folded<S>>,
    /// Those that are asked for. What lies before them has come, as far as it goes.
    open: Range<usize>,
    /// Pieces that no task has begun with, in the order in which they came.
    waiting: VecDeque<Waiting<'r, T>>,
    /// Tasks that are handed over and not done.
    tasks: usize,
    error: Option<TaskError>,
}

struct Waiting<'r, T> {
    partition: usize,
    number: usize,
    piece: Unopened<'r, T>,
}

/// What has been made of a partition.
struct Folded<S> {
    /// In order; none is missing between two.
    segments: Vec<Segment<S>>,
    /// How many pieces have come.
    came: usize,
    /// How many of them are not read yet.
    unread: usize,
}

/// What was made of some pieces that follow each other.
struct Segment<S> {
    pieces: Range<usize>,
    /// None while a task is at work on it.
    state: Option<S>,
}

impl<S> Folded<S> {
    fn is_idle(&self) -> bool {
        self.unread == 0
    }

    /// When all is done: who came last has joined what was left.
    fn into_state(mut self) -> Option<S> {
        debug_assert!(self.segments.len() <= 1, "neighbours are joined");
        self.segments.pop().and_then(|segment| segment.state)
    }

    /// Gives a task the segment that the piece continues, or a new one.
    fn begin(&mut self, number: usize) -> Option<S> {
        match self.segments.last_mut() {
            Some(last) if last.state.is_some() => {
                last.pieces.end = number + 1;
                last.state.take()
            }
            _ => {
                self.segments.push(Segment { pieces: number..number + 1, state: None });
                None
            }
        }
    }

    /// A neighbour of a segment that nobody is at work on is taken into it: its state, and whether it comes before.
    fn take_neighbour(&mut self, at: usize) -> Option<(S, Side)> {
        if let Some(state) = at.checked_sub(1).and_then(|before| self.segments[before].state.take()) {
            let before = self.segments.remove(at - 1);
            self.segments[at - 1].pieces.start = before.pieces.start;
            return Some((state, Side::Before));
        }
        let state = self.segments.get_mut(at + 1)?.state.take()?;
        let behind = self.segments.remove(at + 1);
        self.segments[at].pieces.end = behind.pieces.end;
        Some((state, Side::Behind))
    }
}

enum Side {
    Before,
    Behind,
}

impl<'r, T, S> Progress<'r, T, S> {
    fn new(partitions: usize) -> Self {
        let new = |_| Folded { segments: Vec::new(), came: 0, unread: 0 };
        Self {
            partitions: (0..partitions).map(new).collect(),
            open: 0..0,
            waiting: VecDeque::new(),
            tasks: 0,
            error: None,
        }
    }

    /// A piece for a task: one that continues a segment, or the one that has waited longest. A piece never overtakes
    /// another one of its partition.
    fn next_piece(&mut self) -> Option<Waiting<'r, T>> {
        let continues = |waiting: &Waiting<'r, T>| {
            let last = self.partitions[waiting.partition].segments.last();
            last.is_some_and(|last| last.pieces.end == waiting.number && last.state.is_some())
        };
        let place = self.waiting.iter().position(continues).unwrap_or(0);
        self.waiting.remove(place)
    }

    /// The open partitions, those first of which least is at hand.
    fn wanted(&self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self.open.clone().collect();
        wanted.sort_by_key(|partition| self.partitions[*partition].unread);
        wanted
    }

    /// The first two partitions that follow each other, with none between them that has or will have records, and that
    /// nobody is at work on.
    fn neighbours(&self) -> Option<(usize, usize)> {
        let mut first = None;
        for (partition, folded) in self.partitions[..self.open.start].iter().enumerate() {
            if !folded.is_idle() {
                first = None;
            } else if !folded.segments.is_empty() {
                match first {
                    Some(first) => return Some((first, partition)),
                    None => first = Some(partition),
                }
            }
        }
        None
    }

    fn states(&self) -> usize {
        self.partitions.iter().filter(|folded| !folded.segments.is_empty()).count()
    }
}

impl<'r, T: 'static, F: Fold<T>> Stage<'_, 'r, T, F> {
    /// Waits for a piece and for a worker that can take it, on the thread that drives the run; `None` at the end.
    fn hand_over(&self) -> Option<usize> {
        loop {
            let wanted = self.wanted()?;
            let numbers: Vec<usize> = wanted.iter().map(|partition| self.first + partition).collect();
            match self.run.guard(None, || self.arriving.next(&numbers)) {
                Ok(Some((partition, piece))) => {
                    let mut progress = self.progress.lock();
                    let folded = &mut progress.partitions[partition - self.first];
                    let (partition, number) = (partition - self.first, folded.came);
                    folded.came += 1;
                    folded.unread += 1;
                    progress.waiting.push_back(Waiting { partition, number, piece });
                    progress.tasks += 1;
                    return Some(number);
                }
                Ok(None) => {
                    let mut progress = self.progress.lock();
                    progress.open = progress.open.end..progress.open.end;
                }
                Err(error) => {
                    // A stop makes the wait fail as well: then the first error stands.
                    self.fail(&mut self.progress.lock(), error);
                    return None;
                }
            }
        }
    }

    /// What to ask for next, when a worker can take it; `None` when nothing is left.
    fn wanted(&self) -> Option<Vec<usize>> {
        let mut progress = self.progress.lock();
        while self.across
            && progress.states() > 4 * self.workers + OPEN_PARTITIONS
            && progress.error.is_none()
        {
            let Some((left, right)) = progress.neighbours() else { break };
            self.join_partitions(&mut progress, left, right);
        }
        // One piece for each worker at hand, beside those at work.
        while progress.tasks >= 2 * self.workers && progress.error.is_none() {
            self.changed.wait(&mut progress);
        }
        if progress.error.is_some() {
            return None;
        }
        if progress.open.is_empty() {
            let end = progress.open.end + OPEN_PARTITIONS.max(2 * self.workers);
            progress.open.end = end.min(progress.partitions.len());
        }
        Some(progress.wanted()).filter(|wanted| !wanted.is_empty())
    }

    /// Joins two partitions, on the thread that drives the run, which else waits.
    fn join_partitions(
        &self,
        progress: &mut MutexGuard<'_, Progress<'r, T, F::State>>,
        left: usize,
        right: usize,
    ) {
        let next = progress.partitions[right].segments.pop().and_then(|segment| segment.state);
        let state = progress.partitions[left].segments[0].state.take();
        let joined = MutexGuard::unlocked(progress, || {
            self.run.guard(None, || {
                let mut state = state.expect("nobody is at work on it");
                next.into_iter().for_each(|next| self.fold.join(&mut state, next));
                Ok(state)
            })
        });
        match joined {
            Ok(state) => progress.partitions[left].segments[0].state = Some(state),
            Err(error) => self.fail(progress, error),
        }
    }

    /// A task: reads a piece.
    fn work(&self) {
        let (begun, partition, number, piece) = {
            let mut progress = self.progress.lock();
            // After a failure there is nothing left to do.
            let Some(Waiting { partition, number, piece }) = progress.next_piece() else {
                progress.tasks -= 1;
                return;
            };
            (progress.partitions[partition].begin(number), partition, number, piece)
        };
        let halt = Halt::if_any(&self.failed);
        let read = self.run.guard(Some(self.first + partition), || {
            let mut state = begun.unwrap_or_else(|| self.fold.begin(self.weight));
            self.fold.read(&mut state, self.first + partition, &mut Reader::new(piece()?, &halt))?;
            self.finish(state, partition, number);
            Ok(())
        });
        let mut progress = self.progress.lock();
        progress.tasks -= 1;
        progress.partitions[partition].unread -= 1;
        if let Err(error) = read {
            self.fail(&mut progress, error);
        }
        drop(progress);
        self.changed.notify_all();
    }

    /// Puts a state back, joined with its neighbours that nobody is at work on.
    fn finish(&self, mut state: F::State, partition: usize, number: usize) {
        loop {
            let mut progress = self.progress.lock();
            let folded = &mut progress.partitions[partition];
            let at = folded.segments.iter().position(|segment| segment.pieces.contains(&number));
            let at = at.expect("a segment stays while a task is at work on it");
            let Some((other, side)) = folded.take_neighbour(at) else {
                folded.segments[at].state = Some(state);
                return;
            };
            drop(progress);
            match side {
                Side::Behind => self.fold.join(&mut state, other),
                Side::Before => {
                    let behind = std::mem::replace(&mut state, other);
                    self.fold.join(&mut state, behind);
                }
            }
        }
    }

    /// Ends the stage: the first error stands, and what has not begun is not wanted any more.
    fn fail(&self, progress: &mut MutexGuard<'_, Progress<'r, T, F::State>>, error: TaskError) {
        if progress.error.is_some() {
            return;
        }
        progress.error = Some(error);
        self.failed.store(0, Ordering::Relaxed);
        let waiting = std::mem::take(&mut progress.waiting);
        MutexGuard::unlocked(progress, || {
            drop(waiting);
            self.arriving.stop();
        });
    }
}

#[cfg(test)]
mod tests;
