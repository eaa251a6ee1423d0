//! The extension traits of all connectors: `use batchmill_sources::prelude::*;`.

#[cfg(feature = "file")]
pub use crate::file::FileStreams;
#[cfg(feature = "kafka")]
pub use crate::kafka::{KafkaBatchSink, KafkaSink, OffsetRanges};
#[cfg(feature = "socket")]
pub use crate::socket::SocketStreams;
