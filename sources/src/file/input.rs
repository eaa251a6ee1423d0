//! A directory as an input: what is new in it becomes a batch. On the generate thread.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use batchmill::text::{LongLine, Utf8Policy};
use batchmill::{
    Batch, BatchContext, BatchTime, Data, InputDStream, InputHandle, Outcome, PlanLimits, PlanSize,
    SourceError,
};

use super::FileError;
use super::format::{FileFormat, Records};
use super::ledger::{Afterwards, Ledger};
use super::options::{Existing, FileOptions};
use super::plan::{FilePlan, Framing, PlannedFile, Trouble, partition_bytes, partitions};
use super::read::{FileBlocks, Reading};
use super::records::{DecodedRecords, ReadRecords, Shared};
use super::report::Reporter;
use super::scan::{Identity, Listing, Odd, list};

/// The files of one directory.
pub(super) struct FileInput<T> {
    options: FileOptions,
    format: FileFormat<T>,
    ledger: Ledger,
    /// Set by `start`.
    watch: Option<Watch>,
}

/// What a started input has.
struct Watch {
    reporter: Arc<Reporter>,
    reading: Arc<Reading>,
    /// The directory was not there when it was looked at last.
    away: bool,
    /// When to list it next; none: at the next batch.
    next_scan: Option<BatchTime>,
}

impl<T: Data> FileInput<T> {
    pub(super) fn new(options: FileOptions, format: FileFormat<T>) -> Self {
        let ledger = Ledger::new(options.settle, options.seen_limit);
        Self { options, format, ledger, watch: None }
    }

    /// Looks at the directory if it is time to, and takes note of what has changed.
    ///
    /// # Errors
    /// If it has too many entries. A directory that cannot be listed now is told of, and looked at again.
    fn look(&mut self, time: BatchTime) -> Result<(), FileError> {
        let watch = self.watch.as_mut().expect("the engine starts an input before it asks for plans");
        if watch.next_scan.is_some_and(|at| time < at) {
            return Ok(());
        }
        let interval = self.options.scan_interval;
        watch.next_scan = (interval > Duration::ZERO).then(|| time + interval);
        match list(&self.options) {
            Ok(listing) => {
                if std::mem::take(&mut watch.away) {
                    watch.reporter.tell("dir_found", format!("{} is there", self.options.dir.display()));
                }
                let reporter = Arc::clone(&watch.reporter);
                self.observe(listing, Some(time), &reporter);
            }
            Err(error @ FileError::TooManyEntries { .. }) => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut watch.away, true) {
                    let kind = match error {
                        FileError::DirectoryUnreadable { .. } => "dir_unreadable",
                        _ => "dir_vanished",
                    };
                    watch.reporter.tell(kind, format!("{error}; it is looked for at every batch"));
                }
            }
        }
        Ok(())
    }

    fn observe(&mut self, listing: Listing, time: Option<BatchTime>, reporter: &Reporter) {
        let changed = self.ledger.observe(listing.files, time);
        let odd: HashSet<&OsStr> = listing.odd.iter().map(|(name, _)| name.as_os_str()).collect();
        reporter.keep(|name| self.ledger.is_there(name) || odd.contains(name));
        for name in changed {
            reporter.tell_once(&name, "file_changed", || {
                let path = self.options.dir.join(&name);
                format!("{} was written to after it was read; it is read again as a whole", path.display())
            });
        }
        for (name, odd) in listing.odd {
            let path = || self.options.dir.join(&name);
            match odd {
                Odd::Unknown(cause) => reporter.tell_once(&name, "file_unreadable", || {
                    format!("{} cannot be looked at: {cause}", path().display())
                }),
                odd => reporter.tell_once(&name, "file_skipped", || {
                    format!("{} is {}", path().display(), what_is(&odd))
                }),
            }
        }
    }

    /// Chooses the files of a batch, in order, up to the limits.
    fn choose(&mut self, time: BatchTime, limits: &PlanLimits) -> FilePlan {
        let max_bytes = self.options.max_bytes.unwrap_or(limits.bytes);
        let (mut files, mut bytes, mut most) = (Vec::new(), 0_u64, self.options.max_files);
        for candidate in self.ledger.ready(time) {
            if let Some(reason) = self.misfit(candidate.identity, max_bytes) {
                self.refuse(&candidate.name, &reason);
                continue;
            }
            let with_it = bytes.saturating_add(candidate.identity.size);
            let fits = files.len() < most.min(candidate.company) && with_it <= max_bytes;
            // A file goes in alone if it cannot go in otherwise.
            if !fits && !files.is_empty() {
                break;
            }
            (bytes, most) = (with_it, most.min(candidate.company));
            self.ledger.plan(&candidate.name);
            let path = self.options.dir.join(&candidate.name);
            files.push(Arc::new(PlannedFile::new(candidate.name, path, candidate.identity)));
        }
        FilePlan { files }
    }

    /// Why a file cannot be read in this format, if it cannot.
    fn misfit(&self, identity: Identity, max_bytes: u64) -> Option<String> {
        let size = identity.size;
        match self.format.framing {
            Framing::Fixed(length) if size % length != 0 => {
                Some(format!("has {size} bytes, which are no whole records of {length} bytes"))
            }
            Framing::Whole if size > max_bytes => {
                Some(format!("has {size} bytes, more than the {max_bytes} of a batch"))
            }
            _ => None,
        }
    }

    fn refuse(&mut self, name: &OsStr, reason: &str) {
        self.ledger.refuse(name);
        self.skipped(name, reason);
    }

    fn skipped(&self, name: &OsStr, reason: &str) {
        if let Some(watch) = &self.watch {
            let path = self.options.dir.join(name);
            watch.reporter.tell_once(name, "file_skipped", || format!("{} {reason}", path.display()));
        }
    }

    /// Decides how a file of a completed batch goes on.
    fn afterwards(&self, file: &PlannedFile, outcome: Outcome, company: usize, culprit: bool) -> Afterwards {
        match (file.trouble(), outcome) {
            (Some(Trouble::Vanished | Trouble::Changed), _) => Afterwards::Forgotten,
            (Some(Trouble::Unreadable), _) => Afterwards::Unreadable,
            (_, Outcome::Succeeded) => Afterwards::Done,
            (Some(Trouble::Rejected), _) => {
                self.skipped(&file.name, "was refused; it is not read again");
                Afterwards::Done
            }
            (None, Outcome::Abandoned) => Afterwards::Again(usize::MAX),
            (None, Outcome::Failed) if culprit => Afterwards::Again(company),
            (None, Outcome::Failed) if company > 1 => Afterwards::Again(company / 2),
            (None, Outcome::Failed) => {
                self.skipped(&file.name, "was alone in a batch that failed; it is not read again");
                Afterwards::Done
            }
        }
    }

    /// Tells what was counted in a file.
    fn tell_counts(&self, file: &PlannedFile) {
        let Some(watch) = &self.watch else { return };
        let path = file.path.display();
        let lines = file.long_lines();
        if lines > 0 {
            let max = self.options.max_line;
            let what = match self.options.long_line {
                LongLine::Truncate => "truncated",
                LongLine::Fail | LongLine::Skip => "skipped",
            };
            watch.reporter.tell_once(&file.name, "long_lines", || {
                format!("{lines} lines of {path} are longer than {max} bytes and were {what}")
            });
        }
        if let Some((lines, first)) = file.invalid_lines() {
            let what = match self.options.utf8 {
                Utf8Policy::Lossy => "repaired",
                Utf8Policy::Strict | Utf8Policy::Skip => "skipped",
            };
            watch.reporter.tell_once(&file.name, "invalid_utf8", || {
                format!("{lines} lines of {path} are not UTF-8 and were {what}, the first at byte {first}")
            });
        }
    }
}

impl<T: Data> InputDStream<T> for FileInput<T> {
    type Plan = FilePlan;

    fn name(&self) -> String {
        format!("files {}", self.options.dir.display())
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        let reporter = Arc::new(Reporter::new(handle.clone()));
        let (framing, utf8) = (self.format.framing, self.format.utf8);
        let reading = Arc::new(Reading::new(&self.options, framing, utf8, Arc::clone(&reporter)));
        let mut away = false;
        match list(&self.options) {
            Ok(listing) if self.options.existing == Existing::Skip => self.ledger.skip(listing.files),
            Ok(listing) => self.observe(listing, None, &reporter),
            Err(error @ FileError::NoSuchDirectory { .. }) if self.options.wait_for_dir => {
                away = true;
                let dir = self.options.dir.display();
                reporter.tell(
                    "dir_missing",
                    format!("{dir} does not exist yet; it is looked for at every batch"),
                );
                drop(error);
            }
            Err(error) => return Err(error.into()),
        }
        self.watch = Some(Watch { reporter, reading, away, next_scan: None });
        Ok(())
    }

    fn plan(&mut self, time: BatchTime, limits: &PlanLimits) -> Result<FilePlan, SourceError> {
        self.look(time)?;
        if self.watch.as_ref().is_some_and(|watch| watch.away) {
            return Ok(FilePlan { files: Vec::new() });
        }
        Ok(self.choose(time, limits))
    }

    fn batch(&mut self, plan: &FilePlan, ctx: &BatchContext) -> Result<Batch<T>, SourceError> {
        let watch = self.watch.as_ref().expect("the engine starts an input before it asks for batches");
        let target = partition_bytes(plan.bytes(), ctx.partitions());
        let partitions = partitions(&plan.files, self.format.framing, target);
        let bytes = |segment: &super::plan::Segment| segment.range.end - segment.range.start;
        let weights = partitions.iter().map(|segments| segments.iter().map(bytes).sum()).collect();
        let (count, reading) = (partitions.len(), Arc::clone(&watch.reading));
        let part = move |p: usize| (Arc::clone(&reading), partitions[p].clone());
        let blocks = |(reading, segments)| FileBlocks::new(reading, segments);
        Ok(match &self.format.records {
            Records::Sound(decoder) => {
                let read = move |p| Ok(blocks(part(p)).map(|block| Ok(block?.bytes)));
                ctx.read_blocks(weights, read, Shared(Arc::clone(decoder)))
            }
            Records::Decoded(decoder) => {
                let decoder = Arc::clone(decoder);
                ctx.read_partitions(count, move |p| {
                    Ok(DecodedRecords::new(blocks(part(p)), Arc::clone(&decoder)))
                })
            }
            Records::Read(open) => {
                let open = Arc::clone(open);
                ctx.read_partitions(count, move |p| {
                    let (reading, segments) = part(p);
                    Ok(ReadRecords::new(reading, segments, Arc::clone(&open)))
                })
            }
        })
    }

    fn size(&self, plan: &FilePlan) -> PlanSize {
        let records = match self.format.framing {
            Framing::Fixed(length) => Some(plan.bytes() / length),
            Framing::Lines | Framing::Whole | Framing::Stream => None,
        };
        PlanSize { records, bytes: Some(plan.bytes()) }
    }

    fn completed(&mut self, time: BatchTime, plan: &FilePlan, outcome: Outcome) -> Result<(), SourceError> {
        let culprit = plan.files.iter().any(|file| file.trouble() == Some(Trouble::Rejected));
        for file in &plan.files {
            self.tell_counts(file);
            let afterwards = self.afterwards(file, outcome, plan.files.len(), culprit);
            self.ledger.release(&file.name, time, afterwards);
        }
        Ok(())
    }
}

fn what_is(odd: &Odd) -> &'static str {
    match odd {
        Odd::Directory => "a directory; only the files directly in the directory of the stream are read",
        Odd::Link => "a symbolic link; links are not followed",
        Odd::Special | Odd::Unknown(_) => "neither a file nor a directory",
    }
}
