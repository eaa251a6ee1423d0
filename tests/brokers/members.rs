//! Members of a group as processes: ours (`tests/member.rs`), Kafka's own consumer, the one before 0.9, and librdkafka, which
//! all print the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use batchmill_tests::wait_until;

use crate::cluster::Cluster;
use crate::tools::run;

const SETTINGS: [&str; 3] =
    ["session.timeout.ms=6000", "heartbeat.interval.ms=250", "auto.offset.reset=earliest"];

const OLD_SETTINGS: [&str; 2] = ["zookeeper.session.timeout.ms=6000", "auto.offset.reset=smallest"];

/// Whose client a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client<'q> {
    Ours,
    Java,
    Librdkafka,
    /// Ours, in a group in this ZooKeeper.
    OursIn(&'q str),
    /// Kafka's consumer before 0.9, in one in this ZooKeeper.
    Old(&'q str),
}

/// A member that runs until it is killed, leaves, or is dropped.
pub(crate) struct Member {
    child: Child,
    stdin: Option<ChildStdin>,
    printed: Arc<Mutex<Printed>>,
    reader: Option<JoinHandle<()>>,
}

/// What a member has printed so far.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    /// Its partitions now.
    pub(crate) has: BTreeSet<i32>,
    /// Partition, offset and value.
    pub(crate) records: Vec<(i32, i64, String)>,
    /// Other events.
    pub(crate) told: Vec<String>,
}

impl Member {
    /// Joins the group that has the name of its topic.
    pub(crate) fn join(cluster: &Cluster, client: Client<'_>, topic: &str) -> Self {
        let ours = |kind: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_member"));
            command.arg(kind);
            command
        };
        let mut command = match client {
            Client::Ours => ours("brokers"),
            Client::OursIn(_) => ours("zookeeper"),
            Client::Java => cluster.member("java"),
            Client::Librdkafka => cluster.member("librdkafka"),
            Client::Old(_) => cluster.member("old"),
        };
        match client {
            Client::OursIn(quorum) | Client::Old(quorum) => {
                command.args([quorum, topic, topic]).args(OLD_SETTINGS);
            }
            _ => _ = command.args([cluster.bootstrap(), topic, topic]).args(SETTINGS),
        }
        if matches!(client, Client::Ours | Client::OursIn(_)) && cluster.release() < (0, 10) {
            // Else a start asks each broker for its version, which takes seconds.
            command.arg(format!("broker.version.fallback={}", cluster.version()));
        }
        Self::start(&mut command)
    }

    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let printed = Arc::new(Mutex::new(Printed::default()));
        let into = Arc::clone(&printed);
        let read = move || {
            for line in output.lines().map_while(Result::ok) {
                into.lock().unwrap().read(&line);
            }
        };
        Self { stdin: child.stdin.take(), child, printed, reader: Some(std::thread::spawn(read)) }
    }

    pub(crate) fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// It stops in order.
    pub(crate) fn leave(&mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.kill();
    }

    /// It does nothing until it goes on.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]), &[]);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Printed {
    fn read(&mut self, line: &str) {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{line:?} is not a member's"));
        match line.split_once(' ').unwrap_or((line, "")) {
            ("has", partitions) => {
                self.has = partitions.split_whitespace().map(|name| number(name) as i32).collect();
            }
            ("batch", _) => {}
            ("told", event) => self.told.push(event.to_owned()),
            (partition, rest) => {
                let (offset, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.records.push((number(partition) as i32, number(offset), value.to_owned()));
            }
        }
    }
}

/// Waits until these members have so many partitions each, in any order, and all between them.
pub(crate) fn wait_for_shares(what: &str, members: &[&Member], mut shares: Vec<usize>) {
    shares.sort_unstable();
    wait_until(what, || {
        let has: Vec<BTreeSet<i32>> = members.iter().map(|member| member.printed().has.clone()).collect();
        let mut sizes: Vec<usize> = has.iter().map(BTreeSet::len).collect();
        sizes.sort_unstable();
        let all: BTreeSet<i32> = has.into_iter().flatten().collect();
        sizes == shares && all.len() == shares.iter().sum::<usize>()
    });
}

/// The values that these members have read, each with how many times.
pub(crate) fn read_by(members: &[&Member]) -> BTreeMap<usize, usize> {
    let mut times = BTreeMap::new();
    for member in members {
        for (_, _, value) in &member.printed().records {
            *times.entry(value.parse().unwrap()).or_default() += 1;
        }
    }
    times
}

impl Printed {
    /// Whether the member has told that others read this record again (`commit_skipped`).
    fn has_skipped(&self, partition: i32, offset: i64) -> bool {
        let of_partition = format!("-{partition} [");
        let ranges = self
            .told
            .iter()
            .filter(|told| told.starts_with("commit_skipped"))
            .flat_map(|told| told.split(&of_partition).skip(1));
        let mut ranges = ranges.filter_map(|rest| rest.split_once(')')?.0.split_once(", "));
        ranges.any(|(from, until)| {
            let [from, until] = [from, until].map(|bound| bound.parse::<i64>().unwrap());
            (from..until).contains(&offset)
        })
    }
}

/// Of these values those that no member has told to be read again.
pub(crate) fn not_told_of(again: &[usize], members: &[&Member]) -> Vec<usize> {
    let is_told = |value: &usize| {
        members.iter().any(|member| {
            let printed = member.printed();
            let records = printed.records.iter().filter(|(_, _, of)| *of == value.to_string());
            records.into_iter().any(|(partition, offset, _)| printed.has_skipped(*partition, *offset))
        })
    };
    again.iter().copied().filter(|value| !is_told(value)).collect()
}
