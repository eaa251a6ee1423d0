//! Members of a group of the fake that are clients of others: they share a topic, and when one is killed the other takes over.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use batchmill_sources::fake::kafka::{FakeKafka, GroupState, Profile};
use batchmill_tests::DEADLINE;
use crossbeam_channel as channel;

use crate::cluster::{self, Cluster};
use crate::tools::{Told, told};

const GROUP: &str = "readers";
const PARTITIONS: i32 = 4;

/// Makes a client a member.
type Joins = fn(&Cluster) -> Command;

const KCAT: Joins = |cluster| cluster.kcat_member(GROUP, "lines");
const CONFLUENT: Joins = |cluster| cluster.confluent_member(GROUP, "lines");

#[test]
fn members_of_a_group_of_the_fake_read_each_record_once_between_them() {
    // As in `fake.rs`: the tools are those of one cluster.
    let clusters = cluster::running().unwrap_or_default();
    let Some(tools) = clusters.iter().find(|cluster| cluster.size() == 1) else {
        return println!("groups of the fake: skipped, BATCHMILL_BROKERS names no single broker");
    };
    // A session that ends takes six seconds, so all at once.
    std::thread::scope(|scope| {
        for profile in Profile::all().filter(|profile| *profile >= Profile::V0_9) {
            scope.spawn(move || share_and_take_over(profile, tools, "kcat", KCAT));
            if profile >= Profile::V0_10 {
                scope.spawn(move || share_and_take_over(profile, tools, "confluent-kafka", CONFLUENT));
            }
        }
    });
}

fn share_and_take_over(profile: Profile, tools: &Cluster, name: &str, joins: Joins) {
    let topic = FakeKafka::builder().profile(profile).brokers(2).topic("lines", PARTITIONS as u16);
    let fake = topic.start().unwrap();
    let cluster = tools.with_fake(profile.release(), &fake);
    let (lines, read) = channel::unbounded();
    let what = format!("{name} in a group of the fake as {}", profile.release());
    let mut members = [0, 1].map(|who| Member::start(&mut joins(&cluster), who, &lines));
    drop(lines);

    await_shares(&what, &fake, 2);
    let first = write(&fake, 0..200);
    let by_both = take(&what, &read, first.len());
    assert_eq!(records(&by_both), first, "{what}");
    for who in [0, 1] {
        assert_eq!(by_both.iter().filter(|(by, _)| *by == who).count(), first.len() / 2, "{what}");
    }

    // What was read and not committed would be read again.
    await_commits(&what, &fake);
    members[0].kill();
    await_shares(&what, &fake, 1);
    let second = write(&fake, 200..400);
    let by_the_other = take(&what, &read, second.len());
    assert_eq!(records(&by_the_other), second, "{what}");
    assert!(by_the_other.iter().all(|(by, _)| *by == 1), "{what}");

    drop(members);
    assert_eq!(read.iter().count(), 0, "{what}: nothing is read twice");
    println!("{what}: ok");
}

/// Waits until so many members have all partitions between them.
fn await_shares(what: &str, fake: &FakeKafka, members: usize) {
    let shared = fake.wait_until(DEADLINE, |fake| {
        let Some(group) = fake.group(GROUP) else { return false };
        let partitions: usize = group.members.iter().map(|member| member.partitions.len()).sum();
        let is_shared = group.members.len() == members && partitions == PARTITIONS as usize;
        group.state == GroupState::Stable && is_shared
    });
    assert!(shared, "{what}: {:?}", fake.group(GROUP));
}

fn await_commits(what: &str, fake: &FakeKafka) {
    let committed = fake.wait_until(DEADLINE, |fake| {
        (0..PARTITIONS).all(|partition| {
            let committed = fake.committed(GROUP, "lines", partition).map(|committed| committed.offset);
            committed == fake.end_offset("lines", partition).ok()
        })
    });
    assert!(committed, "{what}: not all is committed");
}

/// Stores records in all partitions, and returns them as a client tells of them.
fn write(fake: &FakeKafka, numbers: std::ops::Range<i32>) -> Vec<Told> {
    let one = |number: i32| {
        let (partition, value) = (number % PARTITIONS, format!("line {number}"));
        let offset = fake.produce("lines", partition, [value.as_str()]).unwrap();
        (partition, offset, String::new(), value)
    };
    let mut written: Vec<_> = numbers.map(one).collect();
    written.sort();
    written
}

/// The next lines of the members, with who printed them.
fn take(what: &str, read: &channel::Receiver<(usize, String)>, count: usize) -> Vec<(usize, String)> {
    let next = |at| {
        let line = read.recv_timeout(DEADLINE);
        line.unwrap_or_else(|error| panic!("{what}: {at} of {count} lines, then {error}"))
    };
    (0..count).map(next).collect()
}

fn records(lines: &[(usize, String)]) -> Vec<Told> {
    let lines: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    told(&lines.join("\n"))
}

/// A client that runs until it is killed, or dropped.
struct Member {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Member {
    /// Starts it; what it prints goes to `lines`, beside its number.
    fn start(command: &mut Command, who: usize, lines: &channel::Sender<(usize, String)>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = lines.clone();
        let read = move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more where the test has failed.
                let _ = lines.send((who, line));
            }
        };
        Self { child, reader: Some(std::thread::spawn(read)) }
    }

    /// kill -9.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
