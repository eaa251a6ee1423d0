//! What most programs name: `use batchmill::prelude::*;`.

pub use crate::{Batch, BatchTime, DStream, Data, Error, StreamingContext, Text};
