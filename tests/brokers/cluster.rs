//! A broker that runs, and what is done to it by the tools of others: topics by `.ci/brokers`, records by kcat.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// One broker.
pub(crate) struct Broker {
    version: String,
    bootstrap: String,
}

/// The single brokers in the file that `BATCHMILL_BROKERS` names; `None` if it names none.
pub(crate) fn running() -> Option<Vec<Broker>> {
    let file = std::env::var_os("BATCHMILL_BROKERS")?;
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let brokers = text.lines().filter_map(|line| line.split_once('='));
    // A version without a number of brokers behind it.
    let single =
        brokers.filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_digit()) && !name.contains('x'));
    let brokers: Vec<Broker> = single
        .map(|(version, bootstrap)| Broker { version: version.to_owned(), bootstrap: bootstrap.to_owned() })
        .collect();
    assert!(!brokers.is_empty(), "no broker runs, says {file:?}");
    Some(brokers)
}

impl Broker {
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The first two numbers of the version.
    fn release(&self) -> (u32, u32) {
        let mut numbers =
            self.version.split('.').map(|number| number.parse().expect("a version has numbers"));
        (numbers.next().expect("a version has two"), numbers.next().expect("a version has two"))
    }

    /// The codecs that kcat writes for this broker. LZ4 it does not write before 0.10, whose frames differ.
    pub(crate) fn codecs(&self) -> Vec<&'static str> {
        let mut codecs = vec!["none", "gzip", "snappy"];
        if self.release() >= (0, 10) {
            codecs.push("lz4");
        }
        if self.release() >= (2, 1) {
            codecs.push("zstd");
        }
        codecs
    }

    /// Makes a topic with a name of its own.
    pub(crate) fn create_topic(&self, name: &str, partitions: u32) -> String {
        let topic = format!("{name}-{}", std::process::id());
        self.tool(&["create", &topic, &partitions.to_string(), "1", "max.message.bytes=6000000"]);
        topic
    }

    pub(crate) fn grow_topic(&self, topic: &str, partitions: u32) {
        self.tool(&["grow", topic, &partitions.to_string()]);
    }

    fn tool(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/brokers");
        run(Command::new(script).args(["topic", &self.version]).args(arguments), &[]);
    }

    /// Writes lines with kcat, to whatever partitions it chooses.
    pub(crate) fn produce(&self, topic: &str, codec: &str, lines: &[String]) {
        self.kcat(topic, &["-z", codec], lines);
    }

    pub(crate) fn produce_to(&self, topic: &str, partition: u32, lines: &[String]) {
        self.kcat(topic, &["-p", &partition.to_string()], lines);
    }

    fn kcat(&self, topic: &str, arguments: &[&str], lines: &[String]) {
        let mut command = Command::new("kcat");
        command.args(["-P", "-b", &self.bootstrap, "-t", topic, "-X", "message.max.bytes=6000000"]);
        if self.release() < (0, 10) {
            command.args(["-X", "api.version.request=false", "-X"]);
            command.arg(format!("broker.version.fallback={}", self.version));
        }
        let input: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        run(command.args(arguments), input.as_bytes());
    }
}

fn run(command: &mut Command, input: &[u8]) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("it is piped").write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
