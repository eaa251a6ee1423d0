//! Writing records to topics: what a record goes through.
//!
//! ```text
//! producer    the handle; finds topic and partition, waits for room      on the threads of the program
//! partition   the record is laid out in the partition's open batch       under a short lock
//! worker      takes batches, sends them, settles what is answered        a thread for each leader
//! supervisor  who leads what, ids, what nobody takes                     a thread
//! group       whoever waits is told                                      by whoever settles the batch
//! ```
//!
//! [`save`] is what outputs of streams use.

mod batch;
mod group;
mod inbox;
mod link;
mod memory;
mod params;
mod partition;
mod partitioner;
mod producer;
mod record;
mod save;
mod settings;
mod shared;
mod supervisor;
#[cfg(test)]
mod tests;
mod topic;
mod verdict;
mod worker;

pub use params::{Acks, Compression, Idempotence, ProducerParams};
pub use producer::Producer;
pub use record::{ProducerRecord, RecordData};
pub use save::{KafkaBatchSink, KafkaSink, KafkaSinkError, KafkaSinkOptions};
