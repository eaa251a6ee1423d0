//! Connectors for [batchmill](https://docs.rs/batchmill): each is a cargo feature and adds methods to
//! [`StreamingContext`](batchmill::StreamingContext) through the [`prelude`].
//!
//! | feature | module | what |
//! |---|---|---|
//! | `socket` (default) | [`socket`] | lines, frames and records from a TCP connection |
//! | `file` (default) | [`file`](mod@file) | files that appear in a directory |
//! | `kafka` | [`kafka`] | topics of a Kafka cluster |
//! | `tls` | [`kafka`] | TLS to its brokers, by rustls with the provider that you choose |
//! | `sasl` | [`kafka`] | users and passwords for its brokers: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 |
//! | `kafka-crate` | [`kafka`] | the crate `kafka` as its client, instead of the one here |
//! | `zookeeper` | [`zookeeper`] | a client of ZooKeeper: sessions, watches, ephemeral nodes; with `kafka`, groups that are kept there |
//! | `fake` | [`fake`] | servers on loopback, for tests |
//!
//! Every connector uses the public interface of `batchmill` only: what is here could be written by anybody.

#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(any(feature = "kafka", feature = "zookeeper"))]
mod net;
pub mod prelude;
#[cfg(feature = "socket")]
pub mod socket;
#[cfg(feature = "zookeeper")]
pub mod zookeeper;
