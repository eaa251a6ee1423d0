//! The messages of Kafka's protocol that are spoken here, one file a request. Each field has the name that it has in Kafka's
//! own description of its protocol, in snake case; what a version lacks has Kafka's default.
//!
//! Texts are owned. Records are slices of the frame.

mod api_versions;
mod consumer_protocol;
mod describe_groups;
mod fetch;
mod find_coordinator;
#[cfg(test)]
mod golden;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod layout;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;
mod sasl_authenticate;
mod sasl_handshake;
mod sync_group;
#[cfg(test)]
mod told;

use super::{ApiKey, Reader, Versions, WireError, Writer};

pub use self::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
pub use self::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolTopic,
};
pub use self::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
pub use self::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse,
    ForgottenTopic, PartitionData,
};
pub use self::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
pub use self::heartbeat::{HeartbeatRequest, HeartbeatResponse};
pub use self::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use self::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};
pub use self::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};
pub use self::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
pub use self::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
pub use self::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
pub use self::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
pub use self::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse, OffsetFetchResponsePartition,
    OffsetFetchResponseTopic,
};
pub use self::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};
pub use self::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
pub use self::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslToken};
pub use self::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
pub use self::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};

/// A request or a response, without its header.
pub trait Message<'a>: Sized {
    /// The request that it is, or is the response to.
    const KEY: ApiKey;
    /// The versions that have a layout here: more than the client speaks.
    const VERSIONS: Versions;

    /// Writes it as `version` lays it out. What that version lacks is left out. For a version that has no layout here the
    /// writer fails.
    fn encode(&self, version: i16, out: &mut Writer);

    /// Reads it as `version` lays it out. What follows it is left in `input`.
    ///
    /// # Errors
    /// When the bytes are not such a message, or the version has no layout here.
    fn decode(version: i16, input: &mut Reader<'a>) -> Result<Self, WireError>;
}

/// A message that asks for another.
pub trait Request<'a>: Message<'a> {
    /// What answers it.
    type Response: Message<'a>;
}
