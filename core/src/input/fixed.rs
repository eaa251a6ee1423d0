//! The constant input: the same records in every batch.

use std::sync::Arc;

use crate::Data;
use crate::batch::{Batch, BatchContext};

/// Holds the records of a constant input.
#[derive(Debug)]
pub(crate) struct ConstantInput<T> {
    items: Arc<Vec<T>>,
}

impl<T: Data> ConstantInput<T> {
    pub(crate) fn new(items: Vec<T>) -> Self {
        Self { items: Arc::new(items) }
    }

    /// The next batch and how many records it holds.
    pub(crate) fn next(&self, ctx: &BatchContext) -> (Batch<T>, u64) {
        (ctx.batch_of_shared(vec![Arc::clone(&self.items)]), self.items.len() as u64)
    }
}
