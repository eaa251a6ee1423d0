//! The batches of a stream that are not done: whether they come to their end. Plain values, behind the lock of
//! [`Shared`](super::shared::Shared).

use std::collections::VecDeque;
use std::time::Duration;

use batchmill::Mono;

/// Batches with records. They end in the order in which they were cut.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// When those that are not done were cut.
    cut: VecDeque<Mono>,
    /// When the last one ended.
    ended: Option<Mono>,
}

impl Batches {
    /// One was cut.
    pub(super) fn cut(&mut self, now: Mono) {
        self.cut.push_back(now);
    }

    /// The oldest one has ended: how long after its cut.
    pub(super) fn end(&mut self, now: Mono) -> Option<Duration> {
        self.ended = Some(now);
        self.cut.pop_front().map(|cut| now - cut)
    }

    /// Whether there are some and none has ended for so long. One that waits for those before it is no older than their end.
    pub(super) fn are_stuck(&self, longest: Duration, now: Mono) -> bool {
        let since = self.cut.front().map(|cut| self.ended.map_or(*cut, |ended| ended.max(*cut)));
        since.is_some_and(|since| now - since >= longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn batches_that_wait_for_others_are_not_stuck() {
        let (mut batches, begun) = (Batches::default(), Mono::default());
        for at in 0..3 {
            batches.cut(begun + at * SECOND);
        }
        assert!(batches.are_stuck(10 * SECOND, begun + 10 * SECOND));
        batches.end(begun + 9 * SECOND);
        assert!(!batches.are_stuck(10 * SECOND, begun + 18 * SECOND), "one has ended 9 seconds before");
        assert!(batches.are_stuck(10 * SECOND, begun + 19 * SECOND));
    }

    #[test]
    fn a_stream_without_records_is_not_stuck() {
        let (mut batches, begun) = (Batches::default(), Mono::default());
        assert!(!batches.are_stuck(SECOND, begun + 60 * SECOND));
        batches.cut(begun);
        batches.end(begun);
        assert!(!batches.are_stuck(SECOND, begun + 60 * SECOND));
        batches.cut(begun + 60 * SECOND);
        assert!(!batches.are_stuck(SECOND, begun + 60 * SECOND));
    }
}
