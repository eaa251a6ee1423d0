//! What is known of each file: whether it waits, is in a batch, or is done with. On the generate thread; it does no
//! I/O and reads no clock.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use batchmill::BatchTime;

use super::scan::Identity;

/// The pause before an unreadable file is tried again; it doubles up to the limit.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The files of a directory by name. Holds an entry for each file that is there and wanted, and for files that have
/// gone since they were done with, up to a limit on the number of entries.
#[derive(Debug)]
pub(super) struct Ledger {
    files: HashMap<OsString, Entry>,
    settle: Duration,
    limit: usize,
    /// The number of the last scan.
    scan: u64,
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    state: State,
    /// The last scan that found it.
    listed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting(Waiting),
    /// In a batch that is not completed. It is left alone whatever becomes of the file meanwhile.
    Planned {
        /// How often it could not be read before.
        unreadable: u32,
    },
    /// Read, or skipped for good. `read` says which.
    Done {
        read: bool,
    },
}

/// A file that no batch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    /// When it was first found as it is; none if it is known to have settled, or was there at the start.
    since: Option<BatchTime>,
    /// When it may be read again after it was unreadable.
    not_before: Option<BatchTime>,
    unreadable: u32,
    /// How many files its batch may hold: fewer after a batch with it has failed.
    company: usize,
}

impl Waiting {
    const SETTLED: Self = Self { since: None, not_before: None, unreadable: 0, company: usize::MAX };

    fn since(since: Option<BatchTime>) -> Self {
        Self { since, ..Self::SETTLED }
    }

    fn is_ready(&self, now: BatchTime, settle: Duration) -> bool {
        self.since.is_none_or(|since| now - since >= settle) && self.not_before.is_none_or(|at| now >= at)
    }
}

/// How a file that was in a batch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// It is done with: read, or not worth another try.
    Done,
    /// It has gone or changed: whatever is found under its name is another file.
    Forgotten,
    /// It could not be read, and may be later.
    Unreadable,
    /// It is read again, in a batch of at most so many files.
    Again(usize),
}

impl Ledger {
    /// Files are ready when they have been the same for `settle`. At most `limit` files are remembered.
    pub(super) fn new(settle: Duration, limit: usize) -> Self {
        Self { files: HashMap::new(), settle, limit, scan: 0 }
    }

    /// Takes note of files that are done with without being read.
    pub(super) fn skip(&mut self, files: Vec<(OsString, Identity)>) {
        for (name, identity) in files {
            self.files
                .insert(name, Entry { identity, state: State::Done { read: false }, listed: self.scan });
        }
    }

    /// Takes in a whole listing, made for the batch `now` or at the start. Gives the names of files that changed after
    /// they were read: they wait again.
    pub(super) fn observe(
        &mut self,
        files: Vec<(OsString, Identity)>,
        now: Option<BatchTime>,
    ) -> Vec<OsString> {
        self.scan += 1;
        let mut changed = Vec::new();
        let waiting = State::Waiting(Waiting::since(now));
        for (name, identity) in files {
            let Some(entry) = self.files.get_mut(&name) else {
                self.files.insert(name, Entry { identity, state: waiting, listed: self.scan });
                continue;
            };
            entry.listed = self.scan;
            if entry.identity == identity || matches!(entry.state, State::Planned { .. }) {
                continue;
            }
            if entry.state == (State::Done { read: true }) && entry.identity.inode == identity.inode {
                changed.push(name);
            }
            (entry.identity, entry.state) = (identity, waiting);
        }
        let scan = self.scan;
        self.files.retain(|_, entry| entry.listed == scan || !matches!(entry.state, State::Waiting(_)));
        self.forget_some();
        changed
    }

    /// Whether the last listing had a file of this name.
    pub(super) fn is_there(&self, name: &OsStr) -> bool {
        self.files.get(name).is_some_and(|entry| entry.listed == self.scan)
    }

    /// Keeps to the limit by forgetting files that have gone, those first that went first. An eighth is forgotten at a
    /// time, so that it is not done at every scan.
    fn forget_some(&mut self) {
        if self.files.len() <= self.limit {
            return;
        }
        let gone = |entry: &Entry| entry.listed < self.scan && matches!(entry.state, State::Done { .. });
        let mut went: Vec<u64> =
            self.files.values().filter(|entry| gone(entry)).map(|entry| entry.listed).collect();
        went.sort_unstable();
        let excess = self.files.len() - (self.limit - self.limit / 8);
        // All that went with the last one to be forgotten are forgotten with it.
        let Some(&last) = went.get(excess - 1).or(went.last()) else { return };
        let scan = self.scan;
        self.files.retain(|_, entry| {
            entry.listed == scan || entry.listed > last || !matches!(entry.state, State::Done { .. })
        });
    }

    /// The files that may go into the batch `now`: those that changed least recently first, and by name.
    pub(super) fn ready(&self, now: BatchTime) -> Vec<Candidate> {
        let mut ready: Vec<Candidate> = self
            .files
            .iter()
            .filter_map(|(name, entry)| match &entry.state {
                State::Waiting(waiting) if waiting.is_ready(now, self.settle) => {
                    Some(Candidate { name: name.clone(), identity: entry.identity, company: waiting.company })
                }
                _ => None,
            })
            .collect();
        ready.sort_unstable_by(|a, b| (a.identity.modified, &a.name).cmp(&(b.identity.modified, &b.name)));
        ready
    }

    /// Notes that a ready file is in a batch now.
    pub(super) fn plan(&mut self, name: &OsStr) {
        self.change(name, |state| match state {
            State::Waiting(waiting) => Some(State::Planned { unreadable: waiting.unreadable }),
            state => Some(state),
        });
    }

    /// Notes that a ready file will not be read as it is.
    pub(super) fn refuse(&mut self, name: &OsStr) {
        self.change(name, |_| Some(State::Done { read: false }));
    }

    /// Notes how a planned file goes on after the batch `time`.
    pub(super) fn release(&mut self, name: &OsStr, time: BatchTime, afterwards: Afterwards) {
        self.change(name, |state| {
            let State::Planned { unreadable } = state else { return Some(state) };
            match afterwards {
                Afterwards::Done => Some(State::Done { read: true }),
                Afterwards::Forgotten => None,
                Afterwards::Again(company) => {
                    Some(State::Waiting(Waiting { company, unreadable, ..Waiting::SETTLED }))
                }
                Afterwards::Unreadable => {
                    let pause = FIRST_PAUSE.saturating_mul(1 << unreadable.min(6)).min(LONGEST_PAUSE);
                    let unreadable = unreadable.saturating_add(1);
                    let not_before = Some(time + pause);
                    Some(State::Waiting(Waiting { not_before, unreadable, ..Waiting::SETTLED }))
                }
            }
        });
    }

    /// Changes the state of a file that is known; `None` forgets it.
    fn change(&mut self, name: &OsStr, next: impl FnOnce(State) -> Option<State>) {
        let Some(entry) = self.files.get_mut(name) else { return };
        match next(entry.state) {
            Some(state) => entry.state = state,
            None => drop(self.files.remove(name)),
        }
    }
}

/// A file that may go into the next batch.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) name: OsString,
    pub(super) identity: Identity,
    /// How many files its batch may hold.
    pub(super) company: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn file(name: &str, inode: u64, size: u64) -> (OsString, Identity) {
        (name.into(), Identity { inode, size, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(size) })
    }

    fn at(s: i64) -> BatchTime {
        BatchTime::from_ms(s * 1_000)
    }

    fn ready(ledger: &Ledger, s: i64) -> Vec<OsString> {
        ledger.ready(at(s)).into_iter().map(|candidate| candidate.name).collect()
    }

    /// Plans the file and completes its batch at once.
    fn read(ledger: &mut Ledger, name: &str, s: i64, afterwards: Afterwards) {
        ledger.plan(OsStr::new(name));
        assert!(!ready(ledger, s).contains(&name.into()), "a planned file is in no second batch");
        ledger.release(OsStr::new(name), at(s), afterwards);
    }

    #[test]
    fn a_file_is_ready_when_it_has_been_the_same_for_long_enough() {
        let mut ledger = Ledger::new(Duration::from_secs(2), 10);
        ledger.observe(vec![file("a", 1, 5)], Some(at(1)));
        ledger.observe(vec![file("a", 1, 6)], Some(at(2)));
        assert!(ready(&ledger, 3).is_empty());
        ledger.observe(vec![file("a", 1, 6)], Some(at(4)));
        assert_eq!(ready(&ledger, 4), ["a"]);
    }

    #[test]
    fn what_was_there_at_the_start_is_ready_if_it_has_not_changed() {
        let mut ledger = Ledger::new(Duration::from_secs(2), 10);
        ledger.observe(vec![file("a", 1, 5), file("b", 2, 5)], None);
        ledger.observe(vec![file("a", 1, 5), file("b", 2, 6)], Some(at(1)));
        assert_eq!(ready(&ledger, 1), ["a"]);
    }

    #[test]
    fn a_file_that_was_read_waits_again_when_it_changes_or_is_another_one() {
        let mut ledger = Ledger::new(Duration::ZERO, 10);
        ledger.observe(vec![file("a", 1, 5), file("b", 2, 5)], Some(at(1)));
        read(&mut ledger, "a", 1, Afterwards::Done);
        read(&mut ledger, "b", 1, Afterwards::Done);
        assert!(ledger.observe(vec![file("a", 1, 5), file("b", 2, 5)], Some(at(2))).is_empty());
        assert!(ready(&ledger, 2).is_empty());
        // The one was written to, the other replaced by a rename.
        assert_eq!(ledger.observe(vec![file("a", 1, 6), file("b", 3, 6)], Some(at(3))), ["a"]);
        assert_eq!(ready(&ledger, 3), ["a", "b"]);
    }

    #[test]
    fn a_change_of_a_planned_file_counts_when_its_batch_is_completed() {
        let mut ledger = Ledger::new(Duration::ZERO, 10);
        ledger.observe(vec![file("a", 1, 5)], Some(at(1)));
        ledger.plan(OsStr::new("a"));
        assert!(ledger.observe(vec![file("a", 1, 6)], Some(at(2))).is_empty());
        assert!(ready(&ledger, 2).is_empty());
        ledger.release(OsStr::new("a"), at(2), Afterwards::Done);
        assert_eq!(ledger.observe(vec![file("a", 1, 6)], Some(at(3))), ["a"]);
    }

    #[test]
    fn an_unreadable_file_is_tried_again_after_a_pause_that_doubles_to_a_minute() {
        let mut ledger = Ledger::new(Duration::ZERO, 10);
        ledger.observe(vec![file("a", 1, 5)], Some(at(0)));
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            read(&mut ledger, "a", now, Afterwards::Unreadable);
            assert!(ready(&ledger, now + pause - 1).is_empty());
            now += pause;
            assert_eq!(ready(&ledger, now), ["a"]);
        }
    }

    #[test]
    fn candidates_come_by_time_and_name_with_the_company_they_may_keep() {
        let mut ledger = Ledger::new(Duration::ZERO, 10);
        ledger.observe(vec![file("z", 1, 1), file("b", 2, 7), file("a", 3, 7)], Some(at(1)));
        read(&mut ledger, "b", 1, Afterwards::Again(4));
        let company: Vec<_> = ledger.ready(at(1)).into_iter().map(|c| (c.name, c.company)).collect();
        let all = usize::MAX;
        assert_eq!(company, [("z".into(), all), ("a".into(), all), ("b".into(), 4)]);
    }

    #[test]
    fn beyond_the_limit_files_that_have_gone_are_forgotten_the_oldest_first() {
        let mut ledger = Ledger::new(Duration::ZERO, 4);
        for (i, name) in NAMES.into_iter().enumerate() {
            ledger.observe(vec![file(name, i as u64, 1)], Some(at(i as i64)));
            read(&mut ledger, name, i as i64, Afterwards::Done);
        }
        // All four are known; the fifth makes the first be forgotten, and then it is new.
        ledger.observe(vec![file("e", 9, 1)], Some(at(5)));
        read(&mut ledger, "e", 5, Afterwards::Done);
        assert_eq!(ledger.files.len(), 4);
        ledger.observe(
            NAMES.into_iter().enumerate().map(|(i, name)| file(name, i as u64, 1)).collect(),
            Some(at(6)),
        );
        assert_eq!(ready(&ledger, 6), ["a"]);
    }

    #[test]
    fn files_that_are_there_are_never_forgotten() {
        let mut ledger = Ledger::new(Duration::ZERO, 2);
        let files = || NAMES.into_iter().map(|name| file(name, 1, 1)).collect();
        ledger.skip(files());
        ledger.observe(files(), Some(at(1)));
        assert!(ready(&ledger, 1).is_empty());
        assert!(NAMES.into_iter().all(|name| ledger.is_there(OsStr::new(name))));
    }
}
