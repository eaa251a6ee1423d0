//! A cluster that runs, and what is done to its topics and brokers, all by `.ci/brokers`.

use std::path::PathBuf;
use std::process::Command;

use batchmill_sources::fake::kafka::FakeKafka;
use batchmill_tests::is_the_crates_turn;

use crate::runs::{Runs, brokers, python, script};
use crate::tools::run;

/// A cluster of one broker or of three.
pub(crate) struct Cluster {
    /// As `.ci/brokers` calls it: `3.9.1`, `3.9.1x3`.
    name: String,
    bootstrap: String,
    /// Its listeners with TLS or users, by protocol.
    secure: Vec<(String, String)>,
    /// The servers of the ZooKeeper that clusters before 4.0 share.
    zookeeper: Option<String>,
    /// Where jars and tools are.
    home: PathBuf,
}

/// The clusters that run; `None` if nothing says what does.
pub(crate) fn running() -> Option<Vec<Cluster>> {
    let runs = Runs::read()?;
    let clusters: Vec<Cluster> = runs
        .lines()
        .filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(name, bootstrap)| Cluster {
            name: name.to_owned(),
            bootstrap: bootstrap.to_owned(),
            secure: secure(&runs, name),
            zookeeper: runs.servers("zookeeper").map(str::to_owned),
            home: runs.home().to_owned(),
        })
        .collect();
    assert!(!clusters.is_empty(), "no broker runs");
    Some(clusters)
}

/// The listeners of a cluster with TLS or users: lines `secure:NAME:PROTOCOL=host:port`.
fn secure(runs: &Runs, cluster: &str) -> Vec<(String, String)> {
    let prefix = format!("secure:{cluster}:");
    let lines = runs.lines().filter_map(|(name, bootstrap)| Some((name.strip_prefix(&prefix)?, bootstrap)));
    lines.map(|(protocol, bootstrap)| (protocol.to_owned(), bootstrap.to_owned())).collect()
}

impl Cluster {
    /// The fake instead of this cluster's brokers, for the same tools. It takes no orders from `.ci/brokers`.
    pub(crate) fn with_fake(&self, release: &str, fake: &FakeKafka) -> Self {
        let (name, bootstrap) = (release.to_owned(), fake.bootstrap());
        Self { name, bootstrap, secure: Vec::new(), zookeeper: None, home: self.home.clone() }
    }

    /// Where its nodes are, if it has a ZooKeeper.
    pub(crate) fn quorum(&self) -> Option<String> {
        let servers = self.zookeeper.as_ref().filter(|_| self.release() < (4, 0))?;
        Some(format!("{servers}/{}", self.name))
    }

    /// The same brokers at another listener, if they have it.
    pub(crate) fn secure(&self, protocol: &str) -> Option<Self> {
        let (_, bootstrap) = self.secure.iter().find(|(of, _)| of == protocol)?;
        let (name, bootstrap) = (self.name.clone(), bootstrap.clone());
        Some(Self { name, bootstrap, secure: Vec::new(), zookeeper: None, home: self.home.clone() })
    }

    /// A file of those about certificates.
    pub(crate) fn certificate(&self, file: &str) -> PathBuf {
        self.home.join("tls").join(file)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(crate) fn version(&self) -> &str {
        self.name.split_once('x').map_or(self.name.as_str(), |(version, _)| version)
    }

    /// The first two numbers of the version.
    pub(crate) fn release(&self) -> (u32, u32) {
        let mut numbers =
            self.version().split('.').map(|number| number.parse().expect("a version has numbers"));
        (numbers.next().expect("a version has two"), numbers.next().expect("a version has two"))
    }

    /// How many brokers it has, with numbers from 1 on.
    pub(crate) fn size(&self) -> usize {
        self.bootstrap.split(',').count()
    }

    /// Where the jars of its version are.
    pub(crate) fn jars(&self) -> PathBuf {
        self.home.join("jars").join(self.version())
    }

    /// The Python that has the clients of others.
    pub(crate) fn python(&self) -> PathBuf {
        python(&self.home)
    }

    /// Makes a topic with a name of its own, without replicas.
    pub(crate) fn create_topic(&self, name: &str, partitions: usize) -> String {
        self.create_topic_with(name, partitions, 1, &["max.message.bytes=6000000"])
    }

    pub(crate) fn create_topic_with(
        &self,
        name: &str,
        partitions: usize,
        replicas: usize,
        settings: &[&str],
    ) -> String {
        let turn = if is_the_crates_turn() { "-crate" } else { "" };
        let topic = format!("{name}-{}{turn}", std::process::id());
        self.create_named(&topic, partitions, replicas, settings);
        topic
    }

    pub(crate) fn create_named(&self, topic: &str, partitions: usize, replicas: usize, settings: &[&str]) {
        let (partitions, replicas) = (partitions.to_string(), replicas.to_string());
        self.tool("topic", &[&["create", topic, &partitions, &replicas], settings].concat());
    }

    pub(crate) fn delete_topic(&self, topic: &str) {
        self.tool("topic", &["delete", topic]);
    }

    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        self.tool("topic", &["grow", topic, &partitions.to_string()]);
    }

    pub(crate) fn move_leader(&self, topic: &str, partition: i32, broker: usize) {
        self.tool("move-leader", &[topic, &partition.to_string(), &broker.to_string()]);
    }

    /// kill -9.
    pub(crate) fn kill(&self, broker: usize) {
        self.tool("kill", &[&broker.to_string()]);
    }

    pub(crate) fn restart(&self, broker: usize) {
        self.tool("restart", &[&broker.to_string()]);
    }

    /// Another client as a member of a group; brokers, group and topic are to follow.
    pub(crate) fn member(&self, client: &str) -> Command {
        let mut command = brokers();
        command.args(["member", &self.name, client]);
        command
    }

    /// What a group has committed of the topic of its name; -1 for nothing.
    pub(crate) fn committed(&self, topic: &str, partitions: usize) -> Vec<i64> {
        self.committed_at(&self.bootstrap, topic, partitions)
    }

    /// As [`committed`](Self::committed), where the group is in a ZooKeeper.
    pub(crate) fn committed_at(&self, servers: &str, topic: &str, partitions: usize) -> Vec<i64> {
        let partitions_of_all = partitions.to_string();
        let arguments = ["committed", &self.name, servers, topic, topic, &partitions_of_all];
        let answer = run(brokers().args(arguments), b"\n");
        answer.split_whitespace().take(partitions).map(|offset| offset.parse().unwrap()).collect()
    }

    fn tool(&self, verb: &str, arguments: &[&str]) {
        script(&[&[verb, &self.name], arguments].concat());
    }
}
