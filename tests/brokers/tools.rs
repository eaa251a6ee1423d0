//! The clients of others: kcat and confluent-kafka, which are librdkafka, and the producer in a broker's own jars. What they
//! write is what ours has to read, and what they read is what ours has written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use batchmill_tests::is_the_crates_turn;

use crate::cluster::Cluster;

/// A record as a client tells of it: partition, offset, key and value.
pub(crate) type Told = (i32, i64, String, String);

impl Cluster {
    /// The codecs that kcat writes for these brokers and that are read. LZ4 it does not write before 0.10, whose frames differ.
    pub(crate) fn codecs(&self) -> Vec<&'static str> {
        let mut codecs = vec!["none", "gzip", "snappy"];
        if is_the_crates_turn() {
            return codecs;
        }
        if self.release() >= (0, 10) {
            codecs.push("lz4");
        }
        if self.release() >= (2, 1) {
            codecs.push("zstd");
        }
        codecs
    }

    /// Writes lines with kcat, to whatever partitions it chooses.
    pub(crate) fn produce(&self, topic: &str, codec: &str, lines: &[String]) {
        run(self.kcat("-P", topic).args(["-z", codec]), text(lines).as_bytes());
    }

    pub(crate) fn produce_to(&self, topic: &str, partition: i32, lines: &[String]) {
        run(self.kcat("-P", topic).args(["-p", &partition.to_string()]), text(lines).as_bytes());
    }

    /// Writes lines `key:value` with kcat, to the partitions of Java's default partitioner.
    pub(crate) fn produce_keyed(&self, topic: &str, lines: &[String]) {
        let arguments = ["-K", ":", "-X", "topic.partitioner=murmur2"];
        run(self.kcat("-P", topic).args(arguments), text(lines).as_bytes());
    }

    /// All records of a topic as kcat reads them, by partition and offset.
    pub(crate) fn read_by_kcat(&self, topic: &str) -> Vec<Told> {
        let mut kcat = self.kcat("-C", topic);
        told(&run(kcat.args(["-e", "-q", "-o", "beginning", "-f", "%p\t%o\t%k\t%s\n"]), &[]))
    }

    /// As [`read_by_kcat`](Self::read_by_kcat), with the headers in the place of the key.
    pub(crate) fn read_headers_by_kcat(&self, topic: &str) -> Vec<Told> {
        let mut kcat = self.kcat("-C", topic);
        told(&run(kcat.args(["-e", "-q", "-o", "beginning", "-f", "%p\t%o\t%h\t%s\n"]), &[]))
    }

    /// The broker that coordinates a group: the one that leads the partition of `__consumer_offsets` that the group's name is
    /// hashed to (Kafka's `GroupMetadataManager.partitionFor`, Java's `String.hashCode`).
    pub(crate) fn coordinator_of(&self, group: &str) -> usize {
        let hash = group.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let told = run(self.kcat_anyhow().args(["-L", "-t", "__consumer_offsets"]), &[]);
        let told =
            told.lines().filter_map(|line| line.trim().strip_prefix("partition ")?.split_once(", leader "));
        let leaders: BTreeMap<usize, usize> = told
            .filter_map(|(partition, rest)| {
                Some((partition.parse().ok()?, rest.split(',').next()?.parse().ok()?))
            })
            .collect();
        leaders[&(hash.unsigned_abs() as usize % leaders.len())]
    }

    /// kcat in a mode (`-P`, `-C`), with what these brokers need.
    pub(crate) fn kcat(&self, mode: &str, topic: &str) -> Command {
        let mut command = self.kcat_anyhow();
        command.args([mode, "-t", topic, "-X", "message.max.bytes=6000000"]);
        command
    }

    /// kcat as a member of a group, which prints records as they come until it is killed.
    pub(crate) fn kcat_member(&self, group: &str, topic: &str) -> Command {
        let mut command = self.kcat_anyhow();
        command.args(["-G", group, "-q", "-u", "-f", "%p\t%o\t%k\t%s\n"]);
        for setting in ["session.timeout.ms=6000", "heartbeat.interval.ms=500", "auto.commit.interval.ms=100"]
        {
            command.args(["-X", setting]);
        }
        command.args(["-X", "auto.offset.reset=earliest", topic]);
        command
    }

    /// confluent-kafka as a member of a group, as [`kcat_member`](Self::kcat_member).
    pub(crate) fn confluent_member(&self, group: &str, topic: &str) -> Command {
        let mut python = Command::new(self.python());
        python.arg(confluent_script()).args(["join", self.bootstrap(), topic, group]);
        python
    }

    fn kcat_anyhow(&self) -> Command {
        let mut command = Command::new("kcat");
        command.args(["-b", self.bootstrap(), "-m", "30"]);
        if self.release() < (0, 10) {
            command.args(["-X", "api.version.request=false", "-X"]);
            command.arg(format!("broker.version.fallback={}", self.version()));
        }
        command
    }

    /// `confluent.py` beside this file.
    pub(crate) fn confluent(&self, arguments: &[&str], lines: &[String]) -> String {
        let mut python = Command::new(self.python());
        run(
            python.arg(confluent_script()).arg(arguments[0]).arg(self.bootstrap()).args(&arguments[1..]),
            text(lines).as_bytes(),
        )
    }

    /// Writes lines with the producer in the brokers' jars.
    pub(crate) fn produce_by_java(&self, topic: &str, codec: &str, lines: &[String]) {
        let mut java = Command::new("java");
        java.arg("-cp").arg(self.jars().join("*")).args(["-Xmx64m", "kafka.tools.ConsoleProducer"]);
        java.args(["--broker-list", self.bootstrap(), "--topic", topic, "--compression-codec", codec]);
        // By default nobody has to acknowledge, and what the broker is slow to take is lost at the end.
        java.args(["--request-required-acks", "-1", "--request-timeout-ms", "30000"]);
        run(&mut java, text(lines).as_bytes());
    }
}

fn confluent_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("brokers/confluent.py")
}

/// The lines that a client printed, by partition and offset.
pub(crate) fn told(output: &str) -> Vec<Told> {
    let record = |line: &str| {
        let fields: Vec<&str> = line.splitn(4, '\t').collect();
        let [partition, offset, key, value] = fields[..] else { panic!("{line:?} is no record") };
        (partition.parse().unwrap(), offset.parse().unwrap(), key.to_owned(), value.to_owned())
    };
    let mut records: Vec<Told> = output.lines().map(record).collect();
    records.sort();
    records
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// Runs a program to its end, which must be a good one, and returns what it printed.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("it is piped").write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
