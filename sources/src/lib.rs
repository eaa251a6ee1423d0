//! Connectors for [batchmill](https://docs.rs/batchmill): each is a cargo feature and adds methods to
//! [`StreamingContext`](batchmill::StreamingContext) through the [`prelude`].
//!
//! | feature | module | what |
//! |---|---|---|
//! | `socket` (default) | [`socket`] | lines, frames and records from a TCP connection |
//! | `file` (default) | [`file`](mod@file) | files that appear in a directory |
//! | `kafka` | [`kafka`] | topics of a Kafka cluster |
//! | `fake` | [`fake`] | servers on loopback, for tests |
//!
//! Every connector uses the public interface of `batchmill` only: what is here could be written by anybody.

#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "kafka")]
mod net;
pub mod prelude;
#[cfg(feature = "socket")]
pub mod socket;
