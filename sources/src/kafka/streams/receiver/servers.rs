//! Who coordinates the group of a receiver stream: [`KafkaServers`].

/// The servers that coordinate a consumer group. A bare string names ZooKeeper, as in Spark.
///
/// ```
/// use batchmill_sources::kafka::KafkaServers;
///
/// let old = KafkaServers::from("zk1:2181,zk2:2181/kafka");
/// assert_eq!(old, KafkaServers::ZooKeeper("zk1:2181,zk2:2181/kafka".to_owned()));
/// let new = KafkaServers::brokers("broker1:9092,broker2:9092");
/// # let _ = new;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaServers {
    /// A ZooKeeper quorum: a list of `host:port`, and after the last one the path below which the brokers keep their nodes
    /// if that is not the root. Members, owners and offsets are kept there as old consumers do it, so that they share the
    /// group; the brokers, up to 3.9, are found there too. Needs the feature `zookeeper`.
    ZooKeeper(String),
    /// Brokers: a list of `host:port`. One of them coordinates the group; from 0.9 on.
    Brokers(String),
}

impl KafkaServers {
    /// These brokers.
    pub fn brokers(list: impl Into<String>) -> Self {
        Self::Brokers(list.into())
    }

    /// This ZooKeeper quorum.
    pub fn zookeeper(quorum: impl Into<String>) -> Self {
        Self::ZooKeeper(quorum.into())
    }
}

impl From<&str> for KafkaServers {
    fn from(quorum: &str) -> Self {
        Self::zookeeper(quorum)
    }
}

impl From<String> for KafkaServers {
    fn from(quorum: String) -> Self {
        Self::ZooKeeper(quorum)
    }
}
