//! A program under test: started, read line by line with a deadline, signalled, and waited for. Its output is read on
//! threads of its own, so that no wait in a test is without an end.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long any wait in a test may take; far more than it does on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running example. Dropping it kills it.
pub(crate) struct Child {
    process: std::process::Child,
    stdout: Lines,
    stderr: Lines,
}

/// How a program ended, with the lines that no test has taken yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Child {
    /// Starts the example of this name.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_and_read(name, arguments, usize::MAX)
    }

    /// Starts it, takes so many lines of its standard output and then closes the pipe.
    pub(crate) fn start_and_read(name: &str, arguments: &[&str], lines: usize) -> Self {
        let mut process = spawn(name, arguments, Stdio::piped());
        let stdout = Lines::read(process.stdout.take().unwrap(), lines);
        let stderr = Lines::read(process.stderr.take().unwrap(), usize::MAX);
        Self { process, stdout, stderr }
    }

    /// Starts it with its standard output going there.
    pub(crate) fn start_into(name: &str, arguments: &[&str], stdout: impl Into<Stdio>) -> Self {
        let mut process = spawn(name, arguments, stdout.into());
        let stderr = Lines::read(process.stderr.take().unwrap(), usize::MAX);
        Self { process, stdout: Lines::read(std::io::empty(), 0), stderr }
    }

    /// The next line of standard output.
    pub(crate) fn stdout_line(&self) -> String {
        self.stdout.next().expect("standard output has ended")
    }

    /// The next line of standard error.
    pub(crate) fn stderr_line(&self) -> String {
        self.stderr.next().expect("standard error has ended")
    }

    /// Takes lines of standard output up to one that is this.
    pub(crate) fn read_until(&self, line: &str) {
        while self.stdout_line() != line {}
    }

    /// Takes lines of standard error up to one that holds this, and gives it.
    pub(crate) fn stderr_line_with(&self, part: &str) -> String {
        loop {
            let line = self.stderr_line();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// What Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let stdout = std::iter::from_fn(|| self.stdout.next()).collect();
        let stderr = std::iter::from_fn(|| self.stderr.next()).collect();
        // Both pipes are closed, which only its end does.
        let code = self.process.wait().unwrap().code();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(name: &str, arguments: &[&str], stdout: Stdio) -> std::process::Child {
    let mut command = Command::new(path_of(name));
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines of a pipe, as they come.
struct Lines {
    lines: Receiver<String>,
}

impl Lines {
    fn read(pipe: impl Read + Send + 'static, limit: usize) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().take(limit) {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// The next line; none at the end.
    fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {DEADLINE:?}"),
        }
    }
}

/// Cargo builds the examples of a package beside its tests: `examples/` is next to the `deps/` this test lies in.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = built.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not there: `cargo test -p batchmill-examples` builds it", path.display());
    path
}
