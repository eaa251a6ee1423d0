//! The requests of Kafka's protocol: their keys and names, from which version on each is flexible, which versions the
//! client speaks, and how one is agreed with a broker.

use std::fmt;

/// What a request asks for. Any number may come in; those without a constant have no name here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKey(pub i16);

/// One line a request: its key, its constant, Kafka's name for it, and its first flexible version (none: `i16::MAX`).
macro_rules! api_keys {
    ($($key:literal $constant:ident $name:literal $flexible:expr,)*) => {
        impl ApiKey {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self($key);)*

            /// Kafka's name for it, if it is known here.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($key => Some($name),)*
                    _ => None,
                }
            }

            /// A request that is not known here is younger than the compact forms.
            fn first_flexible(self) -> i16 {
                match self.0 {
                    $($key => $flexible,)*
                    _ => 0,
                }
            }
        }
    };
}

api_keys! {
    0 PRODUCE "Produce" 9,
    1 FETCH "Fetch" 12,
    2 LIST_OFFSETS "ListOffsets" 6,
    3 METADATA "Metadata" 9,
    4 LEADER_AND_ISR "LeaderAndIsr" 4,
    5 STOP_REPLICA "StopReplica" 2,
    6 UPDATE_METADATA "UpdateMetadata" 6,
    7 CONTROLLED_SHUTDOWN "ControlledShutdown" 3,
    8 OFFSET_COMMIT "OffsetCommit" 8,
    9 OFFSET_FETCH "OffsetFetch" 6,
    10 FIND_COORDINATOR "FindCoordinator" 3,
    11 JOIN_GROUP "JoinGroup" 6,
    12 HEARTBEAT "Heartbeat" 4,
    13 LEAVE_GROUP "LeaveGroup" 4,
    14 SYNC_GROUP "SyncGroup" 4,
    15 DESCRIBE_GROUPS "DescribeGroups" 5,
    16 LIST_GROUPS "ListGroups" 3,
    17 SASL_HANDSHAKE "SaslHandshake" i16::MAX,
    18 API_VERSIONS "ApiVersions" 3,
    19 CREATE_TOPICS "CreateTopics" 5,
    20 DELETE_TOPICS "DeleteTopics" 4,
    21 DELETE_RECORDS "DeleteRecords" 2,
    22 INIT_PRODUCER_ID "InitProducerId" 2,
    23 OFFSET_FOR_LEADER_EPOCH "OffsetForLeaderEpoch" 4,
    24 ADD_PARTITIONS_TO_TXN "AddPartitionsToTxn" 3,
    25 ADD_OFFSETS_TO_TXN "AddOffsetsToTxn" 3,
    26 END_TXN "EndTxn" 3,
    27 WRITE_TXN_MARKERS "WriteTxnMarkers" 1,
    28 TXN_OFFSET_COMMIT "TxnOffsetCommit" 3,
    29 DESCRIBE_ACLS "DescribeAcls" 2,
    30 CREATE_ACLS "CreateAcls" 2,
    31 DELETE_ACLS "DeleteAcls" 2,
    32 DESCRIBE_CONFIGS "DescribeConfigs" 4,
    33 ALTER_CONFIGS "AlterConfigs" 2,
    34 ALTER_REPLICA_LOG_DIRS "AlterReplicaLogDirs" 2,
    35 DESCRIBE_LOG_DIRS "DescribeLogDirs" 2,
    36 SASL_AUTHENTICATE "SaslAuthenticate" 2,
    37 CREATE_PARTITIONS "CreatePartitions" 2,
    38 CREATE_DELEGATION_TOKEN "CreateDelegationToken" 2,
    39 RENEW_DELEGATION_TOKEN "RenewDelegationToken" 2,
    40 EXPIRE_DELEGATION_TOKEN "ExpireDelegationToken" 2,
    41 DESCRIBE_DELEGATION_TOKEN "DescribeDelegationToken" 2,
    42 DELETE_GROUPS "DeleteGroups" 2,
    43 ELECT_LEADERS "ElectLeaders" 2,
    44 INCREMENTAL_ALTER_CONFIGS "IncrementalAlterConfigs" 1,
    45 ALTER_PARTITION_REASSIGNMENTS "AlterPartitionReassignments" 0,
    46 LIST_PARTITION_REASSIGNMENTS "ListPartitionReassignments" 0,
    47 OFFSET_DELETE "OffsetDelete" i16::MAX,
    48 DESCRIBE_CLIENT_QUOTAS "DescribeClientQuotas" 1,
    49 ALTER_CLIENT_QUOTAS "AlterClientQuotas" 1,
    50 DESCRIBE_USER_SCRAM_CREDENTIALS "DescribeUserScramCredentials" 0,
    51 ALTER_USER_SCRAM_CREDENTIALS "AlterUserScramCredentials" 0,
    55 DESCRIBE_QUORUM "DescribeQuorum" 0,
    57 UPDATE_FEATURES "UpdateFeatures" 0,
    60 DESCRIBE_CLUSTER "DescribeCluster" 0,
    61 DESCRIBE_PRODUCERS "DescribeProducers" 0,
    64 UNREGISTER_BROKER "UnregisterBroker" 0,
    65 DESCRIBE_TRANSACTIONS "DescribeTransactions" 0,
    66 LIST_TRANSACTIONS "ListTransactions" 0,
    68 CONSUMER_GROUP_HEARTBEAT "ConsumerGroupHeartbeat" 0,
    69 CONSUMER_GROUP_DESCRIBE "ConsumerGroupDescribe" 0,
    71 GET_TELEMETRY_SUBSCRIPTIONS "GetTelemetrySubscriptions" 0,
    72 PUSH_TELEMETRY "PushTelemetry" 0,
    74 LIST_CLIENT_METRICS_RESOURCES "ListClientMetricsResources" 0,
    75 DESCRIBE_TOPIC_PARTITIONS "DescribeTopicPartitions" 0,
}

impl ApiKey {
    /// Whether this version has compact lengths and tagged fields.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        version >= self.first_flexible()
    }

    /// The version of the header before a request of this version.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        match self {
            // Before there were client ids.
            Self::CONTROLLED_SHUTDOWN if version == 0 => 0,
            _ => 1 + i16::from(self.is_flexible(version)),
        }
    }

    /// The version of the header before the response to a request of this version.
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        match self {
            // It must be read before anybody knows what the broker speaks.
            Self::API_VERSIONS => 0,
            _ => i16::from(self.is_flexible(version)),
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "request {}", self.0),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From the first to the last of a run of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first.
    pub min: i16,
    /// The last.
    pub max: i16,
}

impl Versions {
    /// From `min` to `max`, both included.
    #[must_use]
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// The versions that are in both, if there are any.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let both = Self::new(self.min.max(other.min), self.max.min(other.max));
        (both.min <= both.max).then_some(both)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}-{}", self.min, self.max) }
    }
}

/// What the client speaks. Where a request has two runs, the one that is wanted more comes first.
const CLIENT: &[(ApiKey, Versions)] = &[
    (ApiKey::PRODUCE, Versions::new(0, 8)),
    (ApiKey::FETCH, Versions::new(0, 11)),
    (ApiKey::LIST_OFFSETS, Versions::new(0, 5)),
    // Topic ids come with version 10. Version 9 is no more than 8 in a form that nothing else is spoken in.
    (ApiKey::METADATA, Versions::new(10, 12)),
    (ApiKey::METADATA, Versions::new(0, 8)),
    (ApiKey::OFFSET_COMMIT, Versions::new(1, 7)),
    (ApiKey::OFFSET_FETCH, Versions::new(1, 5)),
    (ApiKey::FIND_COORDINATOR, Versions::new(0, 2)),
    (ApiKey::SASL_HANDSHAKE, Versions::new(0, 1)),
    (ApiKey::JOIN_GROUP, Versions::new(0, 5)),
    (ApiKey::HEARTBEAT, Versions::new(0, 3)),
    (ApiKey::LEAVE_GROUP, Versions::new(0, 3)),
    (ApiKey::SYNC_GROUP, Versions::new(0, 3)),
    (ApiKey::API_VERSIONS, Versions::new(0, 0)),
    (ApiKey::INIT_PRODUCER_ID, Versions::new(0, 1)),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, Versions::new(3, 3)),
    (ApiKey::SASL_AUTHENTICATE, Versions::new(0, 1)),
];

/// The versions of a request that the client speaks, the preferred run first. Empty for a request that it never sends.
pub fn client_versions(key: ApiKey) -> impl Iterator<Item = Versions> {
    CLIENT.iter().filter(move |(of, _)| *of == key).map(|(_, versions)| *versions)
}

/// The highest version that both speak.
#[must_use]
pub fn negotiate(ours: Versions, theirs: Versions) -> Option<i16> {
    ours.intersection(theirs).map(|both| both.max)
}

/// The version of a request to speak with a broker that serves `theirs` of it.
#[must_use]
pub fn negotiate_client(key: ApiKey, theirs: Versions) -> Option<i16> {
    client_versions(key).find_map(|ours| negotiate(ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_spoken() {
        assert_eq!(negotiate(Versions::new(0, 11), Versions::new(4, 18)), Some(11));
        assert_eq!(negotiate(Versions::new(0, 11), Versions::new(0, 3)), Some(3));
        assert_eq!(negotiate(Versions::new(0, 3), Versions::new(4, 18)), None);
        assert_eq!(negotiate(Versions::new(0, 3), Versions::new(3, 0)), None, "no range at all");
    }

    #[test]
    fn metadata_skips_version_nine() {
        let highest = |max| negotiate_client(ApiKey::METADATA, Versions::new(0, max));
        assert_eq!([0, 8, 9, 10, 13].map(highest), [Some(0), Some(8), Some(8), Some(10), Some(12)]);
        assert_eq!(negotiate_client(ApiKey::METADATA, Versions::new(9, 9)), None);
    }

    #[test]
    fn headers_follow_the_version_but_of_api_versions() {
        let headers = |key: ApiKey, version| {
            (key.request_header_version(version), key.response_header_version(version))
        };
        assert_eq!(headers(ApiKey::METADATA, 8), (1, 0));
        assert_eq!(headers(ApiKey::METADATA, 9), (2, 1));
        assert_eq!(headers(ApiKey::API_VERSIONS, 0), (1, 0));
        assert_eq!(headers(ApiKey::API_VERSIONS, 4), (2, 0));
        assert_eq!(headers(ApiKey::SASL_HANDSHAKE, 1), (1, 0));
        assert_eq!(headers(ApiKey::CONTROLLED_SHUTDOWN, 0).0, 0);
    }
}
