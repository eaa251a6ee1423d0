//! The cluster and topics a program reads, directly ([`KafkaSource`]) or as a member of a group ([`GroupSource`]); it may be
//! a cluster of the program's own, in memory.

use std::thread::JoinHandle;
use std::time::Duration;

use batchmill::DStream;
use batchmill_sources::fake::kafka::{FakeKafka, Profile};
use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::kafka::{DirectStream, KafkaParams, KafkaServers, OffsetRanges, OffsetReset};
use crossbeam_channel as channel;

use crate::arguments::{Arguments, UsageError, text_of};
use crate::console::say;
use crate::program::Failure;
use crate::source::LINES;

/// Somebody's cluster, or one that lives in this process as long as this value does.
#[derive(Debug)]
pub struct KafkaSource {
    given: Option<(String, Vec<String>)>,
    group: Option<String>,
    reading: Reading,
    own: Option<OwnCluster>,
}

/// Somebody's group, or one in a cluster that lives in this process as long as this value does.
#[derive(Debug)]
pub struct GroupSource {
    given: Option<Group>,
    reading: Reading,
    own: Option<OwnCluster>,
}

/// What a program needs to become a member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Who coordinates it.
    pub servers: KafkaServers,
    /// Its name.
    pub name: String,
    /// What it reads, and by how many threads each.
    pub topics: Vec<(String, usize)>,
}

/// How a program reads: `--from` and `--param`.
#[derive(Debug)]
struct Reading {
    from: OffsetReset,
    params: Vec<(String, String)>,
}

const OWN_GROUP: &str = "counters";
const OWN_TOPIC: &str = "lines";
const OWN_PARTITIONS: u16 = 2;
const LINES_PER_SECOND: u32 = 100;

impl KafkaSource {
    /// Takes `BROKERS TOPICS`, `--group`, `--from` and `--param` out of the arguments.
    ///
    /// # Errors
    /// When one is not valid, or there are brokers without topics.
    pub fn take(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let group = text(arguments, "--group")?;
        let reading = Reading::take(arguments)?;
        let given = match arguments.positional()? {
            None => None,
            Some(brokers) => {
                let topics = arguments
                    .positional()?
                    .ok_or_else(|| UsageError::new("there are no TOPICS after BROKERS"))?;
                let topics = names_of(&text_of(&topics, "TOPICS")?);
                Some((text_of(&brokers, "BROKERS")?, topics))
            }
        };
        Ok(Self { given, group, reading, own: None })
    }

    /// The brokers and the topics. Without some in the arguments a cluster starts, and one line on standard error says so.
    ///
    /// # Errors
    /// When that cluster cannot start.
    pub fn cluster(&mut self) -> Result<(String, Vec<String>), Failure> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        let own = OwnCluster::announced("no BROKERS TOPICS given", None)?;
        let brokers = own.cluster.bootstrap();
        self.own = Some(own);
        Ok((brokers, vec![OWN_TOPIC.to_owned()]))
    }

    /// The parameters with what the arguments say.
    pub fn params(&self, params: KafkaParams) -> KafkaParams {
        let params = self.reading.params(params);
        match &self.group {
            Some(group) => params.group_id(group.as_str()),
            None => params,
        }
    }

    /// With `--group`, commits the offsets of every batch after the outputs that were made before this call.
    pub fn commit_after<T: batchmill::Data>(&self, stream: &DirectStream<'_, T>) {
        if self.group.is_none() {
            return;
        }
        let committer = stream.committer();
        let records: DStream<'_, T> = stream.stream();
        records.for_each_batch(move |batch| committer.commit_async(batch.offset_ranges()));
    }
}

impl GroupSource {
    /// Takes `ZK GROUP TOPICS THREADS` out of the arguments, or `--brokers LIST` in place of `ZK`, and `--from` and `--param`.
    ///
    /// # Errors
    /// When one is not valid, or some of them are missing.
    pub fn take(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let reading = Reading::take(arguments)?;
        let brokers = text(arguments, "--brokers")?;
        let mut next = |name: &str| match arguments.positional()? {
            Some(value) => text_of(&value, name).map(Some),
            None => Ok(None),
        };
        let servers = match brokers {
            Some(brokers) => Some(KafkaServers::brokers(brokers)),
            None => next("ZK")?.map(KafkaServers::zookeeper),
        };
        let Some(servers) = servers else { return Ok(Self { given: None, reading, own: None }) };
        let mut need = |name: &str| next(name)?.ok_or_else(|| UsageError::new(format!("there is no {name}")));
        let (name, topics, threads) = (need("GROUP")?, need("TOPICS")?, need("THREADS")?);
        let count = threads.parse::<usize>().ok().filter(|threads| (1..=1_000).contains(threads));
        let threads = count.ok_or_else(|| {
            UsageError::new(format!("THREADS needs a number from 1 to 1000, not {threads:?}"))
        })?;
        let topics = names_of(&topics).into_iter().map(|topic| (topic, threads)).collect();
        let given = Some(Group { servers, name, topics });
        Ok(Self { given, reading, own: None })
    }

    /// The group. Without one in the arguments a cluster starts, and one line on standard error says so.
    ///
    /// # Errors
    /// When that cluster cannot start.
    pub fn group(&mut self) -> Result<Group, Failure> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        let own = OwnCluster::announced("no group given", Some(OWN_GROUP))?;
        let servers = KafkaServers::zookeeper(own.zookeeper.connect_string());
        self.own = Some(own);
        let topics = vec![(OWN_TOPIC.to_owned(), 1)];
        Ok(Group { servers, name: OWN_GROUP.to_owned(), topics })
    }

    /// The parameters with what the arguments say.
    pub fn params(&self, params: KafkaParams) -> KafkaParams {
        self.reading.params(params)
    }
}

impl Reading {
    fn take(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let from = match text(arguments, "--from")?.as_deref() {
            // What a person who starts the program by hand expects to see.
            None | Some("earliest") => OffsetReset::Earliest,
            Some("latest") => OffsetReset::Latest,
            Some(other) => {
                return Err(UsageError::new(format!("--from needs earliest or latest, not {other:?}")));
            }
        };
        let mut params = Vec::new();
        while let Some(param) = text(arguments, "--param")? {
            match param.split_once('=') {
                Some((name, value)) => params.push((name.to_owned(), value.to_owned())),
                None => return Err(UsageError::new(format!("--param needs NAME=VALUE, not {param:?}"))),
            }
        }
        Ok(Self { from, params })
    }

    fn params(&self, params: KafkaParams) -> KafkaParams {
        let params = self.params.iter().fold(params, |params, (name, value)| params.set(name, value));
        params.offset_reset(self.from)
    }
}

/// The value of an option.
fn text(arguments: &mut Arguments, name: &str) -> Result<Option<String>, UsageError> {
    arguments.option(name)?.map(|value| text_of(&value, name)).transpose()
}

/// Names with commas between them.
fn names_of(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// A cluster in memory, and the thread that writes lines to it.
#[derive(Debug)]
struct OwnCluster {
    cluster: std::sync::Arc<FakeKafka>,
    zookeeper: FakeZooKeeper,
    /// Dropped to end the thread.
    stop: Option<channel::Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

impl OwnCluster {
    /// Starts one and says so, and why, and which group will read it.
    fn announced(why: &str, group: Option<&str>) -> Result<Self, Failure> {
        let own = Self::start()
            .map_err(|error| Failure::Other(format!("no Kafka cluster on loopback: {error}")))?;
        let (brokers, zookeeper) = (own.cluster.bootstrap(), own.zookeeper.connect_string());
        let reader = group.map(|group| format!(", read by the group {group:?}")).unwrap_or_default();
        say(format_args!(
            "{why}: a Kafka cluster of our own on {brokers} with a ZooKeeper on {zookeeper}, in memory, gets \
             {LINES_PER_SECOND} lines a second into its topic {OWN_TOPIC:?}{reader}"
        ));
        Ok(own)
    }

    fn start() -> std::io::Result<Self> {
        let zookeeper = FakeZooKeeper::start()?;
        // The newest release that has one.
        let builder = FakeKafka::builder().profile(Profile::V3_9).zookeeper(&zookeeper, "");
        let cluster = builder.topic(OWN_TOPIC, OWN_PARTITIONS).start()?;
        let cluster = std::sync::Arc::new(cluster);
        let (stop, stopped) = channel::bounded::<()>(0);
        let writer = {
            let cluster = std::sync::Arc::clone(&cluster);
            let pace = channel::tick(Duration::from_secs(1) / LINES_PER_SECOND);
            std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
                for number in 0_usize.. {
                    channel::select! {
                        recv(pace) -> _ => {}
                        recv(stopped) -> _ => return,
                    }
                    let partition = (number % usize::from(OWN_PARTITIONS)) as i32;
                    if cluster.produce(OWN_TOPIC, partition, [LINES[number % LINES.len()]]).is_err() {
                        return;
                    }
                }
            })?
        };
        Ok(Self { cluster, zookeeper, stop: Some(stop), writer: Some(writer) })
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(writer) = self.writer.take() {
            // It ends by itself; a panic was printed where it happened.
            let _ = writer.join();
        }
    }
}
