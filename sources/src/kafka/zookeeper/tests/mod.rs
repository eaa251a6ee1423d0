//! Members on the fake ZooKeeper: who has which partitions, what the nodes hold, what is committed, and what trouble does to
//! all of that.

mod commits;
mod members;
mod sequences;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Who, ZooKeeperGroup, ZooKeeperGroupSettings};
use crate::fake::zookeeper::FakeZooKeeper;
use crate::kafka::client::backoff::BackoffRange;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::group::heard::{Heard, WAIT, offset};
use crate::kafka::group::{Membership, RebalanceListener};
use crate::kafka::{GroupError, KafkaError, TopicPartition};
use crate::zookeeper::{Operation, Permissions};

/// A ZooKeeper with a topic `lines`.
fn zookeeper(partitions: i32) -> FakeZooKeeper {
    let zookeeper = FakeZooKeeper::start().unwrap();
    grow(&zookeeper, partitions);
    zookeeper
}

/// The topic has so many partitions.
fn grow(zookeeper: &FakeZooKeeper, partitions: i32) {
    let partitions: Vec<_> = (0..partitions).map(|number| format!("\"{number}\":[1]")).collect();
    let node = format!("{{\"version\":1,\"partitions\":{{{}}}}}", partitions.join(","));
    zookeeper.put("/brokers/topics/lines", node);
}

/// A member of the group under test.
struct Member {
    heard: Arc<Heard>,
    group: Option<ZooKeeperGroup>,
}

fn settings(zookeeper: &FakeZooKeeper, name: &str) -> ZooKeeperGroupSettings {
    ZooKeeperGroupSettings {
        who: Who {
            servers: zookeeper.connect_string().into(),
            group: "readers".into(),
            member: format!("readers_{name}").into(),
        },
        session: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        backoff: BackoffRange { first: Duration::from_millis(2), longest: Duration::from_millis(50) },
        auth: None,
        max_poll: Duration::from_secs(300),
    }
}

impl Member {
    /// With one thread.
    fn join(zookeeper: &FakeZooKeeper, name: &str) -> Self {
        Self::join_with(settings(zookeeper, name), 1)
    }

    fn join_with(settings: ZooKeeperGroupSettings, threads: u32) -> Self {
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard) as Arc<dyn RebalanceListener>;
        let topics = BTreeMap::from([("lines".into(), threads)]);
        Self { heard, group: Some(ZooKeeperGroup::join(settings, topics, listener).unwrap()) }
    }

    fn group(&self) -> &ZooKeeperGroup {
        self.group.as_ref().expect("the member is there")
    }

    #[track_caller]
    fn has(&self, partitions: &[i32]) {
        self.heard.has(partitions);
    }

    fn commit(&self, partition: i32, at: i64) {
        self.group().commit(vec![offset(partition, at)]);
    }

    fn committed(&self, partition: i32) -> Result<Option<i64>, KafkaError> {
        let of = [TopicPartition::new("lines", partition)];
        let found = self.group().committed(&of, Deadline::after(WAIT))?;
        Ok(found[0].1.as_ref().map(|committed| committed.offset))
    }

    fn leave(mut self) -> Arc<Heard> {
        let group = self.group.take().expect("it leaves once");
        group.leave(Deadline::after(WAIT));
        Arc::clone(&self.heard)
    }

    /// As if its process were killed.
    fn crash(mut self) {
        drop(self.group.take());
    }
}

fn text(zookeeper: &FakeZooKeeper, path: &str) -> Option<String> {
    zookeeper.get(path).map(|data| String::from_utf8(data).unwrap())
}

/// Who owns each partition.
fn owners(zookeeper: &FakeZooKeeper, partitions: i32) -> Vec<Option<String>> {
    let owner = |partition| text(zookeeper, &format!("/consumers/readers/owners/lines/{partition}"));
    (0..partitions).map(owner).collect()
}

fn stored(zookeeper: &FakeZooKeeper, partition: i32) -> Option<String> {
    text(zookeeper, &format!("/consumers/readers/offsets/lines/{partition}"))
}

/// The session that a member has.
fn session_of(zookeeper: &FakeZooKeeper, name: &str) -> i64 {
    let node = zookeeper.node(&format!("/consumers/readers/ids/readers_{name}"));
    node.expect("the member is there").stat.ephemeral_owner
}
