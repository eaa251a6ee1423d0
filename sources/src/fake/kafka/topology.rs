//! The verbs of a [`FakeKafka`] that change topics and brokers. They run on the test's thread, take effect at once, and wake
//! the requests that wait.

use super::cluster::State;
use super::topic::Partition;
use super::{Committed, FakeError, FakeKafka, Profile};

impl FakeKafka {
    /// Creates a topic. Partition 0 is led by broker 1, partition 1 by broker 2, and so on around.
    ///
    /// # Errors
    /// When there is one of this name.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<(), FakeError> {
        self.shared.change(|state| {
            if state.topics.contains_key(name) {
                return Err(FakeError::TopicExists(name.to_owned()));
            }
            state.create_topic(name, i32::from(partitions));
            Ok(())
        })
    }

    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        self.shared.state.lock().topics.keys().cloned().collect()
    }

    /// Deletes a topic with its records and the offsets that groups have committed for it.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn delete_topic(&self, name: &str) -> Result<(), FakeError> {
        self.shared.change(|state| delete(state, name).map(drop))
    }

    /// Deletes a topic and creates it anew, with as many partitions, no records, and another id.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn recreate_topic(&self, name: &str) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let partitions = delete(state, name)?;
            state.create_topic(name, partitions);
            Ok(())
        })
    }

    /// Gives a topic so many partitions more.
    ///
    /// # Errors
    /// When there is no topic of this name.
    pub fn add_partitions(&self, name: &str, more: u16) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let present = partitions_of(state, name)?;
            state.grow_topic(name, present + i32::from(more));
            Ok(())
        })
    }

    /// Puts the broker's time into the records of a topic that come from now on, instead of their own.
    ///
    /// # Errors
    /// When there is no topic of this name.
    pub fn set_log_append_time(&self, name: &str, on: bool) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let topic = state.topics.get_mut(name).ok_or_else(|| FakeError::UnknownTopic(name.to_owned()))?;
            topic.log_append_time = on;
            Ok(())
        })
    }

    /// The id of the broker that leads a partition; none while nobody does.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<Option<i32>, FakeError> {
        self.look(topic, partition, |found| {
            Some(found.leader).filter(|leader| *leader != Partition::NO_LEADER)
        })
    }

    /// The epoch of a partition's leader.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn leader_epoch(&self, topic: &str, partition: i32) -> Result<i32, FakeError> {
        self.look(topic, partition, |found| found.leader_epoch)
    }

    /// Makes another broker (or the same one again) the leader of a partition, in the next epoch.
    ///
    /// # Errors
    /// When there is no such partition or broker.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) -> Result<(), FakeError> {
        self.shared.state.lock().broker(broker).ok_or(FakeError::UnknownBroker(broker))?;
        self.with(topic, partition, |found| {
            if !found.replicas.contains(&broker) {
                found.replicas.push(broker);
            }
            found.elect(broker);
        })
    }

    /// Takes a partition's leader away, as when all its brokers are down. [`move_leader`](Self::move_leader) gives it one.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn lose_leader(&self, topic: &str, partition: i32) -> Result<(), FakeError> {
        self.with(topic, partition, |found| found.leader = Partition::NO_LEADER)
    }

    /// Moves the start of a partition's log, as retention does: what is below `offset` cannot be read any more.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn set_log_start(&self, topic: &str, partition: i32, offset: i64) -> Result<(), FakeError> {
        self.with(topic, partition, |found| found.log.set_start(offset))
    }

    /// Loses a partition's records from `offset` on, as an unclean election does, and begins the next leader epoch. A batch
    /// that holds `offset` goes as a whole; the next record has this offset.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn truncate(&self, topic: &str, partition: i32, offset: i64) -> Result<(), FakeError> {
        self.with(topic, partition, |found| {
            found.truncate(offset);
            found.elect(found.leader);
        })
    }

    /// Forgets the idempotent producers of a partition, as a broker does after a time without records.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn forget_producers(&self, topic: &str, partition: i32) -> Result<(), FakeError> {
        self.with(topic, partition, |found| found.producers.forget())
    }

    /// Makes another broker the coordinator of a group.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn move_coordinator(&self, group: &str, broker: i32) -> Result<(), FakeError> {
        self.shared.change(|state| {
            state.broker(broker).ok_or(FakeError::UnknownBroker(broker))?;
            state.coordinators.insert(group.to_owned(), broker);
            Ok(())
        })
    }

    /// What a group has committed for a partition.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        let state = self.shared.state.lock();
        state.groups.get(group)?.offsets.get(&(topic.to_owned(), partition)).cloned()
    }

    /// Commits an offset for a group, as another client would; also where the group has members.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64, metadata: Option<&str>) {
        let committed = Committed { offset, leader_epoch: -1, metadata: metadata.map(str::to_owned) };
        self.shared.change(|state| {
            let group = state.groups.entry(group.to_owned()).or_default();
            group.offsets.insert((topic.to_owned(), partition), committed);
        });
    }

    /// The ids of all brokers, whether they run or not.
    pub fn brokers(&self) -> Vec<i32> {
        self.servers.iter().map(|server| server.id).collect()
    }

    /// The address that a broker listens on.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn address(&self, broker: i32) -> Result<String, FakeError> {
        let server = self.servers.iter().find(|server| server.id == broker);
        Ok(format!("127.0.0.1:{}", server.ok_or(FakeError::UnknownBroker(broker))?.port()))
    }

    /// Lets a broker behave as another release from now on, as one that is upgraded. What is stored keeps the format of the
    /// cluster's release.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn set_profile(&self, broker: i32, profile: Profile) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let found = state.brokers.iter_mut().find(|found| found.id == broker);
            found.ok_or(FakeError::UnknownBroker(broker))?.profile = Some(profile);
            Ok(())
        })
    }

    /// Lets Metadata and FindCoordinator tell another address of a broker, as `advertised.listeners` does.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn advertise(&self, broker: i32, host: &str, port: u16) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let found = state.brokers.iter_mut().find(|found| found.id == broker);
            let found = found.ok_or(FakeError::UnknownBroker(broker))?;
            (found.host, found.port) = (host.to_owned(), port);
            Ok(())
        })
    }

    /// Stops a broker: its connections are closed, new ones are refused, and what it led goes to the next of its brokers
    /// that runs, or to nobody. Waits for its threads.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn stop_broker(&self, broker: i32) -> Result<(), FakeError> {
        let server = self.servers.iter().find(|server| server.id == broker);
        let server = server.ok_or(FakeError::UnknownBroker(broker))?;
        self.shared.change(|state| {
            state
                .brokers
                .iter_mut()
                .filter(|found| found.id == broker)
                .for_each(|found| found.running = false);
            state.elect_leaders();
        });
        server.stop();
        Ok(())
    }

    /// Starts a broker again, on the port it had. It leads what nobody else does.
    ///
    /// # Errors
    /// When there is no broker of this id, somebody else has taken the port meanwhile, or there is no thread.
    pub fn start_broker(&self, broker: i32) -> Result<(), FakeError> {
        let server = self.servers.iter().find(|server| server.id == broker);
        let server = server.ok_or(FakeError::UnknownBroker(broker))?;
        if server.is_listening() {
            return Ok(());
        }
        let listener = server.bind_again().map_err(FakeError::Listen)?;
        let start = self.shared.change(|state| {
            let found = state.brokers.iter_mut().find(|found| found.id == broker)?;
            found.running = true;
            found.starts += 1;
            let start = found.starts;
            state.elect_leaders();
            Some(start)
        });
        server.listen(listener, start.unwrap_or_default()).map_err(FakeError::Listen)
    }

    /// Closes all connections of a broker, which goes on to accept new ones.
    ///
    /// # Errors
    /// When there is no broker of this id.
    pub fn disconnect_clients(&self, broker: i32) -> Result<(), FakeError> {
        let server = self.servers.iter().find(|server| server.id == broker);
        server.ok_or(FakeError::UnknownBroker(broker))?.disconnect();
        Ok(())
    }

    /// Tells clients in each answer that they are held back for so long, without holding them back.
    pub fn set_throttle_ms(&self, throttle_ms: u32) {
        self.shared.change(|state| state.throttle_time_ms = i32::try_from(throttle_ms).unwrap_or(i32::MAX));
    }

    /// Looks at a partition.
    pub(super) fn look<R>(
        &self,
        topic: &str,
        partition: i32,
        look: impl FnOnce(&Partition) -> R,
    ) -> Result<R, FakeError> {
        partition_mut(&mut self.shared.state.lock(), topic, partition).map(|found| look(found))
    }

    /// Changes a partition.
    pub(super) fn with<R>(
        &self,
        topic: &str,
        partition: i32,
        work: impl FnOnce(&mut Partition) -> R,
    ) -> Result<R, FakeError> {
        self.shared.change(|state| partition_mut(state, topic, partition).map(work))
    }
}

pub(super) fn partition_mut<'a>(
    state: &'a mut State,
    topic: &str,
    partition: i32,
) -> Result<&'a mut Partition, FakeError> {
    partitions_of(state, topic)?;
    let unknown = || FakeError::UnknownPartition(topic.to_owned(), partition);
    state.partition_mut(topic, partition).ok_or_else(unknown)
}

fn partitions_of(state: &State, name: &str) -> Result<i32, FakeError> {
    let topic = state.topics.get(name).ok_or_else(|| FakeError::UnknownTopic(name.to_owned()))?;
    Ok(i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX))
}

/// How many partitions it had.
pub(super) fn delete(state: &mut State, name: &str) -> Result<i32, FakeError> {
    let partitions = partitions_of(state, name)?;
    state.topics.remove(name);
    for group in state.groups.values_mut() {
        group.offsets.retain(|(topic, _), _| topic != name);
    }
    Ok(partitions)
}
