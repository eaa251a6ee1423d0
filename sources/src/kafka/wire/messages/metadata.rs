//! Metadata: brokers, topics, partitions and their leaders.
//!
//! Below version 4 the broker creates an unknown topic that is asked for by name. From version 9 on the form is flexible,
//! from 10 on there are topic ids.

use super::super::{ErrorCode, Uuid};
use super::layout::{Field, Layout, api, structures};
#[cfg(test)]
use super::sample::{Sample, Source};
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

#[cfg(test)]
impl Sample for MetadataRequest {
    fn sample(layout: Layout, source: &mut Source) -> Self {
        let version = layout.version;
        // What each version asks for of version 0's empty array is all topics.
        let topics =
            Option::sample(layout, source).filter(|topics: &Vec<_>| version > 0 || !topics.is_empty());
        Self {
            topics,
            allow_auto_topic_creation: version < 4 || bool::sample(layout, source),
            include_cluster_authorized_operations: (8..=10).contains(&version)
                && bool::sample(layout, source),
            include_topic_authorized_operations: version >= 8 && bool::sample(layout, source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn words() -> MetadataRequest {
        let topic = MetadataRequestTopic { name: Some("words".to_owned()), ..Default::default() };
        MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
    }

    fn one_partition() -> MetadataResponse {
        let partition = MetadataResponsePartition {
            partition_index: 1,
            leader_id: 2,
            replica_nodes: vec![2, 3],
            isr_nodes: vec![2],
            ..Default::default()
        };
        let topic = MetadataResponseTopic {
            name: Some("words".to_owned()),
            partitions: vec![partition],
            ..Default::default()
        };
        let broker = MetadataResponseBroker { node_id: 2, host: "b2".to_owned(), port: 9092, rack: None };
        MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() }
    }

    #[test]
    fn all_topics_are_an_empty_array_in_version_0_and_null_above() {
        let all = MetadataRequest::default();
        assert_laid_out(&all, 0, &[0; 4]);
        assert_laid_out(&all, 1, &[0xff; 4]);
        let none = MetadataRequest { topics: Some(Vec::new()), ..all };
        assert_laid_out(&none, 1, &[0; 4]);
    }

    #[test]
    fn a_request_says_what_may_be_created_and_told() {
        assert_laid_out(&words(), 0, &bytes(r#"00000001 0005 "words""#));
        let mut request = words();
        request.allow_auto_topic_creation = false;
        assert_laid_out(&request, 4, &bytes(r#"00000001 0005 "words" 00"#));
        request.include_topic_authorized_operations = true;
        assert_laid_out(&request, 8, &bytes(r#"00000001 0005 "words" 00 00 01"#));
        if let Some(topics) = &mut request.topics {
            topics[0].topic_id = Uuid([0xab; 16]);
        }
        let asked = bytes(
            r#"02                                  | topics, and one
               abababababababababababababababab    | id
               06 "words" 00                       | name
               00 01                               | creation, operations
               00"#,
        );
        assert_laid_out(&request, 12, &asked);
    }

    #[test]
    fn version_0_is_brokers_and_topics() {
        let answered = bytes(
            r#"00000001 00000002 0002 "b2" 00002384    | brokers
               00000001 0000 0005 "words"              | topics
               00000001 0000 00000001 00000002         | partitions: error, number, leader
               00000002 00000002 00000003              | replicas
               00000001 00000002                       | in sync"#,
        );
        assert_laid_out(&MetadataResponse { controller_id: -1, ..one_partition() }, 0, &answered);
    }

    #[test]
    fn version_8_has_everything_but_ids() {
        let mut response = one_partition();
        response.throttle_time_ms = 1;
        response.brokers[0].rack = Some("r".to_owned());
        response.cluster_id = Some("c".to_owned());
        response.controller_id = 2;
        response.topics[0].is_internal = true;
        response.topics[0].topic_authorized_operations = 16;
        response.topics[0].partitions[0].leader_epoch = 5;
        response.topics[0].partitions[0].offline_replicas = vec![3];
        let answered = bytes(
            r#"00000001                                         | throttle time
               00000001 00000002 0002 "b2" 00002384 0001 "r"    | brokers
               0001 "c" 00000002                                | cluster, controller
               00000001 0000 0005 "words" 01                    | topics
               00000001 0000 00000001 00000002 00000005         | partitions
               00000002 00000002 00000003                       | replicas
               00000001 00000002                                | in sync
               00000001 00000003                                | offline
               00000010 80000000                                | operations"#,
        );
        assert_laid_out(&response, 8, &answered);
    }

    #[test]
    fn version_12_is_flexible_and_has_ids() {
        let mut response = one_partition();
        response.topics[0].topic_id = Uuid([0xab; 16]);
        let answered = |tags: &str| {
            bytes(&format!(
                r#"00000000                                         | throttle time
                   02 00000002 03 "b2" 00002384 00 00               | brokers
                   00 ffffffff                                      | cluster, controller
                   02 0000 06 "words"                               | topics
                   abababababababababababababababab 00              | id, internal
                   02 0000 00000001 00000002 ffffffff               | partitions
                   03 00000002 00000003 02 00000002 01 00           | replicas, in sync, offline
                   80000000 00                                      | operations
                   {tags}"#
            ))
        };
        assert_laid_out(&response, 12, &answered("00"));

        let tagged = answered(r#"02 00 01 ff 05 03 "new""#);
        assert_eq!(MetadataResponse::decode(12, &mut Reader::new(&tagged)), Ok(response));
    }
}
