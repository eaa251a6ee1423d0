//! Members together with those of librdkafka and the Java client, on real brokers and on the fake: on each single broker from
//! 0.9 on that runs, says the file that `BATCHMILL_BROKERS` names, which `.ci/brokers` writes. Without it nothing is done and
//! a line says so. The members of others print what they have: `Member.java` and `member.py` beside this file.
#![expect(clippy::print_stdout, reason = "it says which brokers it was run against")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel as channel;

use super::*;
use crate::kafka::client::deadline::now;

const PARTITIONS: usize = 4;

struct Broker {
    version: String,
    bootstrap: String,
    /// Where jars and tools are.
    home: PathBuf,
}

fn brokers() -> Vec<Broker> {
    let Some(file) = std::env::var_os("BATCHMILL_BROKERS").map(PathBuf::from) else {
        println!("groups of real brokers: skipped, BATCHMILL_BROKERS is not set");
        return Vec::new();
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let home = file.ancestors().nth(2).unwrap().to_owned();
    let running = text.lines().filter_map(|line| line.split_once('='));
    let ours = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && !version.starts_with("0.8")
            && !version.contains('x')
    };
    let broker = |(version, bootstrap): (&str, &str)| Broker {
        version: version.to_owned(),
        bootstrap: bootstrap.to_owned(),
        home: home.clone(),
    };
    running.filter(|(version, _)| ours(version)).map(broker).collect()
}

impl Broker {
    /// A topic that nobody else uses; it is the name of the group too.
    fn topic(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let topic = format!("group-{}-{number}", std::process::id());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/brokers");
        let mut command = Command::new(script);
        command.args(["topic", &self.version, "create", &topic, &PARTITIONS.to_string()]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{topic}");
        topic
    }

    fn join(&self, topic: &str, assignors: &str) -> Member {
        let params = KafkaParams::from([
            ("bootstrap.servers", self.bootstrap.as_str()),
            ("group.id", topic),
            ("partition.assignment.strategy", assignors),
            ("session.timeout.ms", "6000"),
        ]);
        Member::join_for(params, Subscription::names([topic]))
    }

    fn java(&self, topic: &str, assignors: &str) -> Foreign {
        let classes = assignors.split(',').map(|name| {
            let class = match name {
                "range" => "Range",
                "roundrobin" => "RoundRobin",
                "sticky" => "Sticky",
                _ => "CooperativeSticky",
            };
            format!("org.apache.kafka.clients.consumer.{class}Assignor")
        });
        let mut command = Command::new("java");
        command.arg("-cp").arg(self.home.join("jars").join(&self.version).join("*"));
        command.arg(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kafka/group/classic/tests/brokers/Member.java"),
        );
        command.args([&self.bootstrap, topic, topic, &classes.collect::<Vec<_>>().join(",")]);
        Foreign::start(command)
    }

    fn librdkafka(&self, topic: &str, assignors: &str) -> Foreign {
        let mut command = Command::new(self.home.join("venv/bin/python"));
        command.arg(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kafka/group/classic/tests/brokers/member.py"),
        );
        command.args([&self.bootstrap, topic, topic, assignors]);
        if self.version.starts_with("0.9") {
            command.arg(&self.version);
        }
        Foreign::start(command)
    }
}

/// A member of another client.
struct Foreign {
    child: Child,
    lines: channel::Receiver<BTreeSet<i32>>,
    held: BTreeSet<i32>,
}

impl Foreign {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (told, lines) = channel::unbounded();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(numbers) = line.strip_prefix("has") {
                    let _ = told.send(numbers.split_whitespace().map(|n| n.parse().unwrap()).collect());
                }
            }
        });
        Self { child, lines, held: BTreeSet::new() }
    }

    /// What it has by now.
    fn held(&mut self) -> &BTreeSet<i32> {
        while let Ok(held) = self.lines.try_recv() {
            self.held = held;
        }
        &self.held
    }

    fn leave(mut self) {
        let _ = self.child.stdin.take().map(|mut stdin| stdin.write_all(b"\n"));
        self.child.wait().unwrap();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until each has so many and together they have all, and says how long that took.
#[track_caller]
fn await_shares(what: &str, ours: &[&Member], foreign: &mut [&mut Foreign], mut sizes: Vec<usize>) {
    let begun = now();
    let deadline = Deadline::after(Duration::from_secs(60));
    sizes.sort_unstable();
    loop {
        let mut shares: Vec<_> = ours.iter().map(|member| member.held()).collect();
        shares.extend(foreign.iter_mut().map(|member| member.held().clone()));
        let mut have: Vec<_> = shares.iter().map(BTreeSet::len).collect();
        have.sort_unstable();
        let all: BTreeSet<i32> = shares.iter().flatten().copied().collect();
        if have == sizes && all.len() == PARTITIONS {
            return println!("{what}: {:?}", now() - begun);
        }
        let calls: Vec<_> = ours.iter().map(|member| member.calls()).collect();
        assert!(!deadline.is_over(), "{what}: {shares:?} {calls:?}");
        crate::net::way_out::WayOut::default().pause(Deadline::after(Duration::from_millis(10)));
    }
}

fn share_with(broker: &Broker, who: &str, assignors: &str, topic: &str, start: impl Fn(&str) -> Foreign) {
    let what = |scene: &str| format!("{} {who} {assignors}, {scene}", broker.version);
    let first = broker.join(topic, assignors);
    await_shares(&what("ours alone"), &[&first], &mut [], vec![4]);
    let mut other = start(topic);
    await_shares(&what("and another"), &[&first], &mut [&mut other], vec![2, 2]);
    let second = broker.join(topic, assignors);
    await_shares(&what("and a third"), &[&first, &second], &mut [&mut other], vec![2, 1, 1]);
    let number = *first.held().first().unwrap();
    let committed = Committed { offset: 0, leader_epoch: None, metadata: String::new() };
    first.group().commit(vec![(TopicPartition::new(topic, number), committed)]);
    assert!(first.is_told_of(number, 0).is_ok());
    other.leave();
    await_shares(&what("the other leaves"), &[&first, &second], &mut [], vec![2, 2]);
    second.crash();
    await_shares(&what("one is killed"), &[&first], &mut [], vec![4]);
    if assignors == "cooperative-sticky" {
        let calls = first.calls();
        assert!(!calls.iter().any(|call| call.starts_with("lost")), "{calls:?}");
    }
    first.leave();

    let mut leader = start(topic);
    await_shares(&what("another leads"), &[], &mut [&mut leader], vec![4]);
    let ours = broker.join(topic, assignors);
    await_shares(&what("ours comes"), &[&ours], &mut [&mut leader], vec![2, 2]);
    ours.leave();
    await_shares(&what("ours leaves"), &[], &mut [&mut leader], vec![4]);
}

#[test]
fn ours_share_with_members_of_librdkafka_and_java() {
    let of_java = |broker: &Broker| match broker.version.as_str() {
        "0.9.0.1" => vec!["range", "roundrobin"],
        _ => vec!["range", "roundrobin", "sticky", "cooperative-sticky", "range,cooperative-sticky"],
    };
    // A session that ends takes six seconds, so all at once.
    let brokers = brokers();
    std::thread::scope(|scope| {
        for broker in &brokers {
            scope.spawn(move || {
                for assignors in ["range", "roundrobin", "cooperative-sticky"] {
                    let start = |topic: &str| broker.librdkafka(topic, assignors);
                    share_with(broker, "librdkafka", assignors, &broker.topic(), start);
                }
            });
            scope.spawn(move || {
                for assignors in of_java(broker) {
                    let start = |topic: &str| broker.java(topic, assignors);
                    share_with(broker, "Java", assignors, &broker.topic(), start);
                }
            });
        }
    });
}

#[test]
fn ours_share_with_members_of_librdkafka_and_java_on_the_fake() {
    for tools in brokers().iter().filter(|broker| broker.version.starts_with(['2', '4'])) {
        let profile = if tools.version.starts_with('2') { Profile::V2_4 } else { Profile::V4_3 };
        for assignors in ["range", "cooperative-sticky"] {
            let kafka =
                FakeKafka::builder().profile(profile).brokers(2).topic("librdkafka", 4).topic("java", 4);
            let kafka = kafka.start().unwrap();
            let (version, home) = (tools.version.clone(), tools.home.clone());
            let fake = Broker { version, bootstrap: kafka.bootstrap(), home };
            let start = |topic: &str| fake.librdkafka(topic, assignors);
            share_with(&fake, "librdkafka on the fake", assignors, "librdkafka", start);
            let start = |topic: &str| fake.java(topic, assignors);
            share_with(&fake, "Java on the fake", assignors, "java", start);
        }
    }
}

#[test]
fn instances_come_back_to_their_partitions_on_real_brokers() {
    for broker in brokers().iter().filter(|broker| !broker.version.starts_with("0.")) {
        let topic = broker.topic();
        let join = |name: &str| {
            let params = KafkaParams::from([
                ("bootstrap.servers", broker.bootstrap.as_str()),
                ("group.id", topic.as_str()),
                ("group.instance.id", name),
                ("session.timeout.ms", "6000"),
            ]);
            Member::join_for(params, Subscription::names([topic.as_str()]))
        };
        let (first, second) = (join("1"), join("2"));
        first.has(&[0, 1]);
        second.has(&[2, 3]);
        second.leave();
        let again = join("2");
        again.has(&[2, 3]);
        let twice = join("1");
        twice.has(&[0, 1]);
        assert!(matches!(first.fails(), KafkaError::Group { cause: GroupError::InstanceTwice, .. }));
        println!("{} instances: ok", broker.version);
    }
}
