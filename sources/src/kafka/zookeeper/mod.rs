//! Groups that ZooKeeper coordinates, as the consumers of Kafka before 0.9 did it (`kafka.consumer.ZookeeperConsumerConnector`),
//! with the same nodes, so that old consumers and this client share a group; and the brokers that are registered there.
//!
//! Each member keeps a node that says which topics it reads with how many threads. Whoever sees all of those computes the
//! same share. A member takes a partition by making the node of its owner, which ends with its session, and reads it until it
//! gives it up or the session ends. Its offsets are written in that session too: servers refuse what comes of one that has
//! expired, so that a member that was taken for dead cannot commit. (Who deletes the node of somebody else's partition, as no
//! member does, is found out when the offset has been written by another.)
//!
//! | file | what |
//! |---|---|
//! | `paths` | where the nodes are |
//! | `nodes` | what they hold, as values |
//! | `share` | which partitions a member gets, as values |
//! | `brokers` | the brokers that are registered |
//! | `hands` | what a member does at the ZooKeeper, on its thread |
//! | `offsets` | offsets, with the versions that were seen of their nodes |
//! | `machine` | what a member does when, as events and actions |
//! | `link` | the session as it is now |
//! | `driver` | does what the machine says, on the thread `kafka-group` |
//! | `group` | the membership |

mod brokers;
mod driver;
mod failure;
mod group;
mod hands;
mod link;
mod machine;
#[doc(hidden)]
pub mod nodes;
mod offsets;
mod paths;
mod share;
#[cfg(test)]
mod tests;

pub(crate) use self::brokers::registered_brokers;
pub(crate) use self::failure::Who;
pub(crate) use self::group::{ZooKeeperGroup, ZooKeeperGroupSettings};
#[cfg(feature = "fake")]
#[doc(hidden)]
pub use self::machine::rehearsal::rehearse_membership;
pub(crate) use self::paths::check_group;
