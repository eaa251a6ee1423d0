//! Metadata: brokers, topics, partitions and their leaders.
//!
//! Below version 4 the broker creates an unknown topic that is asked for by name. From version 9 on the form is flexible,
//! from 10 on there are topic ids.

use super::super::{ErrorCode, Uuid};
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

/// What is not known of the operations allowed.
const NO_OPERATIONS: i32 = i32::MIN;

structures! {
    /// A topic to be told of.
    pub struct MetadataRequestTopic {
        /// Its id; zero to ask by name.
        pub topic_id: Uuid => 10..,
        /// Its name; null, from version 12 on, to ask by id.
        pub name: Option<String> => 0..,
    }

    /// The cluster.
    pub struct MetadataResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 3..,
        /// The brokers that are alive.
        pub brokers: Vec<MetadataResponseBroker> => 0..,
        /// The cluster's id.
        pub cluster_id: Option<String> => 2..,
        /// The broker that is the controller, or -1.
        pub controller_id: i32 = -1 => 1..,
        /// The topics.
        pub topics: Vec<MetadataResponseTopic> => 0..,
        /// A bit for each operation on the cluster that the client may do.
        pub cluster_authorized_operations: i32 = NO_OPERATIONS => 8..=10,
    }

    /// A broker.
    pub struct MetadataResponseBroker {
        /// Its id.
        pub node_id: i32 => 0..,
        /// The host that it is reached by.
        pub host: String => 0..,
        /// The port that it is reached by.
        pub port: i32 => 0..,
        /// Its rack, if it has one.
        pub rack: Option<String> => 1..,
    }

    /// A topic.
    pub struct MetadataResponseTopic {
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// Its name; null, from version 12 on, when it was asked for by an id that nobody has.
        pub name: Option<String> => 0..,
        /// Its id, or zero.
        pub topic_id: Uuid => 10..,
        /// Whether it belongs to Kafka itself.
        pub is_internal: bool => 1..,
        /// Its partitions, in any order.
        pub partitions: Vec<MetadataResponsePartition> => 0..,
        /// A bit for each operation on the topic that the client may do.
        pub topic_authorized_operations: i32 = NO_OPERATIONS => 8..,
    }

    /// A partition.
    pub struct MetadataResponsePartition {
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// Its number in the topic.
        pub partition_index: i32 => 0..,
        /// The broker that leads it, or -1.
        pub leader_id: i32 => 0..,
        /// The epoch of the leader, or -1.
        pub leader_epoch: i32 = -1 => 7..,
        /// The brokers that have it.
        pub replica_nodes: Vec<i32> => 0..,
        /// Those of them that are in sync.
        pub isr_nodes: Vec<i32> => 0..,
        /// Those of them that are not alive.
        pub offline_replicas: Vec<i32> => 5..,
    }
}

/// Asks for the cluster and for topics. Written by hand, since version 0 has no null: there, an empty array stands for all
/// topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// The topics to be told of; `None`, in every version, for all. Some but none of them cannot be asked for in version 0.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether the broker may create a topic that it does not know. Since version 4; below, it does.
    pub allow_auto_topic_creation: bool,
    /// Whether to tell what the client may do with the cluster. In versions 8 to 10.
    pub include_cluster_authorized_operations: bool,
    /// Whether to tell what the client may do with each topic. Since version 8.
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: None,
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl<'a> Field<'a> for MetadataRequest {
    fn smallest(layout: Layout) -> usize {
        Option::<Vec<MetadataRequestTopic>>::smallest(layout)
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        out.field("MetadataRequest.topics");
        match &self.topics {
            None if layout.version == 0 => out.array_len(0),
            topics => topics.write(layout, out),
        }
        if layout.version >= 4 {
            out.bool(self.allow_auto_topic_creation);
        }
        if (8..=10).contains(&layout.version) {
            out.bool(self.include_cluster_authorized_operations);
        }
        if layout.version >= 8 {
            out.bool(self.include_topic_authorized_operations);
        }
        if layout.flexible {
            out.no_tagged_fields();
        }
    }

    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
        let mut request = Self::default();
        input.field("MetadataRequest.topics");
        request.topics = Field::read(layout, input)?;
        if layout.version == 0 {
            request.topics = request.topics.filter(|topics| !topics.is_empty());
        }
        input.field("MetadataRequest");
        if layout.version >= 4 {
            request.allow_auto_topic_creation = input.bool()?;
        }
        if (8..=10).contains(&layout.version) {
            request.include_cluster_authorized_operations = input.bool()?;
        }
        if layout.version >= 8 {
            request.include_topic_authorized_operations = input.bool()?;
        }
        if layout.flexible {
            input.tagged_fields()?;
        }
        Ok(request)
    }
}

api!(ApiKey::METADATA, Versions::new(0, 12), MetadataRequest => MetadataResponse);
