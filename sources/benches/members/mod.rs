//! What the benches of groups share: a topic of two partitions, two members that read one each, and how long it takes until
//! the one that stays reads what the other one had: our own dynamic members, session 6 s, coordinated by a real broker; see
//! `kafka/broker.rs` for how to start one. With the argument `zookeeper` the group is in a ZooKeeper (whose tick is half a
//! second, as `.ci/brokers start 3.9.1` starts it), with limits of its own.
//!
//! The one that goes is this program again, as a process of its own. Both read by the reliable form of the receiver stream,
//! with batches of 20 ms. A producer writes to both partitions all the time.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time and paces what it writes by it")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use batchmill::{SourceEvent, StreamingContext, StreamingListener};
use batchmill_sources::kafka::{
    KafkaParams, KafkaServers, OffsetReset, Producer, ProducerParams, ProducerRecord, RecordRef,
    create_reliable_stream_with,
};
use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use crate::kafka::broker::{Broker, Failure};

const SESSION: Duration = Duration::from_secs(6);
const INTERVAL: Duration = Duration::from_millis(20);
const PARTITIONS: usize = 2;
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    /// How the other member goes: by kill -9, so that its session has to end, or in order.
    pub(crate) kill: bool,
    pub(crate) rounds: usize,
    /// Of the median: limit and aim, in a group of brokers.
    pub(crate) brokers: [Duration; 2],
    /// The same of a group in ZooKeeper.
    pub(crate) zookeeper: [Duration; 2],
}

impl Bench {
    /// Measures, and prints the figures; the last line is the median in milliseconds.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if let Some(group) = Group::of_arguments() {
            return group.serve();
        }
        let in_zookeeper = std::env::args().any(|argument| argument == "zookeeper");
        let (broker, servers, [limit, aim]) = if in_zookeeper {
            let broker = Broker::running_with_zookeeper()?;
            let servers = KafkaServers::zookeeper(broker.zookeeper()?);
            (broker, servers, self.zookeeper)
        } else {
            let broker = Broker::running()?;
            let servers = KafkaServers::brokers(&broker.bootstrap);
            (broker, servers, self.brokers)
        };
        let name = format!("bench-{}-{}", self.name, std::process::id());
        broker.create(&name)?;
        let group = Group { servers, topic: name.clone(), name };
        let mut took = group.measure(&broker.bootstrap, self.kill, self.rounds)?;
        broker.delete(&group.topic)?;
        took.sort();
        let [median, p90] = [took.len() / 2, took.len() * 9 / 10].map(|at| took[at].as_millis());
        let of = if in_zookeeper { "in the ZooKeeper of Kafka" } else { "of Kafka" };
        println!("a group {of} {}, session {SESSION:?}, {} rounds", broker.version(), self.rounds);
        println!("p90, ms {p90}");
        println!("median, ms (limit {}, aim {}):", limit.as_millis(), aim.as_millis());
        println!("{median}");
        Ok(())
    }
}

/// A group whose members are coordinated by `servers`.
#[derive(Clone, Debug)]
struct Group {
    servers: KafkaServers,
    name: String,
    topic: String,
}

impl Group {
    /// So many times, how long it took from the order to go until the member that stays had read of the other one's
    /// partition. `brokers` have the topic, of two partitions.
    fn measure(&self, brokers: &str, kill: bool, rounds: usize) -> Result<Vec<Duration>, Failure> {
        let _writer = Writer::start(brokers, &self.topic)?;
        let has = Arc::new(Has::default());
        let (ssc, read) = self.context(Arc::clone(&has))?;
        let running = ssc.start()?;
        let mut took = Vec::new();
        for round in 0..rounds {
            has.wait_for(PARTITIONS)?;
            let mut other = Other::start(self)?;
            has.wait_for(1)?;
            other.has_read()?;
            // Wherever in the time between two signs of life.
            std::thread::sleep(Duration::from_millis((round * 37 % 250) as u64));
            while read.try_recv().is_ok() {}
            let begun = Instant::now();
            let foreign = has.others();
            other.end(kill)?;
            while !foreign.contains(&read.recv_timeout(PATIENCE)?) {}
            took.push(begun.elapsed());
            other.wait()?;
        }
        running.stop()?;
        Ok(took)
    }

    /// A member, and of which partitions its batches had records.
    fn context(&self, has: Arc<Has>) -> Result<(StreamingContext, channel::Receiver<i32>), batchmill::Error> {
        let ssc = StreamingContext::builder().batch_interval(INTERVAL).listener(has).build()?;
        let params = KafkaParams::new().session_timeout(SESSION).offset_reset(OffsetReset::Earliest);
        let (servers, group, topics) = (self.servers.clone(), self.name.clone(), [(self.topic.clone(), 1)]);
        let partition = |record: RecordRef<'_>| record.partition();
        let records = create_reliable_stream_with(&ssc, servers, group, topics, params, partition);
        let (seen, read) = channel::unbounded();
        records.for_each_batch(move |batch| {
            let partitions: BTreeSet<i32> = batch.collect()?.into_iter().collect();
            partitions.into_iter().for_each(|partition| {
                let _ = seen.send(partition);
            });
            Ok::<(), batchmill::Error>(())
        });
        Ok((ssc, read))
    }

    /// As arguments of this program.
    fn arguments(&self) -> [&str; 5] {
        let (kind, servers) = match &self.servers {
            KafkaServers::Brokers(brokers) => ("brokers", brokers),
            KafkaServers::ZooKeeper(quorum) => ("zookeeper", quorum),
        };
        ["member", kind, servers, &self.name, &self.topic]
    }

    /// In the process of a member: its group.
    fn of_arguments() -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [member, kind, servers, name, topic] = &arguments[..] else { return None };
        let servers = match (member.as_str(), kind.as_str()) {
            ("member", "brokers") => KafkaServers::brokers(servers),
            ("member", "zookeeper") => KafkaServers::zookeeper(servers),
            _ => return None,
        };
        Some(Self { servers, name: name.clone(), topic: topic.clone() })
    }

    /// Reads until standard input ends.
    fn serve(&self) -> Result<(), Failure> {
        let (ssc, read) = self.context(Arc::default())?;
        let stop = ssc.stop_handle();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.stop();
        });
        std::thread::spawn(move || {
            if read.recv().is_ok() {
                println!("reads");
            }
        });
        ssc.start()?.await_termination()?;
        Ok(())
    }
}

/// The process of the member that goes.
struct Other(Child);

impl Other {
    fn start(group: &Group) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(group.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// Waits until it has read something.
    fn has_read(&mut self) -> Result<(), Failure> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().expect("it is piped")).read_line(&mut line)?;
        if line.is_empty() { Err("a member has ended".into()) } else { Ok(()) }
    }

    fn end(&mut self, kill: bool) -> Result<(), Failure> {
        if kill {
            self.0.kill()?;
        }
        drop(self.0.stdin.take());
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Failure> {
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The partitions of the member that stays.
#[derive(Debug, Default)]
struct Has {
    partitions: Mutex<BTreeSet<i32>>,
    changed: Condvar,
}

impl Has {
    /// Waits until it has so many.
    fn wait_for(&self, partitions: usize) -> Result<(), Failure> {
        let mut has = self.partitions.lock();
        let waited = self.changed.wait_while_for(&mut has, |has| has.len() != partitions, PATIENCE);
        if waited.timed_out() { Err(format!("a member has {has:?}").into()) } else { Ok(()) }
    }

    fn others(&self) -> Vec<i32> {
        let has = self.partitions.lock();
        (0..PARTITIONS as i32).filter(|partition| !has.contains(partition)).collect()
    }
}

impl StreamingListener for Has {
    fn source_event(&self, event: &SourceEvent) {
        let numbers = event.detail.split(", ").filter_map(|name| name.rsplit_once('-')?.1.parse().ok());
        let mut has = self.partitions.lock();
        match event.kind {
            "partitions_assigned" => has.extend(numbers),
            "partitions_revoked" | "partitions_lost" => numbers.for_each(|number: i32| {
                has.remove(&number);
            }),
            _ => return,
        }
        self.changed.notify_all();
    }
}

/// Writes to all partitions until it is dropped.
struct Writer {
    stop: Option<channel::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(brokers: &str, topic: &str) -> Result<Self, Failure> {
        let producer = Producer::connect(brokers, ProducerParams::new())?;
        let (stop, stopped) = channel::bounded::<()>(0);
        let topic = topic.to_owned();
        let write = move || {
            let pace = channel::tick(Duration::from_millis(2));
            while stopped.try_recv() != Err(channel::TryRecvError::Disconnected) && pace.recv().is_ok() {
                for partition in 0..PARTITIONS as i32 {
                    let record = ProducerRecord::to(&topic).partition(partition).value("x");
                    producer.send(record).expect("the brokers take it");
                }
            }
        };
        Ok(Self { stop: Some(stop), thread: Some(std::thread::spawn(write)) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
