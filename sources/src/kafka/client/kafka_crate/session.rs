//! A `KafkaClient` and what is known of it. Lives and dies on a thread of the crate's: after an error it is dropped, for the
//! crate keeps dead connections and out-of-date metadata.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_rust::Error;
use kafka_rust::client::fetch::Response;
use kafka_rust::client::{FetchOffset, FetchPartition, GroupOffsetStorage, KafkaClient};

use super::failure::{from_crate, of_crate};
use crate::kafka::client::address::Address;
use crate::kafka::client::cluster::Cluster;
use crate::kafka::client::metadata::{BrokerInfo, MetadataAnswer};
use crate::kafka::client::transport::{PartitionInfo, TopicError, TopicInfo};
use crate::kafka::wire::ErrorCode;
use crate::kafka::{KafkaError, TopicPartition};

/// The crate numbers its requests with what remains of a division by this.
const NUMBERS: i32 = 1 << 30;

/// Topics of a cluster's own. Metadata 0, which the crate speaks, does not say which they are.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

pub(super) struct Session {
    pub(super) client: KafkaClient,
    broker: Arc<str>,
    /// How many requests the crate has numbered.
    numbered: i32,
    is_known: bool,
}

impl Session {
    /// Nothing is connected yet. `turn` says who is asked first about the cluster: the crate waits for the first broker that has
    /// taken its request, and has no other way to the next one.
    pub(super) fn new(cluster: &Cluster, turn: usize) -> Self {
        let settings = cluster.settings();
        let mut hosts: Vec<_> = cluster.anybody().iter().map(|target| target.address.to_string()).collect();
        if !hosts.is_empty() {
            let first = turn % hosts.len();
            hosts.rotate_left(first);
        }
        let mut client = KafkaClient::new(hosts);
        client.set_client_id(settings.client_id.clone());
        client.set_group_offset_storage(Some(GroupOffsetStorage::Kafka));
        client.set_retry_backoff_time(settings.backoff.first.max(Duration::from_millis(10)));
        client.set_retry_max_attempts(1);
        client.set_fetch_min_bytes(i32::try_from(settings.fetch_min_bytes).unwrap_or(i32::MAX));
        Self { client, broker: Arc::clone(cluster.bootstrap()), numbered: 0, is_known: false }
    }

    /// Makes sure that the crate knows the cluster. All topics are asked for: a name might create one.
    pub(super) fn know(&mut self) -> Result<(), KafkaError> {
        if !self.is_known {
            self.numbered = (self.numbered + 1) % NUMBERS;
            self.client.load_metadata_all().map_err(|error| self.failed(error, "Metadata"))?;
            self.is_known = true;
        }
        Ok(())
    }

    /// What the crate knows of the cluster may be out of date.
    pub(super) fn forget(&mut self) {
        self.is_known = false;
    }

    /// Whether the crate would ask this broker about a partition.
    pub(super) fn is_led_by(&self, partition: &TopicPartition, node: i32) -> bool {
        let topics = self.client.topics();
        let known = topics.partitions(&partition.topic).and_then(|all| all.partition(partition.partition));
        known.and_then(|known| known.leader()).is_some_and(|leader| leader.id() == node)
    }

    /// What the crate knows.
    pub(super) fn metadata(&self) -> MetadataAnswer {
        let mut brokers = BTreeMap::new();
        let mut topics = Vec::new();
        for topic in self.client.topics().iter() {
            let mut partitions = Vec::new();
            for partition in topic.partitions().iter() {
                let leader = partition.leader().and_then(|broker| {
                    let (host, port) = broker.host().rsplit_once(':')?;
                    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
                    brokers.insert(broker.id(), BrokerInfo { address: Address::new(host, port), rack: None });
                    Some(broker.id())
                });
                partitions.push(PartitionInfo { partition: partition.id(), leader, leader_epoch: None });
            }
            let error = partitions.is_empty().then_some(TopicError::Broker(ErrorCode::LEADER_NOT_AVAILABLE));
            let internal = INTERNAL.contains(&topic.name());
            topics.push(TopicInfo { name: topic.name().into(), id: None, internal, partitions, error });
        }
        MetadataAnswer { brokers, topics, is_all: false, epochs: false }
    }

    /// Where the partitions of a topic begin or end, those with a leader.
    pub(super) fn offsets(&mut self, topic: &str, at: FetchOffset) -> Result<BTreeMap<i32, i64>, KafkaError> {
        self.numbered = (self.numbered + 1) % NUMBERS;
        let found =
            self.client.fetch_offsets(&[topic], at).map_err(|error| self.failed(error, "ListOffsets"))?;
        let found = found.into_iter().filter(|(name, _)| name == topic).flat_map(|(_, found)| found);
        Ok(found.map(|found| (found.partition, found.offset)).collect())
    }

    /// Fetches, and compares the number of the answer, which the crate does not.
    pub(super) fn fetch(
        &mut self,
        requests: &[FetchPartition<'_>],
        wait: Duration,
    ) -> Result<Vec<Response>, KafkaError> {
        self.client
            .set_fetch_max_wait_time(wait)
            .map_err(|error| of_crate("Fetch", None, error.to_string()))?;
        self.numbered = (self.numbered + 1) % NUMBERS;
        let responses = self.client.fetch_messages(requests).map_err(|error| match error {
            // What brokers answer stands at each partition: this is the crate's own finding in some batch.
            Error::Kafka(_) => of_crate("Fetch", None, error.to_string()),
            error => self.failed(error, "Fetch"),
        })?;
        for response in &responses {
            let (expected, found) = (self.numbered, response.correlation_id());
            if found != expected {
                let broker = Arc::clone(&self.broker);
                return Err(KafkaError::WrongAnswer { broker, request: "Fetch", expected, found });
            }
        }
        Ok(responses)
    }

    pub(super) fn failed(&self, error: Error, request: &'static str) -> KafkaError {
        from_crate(error, &self.broker, request)
    }
}
