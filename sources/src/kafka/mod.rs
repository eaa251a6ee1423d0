//! Topics of a Kafka cluster as streams, for brokers from 0.8.2 on.
//!
//! The modules stand in the order in which a record comes in: `wire` (bytes, no I/O), `client` (connections to the
//! brokers of a cluster), `streams` (what a batch reads).

#[doc(hidden)]
pub mod wire;
