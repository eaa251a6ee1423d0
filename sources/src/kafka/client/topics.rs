//! Asking for topics and brokers. Asking never creates a topic: Metadata says so from version 4 on, and before that all
//! topics are asked for, because one that is named may be created by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::address::Address;
use super::control::{Asked, Control};
use super::deadline::Deadline;
use super::metadata::{BrokerInfo, MetadataAnswer};
use super::transport::{PartitionInfo, TopicError, TopicFilter, TopicInfo};
use super::way_out::WayOut;
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::kafka::{KafkaError, TopicId};

impl Control {
    /// Asks for topics, of all brokers in turn, once each. What they say is kept.
    pub(crate) fn ask_topics(
        &self,
        wanted: TopicFilter<'_>,
        way: (&WayOut, Deadline),
    ) -> Result<Vec<TopicInfo>, KafkaError> {
        let asked = self.ask_anybody(|_, version| request(wanted, version), way)?;
        Ok(self.cluster.learn(read(&asked, wanted)))
    }
}

fn request(wanted: TopicFilter<'_>, version: i16) -> MetadataRequest {
    let names = match wanted {
        TopicFilter::Names(names) if version >= 4 => Some(
            names
                .iter()
                .map(|name| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() })
                .collect(),
        ),
        _ => None,
    };
    MetadataRequest { topics: names, allow_auto_topic_creation: false, ..Default::default() }
}

fn read(asked: &Asked<MetadataResponse>, wanted: TopicFilter<'_>) -> MetadataAnswer {
    let response = &asked.answer;
    let brokers = response.brokers.iter().filter_map(|broker| {
        let port = u16::try_from(broker.port).ok().filter(|port| *port > 0)?;
        let address = Address::new(broker.host.as_str(), port);
        Some((broker.node_id, BrokerInfo { address, rack: broker.rack.clone() }))
    });
    let topics = pick(response.topics.iter().filter_map(topic), wanted);
    let is_all = matches!(wanted, TopicFilter::All);
    MetadataAnswer { brokers: brokers.collect::<BTreeMap<_, _>>(), topics, is_all, epochs: asked.epochs }
}

/// Those that are wanted of the topics that an answer has.
pub(super) fn pick(topics: impl IntoIterator<Item = TopicInfo>, wanted: TopicFilter<'_>) -> Vec<TopicInfo> {
    let topics = topics.into_iter();
    match wanted {
        TopicFilter::All => topics.collect(),
        TopicFilter::Names(names) => {
            let mut found: HashMap<_, _> = topics.map(|topic| (Arc::clone(&topic.name), topic)).collect();
            names.iter().map(|name| found.remove(name).unwrap_or_else(|| unknown(name))).collect()
        }
    }
}

fn unknown(name: &Arc<str>) -> TopicInfo {
    TopicInfo {
        name: Arc::clone(name),
        id: None,
        internal: false,
        partitions: Vec::new(),
        error: Some(TopicError::Unknown),
    }
}

fn topic(topic: &MetadataResponseTopic) -> Option<TopicInfo> {
    let name: Arc<str> = topic.name.as_deref()?.into();
    let error = match topic.error_code {
        ErrorCode::NONE | ErrorCode::LEADER_NOT_AVAILABLE => None,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Some(TopicError::Unknown),
        code => Some(TopicError::Broker(code)),
    };
    let mut partitions: Vec<_> = topic
        .partitions
        .iter()
        .filter(|partition| partition.partition_index >= 0)
        .map(|partition| PartitionInfo {
            partition: partition.partition_index,
            leader: Some(partition.leader_id).filter(|leader| *leader >= 0),
            leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
        })
        .collect();
    partitions.sort_unstable_by_key(|partition| partition.partition);
    partitions.dedup_by_key(|partition| partition.partition);
    let id = TopicId::from_wire(topic.topic_id);
    Some(TopicInfo { name, id, internal: topic.is_internal, partitions, error })
}
