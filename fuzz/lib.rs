//! Fuzz targets: what each does with its input, as functions of stable Rust.
//!
//! The programs in `targets/` give them libfuzzer's inputs; the test `corpus` of the tests package gives them the files
//! in `corpus/`, so that an input that once failed is tried by every `cargo test`. A target panics when what it checks
//! does not hold. Its name is that of its function, its program and its corpus.

mod cutter;
mod kafka_group;
mod kafka_messages;
mod kafka_records;
mod kafka_znodes;
mod text;
mod zookeeper_frames;

use std::path::{Path, PathBuf};

pub use cutter::line_cutter;
pub use kafka_group::{group_machine, kafka_group};
pub use kafka_messages::{kafka_request, kafka_response};
pub use kafka_records::{kafka_inflate, kafka_records, kafka_round_trip};
pub use kafka_znodes::kafka_znodes;
pub use text::{text_lines, text_split};
pub use zookeeper_frames::zookeeper_frames;

/// A fuzz target by its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the function, of the program and of the corpus.
    pub name: &'static str,
    /// Tries one input; panics when what it checks does not hold.
    pub run: fn(&[u8]),
}

/// All targets. A new one is added here, in `Cargo.toml` and in `targets/`, with a corpus; the replay finds what is missing.
pub const TARGETS: &[Target] = &[
    Target { name: "group_machine", run: group_machine },
    Target { name: "kafka_group", run: kafka_group },
    Target { name: "kafka_inflate", run: kafka_inflate },
    Target { name: "kafka_records", run: kafka_records },
    Target { name: "kafka_request", run: kafka_request },
    Target { name: "kafka_response", run: kafka_response },
    Target { name: "kafka_round_trip", run: kafka_round_trip },
    Target { name: "kafka_znodes", run: kafka_znodes },
    Target { name: "line_cutter", run: line_cutter },
    Target { name: "text_lines", run: text_lines },
    Target { name: "text_split", run: text_split },
    Target { name: "zookeeper_frames", run: zookeeper_frames },
];

/// The folder with one corpus a target.
pub fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
