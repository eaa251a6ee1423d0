//! Another process with a session: it is told what to do by lines, tells what it has done and seen by lines, and can be
//! paused.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use batchmill_tests::DEADLINE;
use crossbeam_channel as channel;

/// What a line that a peer tells begins with; others are of the programs around it.
pub(super) const TELLS: &str = "> ";

/// A process that runs until it is dropped.
pub(super) struct Peer {
    child: Child,
    orders: Option<ChildStdin>,
    told: channel::Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Peer {
    pub(super) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, told) = channel::unbounded();
        let read = move || {
            let lines = output.lines().map_while(Result::ok);
            for line in lines.filter_map(|line| line.strip_prefix(TELLS).map(str::to_owned)) {
                // Nobody listens any more where the test has failed.
                let _ = tell.send(line);
            }
        };
        let orders = child.stdin.take();
        Self { child, orders, told, reader: Some(std::thread::spawn(read)) }
    }

    /// The next line that it tells.
    #[track_caller]
    pub(super) fn next(&self) -> String {
        self.told.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("the peer tells nothing: {error}"))
    }

    /// What it tells next after it is told to do something.
    #[track_caller]
    pub(super) fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders.as_mut().expect("it is piped"), "{order}").unwrap();
        self.next()
    }

    /// Whether it has told nothing that was not taken.
    pub(super) fn is_quiet(&self) -> bool {
        self.told.is_empty()
    }

    /// SIGSTOP: it does nothing any more.
    pub(super) fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on and knows of nothing.
    pub(super) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
