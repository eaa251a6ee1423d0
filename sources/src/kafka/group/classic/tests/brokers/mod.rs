//! Members together with those of librdkafka and the Java client, on real brokers and on the fake: on each single broker from
//! 0.9 on that runs, says the file that `BATCHMILL_BROKERS` names, which `.ci/brokers` writes. Without it nothing is done and
//! a line says so. The members of others are those of `.ci/brokers member`, which print what they have.
#![expect(clippy::print_stdout, reason = "it says which brokers it was run against")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel as channel;

use super::*;
use crate::kafka::client::deadline::now;
use crate::kafka::client::transport::Committed;

const PARTITIONS: usize = 4;

struct Broker {
    version: String,
    bootstrap: String,
}

fn brokers() -> Vec<Broker> {
    let Some(file) = std::env::var_os("BATCHMILL_BROKERS").map(PathBuf::from) else {
        println!("groups of real brokers: skipped, BATCHMILL_BROKERS is not set");
        return Vec::new();
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let running = text.lines().filter_map(|line| line.split_once('='));
    let ours = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && !version.starts_with("0.8")
            && !version.contains('x')
    };
    let broker = |(version, bootstrap): (&str, &str)| Broker {
        version: version.to_owned(),
        bootstrap: bootstrap.to_owned(),
    };
    running.filter(|(version, _)| ours(version)).map(broker).collect()
}

impl Broker {
    /// A topic that nobody else uses; it is the name of the group too.
    fn topic(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let topic = format!("group-{}-{number}", std::process::id());
        let mut command = self.script("topic");
        command.args(["create", &topic, &PARTITIONS.to_string()]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{topic}");
        topic
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/brokers"));
        command.args([verb, &self.version]);
        command
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

    /// A member of another client, `java` or `librdkafka`.
    fn foreign(&self, client: &str, topic: &str, assignors: &str) -> Foreign {
        let mut command = self.script("member");
        command.args([client, &self.bootstrap, topic, topic]);
        command.args(["session.timeout.ms=6000", "heartbeat.interval.ms=250"]);
        Foreign::start(command.arg(format!("partition.assignment.strategy={assignors}")))
    }

    /// The first two numbers of its version.
    fn release(&self) -> (u32, u32) {
        let mut numbers = self.version.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }
}

/// A member of another client.
struct Foreign {
    child: Child,
    lines: channel::Receiver<BTreeSet<i32>>,
    held: BTreeSet<i32>,
}

impl Foreign {
    fn start(command: &mut Command) -> Self {
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
        drop(self.child.stdin.take());
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

fn share_with(broker: &Broker, client: &str, assignors: &str, topic: &str) {
    let start = |topic: &str| broker.foreign(client, topic, assignors);
    let what = |scene: &str| format!("{} {client} {assignors}, {scene}", broker.version);
    let first = broker.join(topic, assignors);
    await_shares(&what("ours alone"), &[&first], &mut [], vec![4]);
    let mut other = start(topic);
    await_shares(&what("and another"), &[&first], &mut [&mut other], vec![2, 2]);
    let second = broker.join(topic, assignors);
    await_shares(&what("and a third"), &[&first, &second], &mut [&mut other], vec![2, 1, 1]);
    let number = *first.held().first().unwrap();
    let committed = Committed::at(0);
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
    // What is said to share out stickily, and cooperatively, differs between releases of Java.
    let of_java = |broker: &Broker| match broker.release() {
        (0, ..=10) => &["range", "roundrobin"][..],
        (0..=1, _) => &["range", "sticky"],
        _ => &["roundrobin", "sticky", "cooperative-sticky", "range,cooperative-sticky"],
    };
    let of_librdkafka = |broker: &Broker| match broker.release() {
        (0..=1, _) => &["roundrobin"][..],
        _ => &["range", "cooperative-sticky"],
    };
    let brokers = brokers();
    // A session that ends takes six seconds, so all at once.
    std::thread::scope(|scope| {
        for broker in &brokers {
            for (client, assignors) in [("java", of_java(broker)), ("librdkafka", of_librdkafka(broker))] {
                for assignors in assignors {
                    scope.spawn(move || share_with(broker, client, assignors, &broker.topic()));
                }
            }
        }
    });
}

#[test]
fn ours_share_with_members_of_librdkafka_and_java_on_the_fake() {
    let all = brokers();
    let as_fake = |broker: &Broker, profile: Profile| {
        let kafka =
            FakeKafka::builder().profile(profile).brokers(2).topic("range", 4).topic("cooperative-sticky", 4);
        let kafka = kafka.start().unwrap();
        (Broker { version: broker.version.clone(), bootstrap: kafka.bootstrap() }, kafka)
    };
    std::thread::scope(|scope| {
        for (release, profile) in [((2, 4), Profile::V2_4), ((4, 1), Profile::V4_3)] {
            for broker in all.iter().filter(|broker| broker.release() == release) {
                for client in ["java", "librdkafka"] {
                    for topic in ["range", "cooperative-sticky"] {
                        scope.spawn(move || {
                            let (fake, _kafka) = as_fake(broker, profile);
                            share_with(&fake, client, topic, topic);
                        });
                    }
                }
            }
        }
    });
}

#[test]
fn instances_come_back_to_their_partitions_on_real_brokers() {
    // Older ones are not told of the name, and the order of members is that of ids by chance.
    let knows_names =
        |broker: &&Broker| !broker.version.starts_with("0.") && !broker.version.starts_with("1.");
    for broker in brokers().iter().filter(knows_names) {
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
