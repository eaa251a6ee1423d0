//! A real broker for the benches, and topics of text on it.
//!
//! The broker is one of those that `.ci/brokers` has started. Start it as it runs in production, with a compiler that
//! optimises, and tell the bench what runs:
//!
//! ```console
//! $ BROKER_JAVA='-Xmx1g' .ci/brokers start 4.3.0
//! $ BATCHMILL_BROKERS=target/brokers/run/brokers.env cargo bench -p batchmill-sources --all-features --bench consume_broker
//! ```

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use batchmill_sources::kafka::{KafkaCluster, KafkaError, KafkaParams};

use super::corpus::{Rng, WORDS, Zipf, vocabulary};
use super::yardstick::{Librdkafka, succeed};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Words of a line.
pub(crate) const WORDS_A_LINE: usize = 10;

/// One broker of a release from 4.0 on.
#[derive(Debug)]
pub(crate) struct Broker {
    version: String,
    pub(crate) bootstrap: String,
    /// Its listener with TLS, if it has one, and where the certificates are.
    tls: Option<(String, PathBuf)>,
    /// The ZooKeeper that it is registered in, if it is.
    zookeeper: Option<String>,
}

impl Broker {
    /// The newest one in the file that `BATCHMILL_BROKERS` names.
    pub(crate) fn running() -> Result<Self, Failure> {
        Self::newest(|version| version.starts_with(|c: char| ('4'..='9').contains(&c)), "of 4.0 or later")
    }

    /// The newest one with a ZooKeeper.
    pub(crate) fn running_with_zookeeper() -> Result<Self, Failure> {
        Self::newest(|version| version.starts_with(|c: char| ('0'..='3').contains(&c)), "before 4.0")
    }

    fn newest(is_it: impl Fn(&str) -> bool, which: &str) -> Result<Self, Failure> {
        let file = std::env::var_os("BATCHMILL_BROKERS").ok_or(
            "this bench needs a real broker: run `BROKER_JAVA=-Xmx1g .ci/brokers start 4.3.0`, and set BATCHMILL_BROKERS to the path \
             of target/brokers/run/brokers.env",
        )?;
        // A bench runs in the folder of its package; the path is from where cargo was called.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = std::fs::read_to_string(root.join(&file)).map_err(|error| format!("{file:?}: {error}"))?;
        let single =
            text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.contains('x'));
        let newest = single.filter(|(name, _)| is_it(name)).max();
        let (version, bootstrap) = newest.ok_or_else(|| format!("no single broker {which} in {file:?}"))?;
        let zookeeper = text.lines().find_map(|line| line.strip_prefix("zookeeper="));
        let zookeeper = zookeeper.filter(|_| version.starts_with(|c: char| ('0'..='3').contains(&c)));
        let mut secure = text.lines().filter_map(|line| line.strip_prefix("secure:")?.split_once('='));
        let listener = secure.find(|(name, _)| *name == format!("{version}:SSL"));
        let tls = listener.map(|(_, listener)| (listener.to_owned(), target().join("brokers/tls")));
        let zookeeper = zookeeper.map(|servers| format!("{servers}/{version}"));
        Ok(Self { version: version.to_owned(), bootstrap: bootstrap.to_owned(), tls, zookeeper })
    }

    /// The ZooKeeper that it is registered in.
    pub(crate) fn zookeeper(&self) -> Result<String, Failure> {
        self.zookeeper.clone().ok_or_else(|| format!("{} has no ZooKeeper", self.version).into())
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Its listener with TLS, which wants a client certificate, and where the certificates are.
    pub(crate) fn tls(&self) -> Result<(String, PathBuf), Failure> {
        self.tls.clone().ok_or_else(|| format!("{} has no listener with TLS", self.version).into())
    }

    /// Where `.ci/brokers` keeps the jars of this version.
    pub(crate) fn jars(&self) -> PathBuf {
        target().join("brokers/jars").join(&self.version)
    }

    /// A topic of two partitions with so many lines of ten words, 64 bytes in the middle, as librdkafka writes them with
    /// this codec; kept for the next bench.
    pub(crate) fn lines(&self, librdkafka: &Librdkafka, codec: &str, lines: u64) -> Result<String, Failure> {
        let topic = format!("bench-{codec}-{lines}");
        let held = self.records(&topic)?;
        if held == Some(lines) {
            return Ok(topic);
        }
        if held.is_some() {
            self.delete(&topic)?;
        }
        self.create(&topic)?;
        let mut fill = librdkafka.fill(self, &topic, codec).stdout(std::process::Stdio::null()).spawn()?;
        write_lines(BufWriter::new(fill.stdin.take().expect("it is piped")), lines)?;
        if !fill.wait()?.success() || self.records(&topic)? != Some(lines) {
            return Err(format!("{topic} could not be filled").into());
        }
        Ok(topic)
    }

    /// How many records a topic has, none if there is no such topic.
    pub(crate) fn records(&self, topic: &str) -> Result<Option<u64>, Failure> {
        let cluster = KafkaCluster::connect(self.bootstrap.as_str(), KafkaParams::new())?;
        let partitions = match cluster.partitions(topic) {
            Err(KafkaError::UnknownTopic { .. }) => return Ok(None),
            found => found?,
        };
        let ends = cluster.latest_offsets(partitions)?;
        Ok(Some(ends.iter().map(|(_, end)| u64::try_from(*end).unwrap_or(0)).sum()))
    }

    pub(crate) fn create(&self, topic: &str) -> Result<(), Failure> {
        self.tool(&["create", topic, "2"])
    }

    pub(crate) fn delete(&self, topic: &str) -> Result<(), Failure> {
        self.tool(&["delete", topic])
    }

    fn tool(&self, arguments: &[&str]) -> Result<(), Failure> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/brokers");
        succeed(Command::new(script).args(["topic", &self.version]).args(arguments))?;
        Ok(())
    }
}

/// The folder that cargo builds in.
pub(crate) fn target() -> PathBuf {
    let told = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

fn write_lines(mut to: impl Write, lines: u64) -> std::io::Result<()> {
    let words = vocabulary(WORDS);
    let zipf = Zipf::new(words.len());
    let mut rng = Rng::new(7);
    for line in 0..lines {
        if line > 0 {
            to.write_all(b"\n")?;
        }
        for word in 0..WORDS_A_LINE {
            if word > 0 {
                to.write_all(b" ")?;
            }
            to.write_all(words[zipf.draw(&mut rng)].as_bytes())?;
        }
    }
    to.flush()
}
