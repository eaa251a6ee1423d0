//! A source of one's own that is asked: an [`InputDStream`] of the lines that are appended to a file, as `tail -f` shows
//! them. It fixes a range of bytes when a batch is cut, reads them inside the batch's tasks, and writes down how far it
//! has come when the batch's outputs are done.
//!
//! ```console
//! $ cargo run --release --example custom_input app.log --position app.log.position   # on one terminal
//! $ echo "to be or not to be" >> app.log                                             # on another
//! ```

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use batchmill::prelude::*;
use batchmill::text::TextLines;
use batchmill::{BatchContext, InputDStream, InputHandle, Outcome, PlanLimits, PlanSize, SourceError};
use batchmill_examples::{Arguments, Failure, Options, UsageError, program, run};

const USAGE: &str = "custom_input FILE [--position FILE] [--batch-ms MS] [--batches N] [--workers N]

Counts the words of the lines that are appended to FILE, those it has already first. With --position the program
writes into that file how far it has come, and goes on there when it is started again.
";

fn main() -> ExitCode {
    program(USAGE, word_count)
}

fn word_count(mut arguments: Arguments) -> Result<(), Failure> {
    let options = Options::take(&mut arguments)?;
    let position = arguments.option("--position")?.map(PathBuf::from);
    let file = arguments.positional()?.ok_or_else(|| UsageError::new("FILE is missing"))?;
    arguments.end()?;

    let ssc = options.context()?;
    let lines = ssc.input_stream(AppendedLines::new(file, position));
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b);
    counts.print();
    run(ssc)
}

/// The lines of a file that grows at its end. A line counts when its `\n` is there.
struct AppendedLines {
    file: PathBuf,
    /// Where the position is kept, if it is.
    position: Option<PathBuf>,
    /// Up to where batches are planned.
    planned: u64,
    handle: Option<InputHandle>,
}

impl AppendedLines {
    fn new(file: OsString, position: Option<PathBuf>) -> Self {
        Self { file: file.into(), position, planned: 0, handle: None }
    }
}

/// All methods are called on one thread of the engine, so they may block; what `batch` describes runs in the tasks.
impl InputDStream<Text> for AppendedLines {
    type Plan = Range<u64>;

    fn name(&self) -> String {
        format!("lines appended to {}", self.file.display())
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        self.handle = Some(handle.clone());
        if !fs::metadata(&self.file)?.is_file() {
            return Err("it is not a file".into());
        }
        if let Some(position) = &self.position {
            self.planned = read_position(position)?;
        }
        Ok(())
    }

    fn plan(&mut self, _: BatchTime, limits: &PlanLimits) -> Result<Self::Plan, SourceError> {
        let mut file = File::open(&self.file)?;
        let length = file.metadata()?.len();
        if length < self.planned {
            if let Some(handle) = &self.handle {
                handle.source_event("file_truncated", "the file became shorter, reading it from its start");
            }
            self.planned = 0;
        }
        let new = self.planned..length.min(self.planned + limits.bytes);
        let plan = new.start..end_of_last_line(&mut file, &new)?;
        if plan.is_empty() && new.end - new.start == limits.bytes {
            let (start, limit) = (new.start, limits.bytes);
            return Err(
                format!("the line at byte {start} is longer than the {limit} bytes of a batch").into()
            );
        }
        self.planned = plan.end;
        Ok(plan)
    }

    fn batch(&mut self, plan: &Self::Plan, ctx: &BatchContext) -> Result<Batch<Text>, SourceError> {
        if plan.is_empty() {
            return Ok(ctx.empty());
        }
        let (file, plan) = (self.file.clone(), plan.clone());
        let weights = vec![plan.end - plan.start];
        let read = move |_partition| Ok(std::iter::once(read_range(&file, &plan)));
        Ok(ctx.read_blocks(weights, read, TextLines::default()))
    }

    fn size(&self, plan: &Self::Plan) -> PlanSize {
        PlanSize { bytes: Some(plan.end - plan.start), records: None }
    }

    /// Batches end in their order, so everything before a batch that succeeded is done.
    fn completed(&mut self, _: BatchTime, plan: &Self::Plan, outcome: Outcome) -> Result<(), SourceError> {
        match &self.position {
            Some(position) if outcome == Outcome::Succeeded && !plan.is_empty() => {
                Ok(write_position(position, plan.end)?)
            }
            _ => Ok(()),
        }
    }
}

/// The end of the last whole line of a range, found from behind; the range's start if it has none.
fn end_of_last_line(file: &mut File, range: &Range<u64>) -> io::Result<u64> {
    let mut buffer = [0; 8 * 1024];
    let mut end = range.end;
    while end > range.start {
        let start = range.start.max(end.saturating_sub(buffer.len() as u64));
        let part = &mut buffer[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(range.start)
}

fn read_range(path: &Path, range: &Range<u64>) -> Result<Vec<u8>, SourceError> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error: io::Error| format!("bytes {range:?} of {}: {error}", path.display()).into())
}

/// The position that a run before this one has left; 0 without one.
fn read_position(path: &Path) -> Result<u64, SourceError> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|_| format!("{} holds no position", path.display()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

/// Replaces the file as a whole, so that a crash leaves the old position or the new one.
fn write_position(path: &Path, position: u64) -> io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    fs::write(&next, format!("{position}\n"))?;
    fs::rename(next, path)
}
